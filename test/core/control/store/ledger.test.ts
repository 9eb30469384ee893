import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Ledger } from "../../../../core/control/store/ledger.ts";
import type { LedgerHead } from "../../../../core/control/store/ledger.ts";
import { realDisk } from "../../../../core/runtime/disk.ts";
import type { Disk } from "../../../../sdk/io.ts";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ledger-"));
  path = join(directory, "ledger");
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

async function write(numbers: readonly number[]): Promise<LedgerHead> {
  await using ledger = new Ledger(path);
  for (const serial of numbers) await ledger.append({ serial });
  return ledger.head;
}

async function read(): Promise<unknown[]> {
  await using ledger = new Ledger(path);
  return [...ledger.read()].map(({ serial }) => serial);
}

/** The real disk, whose files are synced by `syncs`. */
function diskThat(syncs: (sync: () => void) => void): Disk {
  return {
    ...realDisk,
    open(...args) {
      const file = realDisk.open(...args);
      return {
        stat: () => file.stat(),
        read: (...it) => file.read(...it),
        write: (it) => file.write(it),
        sync: () => syncs(() => file.sync()),
        close: () => file.close(),
      };
    },
  };
}

test("records come back in the order they were added, also after it was opened again", async () => {
  await write([1, 2, 3]);
  const head = await write([4, 5]);
  expect(await read()).toEqual([1, 2, 3, 4, 5]);
  expect(head.records).toBe(5);
});

test("records added at the same time share one sync, and none is confirmed before it", async () => {
  let syncs = 0;
  const disk = diskThat((sync) => {
    syncs += 1;
    sync();
  });
  await using ledger = new Ledger(path, disk);
  const before = syncs;
  await Promise.all(
    Array.from({ length: 100 }, async (_, serial) => {
      await ledger.append({ serial });
      expect(syncs).toBe(before + 1);
    }),
  );
  expect([...ledger.read()]).toHaveLength(100);
});

test("more records at once than fit into a line are all written", async () => {
  await using ledger = new Ledger(path);
  await Promise.all(Array.from({ length: 1000 }, (_, serial) => ledger.append({ serial, text: "x".repeat(100) })));
  expect([...ledger.read()].map(({ serial }) => serial)).toEqual(Array.from({ length: 1000 }, (_, serial) => serial));
  expect(ledger.head.records).toBe(1000);
});

test("a record that is too large is refused, the others are not", async () => {
  await using ledger = new Ledger(path);
  const results = await Promise.allSettled([ledger.append({ text: "x".repeat(70_000) }), ledger.append({ serial: 1 })]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
});

describe("after a crash", () => {
  test("wherever the last line was cut off, all before it is read and more can be added", async () => {
    await write([1, 2]);
    const complete = readFileSync(path);
    await write([3]);
    const whole = readFileSync(path);
    for (let size = complete.length; size < whole.length; size += 1) {
      writeFileSync(path, whole.subarray(0, size));
      expect(await read(), `cut at ${size}`).toEqual([1, 2]);
      await write([4]);
      expect(await read(), `added after a cut at ${size}`).toEqual([1, 2, 4]);
    }
  });

  test("a line whose end was written before its middle is no record", async () => {
    await write([1]);
    const complete = readFileSync(path);
    await write([2]);
    const whole = readFileSync(path);
    for (let from = complete.length; from < whole.length - 1; from += 7) {
      writeFileSync(path, Buffer.from(whole).fill(0, from, from + 2));
      expect(await read(), `zeros from ${from}`).toEqual([1]);
      await write([3]);
      expect(await read(), `added after zeros from ${from}`).toEqual([1, 3]);
    }
  });

  test("a crash in the repair of a crash is no different", async () => {
    await write([1]);
    for (let round = 0; round < 5; round += 1) {
      appendFileSync(path, `${round > 0 ? "\0\n" : ""}${"a".repeat(64)} [{"ser`);
      expect(await read()).toEqual([1]);
    }
    await write([2]);
    expect(await read()).toEqual([1, 2]);
  });
});

describe("what was changed is noticed", () => {
  test.each([
    ["a changed record", (text: string) => text.replace('"serial":2', '"serial":9')],
    ["a record taken out", (text: string) => text.split("\n").toSpliced(1, 1).join("\n")],
    [
      "a record put in twice",
      (text: string) =>
        text
          .split("\n")
          .toSpliced(1, 0, text.split("\n")[1] ?? "")
          .join("\n"),
    ],
    ["two records swapped", (text: string) => text.split("\n").toSorted().join("\n").trim()],
    ["a record made unreadable", (text: string) => text.replace('{"serial":2}', '{"serial":2')],
    ["a changed last record", (text: string) => text.replace('"serial":4', '"serial":5')],
  ])("%s", async (_, change) => {
    await write([1, 2, 3, 4]);
    const before = readFileSync(path, "utf8");
    writeFileSync(path, change(before));
    expect(readFileSync(path, "utf8")).not.toBe(before);
    expect(() => new Ledger(path)).toThrow(expect.objectContaining({ code: "DIST_ERR_STORE_LEDGER" }));
  });

  test("every single changed bit", async () => {
    await write([1, 2, 3]);
    const bytes = readFileSync(path);
    for (let bit = 0; bit < (bytes.length - 1) * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      // In the last line that is what a crash leaves.
      if (changed.includes(0)) continue;
      writeFileSync(path, changed);
      expect(() => new Ledger(path), `bit ${bit}`).toThrow("was changed at record");
    }
  });

  test("an end that was cut off shows in the head", async () => {
    const head = await write([1, 2, 3]);
    writeFileSync(path, readFileSync(path, "utf8").split("\n").slice(0, 2).join("\n"));
    await using ledger = new Ledger(path);
    expect(ledger.head.hash).not.toBe(head.hash);
  });
});

test("after a failed sync nothing more is confirmed", async () => {
  let broken = false;
  const disk = diskThat((sync) => {
    if (broken) throw Object.assign(new Error("EIO"), { code: "EIO" });
    sync();
  });
  await using ledger = new Ledger(path, disk);
  await ledger.append({ serial: 1 });
  broken = true;
  await expect(ledger.append({ serial: 2 })).rejects.toMatchObject({ code: "DIST_ERR_STORE_STOPPED" });
  broken = false;
  await expect(ledger.append({ serial: 3 })).rejects.toMatchObject({ code: "DIST_ERR_STORE_STOPPED" });
});
