import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Journal } from "../../../core/agent/journal.ts";
import { Ledger } from "../../../core/control/store/ledger.ts";
import { realDisk } from "../../../core/runtime/disk.ts";
import { readTree, writeTree } from "../../system/tree.ts";
import { changes, isByTheClock, kindOf } from "./fuse.ts";
import type { KillPoint } from "./fuse.ts";
import { KillTrial, nodes } from "./kill-trial.ts";
import type { KilledRun } from "./kill-trial.ts";
import { databases } from "./trial.ts";
import type { Database } from "./trial.ts";

const site = "www";
const declared = {
  groups: { web: { nodes } },
  sites: { [site]: { staging: `./staging/${site}`, group: "web", policy: { keepVersions: 3 } } },
};

type Kind = "publish" | "rollback" | "remove";

/** A trial with one site, of which every job is looked at. Several work at the same time. */
class Lane implements AsyncDisposable {
  readonly #killed: KillTrial;
  /** What each version holds. */
  readonly #trees = new Map<number, object>();
  #count = 0;
  /** How often control was killed while it recovered. */
  recoveriesKilled = 0;

  private constructor(killed: KillTrial) {
    this.#killed = killed;
  }

  static async start(database: Database): Promise<Lane> {
    const lane = new Lane(await KillTrial.start(database, declared));
    // From then on each version drops an older one.
    for (let version = 1; version <= 3; version += 1) await lane.#runWhole("publish");
    return lane;
  }

  #stage(): void {
    const count = (this.#count += 1);
    const files = { "index.html": `${count}\n`, [`${count % 3}.txt`]: `${count} `.repeat(count) };
    writeTree(this.#killed.trial.staging(site), files);
  }

  /** The statements of a job, and of what follows. The job before takes away what a killed one left undone. */
  async learn(kind: Kind): Promise<readonly string[]> {
    await this.#runWhole(kind);
    return this.#runWhole(kind);
  }

  async #runWhole(kind: Kind): Promise<readonly string[]> {
    const { trial } = this.#killed;
    if (kind === "remove") await this.#runWhole("publish");
    if (kind === "publish") this.#stage();
    const statements = await this.#killed.runWhole({ kind, site });
    const { lastVersion } = await trial.control.catalog.site(site);
    if (kind === "publish") this.#trees.set(lastVersion, readTree(trial.staging(site)));
    return statements;
  }

