import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { Journal } from "../../../core/agent/journal.ts";
import { followJournal, serialsToKeep, siteState } from "../../../core/agent/site-state.ts";
import { Sites } from "../../../core/agent/sites.ts";
import { Spool } from "../../../core/agent/delivery/spool.ts";
import type { Assignment } from "../../../core/assignment/assignment.ts";
import { hashOf } from "../../../core/content/hash.ts";
import { SerialLedger } from "../../../core/control/serial-ledger.ts";
import { Kernel } from "../../../core/kernel/kernel.ts";
import { filePointers, symlinkPointers } from "../../../sdk/release-pointer.ts";
import { readFile, writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { SiteTrial, emptyDisk, site } from "../../core/agent/site-trial.ts";
import { commitHeader } from "../../core/assignment/sample.ts";
import { quietLog } from "../../core/control/store/quiet-log.ts";
import { defineTarget, failsWith } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateList, mutateOften, mutateText, mutateValue, pick } from "../mutations.ts";
import { diskWith } from "./disk-with.ts";

/** One thing in a list changed, or the list itself. */
function mutateRecords(records: readonly unknown[], random: SimRandom): unknown[] {
  return mutateOften(records, random, random.below(2) === 0 ? mutateList : mutateEach) as unknown[];
}

function mutateEach(records: readonly unknown[], random: SimRandom): unknown[] {
  const at = random.below(records.length);
  return records.map((record, index) => (index === at ? mutateValue(record, random) : record));
}

/** A line as the journal has it: whole, whatever stands in it. */
function journalLine(record: unknown): string {
  const text = JSON.stringify(record);
  return `${crc32(text).toString(16).padStart(8, "0")} ${text}\n`;
}

/** A journal that rotted, or that somebody wrote. */
const journal = defineTarget({
  name: "journal",
  isRefusal: failsWith("DIST_ERR_JOURNAL_DAMAGED"),
  async open() {
    const path = `${site}/.dst/journal`;
    const trial = new SiteTrial(emptyDisk());
    await trial.publish(1, 1, 0);
    await trial.publish(2, 3, 1);
    await trial.prepare(3, 5, 2);
    const records = new Journal(trial.disk, path).read();
    const bytes = readFile(trial.disk, path);
    return {
      make(random): Uint8Array {
        if (random.below(3) === 0) return mutateOften<Uint8Array>(bytes, random, mutateBytes);
        return Buffer.from(mutateRecords(records, random).map(journalLine).join(""));
      },
      feed(changed) {
        const ledger = followJournal(new Journal(diskWith("/journal", changed), "/journal").read());
        for (const serial of [...ledger.releases.keys(), ...serialsToKeep(ledger, 3), ledger.lastSerial])
          if (!/^\d{1,16}$/.test(String(serial))) throw new Error(`'${serial}' would be the name of a release`);
        JSON.stringify(siteState("shop", ledger));
      },
    };
  },
});

const beginning = "0".repeat(64);

/** Lines as a ledger has them, each hash of all before it. */
function ledgerText(lines: readonly unknown[]): string {
  let before = beginning;
  return lines
    .map((records) => {
      const json = JSON.stringify(records);
      before = createHash("sha256").update(before).update(json).digest("hex");
      return `${before} ${json}\n`;
    })
    .join("");
}

/** What keeps a serial from being given out twice. */
const ledger = defineTarget({
  name: "ledger",
  // It is read twice, 64 KiB at a time.
  testCases: 50_000,
  isRefusal: failsWith("DIST_ERR_STORE_LEDGER"),
  open() {
    const lines = [1, 2, 3].map((serial) => [
      { site: "shop", serial },
      { site: "blog", serial: serial * 7 },
    ]);
    const bytes = Buffer.from(ledgerText(lines));
    return {
      make(random): Uint8Array {
        if (random.below(2) === 0) return mutateOften<Uint8Array>(bytes, random, mutateBytes);
        return Buffer.from(ledgerText(mutateRecords(lines, random)));
      },
      feed(changed) {
        const serials = new SerialLedger(diskWith("/serials", changed), "/serials");
        const highest = serials.highest("shop");
        if (!Number.isSafeInteger(highest) || highest < 0) throw new Error(`${highest} was the last serial`);
      },
    };
  },
});

