import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emptyDatabase } from "../embedded.ts";
import { Deployment, freePort } from "./deployment.ts";
import type { CommandResult } from "./deployment.ts";
import { Program, main, root } from "./program.ts";
import { mixedTree, readTree, writeTree } from "./tree.ts";

const textOf = ({ output, errors }: CommandResult) => output + errors;

describe("a control that is given something wrong", () => {
  let deployment: Deployment;
  let version = 0;
  const staging = () => deployment.staging("www");
  const isLive = () => expect(readTree(deployment.live("a", "www"))).toEqual(readTree(staging()));

  /** What every refusal has to leave behind: what was live, and a control that takes the next good input. */
  async function goesOn(): Promise<void> {
    version += 1;
    writeTree(staging(), { "version.txt": `${version}\n` });
    const result = await deployment.run("publish", "www");
    expect(result.code, textOf(result)).toBe(0);
    isLive();
  }

  async function refused(code: string, exitCode: number, ...args: string[]): Promise<string> {
    const before = readTree(deployment.live("a", "www"));
    const result = await deployment.run(...args);
    expect({ exit: result.code, text: textOf(result) }).toEqual({
      exit: exitCode,
      text: expect.stringContaining(code) as string,
    });
    expect(textOf(result)).not.toMatch(/^\s+at .*:\d+:\d+/m);
    expect(readTree(deployment.live("a", "www"))).toEqual(before);
    return textOf(result);
  }

  beforeAll(async () => {
    const policy = { belowQuorum: "cancel" };
    deployment = await Deployment.create({
      groups: { web: { nodes: ["a"] }, nobody: { nodes: ["z"] } },
      sites: { www: { group: "web" }, forbidden: { group: "web", policy }, alone: { group: "nobody" } },
      local: { roots: { www: "./nodes/{name}/{site}" } },
    });
    await deployment.startAll("a");
    mixedTree(staging(), "good");
    await goesOn();
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it("does not take a staging directory that is missing for an empty one", async () => {
    renameSync(staging(), `${staging()}.away`);
    await refused("DIST_ERR_CONTENT_STAGING", 1, "publish", "www");
    renameSync(`${staging()}.away`, staging());
    await goesOn();
  });

  it("asks before an empty staging directory empties a site, and does it if it is meant", async () => {
    renameSync(staging(), `${staging()}.away`);
    mkdirSync(staging());
    expect(await refused("DIST_ERR_CONTENT_EMPTY", 1, "publish", "www")).toContain("--allow-empty");
    expect((await deployment.run("publish", "www", "--allow-empty")).code).toBe(0);
    expect(readTree(deployment.live("a", "www"))).toEqual({});
    rmSync(staging(), { recursive: true });
    renameSync(`${staging()}.away`, staging());
    await goesOn();
  });

  it.each([
    ["publish", "DIST_ERR_SITE_UNKNOWN", ["publish", "nowhere"]],
    ["commit", "DIST_ERR_SITE_UNKNOWN", ["commit", "nowhere"]],
    ["jobs", "DIST_ERR_JOB_UNKNOWN", ["jobs", "5f0c2f3e-0000-4000-8000-000000000000"]],
    ["jobs --abort", "DIST_ERR_JOB_UNKNOWN", ["jobs", "5f0c2f3e-0000-4000-8000-000000000000", "--abort"]],
    ["restore", "DIST_ERR_CHECKPOINT_UNKNOWN", ["restore", "www", "never made"]],
    ["restore --version", "DIST_ERR_CONTENT_VERSION", ["restore", "www", "--version", "999"]],
    ["rollback --version", "DIST_ERR_CONTENT_VERSION", ["rollback", "www", "--version", "999"]],
    ["commit of nothing", "DIST_ERR_JOB_NOTHING_PREPARED", ["commit", "www"]],
    ["nodes --revoke", "DIST_ERR_NODE_UNKNOWN", ["nodes", "nobody", "--revoke"]],
    ["checkpoint of nothing", "DIST_ERR_JOB_NOTHING_LIVE", ["checkpoint", "forbidden"]],
  ])("says what is unknown to %s", async (_, code, args) => {
    await refused(code, 1, ...args);
  });

  it("says that a group has no nodes", async () => {
    await refused("DIST_ERR_JOB_NO_NODES", 1, "publish", "alone");
  });

  it("says that a node's own policy does not allow a site", async () => {
    writeTree(deployment.staging("forbidden"), { "index.html": "forbidden" });
    expect(await refused("0 of 1 nodes are able", 1, "publish", "forbidden")).toContain(
      "its own policy does not allow the site",
    );
    expect(existsSync(deployment.site("a", "forbidden"))).toBe(false);
    await goesOn();
  });

  it.each(["repeated-key", "tab", "alias-bomb", "many-at-once", "binary"])(
    "refuses a deployment with %s whole",
    async (name) => {
      await refused("DIST_ERR_CONFIG_INVALID", 1, "apply", "--file", join(root, `test/config/bad/${name}.yaml`));
      await refused("DIST_ERR_CONFIG_INVALID", 1, "control", "--config", join(root, `test/config/bad/${name}.yaml`));
    },
  );

  it("refuses a policy that names a provider nobody provides, and takes over nothing of that deployment", async () => {
    const file = join(deployment.directory, "unknown-provider.yaml");
    writeFileSync(file, "groups: { other: { nodes: [a] } }\npolicies:\n  odd:\n    delta: telepathy\n");
    const before = await deployment.api("GET", "/v1/declaration");
    expect(await refused("DIST_ERR_PROVIDER_UNKNOWN", 1, "apply", "--file", file)).toContain("rsync");
    expect(await deployment.api("GET", "/v1/declaration")).toEqual(before);
    await goesOn();
  });

  it("keeps its port to itself, and says so to a second one", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    await once(listener, "listening");
    const taken = `127.0.0.1:${(listener.address() as { port: number }).port}`;
    const data = join(deployment.directory, "second");
    cpSync(await emptyDatabase(), join(data, "database"), { recursive: true });
    const start = ["control", "--config", deployment.config, "--data", data];
    await refused("DIST_ERR_API_PORT", 1, ...start, "--api", taken, "--link", `127.0.0.1:${await freePort()}`);
    await refused("DIST_ERR_LINK_PORT", 1, ...start, "--link", taken);
    listener.close();
    await goesOn();
  });

  it("keeps its data directory to itself", async () => {
    const text = await refused(
      "DIST_ERR_STORE_LOCKED",
      4,
      "control",
      "--config",
      deployment.config,
      "--link",
      `127.0.0.1:${await freePort()}`,
    );
    expect(text).toContain(`process ${deployment.control?.pid}`);
    await goesOn();
  });

  it("does not start with a plugin that is not there, and names every place where it looked", async () => {
    const file = join(deployment.directory, "unknown-plugin.yaml");
    writeFileSync(file, "plugins: [nobody-made-this]\ncontrol: { data: ./third }\n");
    const text = await refused("DIST_ERR_PLUGIN_NOT_FOUND", 1, "control", "--config", file);
    expect(text).toContain("distributary-plugin-nobody-made-this");
    expect(text).toContain("unknown-plugin.yaml:1");
  });
});

describe("a node that asks to be let in", () => {
  let deployment: Deployment;
  const token = async (body: object) => (await deployment.api<{ text: string }>("POST", "/v1/join-tokens", body)).text;
  const agent = (name: string, text: string) =>
    deployment.run("agent", "--config", deployment.config, "--name", name, "--token", text);

  beforeAll(async () => {
    deployment = await Deployment.create({ groups: { web: { nodes: ["a"] } } });
    await deployment.startControl();
    await deployment.startAgent("a");
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  it.each([
    ["no token", async () => ["DIST_ERR_AUTH_TOKEN", ""], "it does not read"],
    ["something that is no token", async () => ["DIST_ERR_AUTH_TOKEN", "let-me-in"], "it does not read"],
    [
      "a token of which the secret was guessed",
      async () => {
        const [form, id, , fingerprint] = (await token({ node: "b" })).split(".");
        return ["DIST_ERR_AUTH_TOKEN", [form, id, "0".repeat(32), fingerprint].join(".")];
      },
      "nobody issued it",
    ],
    [
      "a token that expired",
      async () => ["DIST_ERR_AUTH_TOKEN", await token({ node: "b", life: "1ms" })],
      "it expired",
    ],
    [
      "a token for a name that is taken",
      async () => ["DIST_ERR_AUTH_TOKEN", await token({ node: "a" })],
      "'a' already",
    ],
    [
      "a token of another authority",
      async () => {
        const [form, id, secret] = (await token({ node: "b" })).split(".");
        return ["DIST_ERR_AUTH_PIN", [form, id, secret, "ab".repeat(32)].join(".")];
      },
      "another authority",
    ],
  ] as const)("is refused with %s", async (_, make, reason) => {
    const [code = "", text = ""] = await make();
    const result = await agent("b", text);
    expect({ exit: result.code, text: textOf(result) }).toEqual({
      exit: code === "DIST_ERR_AUTH_PIN" ? 1 : 3,
      text: expect.stringContaining(code) as string,
    });
    expect(textOf(result)).toContain(reason);
    expect(existsSync(join(deployment.directory, "agents/b/identity"))).toBe(false);
  });

  it("is let in with a good token once, and nobody else with the same one", async () => {
    const text = await token({});
    const good = deployment.spawn(["agent", "--config", deployment.config, "--name", "b", "--token", text]);
    await good.says("connected to control");
    const second = await agent("c", text);
    expect({ exit: second.code, text: textOf(second) }).toEqual({
      exit: 3,
      text: expect.stringContaining("it was used before") as string,
    });
    const nodes = await deployment.api<{ name: string }[]>("GET", "/v1/nodes");
    expect(nodes.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("is not let in any more once it was revoked", async () => {
    expect((await deployment.run("nodes", "a", "--revoke")).code).toBe(0);
    const entry = await deployment.agent("a").says("no stream to control", {});
    expect(entry).toBeDefined();
    const nodes = await deployment.api<{ name: string }[]>("GET", "/v1/nodes");
    expect(nodes.map(({ name }) => name)).toEqual(["b"]);
  });
});

describe("a command that cannot reach control", () => {
  it("says so, with what to do", async () => {
    await using deployment = await Deployment.create({});
    const result = await deployment.run("status");
    expect({ exit: result.code, text: textOf(result) }).toEqual({
      exit: 4,
      text: expect.stringContaining("DIST_ERR_API_UNREACHABLE") as string,
    });
    expect(textOf(result)).toContain("distributary control");
  });
});

describe("a control that may not read a file", () => {
  it("says which, publishes nothing, and goes on when it may", async () => {
    await using deployment = await Deployment.create({
      groups: { web: { nodes: ["a"] } },
      sites: { www: { group: "web" } },
    });
    mixedTree(deployment.staging("www"), "readable");
    const secret = join(deployment.staging("www"), "secret.txt");
    writeFileSync(secret, "nobody may read this\n", { mode: 0o000 });
    // Root may read everything.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) spawnSync("chown", ["--recursive", "65534:65534", deployment.directory]);
    const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--", process.execPath];
    const args = [main, "control", "--config", deployment.config];
    const control = deployment.own(
      isRoot ? new Program("setpriv", [...asNobody, ...args]) : new Program(process.execPath, args),
    );
    await control.says("control runs");
    await deployment.run("apply", "--file", deployment.config);
    await deployment.startAgent("a");
    const result = await deployment.run("publish", "www");
    expect({ code: result.code, text: textOf(result) }).toEqual({
      code: 1,
      text: expect.stringContaining("secret.txt") as string,
    });
    expect(textOf(result)).toContain("DIST_ERR_CONTENT_STAGING");
    expect(existsSync(deployment.live("a", "www"))).toBe(false);
    chmodSync(secret, 0o644);
    expect((await deployment.run("publish", "www")).code).toBe(0);
    expect(readTree(deployment.live("a", "www"))).toEqual(readTree(deployment.staging("www")));
  });
});
