import { dirname } from "node:path";
import type { Disk } from "distributary/sdk";
import { readFile } from "../content/durable-file.ts";

/**
 * The serials that were given out, in a file beside the database: whatever happens to the database, no serial is used twice
 * (Syncthing's lesson: peers silently miss what comes under a number they have seen).
 */
export class SerialLedger {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #highest = new Map<string, number>();

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
    for (const line of Buffer.from(readFile(disk, path) ?? []).toString().split("\n")) {
      const [, site, serial] = /^([a-z0-9-]+) (\d+)$/.exec(line) ?? [];
      if (site !== undefined) this.#highest.set(site, Math.max(this.highest(site), Number(serial)));
    }
  }

  /** 0 if none was taken. */
  highest(site: string): number {
    return this.#highest.get(site) ?? 0;
  }

  /** Durable when it returns. */
  take(site: string, serial: number): void {
    const isNew = this.#disk.stat(this.#path) === undefined;
    const file = this.#disk.open(this.#path, "append");
    try {
      file.write(Buffer.from(`${site} ${serial}\n`));
      file.sync();
    } finally {
      file.close();
    }
    if (isNew) this.#disk.sync(dirname(this.#path));
    this.#highest.set(site, serial);
  }
}
