import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Journal } from "../../core/agent/journal.ts";
import { realDisk } from "../../core/runtime/disk.ts";
import { SimRandom } from "../../sdk/testkit/sim/random.ts";
import { Deployment } from "./deployment.ts";
import type { Program } from "./program.ts";
import { mixedTree, noise, readTree, writeTree } from "./tree.ts";

const counted = join(import.meta.dirname, "plugins/counted.ts");
const halt = join(import.meta.dirname, "plugins/halt.ts");

interface Job {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly version?: number;
  readonly reason: string;
}

describe("an agent that is killed in the middle of a transfer", () => {
  let deployment: Deployment;
  const asked = (agent: Program) =>
    agent.log.filter(({ msg }) => msg === "asked for a piece").map(({ piece }) => Number(piece));

  beforeAll(async () => {
    deployment = await Deployment.create({
      plugins: [{ use: counted, options: { haltAfter: 7 } }],
      groups: { web: { nodes: ["a"] } },
      sites: { www: { group: "web", policy: { transport: "counted", pieceBytes: "64 KiB", compress: [] } } },
    });
    await deployment.startAll("a");
    writeTree(deployment.staging("www"), { "film.mp4": noise(20 * 65_536 - 1_000, "film") });
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it("goes on at the next piece after its restart, and asks for none twice", async () => {
    const publish = deployment.run("publish", "www");
    const agent = deployment.agent("a");
    await agent.says("transfer halted", { stored: 7 });
    await agent.kill("SIGKILL");
    deployment.declare({ plugins: [counted] });
    const again = await deployment.startAgent("a");
    const { code, output } = await publish;
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(asked(agent)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(asked(again)).toEqual(Array.from({ length: 13 }, (_, index) => index + 7));
    expect(readTree(deployment.live("a", "www"))).toEqual(readTree(deployment.staging("www")));
  });
});

describe("control that is killed during a publish", () => {
  let deployment: Deployment;

  beforeAll(async () => {
    deployment = await Deployment.create({
      plugins: [halt],
      groups: { web: { nodes: ["a", "b"] } },
      sites: { www: { group: "web" } },
    });
    await deployment.startAll("a", "b");
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  const moments = ["jobPlanned", "jobPrepared", "beforeSwitch", "groupSwitched"];
  it.each(moments)(
    "finishes the job after its restart when it was killed at %s, once and for every node",
    async (at) => {
      await deployment.control?.kill("SIGKILL");
      deployment.declare({ plugins: [{ use: halt, options: { at } }] });
      const control = await deployment.startControl();
      mixedTree(deployment.staging("www"), at);
      const watching = deployment.run("publish", "www");
      await control.says("halted", { moment: at });
      const [{ id } = { id: "" }] = await deployment.api<Job[]>("GET", "/v1/jobs?limit=1");
      await control.kill("SIGKILL");
      expect(await watching).toMatchObject(
        at === "groupSwitched"
          ? {}
          : { code: 4, errors: expect.stringContaining("DIST_ERR_API_UNREACHABLE") as string },
      );
      deployment.declare({ plugins: [halt] });
      const again = await deployment.startControl();
      if (at !== "groupSwitched") await again.says("job ended", { job: id });
      const job = await deployment.api<Job>("GET", `/v1/jobs/${id}`);
      expect(job).toMatchObject({ state: "done", version: moments.indexOf(at) + 1 });
      const staged = readTree(deployment.staging("www"));
      for (const node of ["a", "b"]) expect(readTree(deployment.live(node, "www"))).toEqual(staged);
    },
  );

  it("leaves no job behind and gives no serial twice", async () => {
    const jobs = await deployment.api<Job[]>("GET", "/v1/jobs");
    expect(jobs.map(({ kind, state }) => `${kind} ${state}`)).toEqual(moments.map(() => "publish done"));
    const snapshots = await deployment.api<{ serial: number }[]>("GET", "/v1/sites/www/snapshots");
    const serials = snapshots.map(({ serial }) => serial);
    expect(new Set(serials).size).toBe(serials.length);
  });
});

describe("control that is killed at any moment of publishes, 20 times", () => {
  const random = new SimRandom(20);
  const nodes = ["a", "b"];
  let deployment: Deployment;
  let publishMs: number;
  const job = (id: string) => deployment.api<Job>("GET", `/v1/jobs/${id}`);
  const isOver = ({ state }: Job) => state !== "queued" && state !== "running";
  const ended = async (id: string) => {
    if (!isOver(await job(id))) await deployment.control?.says("job ended", { job: id });
  };
  const publish = () => deployment.api<Job>("POST", "/v1/jobs", { kind: "publish", site: "www" });

  beforeAll(async () => {
    deployment = await Deployment.create({ groups: { web: { nodes } }, sites: { www: { group: "web" } } });
    await deployment.startAll(...nodes);
    mixedTree(deployment.staging("www"), "whole");
    const began = performance.now();
    await ended((await publish()).id);
    publishMs = performance.now() - began;
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it("finishes every job that it accepted, once and on every node", async () => {
    let cutOff = 0;
    for (let version = 2; version <= 21; version += 1) {
      writeTree(deployment.staging("www"), { "index.html": `${version}\n` });
      const asked = publish().catch(() => undefined);
      await setTimeout((random.below(1_000) / 1_000) * publishMs);
      await deployment.control?.kill("SIGKILL");
      const accepted = await asked;
      await deployment.startControl();
      const jobs = await deployment.api<Job[]>("GET", "/v1/jobs");
      if (accepted !== undefined) expect(jobs.map(({ id }) => id)).toContain(accepted.id);
      if (!jobs.every(isOver)) cutOff += 1;
      const { id } = jobs.length === version ? (jobs[0] ?? (await publish())) : await publish();
      await ended(id);
      expect(await job(id)).toMatchObject({ kind: "publish", state: "done", version });
      const staged = readTree(deployment.staging("www"));
      for (const node of nodes) {
        expect(readTree(deployment.live(node, "www"))).toEqual(staged);
        const orders = new Journal(realDisk, join(deployment.site(node, "www"), ".dst/journal")).read();
        const switches = orders.flatMap((record) => (record.type === "switching" ? [record.serial] : []));
        expect(new Set(switches).size).toBe(switches.length);
      }
    }
    expect(cutOff).toBeGreaterThan(5);
  }, 300_000);

  it("leaves no other job behind, and every serial is one assignment, carried out once", async () => {
    const jobs = await deployment.api<Job[]>("GET", "/v1/jobs");
    expect(jobs.map(({ kind, state }) => `${kind} ${state}`)).toEqual(jobs.map(() => "publish done"));
    expect(jobs).toHaveLength(21);
    const snapshots = await deployment.api<{ serial: number; type: string }[]>(
      "GET",
      "/v1/sites/www/snapshots?limit=1000",
    );
    const serials = snapshots.map(({ serial }) => serial);
    expect(new Set(serials).size).toBe(serials.length);
    expect(snapshots.filter(({ type }) => type === "commit")).toHaveLength(21);
  });
});

describe("nodes that come and go", () => {
  let deployment: Deployment;
  const policy = { quorum: "1", commitTimeout: "20s", prepareTimeout: "20s" };
  const isCurrent = (node: string) =>
    expect(readTree(deployment.live(node, "www"))).toEqual(readTree(deployment.staging("www")));

  beforeAll(async () => {
    deployment = await Deployment.create({
      plugins: [halt],
      groups: { web: { nodes: ["a", "b", "c"] } },
      sites: { www: { group: "web", policy } },
    });
    await deployment.startAll("a", "b");
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it("a node that is away when the commit is ordered goes live when it is back", async () => {
    mixedTree(deployment.staging("www"), "one");
    expect((await deployment.run("publish", "www", "--hold")).code).toBe(5);
    await deployment.agent("b").kill("SIGKILL");
    await deployment.control?.says("node disconnected");
    const committed = deployment.run("commit", "www");
    await deployment.control?.says("passed", { moment: "afterSwitch" });
    isCurrent("a");
    await deployment.startAgent("b");
    expect(await committed).toMatchObject({
      code: 0,
      output: expect.stringContaining("2 of 2 nodes switched") as string,
    });
    isCurrent("b");
  });

  it("a node that joins a group gets what is live there by itself", async () => {
    await deployment.startAgent("c");
    await deployment.control?.says("job ended", { kind: "replicate", state: "done" });
    isCurrent("c");
  });

  it("a node that was away during a whole publish gets what it missed by itself", async () => {
    await deployment.agent("c").kill("SIGKILL");
    await deployment.control?.says("node disconnected");
    writeTree(deployment.staging("www"), { "index.html": "<h1>two</h1>" });
    expect(await deployment.run("publish", "www")).toMatchObject({
      code: 0,
      output: expect.stringContaining("2 of 3") as string,
    });
    isCurrent("a");
    isCurrent("b");
    await deployment.startAgent("c");
    await deployment.control?.says("job ended", { kind: "replicate", state: "done" });
    isCurrent("c");
  });

  it("a node whose release was damaged gets it anew by itself", async () => {
    const agent = deployment.agent("a");
    await agent.kill("SIGKILL");
    await deployment.control?.says("node disconnected");
    writeTree(deployment.live("a", "www"), { "index.html": "<h1>defaced</h1>" });
    await deployment.startAgent("a");
    await deployment.control?.says("job ended", { kind: "replicate", state: "done" });
    isCurrent("a");
  });
});

describe("a command that is interrupted while it watches a publish", () => {
  let deployment: Deployment;

  beforeAll(async () => {
    deployment = await Deployment.create({
      plugins: [{ use: halt, options: { at: "jobPrepared" } }],
      groups: { web: { nodes: ["a"] } },
      sites: { www: { group: "web" } },
    });
    await deployment.startAll("a");
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it("ends at once with 130, and the job goes on without it", async () => {
    mixedTree(deployment.staging("www"), "interrupted");
    const command = deployment.spawn(["publish", "www", "--config", deployment.config]);
    await deployment.control?.says("halted", { moment: "jobPrepared" });
    expect(await command.kill("SIGINT")).toBe(130);
    expect(command.output).toBe("");
    expect(command.errors).not.toContain("DIST_ERR");
    await deployment.control?.kill("SIGKILL");
    deployment.declare({ plugins: [] });
    const again = await deployment.startControl();
    await again.says("job ended", { state: "done" });
    expect(readTree(deployment.live("a", "www"))).toEqual(readTree(deployment.staging("www")));
  });
});

describe("control and agents that are told to stop", () => {
  let deployment: Deployment;

  beforeAll(async () => {
    deployment = await Deployment.create({ groups: { web: { nodes: ["a"] } }, sites: { www: { group: "web" } } });
    await deployment.startAll("a");
    mixedTree(deployment.staging("www"), "stop");
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it("do so at once, also with a job that waits for commit and a command that watches another", async () => {
    expect((await deployment.run("publish", "www", "--hold")).code).toBe(5);
    const watching = deployment.spawn(["publish", "www", "--config", deployment.config]);
    await deployment.control?.says("job asked for");
    await deployment.control?.says("job asked for");
    const began = performance.now();
    expect(await deployment.control?.kill("SIGTERM")).toBe(0);
    expect(await watching.ended).toBe(4);
    expect(await deployment.agent("a").kill("SIGTERM")).toBe(0);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
