import { writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { isFailure } from "../../sdk/index.ts";
import type { ErrorCode } from "../../sdk/index.ts";
import { SimRandom } from "../../sdk/testkit/sim/random.ts";
import { inputText } from "./input-text.ts";
import type { Watched } from "./watchdog.ts";

/** Something that reads what comes from outside, ready to be fed. */
export interface Subject<Input> {
  /** Something good with a few things changed; the same for the same numbers. */
  make(random: SimRandom): Input;
  /** Gives the input to the parser. Throws what that throws, and an error if what came out cannot be right. */
  feed(input: Input): unknown;
  close?(): void | Promise<void>;
}

/** A parser under test. */
export interface Target<Input = unknown> {
  readonly name: string;
  /** Whether this is how the parser refuses an input; all else that it throws is a fault of its own. */
  isRefusal(error: unknown): boolean;
  /** How many cases a test runs where 100,000 take too long. */
  readonly testCases?: number;
  /** What may become of the cases, if not both must happen. */
  readonly answers?: "all taken" | "all refused";
  open(): Subject<Input> | Promise<Subject<Input>>;
}

/** Declares a target; what it feeds is typed by what it makes. */
export function defineTarget<Input>(target: Target<Input>): Target {
  return target;
}

/** Whether an error is a failure with one of these codes. */
export function failsWith(...codes: readonly ErrorCode[]): (error: unknown) => boolean {
  return (error) => isFailure(error) && (codes as readonly string[]).includes(error.code);
}

/** What became of the cases. */
interface Tally {
  readonly accepted: number;
  readonly refused: number;
  readonly slowestMs: number;
  /** By how much the process grew. */
  readonly grownBytes: number;
}

const longestMs = 100;
/** With nothing to do but to wait. */
const longestWaitMs = 2_000;
/** After so many cases the memory is looked at, and others get a turn. */
const stretch = 500;

/**
 * Feeds a target with cases `first`, `first + 1`, …, and throws at the first that is neither taken nor refused as it
 * should be, takes longer than 100 ms, or lets the process grow by more than 512 MiB. The message says how to replay it.
 */
export async function fuzz(
  target: Target,
  {
    cases,
    first = 0,
    mostBytes = 512 << 20,
  }: { readonly cases: number; readonly first?: number; readonly mostBytes?: number },
): Promise<Tally> {
  const subject = await target.open();
  using _ = withoutStacks();
  using watchdog = new Watchdog(target.name);
  const tally = { accepted: 0, refused: 0, slowestMs: 0, grownBytes: 0 };
  const before = peakBytes(true);
  try {
    for (let number = first; number < first + cases; number += 1) {
      watchdog.case = number;
      const input = subject.make(new SimRandom(number));
      try {
        const { accepted, elapsedMs } = await feedOnce(target, subject, input);
        tally[accepted ? "accepted" : "refused"] += 1;
        tally.slowestMs = Math.max(tally.slowestMs, elapsedMs);
        if (number % stretch !== 0) continue;
        tally.grownBytes = peakBytes() - before;
        if (tally.grownBytes > mostBytes)
          throw new Error(`the process has grown by ${tally.grownBytes >> 20} MiB since case ${first}`);
        await new Promise((resolve) => setImmediate(resolve));
      } catch (error) {
        throw await complaint(target, subject, number, input, error);
      }
    }
  } finally {
    await subject.close?.();
  }
  return tally;
}

/** Feeds one input; throws if it is neither taken nor refused as it should be, or takes too long. */
export async function feedOnce(target: Target, subject: Subject<unknown>, input: unknown): Promise<Fed> {
  const began = performance.now();
  const accepted = await isAccepted(target, subject, input);
  const elapsedMs = performance.now() - began;
  return elapsedMs <= longestMs ? { accepted, elapsedMs } : again(target, subject, input);
}

interface Fed {
  readonly accepted: boolean;
  readonly elapsedMs: number;
}

/** A busy machine, or a collection of garbage, may stop anything for a while: slow is what works long every time. */
async function again(target: Target, subject: Subject<unknown>, input: unknown, tries = 3): Promise<Fed> {
  const [began, usedBefore] = [performance.now(), process.threadCpuUsage()];
  const accepted = await isAccepted(target, subject, input);
  const { user, system } = process.threadCpuUsage(usedBefore);
  const [workedMs, elapsedMs] = [(user + system) / 1000, performance.now() - began];
  if (workedMs <= longestMs && elapsedMs <= longestWaitMs) return { accepted, elapsedMs: workedMs };
  if (tries > 1) return again(target, subject, input, tries - 1);
  throw new Error(`it takes ${Math.round(elapsedMs)} ms, ${Math.round(workedMs)} of them work`);
}

async function isAccepted(target: Target, subject: Subject<unknown>, input: unknown): Promise<boolean> {
  try {
    const answer = subject.feed(input);
    if (answer instanceof Promise) await answer;
    return true;
  } catch (error) {
    if (!target.isRefusal(error)) throw error;
    return false;
  }
}

/** Says what is wrong with a case, with the stack that was left out before. */
async function complaint(target: Target, subject: Subject<unknown>, number: number, input: unknown, first: unknown) {
  Error.stackTraceLimit = 10;
  const again = await isAccepted(target, subject, input).catch((error: unknown) => error);
  const isSame = again instanceof Error && first instanceof Error && again.message === first.message;
  const error = isSame ? again : first;
  const { code = "no code", stack } = error as NodeJS.ErrnoException;
  const problem = `${code}: ${stack ?? String(error)}`;
  const replay = `replay: npm run fuzz -- 1 ${target.name} ${number}`;
  return new Error(`case ${number} of '${target.name}': ${problem}\n${replay}\ninput: ${inputText(input)}`);
}

/** Most of the time of a refusal goes into the stack of its error, which nobody reads. */
function withoutStacks(): Disposable {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  return { [Symbol.dispose]: () => void (Error.stackTraceLimit = stackTraceLimit) };
}

/** The most the process ever had; on Linux, since it was asked to `forget` what it had before. */
function peakBytes(forget = false): number {
  if (forget && process.platform === "linux") writeFileSync("/proc/self/clear_refs", "5");
  return process.resourceUsage().maxRSS * 1024;
}

/** Ends the process, saying why, if one case does not end for a minute: nothing in it can do so any more. */
class Watchdog implements Disposable {
  readonly #worker: Worker;
  readonly #current = new Float64Array(new SharedArrayBuffer(8));

  constructor(name: string) {
    const workerData = { name, current: this.#current } satisfies Watched;
    this.#worker = new Worker(new URL("watchdog.ts", import.meta.url), { workerData });
    this.#worker.unref();
  }

  set case(number: number) {
    this.#current[0] = number;
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate();
  }
}
