import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { realDisk } from "../../../core/runtime/disk.ts";
import { testDisk } from "../../../sdk/testkit/disk.ts";

const directory = mkdtempSync(`${tmpdir()}/distributary-disk-`);
chmodSync(directory, 0o777);
afterAll(() => rmSync(directory, { recursive: true }));

const isRoot = process.geteuid?.() === 0;
const nobody = 65_534;

testDisk("the disk of this host", () => ({
  disk: realDisk,
  root: mkdtempSync(`${directory}/case-`),
  privileged: isRoot,
}));

if (isRoot) {
  describe("without root's rights", () => {
    afterEach(() => process.seteuid?.(0));

    testDisk("the disk of this host", () => {
      process.seteuid?.(nobody);
      return { disk: realDisk, root: mkdtempSync(`${directory}/case-`), privileged: false };
    });
  });
}

describe("the disk of this host", () => {
  it("does not wait for the other end of a FIFO", () => {
    const fifo = `${directory}/fifo`;
    execFileSync("mkfifo", [fifo]);
    expect(realDisk.stat(fifo)?.type).toBe("other");
    realDisk.open(fifo, "read").close();
    expect(() => realDisk.open(fifo, "append")).toThrow("ENXIO");
  });
});

describe("a directory that is held", () => {
  it("stays the same one when it is renamed and another takes its place", () => {
    const root = mkdtempSync(`${directory}/held-`);
    realDisk.makeDirectory(`${root}/d`);
    using held = realDisk.hold(`${root}/d`);
    realDisk.rename(`${root}/d`, `${root}/aside`);
    realDisk.symlink("/etc", `${root}/d`);
    realDisk.makeDirectory(`${held.path}/below`);
    expect(realDisk.list(`${root}/aside`)).toEqual(["below"]);
  });

  it("is no descriptor left over", () => {
    const open = () => realDisk.list("/proc/self/fd").length;
    const before = open();
    for (let count = 0; count < 100; count += 1) realDisk.hold(directory)[Symbol.dispose]();
    expect(open()).toBe(before);
  });
});
