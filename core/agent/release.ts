import { join } from "node:path";
import { failure, isFailure, removeTree } from "distributary/sdk";
import type { Command, FileCommand, Interpreter, Io } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "../content/durable-file.ts";
import type { Assignment } from "../assignment/assignment.ts";
import { resultOf } from "../assignment/commands.ts";
import { decodeManifest, emptyTree, encodeManifest, treeHash } from "../content/manifest.ts";
import type { Manifest } from "../content/manifest.ts";
import type { ReleaseState, SiteState } from "../protocol/messages.ts";
import { Journal } from "./journal.ts";
import type { JournalRecord } from "./journal.ts";
import { followJournal, siteState } from "./site-state.ts";
import type { Ledger } from "./site-state.ts";
import { quickCheck, verifyRelease } from "./verify.ts";

/*
 * A site on a node:
 *
 *   <site>/releases/0000000123/        a release, never changed once it has that name
 *   <site>/releases/.building-…        one being made; worthless after a crash
 *   <site>/live, <site>/backup         pointers, kept by the interpreter
 *   <site>/.dst/journal                what was done, synced record by record
 *   <site>/.dst/manifests/0000000123   what a release holds
 *
 * The order that makes every crash harmless: build, verify, make durable, `prepared` in the journal, report; then, on a
 * commit, `switching`, move the pointers, `switched`, report. Recovery reads the journal and finishes or undoes.
 */

/** Gives the bytes of the files of a release, in the order of its commands. */
export type ReadContent = (command: FileCommand) => Iterable<Uint8Array>;

/** Opens the data of an update, given the base it was made against. */
export type OpenContent = (base: { directory: string; manifest: Manifest } | undefined) => { read: ReadContent } & Disposable;

export interface SiteSettings {
  readonly site: string;
  /** Absolute path of the site's directory. */
  readonly directory: string;
  readonly interpreter: Interpreter;
  /** At least two; an assignment may ask for more. */
  readonly keepReleases: number;
  /** Tells whoever serves the site that `live` moved; may be called again for the same release. */
  readonly afterSwitch?: (release: string, signal: AbortSignal) => Promise<void>;
}

/** One site's releases, and the switch between them. Calls are made one after the other. */
export class Releases {
  readonly #io: Io;
  readonly #settings: SiteSettings;
  readonly #journal: Journal;
  #ledger: Ledger = followJournal([]);
  #damage: string | undefined;
  /** After an error of the disk nobody knows what it holds, until a recovery has looked. */
  #isUncertain = false;

  constructor(io: Io, settings: SiteSettings) {
    this.#io = io;
    this.#settings = settings;
    this.#journal = new Journal(io.disk, this.#path(".dst/journal"));
  }

