import { failure, isFailure } from "distributary/sdk";
import type { Interpreter, Io } from "distributary/sdk";
import type { Assignment } from "../assignment/assignment.ts";
import { resultOf } from "../assignment/commands.ts";
import { hexHashOf } from "../content/hash.ts";
import { encodeManifest } from "../content/manifest.ts";
import type { ReleaseState, SiteState } from "../protocol/messages.ts";
import { findBase, refusedBase } from "./base.ts";
import { buildRelease, checkSize } from "./build-release.ts";
import type { Allowance, OpenContent } from "./build-release.ts";
import { Journal } from "./journal.ts";
import type { JournalRecord } from "./journal.ts";
import { Readers } from "./readers.ts";
import { SiteFiles, pointerTo } from "./site-files.ts";
import { findRelease, followJournal, recordsOf, serialsToKeep, siteState } from "./site-state.ts";
import type { Ledger } from "./site-state.ts";
import { quickCheck } from "./verify.ts";

/*
 * A site on a node:
 *
 *   <site>/releases/0000000123/        a release, never changed once it has that name
 *   <site>/releases/.building-…        one being made; worthless after a crash
 *   <site>/releases/.spare             one nobody wants any more, to be made into the next; worthless after a crash
 *   <site>/live, <site>/backup         pointers, kept by the interpreter
 *   <site>/.dst/journal                what was done, synced record by record
 *   <site>/.dst/manifests/0000000123   what a release holds
 *
 * The order that makes every crash harmless: build, verify, make durable, `prepared` in the journal, report; then, on a
 * commit, `switching`, move the pointers, `switched`, report. Recovery reads the journal and finishes or undoes.
 */

export interface SiteSettings {
  readonly site: string;
  /** Absolute path of the site's directory. */
  readonly directory: string;
  readonly interpreter: Interpreter;
  /** What the node's own policy allows a release to hold; no limit if absent. */
  readonly mayHold?: Allowance;
  /** At least two; an assignment may ask for more. */
  readonly keepReleases: number;
  /** For so long a release stays after it was live, for whoever still reads it; absent: not longer than needed. */
  readonly graceMs?: number;
  /** Tells whoever serves the site that `live` moved; may be called again for the same release. */
  readonly afterSwitch?: (release: string, signal: AbortSignal) => Promise<void>;
}

/** One site's releases, and the switch between them. Calls are made one after the other. */
export class Releases {
  readonly #io: Io;
  readonly #settings: SiteSettings;
  readonly #files: SiteFiles;
  readonly #journal: Journal;
  #ledger: Ledger = followJournal([]);
  #damage: string | undefined;
  /** After an error of the disk nobody knows what it holds, until a recovery has looked. */
  #isUncertain = false;
  /** Set aside, to be made into the next release. */
  #spare: ReleaseState | undefined;
  readonly #readers: Readers;
  #keepReleases: number;

  constructor(io: Io, settings: SiteSettings) {
    this.#io = io;
    this.#settings = settings;
    this.#keepReleases = settings.keepReleases;
    this.#readers = new Readers(settings.graceMs ?? 0);
    this.#files = new SiteFiles(io.disk, settings.directory);
    this.#journal = new Journal(io.disk, this.#files.journalPath());
  }

