import type { Disk } from "distributary/sdk";
import { Ledger } from "./store/ledger.ts";

/**
 * The serials that were given out, in a file beside the database: whatever happens to the database, no serial is used
 * twice (Syncthing's lesson: peers silently miss what comes under a number they have seen).
 */
export class SerialLedger implements AsyncDisposable {
  readonly #ledger: Ledger;
  readonly #highest = new Map<string, number>();

  /** Throws DIST_ERR_STORE_LEDGER if the file was changed by anybody else. */
  constructor(disk: Disk, path: string) {
    this.#ledger = new Ledger(path, disk);
    for (const { site, serial } of this.#ledger.read()) {
      if (typeof site === "string" && Number.isSafeInteger(serial)) this.#note(site, serial as number);
    }
  }

  /** 0 if none was taken. */
  highest(site: string): number {
    return this.#highest.get(site) ?? 0;
  }

  /** Durable when it resolves. */
  async take(site: string, serial: number): Promise<void> {
    this.#note(site, serial);
    await this.#ledger.append({ site, serial });
  }

  #note(site: string, serial: number): void {
    this.#highest.set(site, Math.max(this.highest(site), serial));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ledger[Symbol.asyncDispose]();
  }
}
