import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readConfig } from "../../config/load.ts";
import type { Policy } from "../../config/policy.ts";
import { checkAssignment } from "../../core/agent/accept.ts";
import type { SitePermission } from "../../core/agent/accept.ts";
import type { Assignment, Header } from "../../core/assignment/assignment.ts";
import { decodeAssignment } from "../../core/assignment/decode.ts";
import { encodeAssignment } from "../../core/assignment/encode.ts";
import { createSelection, takeEverything } from "../../core/content/selection.ts";
import { planScan } from "../../core/control/jobs/plan.ts";
import { realDisk } from "../../core/runtime/disk.ts";
import type { Command } from "../../sdk/index.ts";
import { commitHeader, hashA } from "../core/assignment/sample.ts";
import { temporaryDirectory } from "../core/runtime/trusted-peers.ts";
import { FakeControl, fileCommand } from "../system/fake-control.ts";
import type { Changes } from "../system/fake-control.ts";
import { Trial } from "../core/control/trial.ts";

const failing = (code: string) => expect.objectContaining({ code }) as Error;
const directory = (path: string): Command => ({ kind: "directory", path, mode: 0o755 });
const empty: Header = { ...commitHeader, type: "update", audience: { group: "web", nodes: ["n1"] } };

describe("SEC-20: a site that is new to a node", () => {
  const permission: SitePermission = {
    ...{ directory: "/srv/www", maxEntries: 1, maxBytes: 1, maxFileBytes: 1, extensions: [] },
    ...{ names: "any", symlinks: "keep" },
  };
  const begins = (serial: number) => () => {
    const assignment: Assignment = { id: hashA, header: { ...empty, serial }, commands: () => [] };
    checkAssignment(assignment, "n1", { site: "shop", lastSerial: 0 }, permission, 0);
  };

  it("begins with whatever number control has counted to", () => {
    for (const serial of [1, 77, 2 ** 21, 2 ** 32]) expect(begins(serial), String(serial)).not.toThrow();
  });

  it("does not begin with one that leaves no numbers for later", () => {
    for (const serial of [2 ** 32 + 1, 2 ** 40, 2 ** 53 - 1])
      expect(begins(serial), String(serial)).toThrow(failing("DIST_ERR_ASSIGNMENT_SERIAL"));
  });
});

describe("SEC-32: an update in sections", () => {
  let root: string;
  let control: FakeControl;
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "distributary-limits-"));
    const policy = join(root, "local.yaml");
    writeFileSync(policy, "roots: { www: ./www }\nmaxEntries: 10\nmaxBytes: 1 MiB\nmaxFileBytes: 1 MiB\n");
    control = await FakeControl.start(policy);
  });
  afterAll(async () => {
    await control[Symbol.asyncDispose]();
    rmSync(root, { recursive: true });
  });

  /** Sections that belong together, each of which the node would take alone. */
  function inSections(...contents: readonly Changes[]) {
    let after: string | undefined;
    return contents.map(({ header, ...changes }, index) => {
      const section = [index + 1, contents.length] as const;
      const chain = { section, result: "ab".repeat(32), ...(after === undefined ? {} : { after }) };
      const notice = control.notice("update", 1, { ...changes, header: { ...chain, ...header } });
      after = notice.id;
      return notice;
    });
  }
  const refused = { type: "failed", code: "DIST_ERR_POLICY_REFUSED" };

  it("brings no more data than the node lets the site have, though it says it needs less", async () => {
    const data = Buffer.alloc(600 << 10, 1);
    const half = (path: string): Changes => ({ commands: [fileCommand(path, data)], data, header: { diskBytes: 0 } });
    const answer = await control.prepare(...inSections(half("a"), half("b")));
    expect(answer).toMatchObject({ ...refused, reason: expect.stringContaining("its data has 1228800") as string });
  });

  it("has no more bytes of files, from however little data they come", async () => {
    const big = (path: string): Changes => ({
      commands: [{ ...fileCommand(path, Buffer.of()), sizeBytes: 600 << 10 } as Command],
      data: Buffer.of(1),
    });
    expect(await control.prepare(...inSections(big("a"), big("b")))).toMatchObject(refused);
  });

  it("has no more commands, nor commands that take back what others made", async () => {
    const some = (name: string): Changes => {
      const paths = Array.from({ length: 10 }, (_, index) => `${name}${index}`);
      return { commands: paths.map(directory) };
    };
    expect(await control.prepare(...inSections(some("a"), some("b"), some("c")))).toMatchObject(refused);
  });
});

