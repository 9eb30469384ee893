import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkAssignment } from "../../core/agent/accept.ts";
import { AssignmentSource } from "../../core/agent/delivery/assignment-source.ts";
import { runAgent } from "../../core/agent/run-agent.ts";
import { loadIdentity } from "../../core/agent/enrol.ts";
import { readPublicKey } from "../../core/assignment/seal.ts";
import { resultOf } from "../../core/assignment/commands.ts";
import { reportJob } from "../../core/cli/follow-job.ts";
import { hashOf } from "../../core/content/hash.ts";
import { emptyTree, treeHash } from "../../core/content/manifest.ts";
import type { Manifest } from "../../core/content/manifest.ts";
import { linkPaths } from "../../core/protocol/messages.ts";
import { realIo } from "../../core/runtime/io.ts";
import { LinkClient } from "../../core/runtime/link-client.ts";
import type { Command } from "../../sdk/index.ts";
import { simIo } from "../../sdk/testkit/sim/io.ts";
import { SiteTrial, emptyDisk } from "../core/agent/site-trial.ts";
import { commitHeader, hashA } from "../core/assignment/sample.ts";
import { Trial } from "../core/control/trial.ts";
import { createAuthority } from "../core/runtime/trusted-peers.ts";
import { FakeControl, fileCommand } from "../system/fake-control.ts";

const directory = (path: string): Command => ({ kind: "directory", path, mode: 0o755 });
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const never = new AbortController().signal;

describe("an agent", () => {
  let root: string;
  let policy: string;
  let control: FakeControl;
  const rules = "maxEntries: 10\nmaxBytes: 1 MiB\nmaxFileBytes: 512 KiB\n";
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "distributary-security-"));
    policy = join(root, "local.yaml");
    writeFileSync(policy, `roots: { www: ./www, shop: ./shop, blog: ./blog, constructor: ./constructor }\n${rules}`);
    control = await FakeControl.start(policy);
  });
  afterAll(async () => {
    await control[Symbol.asyncDispose]();
    rmSync(root, { recursive: true });
  });

  /** Whether an agent with the same sites starts; control is not there. */
  async function starts(): Promise<unknown> {
    const stop = new AbortController();
    const directory = join(control.directory, "agent-again");
    cpSync(join(control.directory, "agent"), directory, { recursive: true });
    const options = { name: "a", directory, control: { host: "127.0.0.1", port: 1 }, labels: {} };
    let told: (() => void) | undefined;
    const runs = new Promise((resolve) => (told = () => resolve("runs")));
    const log = { ...silent, warn: (_: object, text: string) => text === "no stream to control" && told?.() };
    const ended = runAgent(
      { ...options, policyFile: policy, plugins: [], pluginDirectory: root, log },
      realIo,
      stop.signal,
    ).then(
      () => "ended",
      (error: Error) => error.message,
    );
    const first = await Promise.race([runs, ended]);
    stop.abort();
    await ended;
    return first;
  }

  it("SEC-48: an order with an interpreter nobody has, not even for this node, does not spoil the site", async () => {
    const bad = control.notice("update", 1, {
      commands: [directory("a")],
      header: { site: "shop", interpreter: "nonsense", audience: { group: "web", nodes: ["other"] } },
    });
    expect(await control.prepare(bad)).toMatchObject({ type: "failed" });
    expect(
      await control.prepare(control.notice("update", 1, { commands: [directory("a")], header: { site: "shop" } })),
    ).toMatchObject({ type: "prepared" });
    expect(await starts()).toBe("runs");
  });

  it("SEC-48: a site that the node's policy does not allow any more stops only that site", async () => {
    expect(
      await control.prepare(control.notice("update", 1, { commands: [directory("a")], header: { site: "blog" } })),
    ).toMatchObject({ type: "prepared" });
    writeFileSync(policy, `roots: { www: ./www }\n${rules}`);
    expect(await starts()).toBe("runs");
  });

  it("SEC-32: the limit of entries is that of the site, however many assignments they come with", async () => {
    let base: Manifest = [];
    const answers: string[] = [];
    for (const version of [1, 2]) {
      const commands = Array.from({ length: 9 }, (_, index) => directory(`d${version}${index}`));
      const answer = await control.prepare(control.notice("update", version, { commands, base }));
      answers.push(answer.type === "failed" ? answer.code : answer.type);
      if (answer.type !== "prepared") break;
      base = resultOf(base, commands);
      await control.switch(control.notice("commit", version, { header: { result: treeHash(base) } }));
    }
    expect(answers).toEqual(["prepared", "DIST_ERR_POLICY_REFUSED"]);
  });

  it("SEC-48: the limit of bytes is what there will be, not what control says", async () => {
    const one = Buffer.alloc(400 * 1024, 1);
    const commands = Array.from({ length: 8 }, (_, index) => fileCommand(`f${index}`, one));
    const data = Buffer.concat(commands.map(() => one));
    const part = {
      offset: 0,
      engine: "whole",
      base: [],
      sizeBytes: data.length,
      deltaBytes: data.length,
      compressor: "none",
      cipher: "none",
      blocks: [[data.length, false] as const],
    };
    const table = { sizeBytes: data.length, pieceBytes: 4 << 20, pieceHashes: hashOf(data) };
    const lying = control.notice("update", 3, { commands, data, header: { diskBytes: 0, data: table, parts: [part] } });
    expect(await control.prepare(lying)).toMatchObject({ type: "failed", code: "DIST_ERR_POLICY_REFUSED" });
  });

  it("a site called constructor is a site", async () => {
    const commands = [directory("a")];
    expect(
      await control.prepare(control.notice("update", 1, { commands, header: { site: "constructor" } })),
    ).toMatchObject({ type: "prepared" });
    const commit = control.notice("commit", 1, {
      header: { site: "constructor", result: treeHash(resultOf([], commands)) },
    });
    expect(await control.switch(commit)).toMatchObject({ type: "switched" });
  });
});

