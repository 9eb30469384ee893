import { printable } from "distributary/sdk";
import { formatBytes, formatDuration } from "../../../config/units.ts";
import { clip, pad, widthOf } from "./terminal.ts";
import type { Terminal } from "./terminal.ts";

/** What is counted: sizes are shown as such. */
export type Unit = "bytes" | "count";

/** One thing that takes time. */
export interface Bar {
  /** How much is done; more than the total counts as the total. */
  update(done: number, note?: string): void;
  /** Sets the total once it is known. */
  setTotal(total: number): void;
  /** Ends the bar with a line that stays. Nothing else has an effect afterwards. */
  finish(text?: string): void;
}

interface BarState {
  readonly label: string;
  readonly unit: Unit;
  readonly startedMs: number;
  total: number | undefined;
  done: number;
  note: string;
  /** Quarters that were told where lines cannot be redrawn. */
  quarters: number;
}

export interface ProgressOptions {
  /** What is counted: sizes are shown as such. */
  readonly unit?: Unit;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

const redrawMs = 100;
const barWidth = 20;

/**
 * Shows how far several things are, on standard error. On a terminal each has a bar that is redrawn at most ten times
 * a second; elsewhere a line is written at the start, at each quarter and at the end. Uses no timer.
 */
export class Progress implements Disposable {
  readonly #terminal: Terminal;
  readonly #unit: Unit;
  readonly #now: () => number;
  readonly #bars = new Set<BarState>();
  #drawnLines = 0;
  #drawnMs = -Infinity;

  constructor(terminal: Terminal, { unit = "count", now = () => performance.now() }: ProgressOptions = {}) {
    this.#terminal = terminal;
    this.#unit = unit;
    this.#now = now;
  }

  /** Begins a bar, if need be with a unit of its own. Without a total it shows only how much was done. */
  bar(label: string, total?: number, unit: Unit = this.#unit): Bar {
    const startedMs = this.#now();
    const state: BarState = { label: printable(label), unit, startedMs, total, done: 0, note: "", quarters: 0 };
    this.#bars.add(state);
    if (this.#terminal.isInteractive) this.#draw(true);
    else this.#line(`${state.label}: begins`);
    return {
      update: (done, note) => this.#update(state, done, note),
      setTotal: (value) => void (state.total = value),
      finish: (text) => this.#finish(state, text),
    };
  }

  /** Writes a line to standard error that stays above the bars. */
  print(text: string): void {
    this.#clear();
    this.#line(printable(text));
    this.#draw(true);
  }

  /** Takes away the bars that are left. */
  [Symbol.dispose](): void {
    this.#bars.clear();
    this.#clear();
  }

  #update(state: BarState, done: number, note: string | undefined): void {
    if (!this.#bars.has(state) || !Number.isFinite(done)) return;
    state.done = state.total === undefined ? done : Math.min(done, state.total);
    if (note !== undefined) state.note = printable(note);
    if (this.#terminal.isInteractive) return this.#draw(false);
    const quarters = Math.floor(4 * shareOf(state));
    if (quarters <= state.quarters || quarters >= 4) return;
    state.quarters = quarters;
    this.#line(`${state.label}: ${quarters * 25}% (${this.#amounts(state)})`);
  }

  #finish(state: BarState, text: string | undefined): void {
    if (!this.#bars.delete(state)) return;
    const took = formatDuration(this.#now() - state.startedMs);
    this.#clear();
    this.#line(`${state.label}: ${printable(text ?? `${this.#amount(state.done, state.unit)} in ${took}`)}`);
    this.#draw(true);
  }

  #line(text: string): void {
    this.#terminal.writeError(`${text}\n`);
  }

  #clear(): void {
    if (this.#drawnLines > 0) this.#terminal.writeError(`\x1b[${this.#drawnLines}A\r\x1b[J`);
    this.#drawnLines = 0;
  }

  #draw(isDue: boolean): void {
    if (!this.#terminal.isInteractive || (!isDue && this.#now() - this.#drawnMs < redrawMs)) return;
    const { columns, rows } = this.#terminal;
    // A block higher than the screen could not be redrawn: the cursor stops at the top.
    const most = Math.max(1, rows - 2);
    const bars = [...this.#bars];
    const shown = bars.slice(0, bars.length > most ? Math.max(1, most - 1) : most);
    const labelWidth = Math.min(
      Math.max(0, ...shown.map(({ label }) => widthOf(label))),
      Math.max(4, Math.floor(columns / 3)),
    );
    const lines = shown.map((state) => this.#lineOf(state, labelWidth));
    if (bars.length > shown.length && most > 1) lines.push(`… and ${bars.length - shown.length} more`);
    this.#clear();
    // A line as wide as the terminal wraps on some, which would break the count of lines.
    if (lines.length > 0)
      this.#terminal.writeError(`${lines.map((line) => clip(line, Math.max(1, columns - 1))).join("\n")}\n`);
    this.#drawnLines = lines.length;
    this.#drawnMs = this.#now();
  }

  #lineOf(state: BarState, labelWidth: number): string {
    const label = pad(clip(state.label, labelWidth), labelWidth);
    const share = shareOf(state);
    const filled = Math.round(share * barWidth);
    const percent = `${Math.floor(share * 100)}%`;
    const graph = `[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}] ${percent.padStart(4)}`;
    const isWide = this.#terminal.columns >= labelWidth + barWidth + 24;
    const known = state.total === undefined ? "" : isWide ? `${graph}  ` : `${percent}  `;
    const parts = [this.#amounts(state), this.#remaining(state), state.note].filter((part) => part !== "");
    return `${label}  ${known}${parts.join("  ")}`;
  }

  #amounts({ done, total, unit }: BarState): string {
    const amount = this.#amount(done, unit);
    return total === undefined ? amount : `${amount} of ${this.#amount(total, unit)}`;
  }

  #amount(count: number, unit: Unit): string {
    return unit === "bytes" ? formatBytes(count) : String(count);
  }

  #remaining(state: BarState): string {
    const elapsedMs = this.#now() - state.startedMs;
    if (state.total === undefined || state.done <= 0 || state.done >= state.total || elapsedMs < 1000) return "";
    return `${formatDuration(Math.ceil((elapsedMs * (state.total - state.done)) / state.done / 1000) * 1000)} left`;
  }
}

function shareOf({ done, total }: BarState): number {
  if (total === undefined) return 0;
  return total <= 0 ? 1 : Math.max(0, Math.min(1, done / total));
}
