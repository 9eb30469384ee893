import { describe, expect, it } from "vitest";
import { Spool } from "../../../../core/agent/delivery/spool.ts";
import type { Assignment } from "../../../../core/assignment/assignment.ts";
import { PieceFile } from "../../../../core/assignment/piece-file.ts";
import { hashOf } from "../../../../core/content/hash.ts";
import { writeFile } from "../../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../../sdk/testkit/sim/disk.ts";
import { SimRandom } from "../../../../sdk/testkit/sim/random.ts";
import { commitHeader } from "../../assignment/sample.ts";

const data = new SimRandom(1).bytes(2_500);
const pieces = [0, 1, 2].map((index) => data.subarray(index * 1_024, (index + 1) * 1_024));
const table = {
  sizeBytes: data.length,
  pieceBytes: 1_024,
  pieceHashes: Buffer.concat(pieces.map((piece) => hashOf(piece))),
};
const member = "n1";
const audience = { group: "web", nodes: [member] };
const assignment: Assignment = { id: "abc", header: { ...commitHeader, audience, data: table }, commands: () => [] };
const piece = (index: number) => pieces[index] ?? new Uint8Array();
const refusal = expect.objectContaining({ code: "DIST_ERR_TRANSFER_PIECE" });

const spoolOn = (disk: SimDisk) => new Spool(disk, "/agent/spool");

describe("the spool", () => {
  it("takes pieces in any order, once each, and gives them as one content", () => {
    const store = spoolOn(new SimDisk()).open(assignment);
    for (const index of [2, 0, 0, 1]) store.write(index, piece(index));
    expect([0, 1, 2, 3].map((index) => store.has(index))).toEqual([true, true, true, false]);
    expect(store.arrivedBytes).toBe(data.length);
    using content = store.content();
    expect(Buffer.from(content.read(0, data.length)).equals(data)).toBe(true);
  });

  it("takes no piece that is not what was signed", () => {
    const store = spoolOn(new SimDisk()).open(assignment);
    const wrong = Uint8Array.from(piece(0));
    wrong[5] = (wrong[5] ?? 0) ^ 1;
    for (const [index, bytes] of [
      [0, wrong],
      [0, piece(1)],
      [0, piece(0).subarray(1)],
      [2, piece(0)],
      [3, piece(0)],
      [-1, piece(0)],
    ] as const) {
      expect(() => store.write(index, bytes)).toThrowError(refusal);
    }
    expect(store.arrivedBytes).toBe(0);
  });

  it("goes on where it was after a restart, and fetches again what a crash damaged", () => {
    const disk = new SimDisk();
    const first = spoolOn(disk).open(assignment);
    for (const index of [0, 1]) first.write(index, piece(index));
    const same = spoolOn(disk.afterKill()).open(assignment);
    expect([same.has(0), same.has(1), same.arrivedBytes]).toEqual([true, true, 2_048]);
    for (let seed = 0; seed < 40; seed += 1) {
      const after = disk.afterPowerLoss(seed % 2 === 0 ? "strict" : "ext4", new SimRandom(seed));
      const store = spoolOn(after).open(assignment);
      for (const index of [0, 1, 2]) {
        if (store.has(index)) expect(Buffer.from(store.read(index)).equals(piece(index))).toBe(true);
        else store.write(index, piece(index));
      }
      expect(store.arrivedBytes).toBe(data.length);
    }
  });

  it("notices a piece that was damaged after it arrived when it is read", () => {
    const disk = new SimDisk();
    const store = spoolOn(disk).open(assignment);
    store.write(0, piece(0));
    disk.unlink("/agent/spool/abc/0");
    expect(() => store.read(0)).toThrowError(refusal);
    writeFile(disk, "/agent/spool/abc/0", new Uint8Array(1_024));
    expect(() => store.read(0)).toThrowError(refusal);
  });

  it("throws away what is no piece", () => {
    const disk = new SimDisk();
    spoolOn(disk).open(assignment);
    for (const name of ["7", "x", "00", "-1"]) writeFile(disk, `/agent/spool/abc/${name}`, "?");
    spoolOn(disk).open(assignment);
    expect(disk.list("/agent/spool/abc")).toEqual([]);
  });

  it("finds what is open, and forgets what is not needed any more", () => {
    const disk = new SimDisk();
    const spool = spoolOn(disk);
    const store = spool.open(assignment);
    expect([spool.open(assignment), spool.find("abc", member), spool.find("other", member)]).toEqual([
      store,
      store,
      undefined,
    ]);
    store.write(0, piece(0));
    for (let times = 0; times < 2; times += 1) spool.remove("abc");
    expect(spool.find("abc", member)).toBeUndefined();
    expect(disk.list("/agent/spool")).toEqual([]);
  });

  it("sweeps away what nobody went on with, and spares what is open or young", () => {
    const disk = new SimDisk();
    spoolOn(disk).sweep(Infinity);
    for (const id of ["old", "young", "open"]) spoolOn(disk).open({ ...assignment, id });
    const spool = spoolOn(disk);
    spool.open({ ...assignment, id: "open" });
    for (const id of ["old", "open"]) disk.setMtime(`/agent/spool/${id}`, 1_000);
    spool.sweep(2_000);
    expect(disk.list("/agent/spool")).toEqual(["open", "young"]);
  });

  it("keeps what others are served from, until the last of them is, and then only if somebody still wants it", () => {
    const disk = new SimDisk();
    const spool = spoolOn(disk);
    const store = spool.open(assignment);
    store.write(0, piece(0));
    const [first, second] = [spool.keep("abc"), spool.keep("abc")];
    spool.remove("abc");
    for (let times = 0; times < 2; times += 1) first[Symbol.dispose]();
    expect([spool.find("abc", member), spool.open(assignment), store.has(0)]).toEqual([store, store, true]);
    second[Symbol.dispose]();
    expect(disk.list("/agent/spool")).toEqual(["abc"]);
    const third = spool.keep("abc");
    spool.remove("abc");
    expect(disk.list("/agent/spool")).toEqual(["abc"]);
    third[Symbol.dispose]();
    expect([spool.find("abc", member), disk.list("/agent/spool")]).toEqual([undefined, []]);
  });

  it("shows nothing to a peer that control did not mean it for", () => {
    const spool = spoolOn(new SimDisk());
    const store = spool.open(assignment);
    expect([spool.find("abc", member), spool.find("abc", "n2")]).toEqual([store, undefined]);
  });

  it("needs no piece of an assignment without data", () => {
    const store = spoolOn(new SimDisk()).open({ ...assignment, header: commitHeader });
    using content = store.content();
    expect([store.pieceCount, content.sizeBytes]).toEqual([0, 0]);
  });
});

describe("a data file that is served", () => {
  it("gives its pieces, and none that was damaged on disk", () => {
    const disk = new SimDisk();
    writeFile(disk, "/data", data);
    const file = new PieceFile(disk, "/data", "abc", table);
    expect([file.has(-1), file.has(2), file.has(3)]).toEqual([false, true, false]);
    for (const index of [0, 1, 2]) expect(Buffer.from(file.read(index)).equals(piece(index))).toBe(true);
    disk.unlink("/data");
    writeFile(disk, "/data", new Uint8Array(2_500));
    expect(() => file.read(1)).toThrowError(refusal);
  });
});
