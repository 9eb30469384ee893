import type { Terminal } from "../../../../core/cli/terminal/terminal.ts";

/** A terminal that keeps what is written to it. */
export class RecordedTerminal implements Terminal {
  out = "";
  error = "";
  isInteractive = false;
  columns = 80;
  rows = 24;

  constructor(traits: Partial<Pick<Terminal, "isInteractive" | "columns" | "rows">> = {}) {
    Object.assign(this, traits);
  }

  write(text: string): void {
    this.out += text;
  }

  writeError(text: string): void {
    this.error += text;
  }

  /** What is to be seen after all of standard error was written: the lines, with the cursor below them. */
  screen(): string[] {
    const lines = [""];
    let row = 0;
    for (const [token] of this.error.matchAll(/\x1b\[(\d*)([AJ])|[^]/g)) {
      const up = /^\x1b\[(\d+)A$/.exec(token)?.[1];
      if (up !== undefined) row = Math.max(0, row - Number(up));
      else if (token === "\x1b[J") lines.splice(row, Infinity, "");
      else if (token === "\n") {
        row += 1;
        lines[row] ??= "";
      } else if (token !== "\r") lines[row] += token;
    }
    return lines.slice(0, -1);
  }
}