  get state(): SiteState {
    return siteState(this.#settings.site, this.#ledger, this.#damage);
  }

  /**
   * Brings pointers and journal together after whatever happened, and deletes what was half made. To be called before
   * anything else; calling it again changes nothing.
   */
  recover(): void {
    const { disk } = this.#io;
    if (disk.stat(this.#path(".dst")) === undefined) return;
    const records = this.#journal.read();
    this.#ledger = followJournal(records);
    this.#deleteUnfinished();
    const { unfinished } = this.#ledger;
    if (unfinished !== undefined) this.#finish(unfinished, records);
    else this.#journal.rewrite(records);
    this.#ledger = followJournal(this.#journal.read());
    // Also where they are right: a pointer moved just before a crash may not be durable.
    this.#pointTo(this.#ledger.live, this.#ledger.backup);
    this.#damage = this.#lookAtLive();
    this.#isUncertain = false;
  }

  /** Changes journal or pointers. If that fails the site is recovered: at once, or before its next change. */
  #change(act: () => void): void {
    if (this.#isUncertain) this.recover();
    try {
      act();
    } catch (error) {
      this.#isUncertain = true;
      try {
        this.recover();
      } catch (problem) {
        this.#damage = `it could not be recovered: ${(problem as Error).message}`;
      }
      throw error;
    }
  }

  /** Whether the release of this serial is here, whole and durable. */
  has(serial: number): boolean {
    return this.#ledger.releases.has(serial);
  }

  get isUnserved(): boolean {
    return this.#ledger.unserved !== undefined;
  }

  /** Tells who serves the site, if that was cut off. */
  async serveAgain(signal: AbortSignal): Promise<void> {
    if (this.#ledger.unserved !== undefined) await this.#serve(this.#ledger.unserved, signal);
  }

  /**
   * Makes the release that `sections` describe, beside what is live. When it resolves the release is verified and durable.
   * Throws without a trace otherwise: DIST_ERR_ASSIGNMENT_BASE if the node has another base, DIST_ERR_ASSIGNMENT_RESULT
   * if the result is not what was signed, and what the interpreter throws.
   */
  async prepare(sections: readonly Assignment[], open: OpenContent, signal: AbortSignal): Promise<SiteState> {
    const first = sections[0];
    if (first === undefined) throw new RangeError("no sections");
    if (this.#isUncertain) this.recover();
    const { serial, version, result } = first.header;
    if (this.#ledger.releases.has(serial)) return this.state;
    const { base, manifest: before } = this.#base(first);
    const commands = sections.flatMap((section) => [...section.commands()]);
    const after = resultOf(before, commands);
    if (treeHash(after) !== result) {
      throw failure("DIST_ERR_ASSIGNMENT_RESULT", { problem: `its commands make tree ${treeHash(after)}, ${result} was signed` });
    }
    const release = { serial, version, tree: result };
    using content = open(base === undefined ? undefined : { directory: this.#releasePath(base), manifest: before });
    await this.#build({ base, before, after, commands, read: content.read, release }, signal);
    this.#append({ type: "prepared", release, id: first.id });
    return this.state;
  }

  async #build(
    plan: {
      base: ReleaseState | undefined;
      before: Manifest;
      after: Manifest;
      commands: readonly Command[];
      read: ReadContent;
      release: ReleaseState;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { disk } = this.#io;
    const { interpreter, site } = this.#settings;
    const name = releaseName(plan.release.serial);
    const [building, final] = [this.#path(`releases/.building-${name}`), this.#path(`releases/${name}`)];
    // Web servers run as somebody else and must get in.
    makeDirectories(disk, this.#path("releases"), 0o755);
    makeDirectories(disk, this.#path(".dst/manifests"));
    for (const leftover of [building, final]) removeTree(disk, leftover);
    disk.makeDirectory(building, 0o755);
    try {
      const base = plan.base === undefined ? {} : { base: { directory: this.#releasePath(plan.base), entries: () => plan.before } };
      await interpreter.build(
        { site, directory: building, ...base, commands: () => plan.commands, content: plan.read },
        this.#io,
        signal,
      );
      const baseDirectory = plan.base === undefined ? undefined : this.#releasePath(plan.base);
      await verifyRelease(this.#io, { directory: building, manifest: plan.after, keeps: interpreter.keeps, baseDirectory }, signal);
      this.#writeManifest(name, plan.after);
      interpreter.seal(building, final, this.#io);
    } catch (error) {
      for (const unfinished of [building, final]) removeTree(disk, unfinished);
      // The data was checked piece by piece, so a wrong file means that what it was made from is not what it was.
      if (plan.base !== undefined && isFailure(error, "DIST_ERR_ASSIGNMENT_HASH")) this.#damage = error.message;
      throw error;
    }
  }

  /** The release an update starts from, checked as far as that is quick. */
  #base({ header }: Assignment): { base: ReleaseState | undefined; manifest: Manifest } {
    if (header.base === undefined || header.base === emptyTree) return { base: undefined, manifest: [] };
    const base = [...this.#ledger.releases.values()].findLast(({ tree }) => tree === header.base);
    const have = this.#ledger.live?.tree ?? "nothing";
    const refuse = (found: string) =>
      failure("DIST_ERR_ASSIGNMENT_BASE", { site: header.site, serial: header.serial, base: header.base ?? "", have: found });
    if (base === undefined) throw refuse(have);
    const manifest = this.manifest(base);
    const damage = quickCheck(this.#io.disk, this.#releasePath(base), manifest, this.#settings.interpreter.keeps);
    if (damage === undefined) return { base, manifest };
    if (base.serial === this.#ledger.live?.serial) this.#damage = damage;
    throw refuse(`that one, but damaged: ${damage}`);
  }

  /**
   * Makes a prepared release live (or the one a rollback names); what was live becomes the backup. Durable when it resolves.
   * Carried out twice it does nothing the second time.
   */
  async switchTo({ header }: Assignment, signal: AbortSignal): Promise<SiteState> {
    if (this.#isUncertain) this.recover();
    const { live } = this.#ledger;
    const target = this.#find(header.result, header.version);
    const isSame = live?.tree === header.result && live.version === header.version;
    // A newer release of the same tree was made because the live one is damaged.
    if (isSame && (target === undefined || target.serial <= live.serial)) {
      if (this.#ledger.lastSerial < header.serial) this.#record({ serial: header.serial, to: live, ...this.#backup() });
      await this.serveAgain(signal);
      return this.state;
    }
    if (target === undefined) {
      throw failure("DIST_ERR_ASSIGNMENT_BASE", {
        site: header.site,
        serial: header.serial,
        base: header.result,
        have: live?.tree ?? "nothing",
      });
    }
    const from = live === undefined ? {} : { from: live };
    const backup = live === undefined || isSame || live.serial === target.serial ? this.#backup() : { backup: live };
    this.#record({ serial: header.serial, to: { ...target, version: header.version }, ...from, ...backup });
    this.#damage = undefined;
    try {
      await this.#serve(header.serial, signal);
    } finally {
      this.collect(header.keepReleases);
    }
    return this.state;
  }

  /** A release of that tree: preferably of that version, otherwise the newest. */
  #find(tree: string, version: number): ReleaseState | undefined {
    const fitting = [...this.#ledger.releases.values()].filter((release) => release.tree === tree);
    return fitting.findLast((release) => release.version === version) ?? fitting.at(-1);
  }

  /** Takes the site off this node: first nothing is live any more, then releases are deleted. The journal stays, so that no old order is followed. */
  remove({ header }: Assignment): SiteState {
    if (this.#isUncertain) this.recover();
    const { live } = this.#ledger;
    this.#record({ serial: header.serial, ...(live === undefined ? {} : { from: live }) });
    this.collect();
    return this.state;
  }

  /** Deletes a prepared release that will not be committed. */
  forget(serial: number): void {
    const { live, backup, releases } = this.#ledger;
    if (!releases.has(serial) || live?.serial === serial || backup?.serial === serial) return;
    this.#dropReleases(new Set([...releases.keys()].filter((each) => each !== serial)));
  }

  /** Deletes releases beyond those that are kept, oldest first; never live, backup or one prepared after live. */
  collect(keepReleases = 0): void {
    const { live, backup, releases } = this.#ledger;
    const kept = new Set<number>();
    if (live !== undefined) {
      const newestFirst = [...releases.keys()].sort((a, b) => b - a);
      const older = newestFirst.filter((serial) => serial !== live.serial && serial !== backup?.serial && serial < live.serial);
      for (const serial of newestFirst) if (serial > live.serial) kept.add(serial);
      for (const { serial } of [live, backup ?? live]) kept.add(serial);
      for (const serial of older.slice(0, Math.max(keepReleases, this.#settings.keepReleases) - 2)) kept.add(serial);
    }
    this.#dropReleases(kept);
  }

  /** First the journal forgets them, then they are deleted: what it names is always there. */
  #dropReleases(kept: ReadonlySet<number>): void {
    const { live, backup, releases, lastSerial, unserved } = this.#ledger;
    const gone = [...releases.keys()].filter((serial) => !kept.has(serial));
    if (gone.length === 0) return;
    const records: JournalRecord[] = [...releases.values()]
      .filter(({ serial }) => kept.has(serial))
      .map((release) => ({ type: "prepared", release, id: "" }));
    records.push({ type: "switching", serial: lastSerial, ...(live === undefined ? {} : { to: live }), ...(backup === undefined ? {} : { backup }) });
    records.push({ type: "switched", serial: lastSerial });
    if (unserved === undefined) records.push({ type: "served", serial: lastSerial });
    this.#change(() => {
      this.#journal.rewrite(records);
      this.#ledger = followJournal(records);
      for (const serial of gone) this.#deleteRelease(releaseName(serial));
    });
  }

  /** What a release holds. */
  manifest(release: ReleaseState): Manifest {
    const bytes = readFile(this.#io.disk, this.#path(`.dst/manifests/${releaseName(release.serial)}`));
    if (bytes === undefined) throw failure("DIST_ERR_CONTENT_MANIFEST", { problem: `that of release ${release.serial} is missing` });
    return decodeManifest(bytes);
  }

  /** Moves the pointers by way of the journal: before, and after, a crash leaves one or the other. */
  #record(order: Omit<Extract<JournalRecord, { type: "switching" }>, "type">): void {
    makeDirectories(this.#io.disk, this.#settings.directory, 0o755);
    makeDirectories(this.#io.disk, this.#path(".dst"));
    this.#change(() => {
      this.#journal.append({ type: "switching", ...order });
      this.#pointTo(order.to, order.backup);
      this.#journal.append({ type: "switched", serial: order.serial });
      this.#ledger = followJournal(this.#journal.read());
    });
  }

  #pointTo(live: ReleaseState | undefined, backup: ReleaseState | undefined): void {
    const { interpreter, directory } = this.#settings;
    interpreter.point(directory, "live", pointerTo(live), this.#io);
    interpreter.point(directory, "backup", pointerTo(backup), this.#io);
  }

  async #serve(serial: number, signal: AbortSignal): Promise<void> {
    const { live } = this.#ledger;
    const { interpreter, directory, afterSwitch } = this.#settings;
    if (live !== undefined) {
      await interpreter.serve?.(directory, this.#releasePath(live), this.#io, signal);
      await afterSwitch?.(this.#releasePath(live), signal);
    }
    this.#append({ type: "served", serial });
  }

  /** A switch was cut off: if `live` moved already it is finished, otherwise it did not happen. */
  #finish(unfinished: Extract<JournalRecord, { type: "switching" }>, records: readonly JournalRecord[]): void {
    const { interpreter, directory } = this.#settings;
    const moved = interpreter.pointed(directory, "live", this.#io) === pointerTo(unfinished.to);
    const happened = moved && pointerTo(unfinished.to) !== pointerTo(this.#ledger.live);
    if (happened) this.#journal.rewrite([...records, { type: "switched", serial: unfinished.serial }]);
    else this.#journal.rewrite(records.filter((record) => record !== unfinished));
  }

  #lookAtLive(): string | undefined {
    const { live } = this.#ledger;
    if (live === undefined) return undefined;
    return quickCheck(this.#io.disk, this.#releasePath(live), this.manifest(live), this.#settings.interpreter.keeps);
  }

  /** Whatever lies about that the journal does not know: releases being built, or being deleted when the power went. */
  #deleteUnfinished(): void {
    const { disk } = this.#io;
    const known = new Set([...this.#ledger.releases.keys()].map(releaseName));
    for (const directory of ["releases", ".dst/manifests"]) {
      if (disk.stat(this.#path(directory)) === undefined) continue;
      for (const name of disk.list(this.#path(directory))) if (!known.has(name)) removeTree(this.#io.disk, this.#path(`${directory}/${name}`));
    }
  }

  #deleteRelease(name: string): void {
    for (const directory of ["releases", ".dst/manifests"]) removeTree(this.#io.disk, this.#path(`${directory}/${name}`));
  }

  #writeManifest(name: string, manifest: Manifest): void {
    replaceFile(this.#io.disk, this.#path(`.dst/manifests/${name}`), encodeManifest(manifest));
  }

  #append(record: JournalRecord): void {
    this.#change(() => {
      this.#journal.append(record);
      this.#ledger = followJournal(this.#journal.read());
    });
  }

  #backup(): { backup?: ReleaseState } {
    return this.#ledger.backup === undefined ? {} : { backup: this.#ledger.backup };
  }

  #releasePath(release: ReleaseState): string {
    return this.#path(`releases/${releaseName(release.serial)}`);
  }

  #path(name: string): string {
    return join(this.#settings.directory, name);
  }
}

function releaseName(serial: number): string {
  return String(serial).padStart(10, "0");
}

function pointerTo(release: ReleaseState | undefined): string | undefined {
  return release === undefined ? undefined : `releases/${releaseName(release.serial)}`;
}