describe("control", () => {
  let trial: Trial;
  beforeAll(async () => {
    trial = await Trial.start("embedded");
    await trial.declare({
      groups: { web: { nodes: ["a", "b"] }, edge: { match: { labels: { tier: "edge" } } } },
      sites: { www: { staging: "./staging/www", group: "web", policy: { quorum: "1" } } },
    });
    for (const name of ["a", "b"]) await trial.startAgent(name);
    writeFileSync(join(trial.staging("www"), "x"), "1");
  });
  afterAll(() => trial[Symbol.asyncDispose]());
  async function report(name: string, message: object) {
    const client = new LinkClient(loadIdentity(join(trial.directory, "agents", name))!);
    const { status, body } = await client.request(
      { id: "control", host: "127.0.0.1", port: trial.control.linkPort },
      linkPaths.report,
      { method: "POST", body: Buffer.from(JSON.stringify(message)) },
    );
    for await (const _ of body) continue;
    client.close();
    return status;
  }

  it("SEC-46: one node that says a NUL does not end a job for all", async () => {
    const { id } = await trial.control.ask({ kind: "publish", site: "www", commit: "manual" }, "test");
    await trial.inPhase(id, "holding");
    await report("b", { type: "failed", job: id, code: "X", reason: "a\0b" });
    await trial.control.jobs.approve("www").catch(() => undefined);
    expect(await trial.ended(id)).toMatchObject({ state: "done" });
  });

  it("SEC-11: a node does not fill the database with sites that are none", async () => {
    for (let index = 0; index < 20; index += 1)
      await report("b", {
        type: "failed",
        job: "x",
        code: "X",
        reason: "",
        state: { site: `made-up-${index}`, lastSerial: 0 },
      });
    const rows = await trial.control.db
      .selectFrom("node_site")
      .select("site")
      .where("site", "like", "made-up-%")
      .execute();
    expect(rows).toEqual([]);
  });

  it("SEC-46: NUL is refused, not an error of control's own", async () => {
    const token = await trial.token("admin");
    const asked: [string, string, unknown?][] = [
      ["GET", "/v1/jobs/%00"],
      ["GET", "/v1/jobs?site=%00"],
      ["GET", "/v1/sites/%00/versions"],
      ["PUT", "/v1/accounts/%00", { role: "viewer" }],
      ["DELETE", "/v1/nodes/%00"],
      ["PUT", "/v1/nodes/%00", {}],
      ["PUT", "/v1/nodes/a", { labels: { a: "b\0" } }],
      ["GET", "/v1/segments/%00"],
      ["POST", "/v1/segments/%00/report", {}],
      ["POST", "/v1/sites/%00/commit", {}],
      ["POST", "/v1/jobs", { kind: "publish", site: "a\0b" }],
      ["POST", "/v1/jobs", { kind: "checkpoint", site: "www", label: "a\0b" }],
    ];
    const statuses = [];
    for (const [method, path, body] of asked) statuses.push((await trial.api(method, path, token, body)).status);
    expect(statuses.filter((status) => status >= 500 || status === 200)).toEqual([]);
  });

  it("SEC-46: a number beyond 2^53 is refused, not rounded", async () => {
    const token = await trial.token("operator");
    for (const version of ["9007199254740993", "1e300"]) {
      expect(
        (await trial.api("POST", "/v1/jobs", token, `{"kind":"rollback","site":"www","version":${version}}`)).status,
        version,
      ).toBe(400);
    }
  });
});

