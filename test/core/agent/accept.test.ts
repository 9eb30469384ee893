import { generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { checkAssignment, checkChain, openAssignment } from "../../../core/agent/accept.ts";
import type { SitePermission } from "../../../core/agent/accept.ts";
import type { Assignment, Header } from "../../../core/assignment/assignment.ts";
import { encodeAssignment } from "../../../core/assignment/encode.ts";
import { sealAssignment } from "../../../core/assignment/seal.ts";
import type { SiteState } from "../../../core/protocol/messages.ts";
import type { Command } from "../../../sdk/index.ts";
import { commitHeader, everyCommand, fullHeader, hashA, hashB } from "../assignment/sample.ts";

const permission: SitePermission = {
  directory: "/srv/shop",
  maxEntries: 100,
  maxBytes: 1_000_000,
  maxFileBytes: 10_000,
  extensions: [],
  names: "any",
  symlinks: "keep",
};
const update = {
  ...commitHeader,
  type: "update",
  serial: 10,
  expiresAt: 1_000,
  audience: { group: "web", nodes: ["n1"] },
} as const;
const state: SiteState = { site: "shop", lastSerial: 9 };

function check(
  header: Partial<Header>,
  more: {
    commands?: readonly Command[];
    state?: Partial<SiteState>;
    permission?: Partial<SitePermission>;
    node?: string;
    now?: number;
  } = {},
): void {
  const assignment: Assignment = { id: hashA, header: { ...update, ...header }, commands: () => more.commands ?? [] };
  checkAssignment(
    assignment,
    more.node ?? "n1",
    { ...state, ...more.state },
    { ...permission, ...more.permission },
    more.now ?? 500,
  );
}

const refuses = (code: string) => expect.objectContaining({ code });
const file: Command = { kind: "file", path: "a", mode: 0o644, mtimeMs: 0, sizeBytes: 10_000, hash: hashA, part: 0 };

describe("a node", () => {
  it("carries out what is for it, in time, next in line and allowed", () => {
    expect(() => check({}, { commands: [file] })).not.toThrow();
    expect(() => check({ serial: 10 + 2 ** 20 - 1 })).not.toThrow();
    expect(() => check({}, { now: 1_000 })).not.toThrow();
  });

  it("refuses what is for others", () => {
    expect(() => check({}, { node: "n2" })).toThrowError(refuses("DIST_ERR_ASSIGNMENT_AUDIENCE"));
    expect(() => check({ audience: { group: "web", nodes: [] } })).toThrowError(
      refuses("DIST_ERR_ASSIGNMENT_AUDIENCE"),
    );
  });

  it("refuses what expired, by a clock that is right or ten years ahead", () => {
    for (const now of [1_001, 1_001 + 10 * 365 * 86_400_000]) {
      expect(() => check({}, { now })).toThrowError(refuses("DIST_ERR_ASSIGNMENT_EXPIRED"));
    }
  });

  it.for([
    ["that was carried out before", 9],
    ["from long ago", 1],
    ["that was not reached by counting", 9 + 2 ** 20 + 1],
    ["that is as high as a number can be", Number.MAX_SAFE_INTEGER],
  ] as const)("refuses a serial %s", ([, serial]) => {
    expect(() => check({ serial })).toThrowError(refuses("DIST_ERR_ASSIGNMENT_SERIAL"));
  });

  it("takes an order again whose outcome it has already: it may not have been heard", () => {
    const release = { serial: 7, version: 7, tree: hashB };
    expect(() => check({ serial: 7 }, { state: { prepared: release } })).not.toThrow();
    expect(() => check({ serial: 7, version: 7, result: hashB }, { state: { live: release } })).not.toThrow();
    expect(() => check({ serial: 7, version: 6, result: hashB }, { state: { live: release } })).toThrowError(
      refuses("DIST_ERR_ASSIGNMENT_SERIAL"),
    );
    expect(() => check({ serial: 7, version: 7, result: hashA }, { state: { live: release } })).toThrowError(
      refuses("DIST_ERR_ASSIGNMENT_SERIAL"),
    );
  });

  it.for<readonly [string, Partial<SitePermission>, readonly Command[], Partial<Header>]>([
    ["a site that may not be there", { directory: undefined }, [], {}],
    ["more space than is allowed", {}, [], { diskBytes: 1_000_001 }],
    ["files that need more space than it said", { maxBytes: 15_000 }, [file, { ...file, path: "b" }], { diskBytes: 0 }],
    ["a file that is too large", {}, [{ ...file, sizeBytes: 10_001 }], {}],
    ["too many commands", { maxEntries: 1 }, [file, { kind: "remove", path: "b" }], {}],
    ["an extension it was not told to allow", { extensions: ["x-other"] }, [{ kind: "x-run", parameters: {} }], {}],
    ["a link where there may be none", { symlinks: "refuse" }, [{ kind: "symlink", path: "a", target: "b" }], {}],
    [
      "a device's name where names must be portable",
      { names: "portable" },
      [{ kind: "directory", path: "CON", mode: 0o755 }],
      {},
    ],
    [
      "a copy to such a name",
      { names: "portable" },
      [{ kind: "copy", from: "a", path: "a:b", mode: 0, mtimeMs: 0 }],
      {},
    ],
  ])("refuses %s, whoever signed it", ([, allowed, commands, header]) => {
    expect(() => check(header, { commands, permission: allowed })).toThrowError(refuses("DIST_ERR_POLICY_REFUSED"));
  });

  it("allows the extensions it was told to allow", () => {
    expect(() =>
      check({}, { commands: [{ kind: "x-run", parameters: {} }], permission: { extensions: ["x-run"] } }),
    ).not.toThrow();
  });

  it("reads nothing of what is not signed by its control", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const sealed = sealAssignment(encodeAssignment(fullHeader, everyCommand), (bytes) => sign(null, bytes, privateKey));
    expect(openAssignment(sealed, publicKey).header.serial).toBe(42);
    const other = generateKeyPairSync("ed25519").publicKey;
    expect(() => openAssignment(sealed, other)).toThrowError(refuses("DIST_ERR_ASSIGNMENT_SIGNATURE"));
    expect(() => openAssignment(Buffer.from("not an assignment"), publicKey)).toThrowError(
      refuses("DIST_ERR_ASSIGNMENT_SIGNATURE"),
    );
  });
});

