import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Deployment } from "./deployment.ts";
import { mixedTree, noise, readTree, writeTree } from "./tree.ts";

function mountSmall(path: string, megabytes: number): void {
  mkdirSync(path, { recursive: true });
  const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`this test mounts a small file system and must be run as root: ${stderr}`);
}

function unmount(path: string): void {
  spawnSync("umount", ["--lazy", path]);
}

const policy = { belowQuorum: "cancel", compress: [] };
const declared = { groups: { web: { nodes: ["a"] } }, sites: { www: { group: "web", policy } } };
const large = { "film.mp4": noise(24 << 20, "too large") };

/** What is too large is refused with `reason`, loses nothing, and what fits is taken afterwards. */
async function refusesWhatIsTooLarge(deployment: Deployment, reason: string): Promise<void> {
  const before = readTree(deployment.live("a", "www"));
  writeTree(deployment.staging("www"), large);
  const result = await deployment.run("publish", "www");
  expect({ code: result.code, text: result.output + result.errors }).toEqual({
    code: 1,
    text: expect.stringContaining(reason) as string,
  });
  expect(readTree(deployment.live("a", "www"))).toEqual(before);
  rmSync(join(deployment.staging("www"), "film.mp4"));
  writeTree(deployment.staging("www"), { "index.html": `after ${reason}\n` });
  const again = await deployment.run("publish", "www");
  expect({ code: again.code, text: again.output + again.errors }).toMatchObject({ code: 0 });
  expect(readTree(deployment.live("a", "www"))).toEqual(readTree(deployment.staging("www")));
}

describe.each([
  ["sites are", "nodes/a", "bytes free"],
  ["spool is", "agents/a", "ENOSPC"],
])("a node on which the disk where its %s is too small", (_, where, reason) => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await Deployment.create(declared);
    mountSmall(join(deployment.directory, where), 16);
    await deployment.startAll("a");
    mixedTree(deployment.staging("www"), "small");
    expect((await deployment.run("publish", "www")).code).toBe(0);
  });
  afterAll(async () => {
    await deployment.stop();
    unmount(join(deployment.directory, where));
    await deployment[Symbol.asyncDispose]();
  });

  it("keeps what is live, says why, and takes what fits", () => refusesWhatIsTooLarge(deployment, reason));
});

describe("a control whose disk is too small", () => {
  let deployment: Deployment;
  const objects = () => join(deployment.data, "objects");
  beforeAll(async () => {
    deployment = await Deployment.create(declared);
    mountSmall(objects(), 16);
    await deployment.startAll("a");
    mixedTree(deployment.staging("www"), "small");
    expect((await deployment.run("publish", "www")).code).toBe(0);
  });
  afterAll(async () => {
    await deployment.stop();
    unmount(objects());
    await deployment[Symbol.asyncDispose]();
  });

  it("keeps what it has, says why, and publishes what fits", () => refusesWhatIsTooLarge(deployment, "ENOSPC"));
});