  get state(): SiteState {
    return siteState(this.#settings.site, this.#ledger, this.#damage);
  }

  /**
   * Brings pointers and journal together after whatever happened, and deletes what was half made. To be called before
   * anything else; calling it again changes nothing. Throws DIST_ERR_SITE_SHARED where others may write.
   */
  recover(): void {
    if (this.#settings.interpreter.keeps.modes) this.#files.refuseOthers(this.#settings.site);
    if (!this.#files.isThere()) return;
    const records = this.#journal.read();
    this.#ledger = followJournal(records);
    this.#files.deleteOthers(this.#ledger.releases.keys());
    this.#spare = undefined;
    const { unfinished } = this.#ledger;
    if (unfinished !== undefined) this.#finish(unfinished, records);
    else this.#journal.rewrite(records);
    this.#ledger = followJournal(this.#journal.records);
    const { live, backup, wasLive } = this.#ledger;
    for (const serial of wasLive) if (serial !== live?.serial) this.#readers.left(serial, this.#io.clock.now());
    // Also where they are right: a pointer moved just before a crash may not be durable.
    this.#pointTo(live, backup);
    this.#damage = live === undefined ? undefined : this.#look(live);
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
   * Makes the release that `sections` describe, beside what is live. When it resolves the release is verified and
   * durable. Throws without a trace otherwise: DIST_ERR_ASSIGNMENT_BASE if the node has another base,
   * DIST_ERR_ASSIGNMENT_RESULT if the result is not what was signed, and what the interpreter throws.
   */
  async prepare(sections: readonly Assignment[], open: OpenContent, signal: AbortSignal): Promise<SiteState> {
    const first = sections[0];
    if (first === undefined) throw new RangeError("no sections");
    if (this.#isUncertain) this.recover();
    const { serial, version, result } = first.header;
    if (this.#ledger.releases.has(serial)) return this.state;
    const base = findBase(this.#ledger, first.header);
    const before = base === undefined ? [] : this.#files.manifest(base);
    const commands = sections.flatMap((section) => [...section.commands()]);
    const after = resultOf(before, commands);
    const encoded = [...encodeManifest(after)];
    const made = hexHashOf(...encoded);
    if (made !== result)
      throw failure("DIST_ERR_ASSIGNMENT_RESULT", { problem: `its commands make tree ${made}, ${result} was signed` });
    checkSize(this.#settings.site, after, this.#settings.mayHold);
    const release = { serial, version, tree: result };
    const plan = { site: this.#settings.site, release, base, before, after, encoded, commands, open };
    const spare = this.#spare;
    this.#spare = undefined;
    try {
      await buildRelease(this.#io, this.#files, this.#settings.interpreter, plan, spare, signal);
    } catch (error) {
      if (base === undefined || signal.aborted) throw error;
      const found = this.#look(base, before);
      // The data was checked piece by piece, so a wrong file means that what it was made from is not what it was.
      const damage = found ?? (isFailure(error, "DIST_ERR_ASSIGNMENT_HASH") ? error.message : undefined);
      if (damage !== undefined && base.serial === this.#ledger.live?.serial) this.#damage = damage;
      if (found === undefined) throw error;
      throw refusedBase(first.header, base.tree, `that one, but damaged: ${found}`, error);
    }
    this.#append({ type: "prepared", release, id: first.id });
    return this.state;
  }

  /**
   * Makes a prepared release live (or the one a rollback names); what was live becomes the backup. Durable when it
   * resolves. Carried out twice it does nothing the second time.
   */
  async switchTo({ header }: Assignment, signal: AbortSignal): Promise<SiteState> {
    if (this.#isUncertain) this.recover();
    const { live } = this.#ledger;
    const target = findRelease(this.#ledger, header.result, header.version);
    const isSame = live?.tree === header.result && live.version === header.version;
    // A newer release of the same tree was made because the live one is damaged.
    if (isSame && (target === undefined || target.serial <= live.serial)) {
      if (this.#ledger.lastSerial < header.serial) this.#record({ serial: header.serial, to: live, ...this.#backup() });
      await this.serveAgain(signal);
      return this.state;
    }
    if (target === undefined) throw refusedBase(header, header.result, live?.tree ?? "nothing");
    const from = live === undefined ? {} : { from: live };
    const backup = live === undefined || isSame || live.serial === target.serial ? this.#backup() : { backup: live };
    this.#record({ serial: header.serial, to: { ...target, version: header.version }, ...from, ...backup });
    this.#damage = undefined;
    this.#keepReleases = Math.max(header.keepReleases, this.#settings.keepReleases);
    await this.#serve(header.serial, signal);
    return this.state;
  }

  /**
   * Takes the site off this node: first nothing is live any more, then releases are deleted. The journal stays, so that
   * no old order is followed. Carried out twice it does nothing the second time.
   */
  remove({ header }: Assignment): SiteState {
    if (this.#isUncertain) this.recover();
    const { live, lastSerial } = this.#ledger;
    if (live !== undefined) this.#record({ serial: header.serial, from: live });
    else if (lastSerial < header.serial) this.#record({ serial: header.serial });
    this.#dropReleases(new Set());
    this.dropSpare();
    return this.state;
  }

  /** Deletes a prepared release that will not be committed. */
  forget(serial: number): void {
    const { live, backup, releases } = this.#ledger;
    if (!releases.has(serial) || live?.serial === serial || backup?.serial === serial) return;
    this.#dropReleases(new Set([...releases.keys()].filter((each) => each !== serial)));
  }

  /**
   * Lets releases go that are not kept, oldest first; never live, backup or one prepared after live. The newest of them
   * becomes the spare.
   */
  collect(): void {
    const read = this.#readers.serials(this.#io.clock.now());
    this.#dropReleases(new Set([...serialsToKeep(this.#ledger, this.#keepReleases), ...read]), true);
  }

  /** Frees what the spare takes. */
  dropSpare(): void {
    if (this.#spare === undefined) return;
    this.#spare = undefined;
    this.#files.deleteSpare();
  }

  /** First the journal forgets them, then they are deleted: what it names is always there. */
  #dropReleases(kept: ReadonlySet<number>, keepsSpare = false): void {
    const gone = [...this.#ledger.releases.values()].filter(({ serial }) => !kept.has(serial));
    if (gone.length === 0 && !this.#journal.isLong) return;
    const records = recordsOf(this.#ledger, kept);
    this.#change(() => {
      this.#journal.rewrite(records);
      this.#ledger = followJournal(records);
      const spare = keepsSpare && this.#settings.interpreter.renew !== undefined ? gone.at(-1) : undefined;
      for (const release of gone) if (release !== spare) this.#files.deleteRelease(release.serial);
      if (spare === undefined) return;
      this.dropSpare();
      this.#files.setAside(spare);
      this.#spare = spare;
    });
  }

  /** Moves the pointers by way of the journal: before, and after, a crash leaves one or the other. */
  #record(order: Omit<Extract<JournalRecord, { type: "switching" }>, "type">): void {
    this.#files.make();
    this.#change(() => {
      this.#journal.append({ type: "switching", ...order });
      this.#pointTo(order.to, order.backup);
      if (order.from !== undefined && order.from.serial !== order.to?.serial)
        this.#readers.left(order.from.serial, this.#io.clock.now());
      this.#journal.append({ type: "switched", serial: order.serial });
      this.#ledger = followJournal(this.#journal.records);
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
      await interpreter.serve?.(directory, this.#files.releasePath(live), this.#io, signal);
      await afterSwitch?.(this.#files.releasePath(live), signal);
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

  /** Why a release is not any more what it was, as far as that is quick to see. */
  #look(release: ReleaseState, manifest = this.#files.manifest(release)): string | undefined {
    return quickCheck(this.#io.disk, this.#files.releasePath(release), manifest, this.#settings.interpreter.keeps);
  }

  #append(record: JournalRecord): void {
    this.#change(() => {
      this.#journal.append(record);
      this.#ledger = followJournal(this.#journal.records);
    });
  }

  #backup(): { backup?: ReleaseState } {
    return this.#ledger.backup === undefined ? {} : { backup: this.#ledger.backup };
  }
}
