import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mixedTree, noise, readTree, writeTree } from "../../system/tree.ts";
import { Trial, databases } from "./trial.ts";

const counted = join(import.meta.dirname, "../../system/plugins/counted.ts");

describe.each(databases)("jobs, with the %s database", (database) => {
  let trial: Trial;
  let count = 0;
  const change = (site: string) => writeTree(trial.staging(site), { "index.html": `change ${(count += 1)}\n` });
  const isLive = (node: string, site: string) =>
    expect(readTree(trial.live(node, site))).toEqual(readTree(trial.staging(site)));
  const serialsOf = async (site: string) => {
    const rows = await trial.control.db
      .selectFrom("assignment")
      .selectAll()
      .where("site", "=", site)
      .orderBy("serial")
      .execute();
    return rows.map(({ serial }) => serial);
  };
  const allJobs = () =>
    trial.control.db.selectFrom("job").select(["id", "kind", "site", "state"]).orderBy("asked_at").execute();

  beforeAll(async () => {
    trial = await Trial.start(database);
    await trial.declare({
      groups: { web: { nodes: ["a", "b"] }, labelled: { match: { labels: { tier: "edge" } } } },
      sites: {
        www: { staging: "./staging/www", group: "web", policy: { quorum: "1", keepVersions: 3, keepCheckpoints: 2 } },
        blog: { staging: "./staging/blog", group: "web" },
        edge: { staging: "./staging/edge", group: "labelled" },
        slow: {
          staging: "./staging/slow",
          group: "web",
          policy: { transport: "counted", pieceBytes: "4 KiB", compress: [] },
        },
      },
    });
    for (const name of ["a", "b"]) await trial.startAgent(name, { plugins: [{ use: counted }] });
    mixedTree(trial.staging("www"), "www");
  });
  afterAll(() => trial[Symbol.asyncDispose]());

  it("bring a version to every node", async () => {
    expect(await trial.run({ kind: "publish", site: "www" })).toMatchObject({ state: "done", version: 1 });
    for (const node of ["a", "b"]) isLive(node, "www");
  });

  it("are in the database before anybody hears of them", async () => {
    change("www");
    const heard = trial.event((event) => event.type === "job" && event.state === "queued");
    const asked = trial.control.ask({ kind: "publish", site: "www" }, "test");
    const event = await heard;
    const stored =
      "job" in event
        ? await trial.control.db.selectFrom("job").select("state").where("id", "=", event.job).execute()
        : [];
    expect(stored).toHaveLength(1);
    await trial.ended((await asked).id);
  });

  it("of one site run one after the other, and those of others beside them", async () => {
    change("www");
    const first = await trial.control.ask({ kind: "publish", site: "www", commit: "manual" }, "test");
    await trial.inPhase(first.id, "holding");
    const second = await trial.control.ask({ kind: "checkpoint", site: "www", label: "waits" }, "test");
    change("blog");
    expect(await trial.run({ kind: "publish", site: "blog" })).toMatchObject({ state: "done" });
    expect(await trial.job(second.id)).toMatchObject({ state: "queued" });
    await trial.control.jobs.approve("www");
    expect(await trial.ended(second.id)).toMatchObject({ state: "done" });
    expect(await trial.job(first.id)).toMatchObject({ state: "done" });
  });

  it("that were queued when control stopped run after its restart, in their order", async () => {
    change("www");
    const first = await trial.control.ask({ kind: "publish", site: "www", commit: "manual" }, "test");
    await trial.inPhase(first.id, "holding");
    const second = await trial.control.ask({ kind: "checkpoint", site: "www", label: "second" }, "test");
    await trial.restartControl();
    await trial.inPhase(first.id, "holding");
    expect(await trial.job(second.id)).toMatchObject({ state: "queued" });
    await trial.control.jobs.approve("www");
    const [one, two] = [await trial.ended(first.id), await trial.ended(second.id)];
    expect([one.state, two.state]).toEqual(["done", "done"]);
    expect(two.startedAt).toBeGreaterThanOrEqual(one.endedAt ?? Infinity);
    isLive("a", "www");
  });

  it("that were being prepared when control stopped go on after its restart", async () => {
    await trial.stopAgent("b");
    await trial.startAgent("b", { plugins: [{ use: counted, options: { haltAfter: 2 } }] });
    writeTree(trial.staging("slow"), { "film.mp4": noise(20_000, "slow") });
    const { id } = await trial.control.ask({ kind: "publish", site: "slow" }, "test");
    await trial.inPhase(id, "preparing");
    const before = await serialsOf("slow");
    await trial.stopControl();
    await trial.startControl();
    await trial.stopAgent("b");
    await trial.startAgent("b", { plugins: [{ use: counted }] });
    expect(await trial.ended(id)).toMatchObject({ state: "done", version: 1 });
    for (const node of ["a", "b"]) isLive(node, "slow");
    expect((await serialsOf("slow")).slice(0, before.length)).toEqual(before);
    expect(await serialsOf("slow")).toHaveLength(before.length + 1);
  });

  it("that were switching when control stopped go on after its restart, with the same commit", async () => {
    change("blog");
    const { id } = await trial.control.ask({ kind: "publish", site: "blog", commit: "manual" }, "test");
    await trial.inPhase(id, "holding");
    await trial.stopAgent("b");
    await trial.control.jobs.approve("blog");
    await trial.inPhase(id, "switching");
    const before = await serialsOf("blog");
    await trial.restartControl();
    await trial.startAgent("b", { plugins: [{ use: counted }] });
    expect(await trial.ended(id)).toMatchObject({ state: "done", reason: "2 of 2 nodes switched" });
    for (const node of ["a", "b"]) isLive(node, "blog");
    expect(await serialsOf("blog")).toEqual(before);
  });

  it("are given up only as long as their commit was not ordered", async () => {
    const { liveVersion } = await trial.control.catalog.site("www");
    change("www");
    const { id } = await trial.control.ask({ kind: "publish", site: "www", commit: "manual" }, "test");
    await trial.inPhase(id, "holding");
    await trial.control.jobs.abort(id, "test");
    expect(await trial.ended(id)).toMatchObject({ state: "cancelled", reason: "aborted by test" });
    expect((await trial.control.catalog.site("www")).liveVersion).toBe(liveVersion);
    await expect(trial.control.jobs.abort(id, "test")).rejects.toMatchObject({ code: "DIST_ERR_JOB_TOO_LATE" });
    await expect(trial.control.jobs.abort("nothing", "test")).rejects.toMatchObject({ code: "DIST_ERR_JOB_UNKNOWN" });
    expect(await trial.run({ kind: "publish", site: "www" })).toMatchObject({ state: "done" });
  });

  it("keep no more versions than the policy says, and all that are needed", async () => {
    await trial.run({ kind: "checkpoint", site: "www", label: "kept" });
    const kept = (await trial.control.catalog.site("www")).liveVersion;
    for (let round = 0; round < 5; round += 1) {
      change("www");
      expect(await trial.run({ kind: "publish", site: "www" })).toMatchObject({ state: "done" });
    }
    // Old versions are dropped before the next job of the site begins.
    await trial.run({ kind: "checkpoint", site: "www", label: "kept as well" });
    const { liveVersion = 0 } = await trial.control.catalog.site("www");
    const rows = await trial.control.db
      .selectFrom("version")
      .select("number")
      .where("site", "=", "www")
      .orderBy("number")
      .execute();
    const numbers = rows.map(({ number }) => number);
    expect(numbers).toContain(kept);
    expect(numbers).toEqual(expect.arrayContaining([liveVersion - 2, liveVersion - 1, liveVersion]));
    expect(numbers.length).toBeLessThanOrEqual(5);
    expect(await trial.run({ kind: "restore", site: "www", checkpoint: "kept" })).toMatchObject({ state: "done" });
  });

  it("keep no more checkpoints than the policy says", async () => {
    for (const label of ["one", "two", "three"]) await trial.run({ kind: "checkpoint", site: "www", label });
    const labels = await trial.control.db
      .selectFrom("checkpoint")
      .select("label")
      .where("site", "=", "www")
      .orderBy("created_at")
      .execute();
    expect(labels.map(({ label }) => label)).toEqual(["two", "three"]);
    await expect(trial.control.ask({ kind: "restore", site: "www", checkpoint: "one" }, "test")).rejects.toMatchObject({
      code: "DIST_ERR_CHECKPOINT_UNKNOWN",
    });
  });

  it("that a node does not finish do not keep it from the next one", async () => {
    const policy = {
      transport: "counted",
      pieceBytes: "4 KiB",
      compress: [],
      quorum: "1",
      prepareTimeout: "1s",
      commitTimeout: "1s",
    };
    await trial.declare({
      groups: { web: { nodes: ["a", "b"] } },
      sites: { stuck: { staging: "./staging/stuck", group: "web", policy } },
    });
    await trial.stopAgent("b");
    await trial.startAgent("b", { plugins: [{ use: counted, options: { haltAfter: 2 } }] });
    writeTree(trial.staging("stuck"), { "film.mp4": noise(40_000, "stuck") });
    const replicated = trial.event(
      (event) => event.type === "job" && event.kind === "replicate" && event.state === "done",
    );
    expect(await trial.run({ kind: "publish", site: "stuck" })).toMatchObject({
      state: "done",
      reason: "1 of 2 nodes switched, 1 failed",
    });
    await replicated;
    for (const node of ["a", "b"]) isLive(node, "stuck");
  });

  it("come by themselves for a node that joins a group", async () => {
    change("edge");
    await trial.startAgent("c", { labels: { tier: "edge" } });
    expect(await trial.run({ kind: "publish", site: "edge" })).toMatchObject({ state: "done" });
    const replicated = trial.event(
      (event) => event.type === "job" && event.kind === "replicate" && event.state === "done",
    );
    await trial.startAgent("d", { labels: { tier: "edge" } });
    await replicated;
    for (const node of ["c", "d"]) isLive(node, "edge");
  });

  it("come by themselves for a node of which the release was damaged", async () => {
    await trial.stopAgent("d");
    rmSync(join(trial.live("d", "edge"), "index.html"));
    const replicated = trial.event(
      (event) => event.type === "job" && event.kind === "replicate" && event.state === "done",
    );
    await trial.startAgent("d", { labels: { tier: "edge" } });
    await replicated;
    isLive("d", "edge");
    expect((await trial.control.hub.states("edge")).get(await trial.nodeId("d"))).not.toHaveProperty("damage");
  });

  it("are deferred without a quorum, tried again, and done once the nodes are there", async () => {
    await trial.declare({
      groups: { pair: { nodes: ["c", "e"] } },
      sites: { later: { staging: "./staging/later", group: "pair", policy: { retry: "500ms" } } },
    });
    await trial.startAgent("e");
    await trial.stopAgent("e");
    change("later");
    const { id } = await trial.control.ask({ kind: "publish", site: "later" }, "test");
    expect(await trial.ended(id)).toMatchObject({ state: "deferred", reason: "1 of 2 nodes are able, 2 are needed" });
    expect(existsSync(trial.live("c", "later"))).toBe(false);
    await trial.startAgent("e");
    await trial.jobWhen(id, ({ state }) => state === "done");
    for (const node of ["c", "e"]) isLive(node, "later");
  });

  it("are none twice and none lost after all of this", async () => {
    const jobs = await allJobs();
    const open = jobs.filter(({ state }) => !["done", "cancelled"].includes(state));
    expect(open).toEqual([]);
    for (const site of ["www", "blog", "slow", "edge"]) {
      const serials = await serialsOf(site);
      expect(serials).toEqual([...new Set(serials)].sort((a, b) => a - b));
    }
  });
});
