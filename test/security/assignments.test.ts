import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "cborg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordingHost, StrictContent } from "distributary/testkit";
import { checkAssignment, checkChain } from "../../core/agent/accept.ts";
import type { SitePermission } from "../../core/agent/accept.ts";
import type { Assignment, Header } from "../../core/assignment/assignment.ts";
import { resultOf } from "../../core/assignment/commands.ts";
import { decodeAssignment } from "../../core/assignment/decode.ts";
import { encodeAssignment } from "../../core/assignment/encode.ts";
import { emptyTree, treeHash } from "../../core/content/manifest.ts";
import type { SiteState } from "../../core/protocol/messages.ts";
import rsync from "../../plugins/rsync/index.ts";
import type { Command, Entry } from "../../sdk/index.ts";
import { commitHeader, everyCommand, fullHeader, hashA, hashB } from "../core/assignment/sample.ts";
import { assemble } from "../fuzz/assignment-mutations.ts";
import { FakeControl, fileCommand } from "../system/fake-control.ts";
import { readTree } from "../system/tree.ts";

const day = 24 * 60 * 60 * 1000;
const now = 1_800_000_000_000;
const permission: SitePermission = {
  ...{ directory: "/srv/www", maxEntries: 100, maxBytes: 1_000, maxFileBytes: 100, extensions: ["x-allowed"] },
  ...{ names: "portable", symlinks: "refuse" },
};
const live = { serial: 40, version: 5, tree: hashA };
const state: SiteState = { site: "www", lastSerial: 50, live, backup: { serial: 30, version: 4, tree: hashB } };

function made(header: Partial<Header>, commands: readonly Command[] = []): Assignment {
  const good: Partial<Header> = {
    site: "www",
    serial: 51,
    version: 6,
    expiresAt: now + day,
    audience: { group: "web", nodes: ["n1"] },
  };
  return { id: hashB, header: { ...commitHeader, ...good, ...header }, commands: () => commands };
}

const check =
  (assignment: Assignment, at = now, node = "n1", seen = state) =>
  () =>
    checkAssignment(assignment, node, seen, permission, at);
const failing = (code: string) => expect.objectContaining({ code }) as Error;
const types = ["update", "commit", "rollback", "remove"] as const;

it.each(types)("SEC-18: a good %s of one group is refused by a node of another", (type) => {
  expect(check(made({ type }))).not.toThrow();
  expect(check(made({ type }), now, "n2")).toThrow(failing("DIST_ERR_ASSIGNMENT_AUDIENCE"));
  for (const nodes of [[], ["n"], ["n11"], ["N1"], ["web"]]) {
    expect(check(made({ type, audience: { group: "web", nodes } }))).toThrow(failing("DIST_ERR_ASSIGNMENT_AUDIENCE"));
  }
});

describe("SEC-19: an assignment that was good once", () => {
  it.each(types)("is refused whatever its serial was, as %s", (type) => {
    for (let serial = 1; serial <= 50; serial += 1) {
      expect(check(made({ type, serial })), String(serial)).toThrow(failing("DIST_ERR_ASSIGNMENT_SERIAL"));
      const older = made({ type, serial, version: 4, result: hashB });
      expect(check(older), `version 4, ${serial}`).toThrow(failing("DIST_ERR_ASSIGNMENT_SERIAL"));
    }
  });

  it("and is live is done nothing for, and does not count as a newer one", () => {
    expect(check(made({ serial: 41, version: 5, result: hashA }))).not.toThrow();
    expect(check(made({ serial: 41, version: 5, result: hashB }))).toThrow(failing("DIST_ERR_ASSIGNMENT_SERIAL"));
    expect(check(made({ serial: 41, version: 4, result: hashA }))).toThrow(failing("DIST_ERR_ASSIGNMENT_SERIAL"));
  });
});

it("SEC-20: a serial that nobody can have counted to is refused", () => {
  for (const serial of [2 ** 53 - 1, 2 ** 40, 50 + 2 ** 20 + 1]) {
    expect(check(made({ serial }))).toThrow(failing("DIST_ERR_ASSIGNMENT_SERIAL"));
  }
  expect(check(made({ serial: 50 + 2 ** 20 }))).not.toThrow();
  for (const serial of [0, -1, 2 ** 53, 2 ** 63, 1.5]) {
    expect(() => decodeAssignment(encodeAssignment({ ...commitHeader, serial }, []))).toThrow(
      failing("DIST_ERR_ASSIGNMENT_FORMAT"),
    );
  }
});

