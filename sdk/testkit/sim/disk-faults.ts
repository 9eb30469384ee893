import { systemError } from "./locate.ts";

/** `kill`: the program ends there. Otherwise the code of the error that the call fails with. */
export type DiskFault = "kill" | "EIO" | "ENOSPC" | "EBUSY" | "EPERM";

/** Thrown at the operation at which a program was to be killed, and by every call after it. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/** Counts operations, and makes chosen ones fail. */
export class DiskFaults {
  readonly #planned = new Map<number, { readonly fault: DiskFault; readonly when: "before" | "after" }>();
  #operations = 0;
  #isKilled = false;

  get operations(): number {
    return this.#operations;
  }

  /** The `count`-th operation from now fails, before or after it took effect. */
  plan(count: number, fault: DiskFault, when: "before" | "after"): void {
    this.#planned.set(this.#operations + count, { fault, when });
  }

  checkAlive(): void {
    if (this.#isKilled) throw new Killed("the program that used this disk was killed");
  }

  /** Runs one operation; `failed` is what an error does instead of it. */
  run<T>(call: string, path: string, act: () => T, failed: () => void = () => {}): T {
    this.checkAlive();
    this.#operations += 1;
    const planned = this.#planned.get(this.#operations);
    if (planned === undefined) return act();
    if (planned.when === "after") act();
    else if (planned.fault !== "kill") failed();
    if (planned.fault !== "kill") throw systemError(planned.fault, call, path);
    this.#isKilled = true;
    throw new Killed(`killed ${planned.when} operation ${this.#operations}: ${call} '${path}'`);
  }
}
