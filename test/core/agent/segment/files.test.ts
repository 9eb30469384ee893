import { beforeEach, describe, expect, it } from "vitest";
import { SegmentFiles } from "../../../../core/agent/segment/files.ts";
import { readFile, replaceFile } from "../../../../core/content/durable-file.ts";
import { recordingHost } from "../../../../sdk/testkit/recording-host.ts";
import { SimDisk } from "../../../../sdk/testkit/sim/disk.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";

const directory = "/agent/segment";
const memory = { epoch: 7, channel: { number: 2, group: "239.192.0.1", port: 7_402 } };

let disk: SimDisk;
let errors: string[];
beforeEach(() => {
  disk = new SimDisk();
  errors = [];
});

/** As the agent opens them at every start. */
function open(): SegmentFiles {
  const { log } = recordingHost({ name: "test", api: 1, setup: () => undefined });
  return new SegmentFiles(disk, directory, { ...log, error: (_, text) => void errors.push(text) });
}

function damage(name: string, text = "{"): void {
  replaceFile(disk, `${directory}/${name}`, Buffer.from(text));
}

describe("what a member of a segment keeps", () => {
  it("is its own key, made once, which nobody else can read", () => {
    const key = open().key().export({ type: "pkcs8", format: "pem" });
    expect(open().key().export({ type: "pkcs8", format: "pem" })).toBe(key);
    expect((disk.stat(`${directory}/key.pem`)?.mode ?? 0) & 0o077).toBe(0);
  });

  it("is a number of its starts that only rises, whatever its clock does", () => {
    const numbers = [5_000, 4_000, 0, 9_000, 9_000].map((wallTime) => open().nextBoot(wallTime));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers[3]).toBeGreaterThanOrEqual(9_000);
  });

  it("is what it has acted on, of this segment only, durable at once", () => {
    open().storeMemory("hall-1", memory);
    disk = disk.afterPowerLoss("strict", new SimRandom(1));
    expect(open().memory("hall-1")).toEqual(memory);
    expect(open().memory("hall-2")).toBeUndefined();
  });

  it.each([
    ["memory.json", (files: SegmentFiles) => files.memory("hall-1")],
    ["marks.json", (files: SegmentFiles) => files.marks("hall-1")],
    ["grant.json", (files: SegmentFiles) => files.grant()],
  ])("is left out if it is damaged, and that is said: %s", (name, read) => {
    const files = open();
    damage(name);
    expect(read(files)).toBeUndefined();
    expect(errors).toEqual(["a file of the segment is damaged and left out"]);
  });

  it("is no grant that control cannot have given", () => {
    const files = open();
    damage("grant.json", JSON.stringify({ segment: "hall-1", keys: [] }));
    expect(files.grant()).toBeUndefined();
    expect(errors).toHaveLength(1);
    expect(readFile(disk, `${directory}/grant.json`)).toBeDefined();
  });
});