const data = new SimRandom(1).bytes(200);
const pieces = [0, 1, 2, 3].map((index) => data.subarray(index * 64, (index + 1) * 64));
const table = {
  sizeBytes: data.length,
  pieceBytes: 64,
  pieceHashes: Buffer.concat(pieces.map((piece) => hashOf(piece))),
};
const assignment: Assignment = { id: "a".repeat(64), header: { ...commitHeader, data: table }, commands: () => [] };

/** What lies in the spool after a restart: names, and bytes of pieces. */
const spool = defineTarget({
  name: "spool",
  isRefusal: () => false,
  answers: "all taken",
  open: () => ({
    make(random): readonly (readonly [name: string, bytes: Uint8Array])[] {
      const files = new Map<string, Uint8Array>();
      for (let count = random.below(6); count > 0; count -= 1) {
        const index = random.below(5);
        const bytes = pieces[random.below(8) === 0 ? random.below(4) : index] ?? data;
        const name = pick(random, [
          `${index}`,
          `${index}`,
          `0${index}`,
          `${index}.tmp`,
          mutateText(`${index}`, random),
          `1e${index}`,
        ]);
        // What a disk can hold.
        if (/^[^/\0]{1,60}$/.test(name) && name !== "." && name !== "..")
          files.set(name, random.below(3) === 0 ? mutateBytes(bytes, random) : bytes);
      }
      return [...files];
    },
    feed(files) {
      const disk = new SimDisk();
      const directory = `/spool/${assignment.id}`;
      for (const path of ["/spool", directory]) disk.makeDirectory(path);
      for (const [name, bytes] of files) writeFile(disk, `${directory}/${name}`, bytes);
      const found = new Spool(disk, "/spool").open(assignment);
      const here = pieces.filter((_, index) => found.has(index));
      for (const [index, piece] of pieces.entries())
        if (found.has(index) && !Buffer.from(found.read(index)).equals(piece))
          throw new Error(`piece ${index} is wrong`);
      const hereBytes = here.reduce((sum, { length }) => sum + length, 0);
      if (found.arrivedBytes !== hereBytes) throw new Error(`${found.arrivedBytes} bytes arrived, not ${hereBytes}`);
    },
  }),
});

/** The names of sites and of their interpreters, as an agent remembers them. */
const siteList = defineTarget({
  name: "site-list",
  isRefusal: failsWith("DIST_ERR_PROVIDER_UNKNOWN", "DIST_ERR_PROVIDER_UNUSABLE"),
  async open() {
    const kernel = await Kernel.load({ directory: "/", role: "agent", log: quietLog() });
    return {
      make: (random): Uint8Array =>
        mutateOften<Uint8Array>(Buffer.from(pick(random, ["posix", "windows"])), random, mutateBytes),
      feed(bytes) {
        const sites = new Sites(simIo({ disk: diskWith("/shop", bytes) }), {
          directory: "/",
          kernel,
          permissionFor: () => permission,
          afterSwitch: async () => {},
        });
        for (const name of sites.known()) sites.open(name);
      },
      close: () => kernel[Symbol.asyncDispose](),
    };
  },
});
const limits = { maxEntries: 10, maxBytes: 1e6, maxFileBytes: 1e6, keepReleases: 2 };
const permission = { ...limits, directory: "/srv/shop", extensions: [], names: "any", symlinks: "keep" } as const;

/** What says which release is live. */
const pointers = defineTarget({
  name: "pointers",
  // Each is read as a file and as a link.
  testCases: 50_000,
  isRefusal: failsWith("DIST_ERR_POINTER_FOREIGN"),
  open: () => ({
    make(random): Uint8Array {
      const release = mutateOften("releases/0000000042", random, mutateText);
      const value =
        random.below(2) === 0
          ? { release }
          : mutateOften<unknown>({ release: "releases/0000000042" }, random, mutateValue);
      const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
      return random.below(3) === 0 ? mutateBytes(bytes, random) : bytes;
    },
    feed(bytes) {
      const disk = diskWith("/live.json", bytes);
      const release = filePointers.read(disk, "", "live");
      if (!/^releases\/[^/]+$/s.test(release ?? "") || release === "releases/..")
        throw new Error(`'${release}' is live`);
      disk.symlink(release ?? "", "/live");
      if (symlinkPointers.read(disk, "", "live") !== release) throw new Error("it is another as a link");
    },
  }),
});

export const fileTargets: readonly Target[] = [journal, ledger, spool, siteList, pointers];
