import { describe, expect, it } from "vitest";
import { createFile, makeDirectories, readFile, replaceFile } from "../../../core/content/durable-file.ts";
import { SimDisk, SimRandom } from "distributary/testkit";

const path = "/var/keys/key.pem";
const [old, fresh] = [Buffer.from("old ".repeat(50)), Buffer.from("fresh ".repeat(50))];

function readText(disk: SimDisk): string | undefined {
  const bytes = readFile(disk, path, 10_000);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

function diskWith(bytes?: Uint8Array): SimDisk {
  const disk = new SimDisk();
  makeDirectories(disk, "/var/keys");
  if (bytes !== undefined) replaceFile(disk, path, bytes);
  return disk;
}

type Texts = Set<string | undefined>;

/** What can be there when power is lost before each operation of `work`, and what is there after the last. */
function outcomes(before: Uint8Array | undefined, work: (disk: SimDisk) => void): [during: Texts, after: Texts] {
  const [during, after]: [Texts, Texts] = [new Set(), new Set()];
  const isDone = (count: number): boolean => {
    const disk = diskWith(before);
    disk.failAt(count, "kill");
    let hasEnded = true;
    try {
      work(disk);
    } catch {
      hasEnded = false;
    }
    for (let seed = 0; seed < 20; seed += 1) {
      for (const profile of ["strict", "ext4"] as const) {
        (hasEnded ? after : during).add(readText(disk.afterPowerLoss(profile, new SimRandom(seed))));
      }
    }
    return hasEnded;
  };
  for (let count = 1; !isDone(count); count += 1);
  return [during, after];
}

describe("a durable file", () => {
  it("holds the old or the new bytes when power is lost while it is replaced, and the new ones after", () => {
    const [during, after] = outcomes(old, (disk) => replaceFile(disk, path, fresh));
    expect(during).toEqual(new Set([old.toString(), fresh.toString()]));
    expect(after).toEqual(new Set([fresh.toString()]));
  });

  it("is there whole or not at all when power is lost while it is made, and there after", () => {
    const [during, after] = outcomes(undefined, (disk) => createFile(disk, path, fresh));
    expect(during).toEqual(new Set([undefined, fresh.toString()]));
    expect(after).toEqual(new Set([fresh.toString()]));
  });

  it("that is there is not made again, and nothing stays beside it", () => {
    const disk = diskWith(old);
    expect(() => createFile(disk, path, fresh)).toThrow("EEXIST");
    expect([readText(disk), disk.list("/var/keys")]).toEqual([old.toString(), ["key.pem"]]);
  });

  it("keeps what it held when the disk is full, and can be replaced later", () => {
    const disk = diskWith(old);
    disk.failAt(2, "ENOSPC");
    expect(() => replaceFile(disk, path, fresh)).toThrow("ENOSPC");
    expect(readText(disk)).toBe(old.toString());
    replaceFile(disk, path, fresh);
    expect(readText(disk)).toBe(fresh.toString());
  });

  it("and its directory are for their owner only", () => {
    const disk = diskWith(old);
    expect([disk.stat("/var/keys")?.mode, disk.stat(path)?.mode]).toEqual([0o700, 0o600]);
  });

  it("is not read if it is larger than expected", () => {
    expect(() => readFile(diskWith(old), path, 10)).toThrow("larger than 10 bytes");
    expect(readFile(diskWith(), path, 10)).toBeUndefined();
  });
});