it("SEC-22: sections of two versions do not fit together, in whatever order and number", () => {
  // Of the last two, one was issued again: the same base, version and result.
  const sections = (["5", "6", "7"] as const).flatMap((name) => {
    const version = Math.min(Number(name), 6);
    const shared: Partial<Header> = { type: "update", version, base: hashA, result: String(version).repeat(64) };
    const first = { ...made({ ...shared, section: [1, 2] }), id: `${name}1` };
    return [first, { ...made({ ...shared, section: [2, 2], after: first.id }), id: `${name}2` }];
  });
  const good = ["51 52", "61 62", "71 72"];
  for (const a of sections) {
    const one = () => checkChain([a]);
    expect(one, a.id).toThrow(failing("DIST_ERR_ASSIGNMENT_FORMAT"));
    for (const b of sections) {
      const chain = () => checkChain([a, b]);
      if (good.includes(`${a.id} ${b.id}`)) expect(chain).not.toThrow();
      else expect(chain, `${a.id} ${b.id}`).toThrow(failing("DIST_ERR_ASSIGNMENT_FORMAT"));
      for (const c of sections) expect(() => checkChain([a, b, c])).toThrow(failing("DIST_ERR_ASSIGNMENT_FORMAT"));
    }
  }
});

describe("SEC-33: a command buffer that lies", () => {
  const buffer = Buffer.from(encodeAssignment(fullHeader, everyCommand));
  const refused = expect.objectContaining({
    code: expect.stringMatching(/^DIST_ERR_(ASSIGNMENT_(FORMAT|HASH)|PATH_INVALID)$/) as string,
  }) as Error;
  const header = (changes: object) => () =>
    decodeAssignment(encodeAssignment({ ...fullHeader, ...changes } as Header, everyCommand));

  it.each([5, 9, 13])("about the length at byte %i", (at) => {
    for (const length of [
      0,
      1,
      buffer.readUInt32BE(at) - 1,
      buffer.readUInt32BE(at) + 1,
      2 ** 31 - 1,
      2 ** 31,
      2 ** 32 - 1,
    ]) {
      const lying = Buffer.from(buffer);
      lying.writeUInt32BE(length, at);
      expect(() => decodeAssignment(lying), String(length)).toThrow(refused);
    }
  });

  it("about where its parts lie: gaps, overlaps, sums beyond 2^53", () => {
    const [first, second] = fullHeader.parts as [Header["parts"][0], Header["parts"][0]];
    const { data } = fullHeader;
    for (const offset of [0, 1_299, 1_301, 2 ** 53 - 1, 2 ** 53, -1])
      expect(header({ parts: [first, { ...second, offset }] }), String(offset)).toThrow(refused);
    for (const sizeBytes of [0, 1_499, 2 ** 53 - 1]) expect(header({ data: { ...data, sizeBytes } })).toThrow(refused);
    for (const pieceBytes of [0, 1, 2 ** 32, 2 ** 53 - 1])
      expect(header({ data: { ...data, pieceBytes } })).toThrow(refused);
    for (const deltaBytes of [0, 2 ** 40, 2 ** 53 - 1])
      expect(header({ parts: [{ ...first, deltaBytes }, second] })).toThrow(refused);
    const huge = {
      ...first,
      blocks: [
        [2 ** 52, true],
        [2 ** 52, true],
      ],
    };
    expect(header({ parts: [huge, second] })).toThrow(refused);
  });

  it("about its commands, whose hash stands behind them", () => {
    for (const at of [buffer.length - 1, buffer.length - 32]) {
      const changed = Buffer.from(buffer);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => decodeAssignment(changed)).toThrow(failing("DIST_ERR_ASSIGNMENT_HASH"));
    }
  });

  it.each<[string, Uint8Array]>([
    ["a million lists in each other", Buffer.alloc(1_000_000, 0x81)],
    ["a list of 2^32 things", Buffer.from([0x9b, 0, 0, 0, 1, 0, 0, 0, 0])],
    ["a text of 2^53 bytes", Buffer.from([0x7b, 0, 0x20, 0, 0, 0, 0, 0, 0])],
    ["a list without end", Buffer.from([0x9f, 0xff])],
    ["a map with a key twice", Buffer.from([0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2])],
    ["a number beyond 2^53", Buffer.from([0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
    ["a tag", Buffer.from([0xc2, 0x41, 1])],
    ["nothing", new Uint8Array()],
  ])("with %s for a header or a command", (_, bytes) => {
    expect(() => decodeAssignment(assemble(bytes, new Uint8Array()))).toThrow(refused);
    if (bytes.length > 0) expect(() => decodeAssignment(assemble(encode(fullHeader), bytes))).toThrow(refused);
  });

  it("with a key that nobody knows, or one that would change a prototype", () => {
    for (const key of ["unknown", "__proto__", "constructor"]) {
      expect(header(JSON.parse(`{"${key}":{"site":"x"}}`) as object), key).toThrow(refused);
      const command = {
        kind: "x-note",
        parameters: JSON.parse(`{"${key}":{"a":1}}`) as Record<string, string>,
      } as const;
      expect(() => decodeAssignment(encodeAssignment(fullHeader, [command])), key).toThrow(refused);
    }
  });
});

describe("SEC-34: what would be read from beyond the base", () => {
  const engine = recordingHost(rsync).deltas.get("rsync");
  const base = new StrictContent(Buffer.from("0123456789"));
  const number = (value: number): number[] =>
    value < 128 ? [value] : [(value % 128) | 128, ...number(Math.floor(value / 128))];

  /** A delta of one segment with these operations: bytes to copy, length of the literal, distance of a jump. */
  function delta(
    operations: readonly (readonly [copy: number, literal: number, jump?: number])[],
    literals = 0,
  ): Uint8Array {
    const zigzag = (value: number) => (value < 0 ? -2 * value - 1 : 2 * value);
    const streams = [
      operations.flatMap(([copy]) => number(copy)),
      operations.flatMap(([, literal, jump]) => number(2 * literal + (jump === undefined ? 0 : 1))),
      operations.flatMap(([, , jump]) => (jump === undefined ? [] : number(zigzag(jump)))),
      Array<number>(literals).fill(65),
      [],
    ];
    const head = Buffer.alloc(21);
    for (const [index, { length }] of streams.entries()) head.writeUInt32LE(length, 1 + 4 * index);
    return Buffer.concat([head, ...streams.map((bytes) => Buffer.from(bytes))]);
  }
  const decode = (bytes: Uint8Array, sizeBytes: number) =>
    Buffer.concat([...engine.decode(base, [bytes], sizeBytes)].map((chunk) => Buffer.from(chunk)));

  it("by a delta is refused before it is read", () => {
    expect(
      decode(
        delta(
          [
            [4, 1, 2],
            [3, 0],
          ],
          1,
        ),
        8,
      ).toString(),
    ).toBe("0123A678");
    const bad: [Uint8Array, number][] = [
      [delta([[11, 0]]), 11],
      [delta([[2 ** 48, 0]]), 2 ** 48],
      [
        delta([
          [1, 0, 10],
          [1, 0],
        ]),
        2,
      ],
      [
        delta([
          [1, 0, -2],
          [1, 0],
        ]),
        2,
      ],
      [
        delta([
          [1, 0, 9],
          [1, 0],
        ]),
        2,
      ],
      [delta([[1, 1, 0]]), 2],
      [delta([[5, 0]]), 4],
      [delta([[5, 0]]), 6],
      [Buffer.alloc(21, 0xff), 10],
    ];
    for (const [bytes, sizeBytes] of bad) {
      expect(() => decode(bytes, sizeBytes), Buffer.from(bytes).toString("hex")).toThrow(
        failing("DIST_ERR_DELTA_DAMAGED"),
      );
    }
  });

  it("by a copy is refused: from nothing, a directory, a link, itself, or what the same assignment makes", () => {
    const tree: Entry[] = [
      { type: "directory", path: "d", mode: 0o755 },
      { type: "symlink", path: "l", target: "d" },
    ];
    for (const from of ["d", "l", "new", "made", "nothing"]) {
      const commands: Command[] = [
        fileCommand("made", Buffer.of(1)),
        { kind: "copy", from, path: "new", mode: 0o644, mtimeMs: 0 },
      ];
      expect(() => resultOf(tree, commands), from).toThrow(failing("DIST_ERR_ASSIGNMENT_RESULT"));
    }
  });
});

describe("SEC-37: a clock that is wrong", () => {
  it("refuses what has expired by it, and says when that was", () => {
    const assignment = made({ expiresAt: Date.UTC(2027, 0, 15) });
    expect(check(assignment, Date.UTC(2027, 0, 15))).not.toThrow();
    expect(check(assignment, Date.UTC(2027, 0, 15) + 1)).toThrow("2027-01-15T00:00:00.000Z");
    expect(check(assignment, Date.UTC(2037, 0, 15))).toThrow(failing("DIST_ERR_ASSIGNMENT_EXPIRED"));
  });

  it("does not hold up what is good, a day behind", () => {
    expect(check(made({ issuedAt: now }), now - day)).not.toThrow();
  });
});

describe("SEC-48: a control that somebody took over", () => {
  const update: Partial<Header> = { type: "update" };

  it.each<[string, Partial<Header>, Command]>([
    ["runs nothing that the node does not allow", update, { kind: "x-exec", parameters: { line: "id" } }],
    [
      "sends no file larger than the node allows",
      update,
      { ...fileCommand("a", Buffer.of()), sizeBytes: 101 } as Command,
    ],
    ["makes no links where the node wants none", update, { kind: "symlink", path: "a", target: "b" }],
    ["makes no names that the node does not want", update, fileCommand("con.txt", Buffer.of())],
    ["takes no more room than it may say", { ...update, diskBytes: 1_001 }, { kind: "remove", path: "a" }],
  ])("%s", (_, header, command) => {
    expect(check(made(header, [command]))).toThrow(failing("DIST_ERR_POLICY_REFUSED"));
    expect(check(made(update, [{ kind: "x-allowed", parameters: {} }]))).not.toThrow();
  });
});

describe("SEC-25: a commit", () => {
  let control: FakeControl;
  let root: string;
  const somewhere = "ab".repeat(32);
  const content = Buffer.from("one\n");
  const commands = [fileCommand("a", content)];
  const result = treeHash(resultOf([], commands));

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "distributary-security-"));
    writeFileSync(join(root, "local.yaml"), "roots: { www: ./www }\n");
    control = await FakeControl.start(join(root, "local.yaml"));
  });
  afterAll(async () => {
    await control[Symbol.asyncDispose]();
    rmSync(root, { recursive: true });
  });

  it("of what was never prepared is refused", async () => {
    for (const tree of [somewhere, result, emptyTree]) {
      const commit = control.notice("commit", 1, { header: { result: tree } });
      expect(await control.switch(commit)).toMatchObject({ type: "failed", code: "DIST_ERR_ASSIGNMENT_BASE" });
    }
    expect(existsSync(join(root, "www/live"))).toBe(false);
  });

  it("of an update of which a section is missing is refused, and so was the section", async () => {
    const section = control.notice("update", 1, { commands, data: content, header: { section: [1, 2] } });
    expect(await control.prepare(section)).toMatchObject({ type: "failed", code: "DIST_ERR_ASSIGNMENT_FORMAT" });
    const commit = control.notice("commit", 1, { header: { result } });
    expect(await control.switch(commit)).toMatchObject({ type: "failed", code: "DIST_ERR_ASSIGNMENT_BASE" });
  });

  it("sent twice is carried out once", async () => {
    expect(await control.prepare(control.notice("update", 1, { commands, data: content }))).toMatchObject({
      type: "prepared",
    });
    const commit = control.notice("commit", 1, { header: { result } });
    const answers = [await control.switch(commit), await control.switch(commit)];
    const [first, second] = answers.map((answer) => ("state" in answer ? answer.state : undefined));
    expect(second).toEqual(first);
    expect(Object.keys(readTree(join(root, "www/live")))).toEqual(["a"]);
  });
});
