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
