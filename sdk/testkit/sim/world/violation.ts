import type { Millis } from "../../../machine.ts";

/** Something happened that must not. */
export class Violation extends Error {
  override readonly name = "Violation";
  /** What should hold, by its short name. */
  readonly invariant: string;
  readonly at: Millis;

  constructor(invariant: string, at: Millis, message: string) {
    super(`${invariant} at ${at} ms: ${message}`);
    this.invariant = invariant;
    this.at = at;
  }
}
