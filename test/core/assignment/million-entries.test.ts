import { expect, it } from "vitest";
import { planBringing, planCommands, resultOf } from "../../../core/assignment/commands.ts";
import { decodeAssignment } from "../../../core/assignment/decode.ts";
import { encodeAssignment } from "../../../core/assignment/encode.ts";
import { compareTrees } from "../../../core/content/compare.ts";
import { hexHashOf } from "../../../core/content/hash.ts";
import { decodeManifest, encodeManifest, fileHashes, treeHash } from "../../../core/content/manifest.ts";
import type { Command } from "../../../sdk/index.ts";
import { changedManifest, madeUpManifest } from "../content/made-up-manifest.ts";
import { fullHeader } from "./sample.ts";

const entryCount = 1_000_000;
const filesOf = entryCount - Math.ceil(entryCount / 101);

it("a manifest of a million entries comes out of its bytes as it went in, and so does what changes it", () => {
  const manifest = madeUpManifest(entryCount);
  const bytes = Buffer.concat([...encodeManifest(manifest)]);
  const read = decodeManifest(bytes);
  expect(read.length).toBe(entryCount);
  for (let index = 0; index < entryCount; index += 1_009) expect(read[index]).toEqual(manifest[index]);
  expect(treeHash(read)).toBe(hexHashOf(bytes));
  expect(new Set(fileHashes(bytes)).size).toBe(filesOf);

  const next = changedManifest(read);
  const changes = compareTrees(read, next);
  expect(changes.changed.length).toBe(next.filter((entry, index) => entry !== read[index]).length);
  expect(changes.changed.length + changes.unchangedCount).toBe(entryCount);
  const { files, copies } = planBringing(read, changes);
  const ordered = files.map((entry) => ({ entry, part: 0 }));
  expect(treeHash(resultOf(read, planCommands(changes, copies, ordered)))).toBe(treeHash(next));
}, 120_000);

it("an assignment of more commands than are kept in memory gives them again and again", () => {
  const count = 2 ** 20 + 10;
  const given = Array.from({ length: count }, (_, index): Command => ({ kind: "remove", path: `${index}` }));
  const { commands } = decodeAssignment(encodeAssignment(fullHeader, given));
  for (let time = 0; time < 2; time += 1) {
    let found = 0;
    for (const command of commands()) if ("path" in command && command.path === `${found}`) found += 1;
    expect(found).toBe(count);
  }
}, 120_000);
