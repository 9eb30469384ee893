import type { Interpreter } from "../interpreter.ts";
import { buildCases } from "./interpreter-builds.ts";
import { crashCases } from "./interpreter-crashes.ts";
import { hostileCases } from "./interpreter-hostile.ts";
import type { InterpreterSubject } from "./interpreter-site.ts";
import { renewalCases } from "./interpreter-renewals.ts";
import { runKit } from "./kit.ts";
import type { Kit } from "./kit.ts";

/**
 * What an interpreter of a host with files keeps: it builds exactly what the commands say, changes nothing else,
 * loses nothing when it or the power fails, and refuses what leads out.
 */
export const interpreterKit: Kit<InterpreterSubject> = {
  name: "interpreter",
  cases: [...buildCases, ...renewalCases, ...crashCases, ...hostileCases],
};

/** The part of it that needs no crashes, to run on a real disk. */
export const interpreterOnDiskKit: Kit<InterpreterSubject> = {
  name: "interpreter on a disk",
  cases: [...buildCases, ...hostileCases],
};

/** Runs `interpreterKit` with vitest, on simulated disks. */
export function testInterpreter(name: string, create: () => Interpreter): void {
  runKit(interpreterKit, name, () => ({ interpreter: create() }));
}

/** Runs `interpreterOnDiskKit` with vitest; `place` gives an empty directory for each case. */
export function testInterpreterOnDisk(
  name: string,
  create: () => Interpreter,
  place: () => NonNullable<InterpreterSubject["place"]>,
): void {
  runKit(interpreterOnDiskKit, name, () => ({ interpreter: create(), place: place() }));
}
