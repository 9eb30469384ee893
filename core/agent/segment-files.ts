import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import type { Disk, Log } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "../content/durable-file.ts";
import type { SegmentGrant } from "../protocol/messages.ts";
import type { SegmentMemory } from "../protocol/segment-events.ts";
import { nextBootSequence } from "../runtime/channel/secure-channel.ts";
import { readMarks } from "../runtime/channel/seen-marks.ts";
import type { SeenMarks } from "../runtime/channel/seen-marks.ts";
import { longestGrant, readGrant } from "../runtime/segment-grant.ts";

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

  /** This member's own Ed25519 key, made at the first call. */
  key(): KeyObject {
    const path = join(this.#directory, "key.pem");
    const pem = readFile(this.#disk, path, longestFile);
    if (pem !== undefined) return createPrivateKey(Buffer.from(pem));
    const { privateKey } = generateKeyPairSync("ed25519");
    replaceFile(this.#disk, path, Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })));
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
    return this.#read("memory.json", (value) => (value as Record<string, SegmentMemory>)[segment]);
  }

  storeMemory(segment: string, memory: SegmentMemory): void {
    this.#write("memory.json", { [segment]: memory });
  }

  marks(segment: string): SeenMarks | undefined {
    return this.#read("marks.json", (value) => {
      const marks = (value as Record<string, unknown>)[segment];
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

  /** A file that is damaged is as good as none, which is said: others know what it held. */
  #read<T>(name: string, take: (value: unknown) => T, limit = longestFile): T | undefined {
    const path = join(this.#directory, name);
    const bytes = readFile(this.#disk, path, limit);
    if (bytes === undefined) return undefined;
    try {
      return take(JSON.parse(Buffer.from(bytes).toString("utf8")));
    } catch (error) {
      this.#log.error({ path, error: (error as Error).message }, "a file of the segment is damaged and left out");
      return undefined;
    }
  }

  #write(name: string, value: object): void {
    replaceFile(this.#disk, join(this.#directory, name), Buffer.from(JSON.stringify(value)));
  }
}
