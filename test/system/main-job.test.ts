import { rmSync, writeFileSync } from "node:fs";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Deployment } from "./deployment.ts";
import { mixedTree, noise, readTree, writeTree } from "./tree.ts";

interface JobDetail {
  readonly state: string;
  readonly version: number;
  readonly stats: { readonly travelBytes: number; readonly summary: Record<string, number> };
}

describe("the main job, from publish to remove, on two nodes", () => {
  let deployment: Deployment;
  const nodes = ["a", "b"];
  const live = () => nodes.map((node) => readTree(deployment.live(node, "www")));
  const staged = () => readTree(deployment.staging("www"));
  let [first, second]: Record<string, string>[] = [];

  beforeAll(async () => {
    deployment = await Deployment.create({ groups: { web: { nodes } }, sites: { www: { group: "web" } } });
    await deployment.startControl();
    mixedTree(deployment.staging("www"), "one");
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it("enrols nodes with tokens made on the command line", async () => {
    for (const name of nodes) {
      const { code, output } = await deployment.run("token", name);
      expect(code).toBe(0);
      const agent = deployment.spawn(["agent", "--config", deployment.config, "--name", name], {
        env: { DISTRIBUTARY_JOIN_TOKEN: output.trim() },
      });
      deployment.agents.set(name, agent);
      await agent.says("connected to control");
    }
  });

  it("applies a deployment", async () => {
    const applied = await deployment.json<object>("apply", "--file", deployment.config);
    expect(applied).toEqual({ groups: ["web"], segments: [], sites: ["www"], policies: [] });
  });

  it("shows what a publish would do without doing it", async () => {
    const plan = await deployment.json<{ summary: { added: number }; travelBytes: number }>(
      "publish",
      "www",
      "--dry-run",
    );
    expect(plan.summary.added).toBe(Object.keys(staged()).length);
    expect(plan.travelBytes).toBeGreaterThan(300_000);
    expect(existsSync(deployment.live("a", "www"))).toBe(false);
    expect(await deployment.api("GET", "/v1/jobs")).toEqual([]);
  });

  it("brings the first version to every node", async () => {
    const job = await deployment.json<JobDetail>("publish", "www");
    expect(job).toMatchObject({ state: "done", version: 1 });
    first = staged();
    expect(live()).toEqual([first, first]);
  });

  it("does nothing if nothing has changed", async () => {
    const { code, output } = await deployment.run("publish", "www");
    expect(code).toBe(0);
    expect(output).toContain("nothing has changed");
  });

  it("sends only what changed", async () => {
    const photo = Buffer.from(noise(300_000, "one"));
    photo.write("changed here", 150_000);
    writeFileSync(join(deployment.staging("www"), "photo.jpg"), photo);
    writeTree(deployment.staging("www"), { "new/page.html": "<h1>new</h1>" });
    rmSync(join(deployment.staging("www"), "run.sh"));
    const job = await deployment.json<JobDetail>("publish", "www");
    expect(job).toMatchObject({ state: "done", version: 2, stats: { summary: { changed: 1, removed: 1 } } });
    expect(job.stats.travelBytes).toBeLessThan(30_000);
    second = staged();
    expect(second).not.toEqual(first);
    expect(live()).toEqual([second, second]);
  });

  it("goes back to the version before without sending anything", async () => {
    const { code } = await deployment.run("rollback", "www");
    expect(code).toBe(0);
    expect(live()).toEqual([first, first]);
  });

  it("keeps what is live under a name", async () => {
    const { code, output } = await deployment.run("checkpoint", "www", "--label", "before the storm");
    expect(code).toBe(0);
    expect(output).toContain("before the storm");
  });

  it("publishes on top of what was gone back to", async () => {
    writeTree(deployment.staging("www"), { "index.html": "<h1>three</h1>" });
    expect((await deployment.run("publish", "www")).code).toBe(0);
    const third = staged();
    expect(live()).toEqual([third, third]);
  });

  it("restores what was kept", async () => {
    expect((await deployment.run("restore", "www", "before the storm")).code).toBe(0);
    expect(live()).toEqual([first, first]);
  });

  it("prepares without going live, until somebody says commit", async () => {
    const { code, output } = await deployment.run("publish", "www", "--hold");
    expect({ code, output }).toMatchObject({
      code: 5,
      output: expect.stringContaining("distributary commit") as string,
    });
    expect(live()).toEqual([first, first]);
    expect((await deployment.run("commit", "www")).code).toBe(0);
    expect(live()).toEqual([staged(), staged()]);
  });

  it("takes a site off every node only if it is meant", async () => {
    expect((await deployment.run("remove", "www")).code).toBe(2);
    expect(live()).toEqual([staged(), staged()]);
    expect((await deployment.run("remove", "www", "--yes")).code).toBe(0);
    for (const node of nodes) expect(existsSync(deployment.live(node, "www"))).toBe(false);
  });

  it("brings a removed site back with the next publish", async () => {
    expect((await deployment.run("publish", "www")).code).toBe(0);
    expect(live()).toEqual([staged(), staged()]);
  });

  it("tells all of it afterwards", async () => {
    const jobs = await deployment.json<{ kind: string; state: string }[]>("jobs");
    expect(jobs.map(({ kind }) => kind).reverse()).toEqual([
      "publish",
      "publish",
      "publish",
      "rollback",
      "checkpoint",
      "publish",
      "restore",
      "publish",
      "remove",
      "publish",
    ]);
    expect(jobs.every(({ state }) => state === "done")).toBe(true);
    const found = await deployment.json<{ sites: object[] }>("status");
    expect(found.sites).toMatchObject([{ site: "www", nodes: 2, current: 2 }]);
  });

  it("stops cleanly when it is asked to", async () => {
    const programs = [deployment.control, ...deployment.agents.values()];
    expect(await Promise.all(programs.map((program) => program?.kill("SIGTERM")))).toEqual([0, 0, 0]);
  });
});