it.each([undefined, "x", Number.NaN, 2 ** 60])(
  "SEC-23: a buffer of %s bytes is not read without end",
  async (sizeBytes) => {
    let made = 0;
    const chunk = new Uint8Array(1 << 20);
    const http = {
      serve: () => ({ [Symbol.dispose]() {} }),
      request: async () => ({
        status: 200,
        body: (function* () {
          while (made < 300 << 20) {
            made += chunk.length;
            yield chunk;
          }
        })(),
      }),
    };
    const { signingKey } = await createAuthority();
    const source = new AssignmentSource(
      simIo({ http }),
      { id: "control", host: "", port: 1 },
      readPublicKey(signingKey),
    );
    await expect(
      source.assignment({ id: "a", site: "s", serial: 1, sizeBytes: sizeBytes as number, transports: [] }, never),
    ).rejects.toThrow();
    expect(made).toBeLessThan(128 << 20);
  },
);

it("SEC-19: an old removal sent again does not take away what was prepared since", async () => {
  const trial = new SiteTrial(emptyDisk());
  await trial.publish(1, 1, 0);
  trial.remove(3);
  await trial.prepare(2, 4, 0);
  const permission = {
    directory: "/x",
    maxEntries: 10,
    maxBytes: 1e9,
    maxFileBytes: 1e9,
    extensions: [],
    names: "any",
    symlinks: "keep",
  } as const;
  const header = {
    ...commitHeader,
    type: "remove" as const,
    site: "shop",
    serial: 3,
    version: 0,
    result: emptyTree,
    audience: { group: "web", nodes: ["n1"] },
    expiresAt: 1e15,
  };
  expect(() =>
    checkAssignment({ id: hashA, header, commands: () => [] }, "n1", trial.releases.state, permission, 1),
  ).toThrow(expect.objectContaining({ code: "DIST_ERR_ASSIGNMENT_SERIAL" }));
});

it("SEC-45: a name in staging does not reach the terminal as it is", () => {
  const lines: string[] = [];
  const job = {
    id: "x",
    kind: "publish",
    site: "www",
    params: {},
    state: "done",
    phase: "ended",
    reason: "aborted by \x1b[2Jx",
    stats: { passedOver: ["pipe\x1b]0;x\x07\nforged"] },
    askedBy: "x",
    askedAt: 0,
    nodes: [],
  };
  const terminal = { write() {}, writeError() {}, isInteractive: false, columns: 80, rows: 24 };
  reportJob(job as never, { json: false, terminal, print: (line) => void lines.push(line) });
  expect(lines.join("")).not.toMatch(/\p{Cc}/u);
});
