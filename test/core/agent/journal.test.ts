import { describe, expect, it } from "vitest";
import { Journal } from "../../../core/agent/journal.ts";
import type { JournalRecord } from "../../../core/agent/journal.ts";
import { followJournal, siteState } from "../../../core/agent/site-state.ts";
import { readFile, writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";

const path = "/site/journal";
const release = (serial: number) => ({ serial, version: serial, tree: String(serial).padStart(64, "0") });
const records: readonly JournalRecord[] = [
  { type: "prepared", release: release(1), id: "é\n" },
  { type: "switching", serial: 2, to: release(1) },
  { type: "switched", serial: 2 },
  { type: "served", serial: 2 },
];

function journal(): { readonly disk: SimDisk; readonly journal: Journal } {
  const disk = new SimDisk();
  disk.makeDirectory("/site");
  disk.sync("/");
  return { disk, journal: new Journal(disk, path) };
}

function written() {
  const made = journal();
  for (const record of records) made.journal.append(record);
  return made;
}

/** The same journal with other bytes. */
function withBytes(bytes: Uint8Array) {
  const made = journal();
  writeFile(made.disk, path, bytes);
  return made;
}

describe("a journal", () => {
  it("is empty at first, and then gives back what was appended", () => {
    expect(journal().journal.read()).toEqual([]);
    expect(written().journal.read()).toEqual(records);
  });

  it("loses nothing that was appended, whatever happens to the power", () => {
    const { disk, journal: appended } = written();
    for (let seed = 0; seed < 30; seed += 1) {
      const after = disk.afterPowerLoss(seed % 3 === 1 ? "ext4" : "strict", new SimRandom(seed));
      expect(new Journal(after, path).read()).toEqual(records);
    }
    appended.rewrite(records.slice(0, 2));
    const after = disk.afterPowerLoss("strict", new SimRandom(1));
    expect(new Journal(after, path).read()).toEqual(records.slice(0, 2));
  });

  it("ends where its last line is torn, wherever that is, and goes on when it was written anew", () => {
    const bytes = readFile(written().disk, path);
    for (let length = 0; length < bytes.length; length += 1) {
      const { journal: torn } = withBytes(bytes.subarray(0, length));
      const read = torn.read();
      expect(read).toEqual(records.slice(0, read.length));
      torn.rewrite(read);
      torn.append({ type: "served", serial: 9 });
      expect(torn.read()).toEqual([...read, { type: "served", serial: 9 }]);
    }
  });

  it("believes no line that was changed: an end that is torn is left out, anything before is refused", () => {
    const bytes = readFile(written().disk, path);
    const lastLine = Buffer.from(bytes).lastIndexOf("\n", bytes.length - 2);
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const wrong = Uint8Array.from(bytes);
      wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { journal } = withBytes(wrong);
      if (bit >> 3 < lastLine) expect(() => journal.read()).toThrow("was changed at line");
      else expect(records.slice(0, -1)).toEqual(expect.arrayContaining([...journal.read()]));
    }
  });

  it("stays small while it is written anew, also over what an earlier attempt left", () => {
    const { disk, journal: made } = written();
    writeFile(disk, `${path}.next`, "left");
    made.rewrite(records);
    expect(made.read()).toEqual(records);
    expect(disk.list("/site")).toEqual(["journal"]);
  });
});

describe("what a journal amounts to", () => {
  it("is nothing for an empty one", () => {
    expect(followJournal([])).toEqual({ releases: new Map(), wasLive: new Set(), lastSerial: 0 });
  });

  it.for<readonly [string, readonly JournalRecord[], object]>([
    ["a release is prepared", records.slice(0, 1), { prepared: release(1), lastSerial: 1 }],
    ["a switch was begun", records.slice(0, 2), { prepared: release(1), lastSerial: 2 }],
    ["it was switched", records.slice(0, 3), { live: release(1), lastSerial: 2 }],
    [
      "another one was made live",
      [
        ...records,
        { type: "prepared", release: release(3), id: "" },
        { type: "switching", serial: 4, to: release(3), backup: release(1) },
        { type: "switched", serial: 4 },
      ],
      { live: release(3), backup: release(1), lastSerial: 4 },
    ],
    [
      "it was taken away",
      [...records, { type: "switching", serial: 5 }, { type: "switched", serial: 5 }],
      { lastSerial: 5 },
    ],
    [
      "an older one is made live again",
      [
        ...records,
        { type: "prepared", release: release(3), id: "" },
        { type: "switching", serial: 4, to: release(1), backup: release(3) },
        { type: "switched", serial: 4 },
      ],
      { live: release(1), backup: release(3), lastSerial: 4 },
    ],
  ])("when %s", ([title, given, expected]) => {
    const state = siteState("shop", followJournal(given));
    const taken = title === "it was taken away" ? { ...state, prepared: undefined } : state;
    expect(JSON.parse(JSON.stringify(taken))).toEqual({ site: "shop", ...expected });
  });

  it("knows whether those who serve the site must still be told", () => {
    expect(followJournal(records.slice(0, 3)).unserved).toBe(2);
    expect(followJournal(records).unserved).toBeUndefined();
  });
});