describe("the sections of an update", () => {
  const section = (index: number, change: Partial<Header> = {}): Assignment => {
    const after = index === 1 ? {} : { after: `id-${index - 1}` };
    return {
      id: `id-${index}`,
      header: { ...update, section: [index, 3], base: hashA, ...after, ...change },
      commands: () => [],
    };
  };
  const chain = (second: Assignment) => () => checkChain([section(1), second, section(3)]);

  it("are carried out if they are all there, in order, each naming the one before", () => {
    expect(chain(section(2))).not.toThrow();
  });

  it.for<readonly [string, Partial<Header>]>([
    ["another version", { version: 8 }],
    ["another base", { base: hashB }],
    ["another result", { result: hashA }],
    ["another update, by what it follows", { after: "id-9" }],
    ["a longer update", { section: [2, 4] }],
    ["another place", { section: [3, 3] }],
    ["a commit", { type: "commit" }],
  ])("are refused if one belongs to %s", ([, change]) => {
    expect(chain(section(2, change))).toThrowError(refuses("DIST_ERR_ASSIGNMENT_FORMAT"));
  });

  it("are refused if one is missing, comes twice, or out of order", () => {
    for (const wrong of [
      [section(1), section(2)],
      [section(1), section(1), section(3)],
      [section(2), section(1), section(3)],
      [section(2), section(3)],
    ]) {
      expect(() => checkChain(wrong)).toThrowError(refuses("DIST_ERR_ASSIGNMENT_FORMAT"));
    }
  });
});