describe("SEC-32: an update", () => {
  it("of 10,000,000 commands in 20 KB is refused in little memory", { timeout: 180_000 }, () => {
    const program = join(import.meta.dirname, "take-many-commands.ts");
    const run = spawnSync(process.execPath, ["--max-old-space-size=512", program, "10000000"], { encoding: "utf8" });
    expect(run.status, run.stderr).toBe(0);
    const { sizeBytes, ...refusal } = JSON.parse(run.stdout) as { sizeBytes: number };
    expect(sizeBytes).toBeLessThan(20_000);
    expect(refusal).toMatchObject({
      code: "DIST_ERR_POLICY_REFUSED",
      message: expect.stringContaining("more than 2000000 commands") as string,
    });
  });

  it("of 1,000,000 files in one directory is refused as soon as there are more than the node lets the site have", () => {
    let made = 0;
    const commands = function* (): Generator<Command> {
      for (; made < 1_000_000; made += 1) yield fileCommand(`d/${made}`, Buffer.of());
    };
    const assignment: Assignment = { id: hashA, header: empty, commands };
    const permission: SitePermission = {
      ...{ directory: "/srv/www", maxEntries: 1_000, maxBytes: 1, maxFileBytes: 1, extensions: [] },
      ...{ names: "any", symlinks: "keep" },
    };
    const check = () => checkAssignment(assignment, "n1", { site: "shop", lastSerial: 0 }, permission, 0);
    expect(check).toThrow(failing("DIST_ERR_POLICY_REFUSED"));
    expect(made).toBe(1_000);
  });
});

describe("SEC-32: a tree", () => {
  it("100,000 directories deep is refused as soon as it is read", () => {
    const deep = Array.from({ length: 300 }, (_, index) =>
      directory(
        Array(index + 1)
          .fill("d")
          .join("/"),
      ),
    );
    expect(() => decodeAssignment(encodeAssignment(empty, deep))).toThrow(failing("DIST_ERR_PATH_INVALID"));
    const deepest = directory(`${"d/".repeat(99_999)}d`);
    expect(() => decodeAssignment(encodeAssignment(empty, [deepest]))).toThrow(failing("DIST_ERR_PATH_INVALID"));
  });

  it("deeper than any path in staging is refused, not gone through", () => {
    const root = temporaryDirectory();
    const staging = join(root, "staging");
    const back = process.cwd();
    mkdirSync(staging);
    try {
      process.chdir(staging);
      for (let depth = 0; depth < 3_000; depth += 1) {
        mkdirSync("dd");
        process.chdir("dd");
      }
    } finally {
      process.chdir(back);
    }
    const config = { ...takeEverything, staging, group: "web", policy: "default" };
    const policy = readConfig("policies: { p: {} }", "x.yaml").config.policies["p"] as Policy;
    const request = { job: "j", site: "www", config, policy, liveVersion: undefined, allowEmpty: true, version: 1 };
    expect(() => planScan({ disk: realDisk, directory: root }, request, () => {})).toThrow(
      failing("DIST_ERR_PATH_INVALID"),
    );
  });
});

describe("SEC-32: a pattern of which a name makes something endless", () => {
  const bad = ["(a+)+b", "(a|a)+b", "+(a|aa)b", "{a,a}".repeat(200), "!(a*a*a*b)"];

  it.each(bad)("like %j is refused where it stands", (pattern) => {
    const site = `sites:\n  www:\n    staging: ./www\n    group: web\n    exclude:\n      - fine/**\n      - '${pattern}'\n`;
    const text = `groups: { web: { nodes: [a] } }\n${site}`;
    expect(() => readConfig(text, "web.yaml")).toThrow(
      expect.objectContaining({
        code: "DIST_ERR_CONFIG_INVALID",
        message: expect.stringMatching(/web\.yaml:8 sites\.www\.exclude\[1\].* must be a pattern/s) as string,
      }),
    );
  });

  it("is refused by the API as well", async () => {
    await using trial = await Trial.start("embedded");
    const token = await trial.token("admin");
    for (const pattern of bad) {
      const sites = { www: { staging: "/x", group: "web", include: [pattern] } };
      expect((await trial.api("PUT", "/v1/declaration", token, { sites })).status, pattern).toBe(400);
    }
  });

  it("cannot be made of stars: what they match is found in one go", () => {
    const long = "a".repeat(255);
    const path = `${`${long}/`.repeat(15)}${"a".repeat(250)}c`;
    const patterns = ["*a".repeat(500) + "b", "**/*a*a*/**/b", `${"**/*a*/".repeat(140)}b`, "?*".repeat(500) + "b"];
    const { takes } = createSelection({ ...takeEverything, exclude: patterns });
    const begun = process.cpuUsage();
    for (const name of [long, path]) expect(takes(name)).toBe(true);
    // A regular expression made of them needs centuries.
    expect(process.cpuUsage(begun).user).toBeLessThan(2_000_000);
  });
});
