import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres } from "../postgres.ts";
import type { TestServer } from "../postgres.ts";
import { Deployment } from "./deployment.ts";
import { Program } from "./program.ts";
import { mixedTree, readTree, writeTree } from "./tree.ts";

const halt = join(import.meta.dirname, "plugins/halt.ts");

describe("a control whose PostgreSQL server stops and comes back", () => {
  let server: TestServer;
  let deployment: Deployment;
  let data: string;
  let restarted: Program | undefined;
  const isLive = () => expect(readTree(deployment.live("a", "www"))).toEqual(readTree(deployment.staging("www")));
  const command = () => readFileSync(join(data, "postmaster.opts"), "utf8").trim().replaceAll('"', "").split(" ");
  const owner = () => {
    const status = spawnSync("stat", ["--format=%u %g", data], { encoding: "utf8" }).stdout.trim().split(" ");
    return process.getuid?.() === 0 ? [`--reuid=${status[0]}`, `--regid=${status[1]}`, "--clear-groups"] : [];
  };

  function stopServer(): void {
    const control = join(dirname(command()[0] ?? ""), "pg_ctl");
    const { status, stderr } = spawnSync(
      "setpriv",
      [...owner(), "--", control, "stop", "-D", data, "-m", "fast", "-w"],
      { encoding: "utf8", cwd: "/" },
    );
    expect({ status, stderr }).toMatchObject({ status: 0 });
  }

  async function startServer(): Promise<void> {
    restarted = new Program("setpriv", [...owner(), "--pdeathsig=QUIT", "--", ...command()], { cwd: dirname(data) });
    await restarted.says("ready to accept connections");
  }

  beforeAll(async () => {
    server = await startPostgres();
    const client = new Client({ connectionString: server.url });
    await client.connect();
    data = (await client.query<{ data_directory: string }>("show data_directory")).rows[0]?.data_directory ?? "";
    await client.end();
    deployment = await Deployment.create({
      databaseUrl: server.url,
      groups: { web: { nodes: ["a"] } },
      sites: { www: { group: "web", policy: { retry: "1s" } } },
    });
    await deployment.startAll("a");
    mixedTree(deployment.staging("www"), "before");
    expect((await deployment.run("publish", "www")).code).toBe(0);
  });
  afterAll(async () => {
    await deployment[Symbol.asyncDispose]();
    await restarted?.[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it("says so meanwhile, and goes on as soon as it is back", async () => {
    stopServer();
    const away = await deployment.run("publish", "www");
    expect(away).toMatchObject({ code: 4, errors: expect.stringContaining("DIST_ERR_STORE_AWAY") as string });
    expect(away.errors).not.toContain("postgres:");
    isLive();
    await startServer();
    writeTree(deployment.staging("www"), { "index.html": "back\n" });
    expect((await deployment.run("publish", "www")).code).toBe(0);
    isLive();
  });

  it("finishes a job in the middle of which the server was away", async () => {
    const until = join(deployment.directory, "go on");
    await deployment.control?.kill("SIGTERM");
    deployment.declare({ plugins: [{ use: halt, options: { at: "jobPrepared", until } }] });
    const control = await deployment.startControl();
    writeTree(deployment.staging("www"), { "index.html": "in the middle\n" });
    const { id } = await deployment.api<{ id: string }>("POST", "/v1/jobs", { kind: "publish", site: "www" });
    await control.says("halted", { moment: "jobPrepared" });
    stopServer();
    writeFileSync(until, "");
    await control.says("database");
    await startServer();
    await control.says("job ended", { job: id, state: "done" });
    isLive();
  });
});