  /** Runs a job with control killed, every fifth time also the next one. False if it did not come to that point. */
  async run(kind: Kind, point: KillPoint): Promise<boolean> {
    const { trial } = this.#killed;
    if (kind === "remove") await this.#runWhole("publish");
    this.#stage();
    const when = this.#count % 2 === 0 ? "before" : "after";
    const next = { when, number: 1 + ((this.#count * 7) % (when === "before" ? 60 : 30)) } as const;
    const run = await this.#killed.run({ kind, site }, point, this.#count % 5 === 0 ? next : undefined);
    if (kind === "publish") this.#trees.set(run.before.site.last_version + 1, readTree(trial.staging(site)));
    if (run.killedAgainAt !== undefined) this.recoveriesKilled += 1;
    this.#check(kind, run, JSON.stringify({ kind, point, at: run.killedAt, next, again: run.killedAgainAt }));
    return run.killedAt !== undefined;
  }

  #check(kind: Kind, { accepted, before, again, after }: KilledRun, where: string): void {
    const isNew = ({ id }: { id: string }) => ![...before.jobs, ...before.assignments].some((old) => old.id === id);
    const { live_version, backup_version, last_version, last_serial } = before.site;
    const version = { publish: last_version + 1, rollback: backup_version, remove: null }[kind];

    // It is there, once, and ended as it should.
    const jobs = after.jobs.filter(isNew);
    expect(jobs, where).toMatchObject([{ kind, state: "done", phase: "ended", version, asked_by: "test" }]);
    const known = again.jobs.map(({ id }) => id);
    if (accepted !== undefined) expect(known, where).toContain(accepted);
    const last = Math.max(last_version, version ?? 0);
    const expected = { live_version: version, backup_version: live_version, last_version: last };
    expect(after.site, where).toMatchObject(expected);

    // Serials are new; there is one order, and what was ordered before the kill stays.
    const issued = after.assignments.filter(isNew);
    const serials = issued.map(({ serial }) => serial);
    expect(Math.min(...serials), where).toBeGreaterThan(last_serial);
    expect(new Set(serials).size, where).toBe(serials.length);
    const orders = issued.filter(({ type }) => type !== "update");
    expect(orders, where).toMatchObject([{ job: jobs[0]?.id, version: version ?? 0 }]);
    const ordered = again.assignments.filter((each) => isNew(each) && each.type !== "update");
    if (ordered.length > 0 || again.site.live_version !== live_version) expect(ordered, where).toEqual(orders);

    // Every node has gone from the one to the other, once and never back.
    for (const node of nodes) {
      const live = this.#killed.trial.live(node, site);
      expect([before.live[node], after.live[node]], where).toContain(again.live[node]);
      expect(after.live[node], where).not.toBe(before.live[node]);
      if (version === null) expect(existsSync(live), where).toBe(false);
      else expect(readTree(live), where).toEqual(this.#trees.get(version));
      const journal = new Journal(realDisk, join(live, "../.dst/journal")).read();
      const steps = journal.filter((each) => "serial" in each && each.serial === orders[0]?.serial);
      const types = steps.map(({ type }) => type);
      const seen = journal.map((each) => (each.type === "prepared" ? each.release.serial : each.serial));
      expect(types, where).toEqual(["switching", "switched", "served"]);
      const newOnes = seen.filter((serial) => serial > last_serial);
      expect(serials, where).toEqual(expect.arrayContaining(newOnes));
    }
  }

  /** What holds of everything in the end. */
  async checkAll(): Promise<void> {
    const { control, data } = this.#killed.trial;
    const jobs = await control.db.selectFrom("job").selectAll().execute();
    expect(jobs.filter(({ state, asked_by }) => state !== "done" || asked_by !== "test")).toEqual([]);
    expect(await control.audit.verify()).toBeUndefined();

    const issued = await control.db.selectFrom("assignment").select("serial").orderBy("serial").execute();
    await using ledger = new Ledger(join(data, "serials"));
    const taken = [...ledger.read()].map(({ serial }) => Number(serial));
    expect(taken).toEqual([...new Set(taken)].sort((a, b) => a - b));
    expect(taken).toEqual(expect.arrayContaining(issued.map(({ serial }) => serial)));

    // Nothing lies about.
    const namesIn = (name: string) => (existsSync(join(data, name)) ? readdirSync(join(data, name)) : []);
    expect([...namesIn("assignments"), ...namesIn("building")]).toEqual([]);
    expect(namesIn("objects").filter((name) => name.startsWith("incoming"))).toEqual([]);
    const versions = await control.db.selectFrom("version").select("number").execute();
    const manifests = namesIn(`sites/${site}`).filter((name) => name.endsWith(".manifest"));
    expect(manifests.sort()).toEqual(versions.map(({ number }) => `${number}.manifest`).sort());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#killed[Symbol.asyncDispose]();
  }
}

/** One for each statement; after one that changes nothing all is as before it. */
function pointsOf(statements: readonly string[], when: KillPoint["when"]): KillPoint[] {
  const kinds = statements.filter((sql) => !isByTheClock(sql) && (when === "before" || changes(sql))).map(kindOf);
  return kinds.map((kind, index) => {
    return { when, kind, number: kinds.slice(0, index + 1).filter((each) => each === kind).length };
  });
}

describe.each(databases)("control that is killed, with the %s database,", (database) => {
  let lanes: Lane[] = [];
  let kills = 0;

  beforeAll(async () => {
    lanes = await Promise.all([Lane.start(database), Lane.start(database)]);
  });
  afterAll(() => Promise.all(lanes.map((lane) => lane[Symbol.asyncDispose]())));

  it.each([
    ["publish", "before", 60],
    ["publish", "after", 30],
    ["rollback", "before", 35],
    ["rollback", "after", 15],
    ["remove", "after", 15],
  ] as const)(
    "finishes a %s once and on every node, killed %s each statement of it",
    async (kind, when, atLeast) => {
      const points = pointsOf((await lanes[0]?.learn(kind)) ?? [], when);
      const waiting = points.values();
      const reached: KillPoint[] = [];
      const work = async (lane: Lane) => {
        for (const point of waiting) if (await lane.run(kind, point)) reached.push(point);
      };
      await Promise.all(lanes.map(work));
      expect(reached.length).toBeGreaterThan(atLeast);
      // Notes of nodes go together as it happens, so some run has a statement less.
      const kindsOf = (some: readonly KillPoint[]) => new Set(some.map((point) => point.kind));
      expect(kindsOf(reached)).toEqual(kindsOf(points));
      kills += reached.length;
    },
    180_000,
  );

  it("was killed at more than 200 points, also while it recovered, and has lost or doubled nothing", async () => {
    expect(kills).toBeGreaterThan(200);
    expect(lanes.reduce((sum, { recoveriesKilled }) => sum + recoveriesKilled, 0)).toBeGreaterThan(30);
    for (const lane of lanes) await lane.checkAll();
  });
});
