import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const root = join(import.meta.dirname, "../..");
export const main = join(root, "core/cli/main.ts");

/** A line of a program's log; one that is no JSON is all `msg`. */
export type LogEntry = Readonly<Record<string, unknown>> & { readonly msg: string };

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** A program that runs, with what it has said so far. Disposing stops it and waits for its end. */
export class Program implements AsyncDisposable {
  /** Standard output. */
  output = "";
  /** Standard error. */
  errors = "";
  readonly log: LogEntry[] = [];
  /** Its exit code; null if a signal ended it. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  /** Entries before this one were waited for. */
  #seen = 0;
  #isOver = false;

  constructor(file: string, args: readonly string[], { cwd = root, env = {} }: ProgramOptions = {}) {
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("DISTRIBUTARY_"));
    this.#child = spawn(file, args, {
      cwd,
      env: { ...Object.fromEntries(clean), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (bytes: Buffer) => (this.output += bytes.toString()));
    if (this.#child.stderr !== null) createInterface(this.#child.stderr).on("line", (line) => this.#take(line));
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    this.ended = promise;
    this.#child.once("error", reject);
    this.#child.once("close", (code) => {
      this.#isOver = true;
      resolve(code);
      this.#wake();
    });
  }

  /** `distributary` with these arguments. */
  static distributary(args: readonly string[], options: ProgramOptions = {}): Program {
    return new Program(process.execPath, [main, ...args], options);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  #take(line: string): void {
    this.errors += `${line}\n`;
    this.log.push(line.startsWith("{") ? (JSON.parse(line) as LogEntry) : { msg: line });
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  /**
   * The next entry with this text and these fields; the one after will be looked for behind it. Rejects if the program
   * ends before.
   */
  async says(msg: string, fields: Readonly<Record<string, unknown>> = {}): Promise<LogEntry> {
    const fits = (entry: LogEntry) =>
      entry.msg.includes(msg) && Object.entries(fields).every(([name, value]) => entry[name] === value);
    for (;;) {
      const index = this.log.findIndex((entry, at) => at >= this.#seen && fits(entry));
      const entry = this.log[index];
      if (entry !== undefined) {
        this.#seen = index + 1;
        return entry;
      }
      if (this.#isOver)
        throw new Error(`the program ended and never said '${msg}' ${JSON.stringify(fields)}:\n${this.errors}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
      this.#waiting.delete(resolve);
    }
  }

  /** Ends it with a signal; resolves when it is gone. */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.#isOver) this.#child.kill(signal);
    return this.ended;
  }

  /** Asks it to stop; a program that does not is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
    await this.kill("SIGTERM");
    clearTimeout(timer);
  }
}
