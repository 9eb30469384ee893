import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import type { Disk, Log } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "../../content/durable-file.ts";
import type { SegmentGrant } from "../../protocol/messages.ts";
import type { SegmentMemory } from "../../protocol/segment/events.ts";
import { nextBootSequence } from "../../runtime/channel/secure-channel.ts";
import { readMarks } from "../../runtime/channel/seen-marks.ts";
import type { SeenMarks } from "../../runtime/channel/seen-marks.ts";
import { longestGrant, readGrant } from "../../runtime/segment-grant.ts";

const longestFile = 4 * 1024 * 1024;

/** What a member of a segment keeps: its key, how often it started, what it has acted on, and the grant it had last. */
export class SegmentFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #log: Log;

  constructor(disk: Disk, directory: string, log: Log) {
    makeDirectories(disk, directory);
    this.#disk = disk;
    this.#directory = directory;
    this.#log = log;
  }

  /** This member's own Ed25519 key, made at the first call; control attests whichever it is. */
  key(): KeyObject {
    const known = this.#take("key.pem", (pem) => createPrivateKey(pem));
    if (known !== undefined) return known;
    const { privateKey } = generateKeyPairSync("ed25519");
    const pem = Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }));
    replaceFile(this.#disk, join(this.#directory, "key.pem"), pem);
    return privateKey;
  }

  /** A number higher than at every start before, durable when this returns. */
  nextBoot(wallTimeMs: number): number {
    const last = this.#read("boot.json", (value) => (value as { sequence: number }).sequence) ?? 0;
    const sequence = nextBootSequence(last, wallTimeMs);
    this.#write("boot.json", { sequence });
    return sequence;
  }

  memory(segment: string): SegmentMemory | undefined {
    return this.#read("memory.json", (value) => ownOf(value as Record<string, SegmentMemory>, segment));
  }

  storeMemory(segment: string, memory: SegmentMemory): void {
    this.#write("memory.json", { [segment]: memory });
  }

  marks(segment: string): SeenMarks | undefined {
    return this.#read("marks.json", (value) => {
      const marks = ownOf(value as Record<string, unknown>, segment);
      return marks === undefined ? undefined : readMarks(marks);
    });
  }

  storeMarks(segment: string, marks: SeenMarks): void {
    this.#write("marks.json", { [segment]: marks });
  }

  /** The grant it had last: control may be away when it starts. */
  grant(): SegmentGrant | undefined {
    return this.#read("grant.json", (value) => readGrant(Buffer.from(JSON.stringify(value))), longestGrant);
  }

  storeGrant(grant: SegmentGrant): void {
    this.#write("grant.json", grant);
  }

  /** The address by which this host was reached last. */
  address(): string | undefined {
    return this.#read("address.json", (value) => (value as { address: string }).address);
  }

  storeAddress(address: string): void {
    if (this.address() !== address) this.#write("address.json", { address });
  }

  #read<T>(name: string, take: (value: unknown) => T, limit = longestFile): T | undefined {
    return this.#take(name, (bytes) => take(JSON.parse(bytes.toString("utf8"))), limit);
  }

  /** A file that is damaged is as good as none, which is said: others know what it held. */
  #take<T>(name: string, take: (bytes: Buffer) => T, limit = longestFile): T | undefined {
    const path = join(this.#directory, name);
    const bytes = readFile(this.#disk, path, limit);
    if (bytes === undefined) return undefined;
    try {
      return take(Buffer.from(bytes));
    } catch (error) {
      this.#log.error({ path, error: (error as Error).message }, "a file of the segment is damaged and left out");
      return undefined;
    }
  }

  #write(name: string, value: object): void {
    replaceFile(this.#disk, join(this.#directory, name), Buffer.from(JSON.stringify(value)));
  }
}

/** Segments may be called like something that every object has. */
function ownOf<T>(values: Readonly<Record<string, T>>, segment: string): T | undefined {
  return Object.hasOwn(values, segment) ? values[segment] : undefined;
}
