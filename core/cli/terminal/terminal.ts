import { printable } from "distributary/sdk";

/** Where a command writes: results on one stream, everything said about them on the other. */
export interface Terminal {
  /** Writes to standard output, as it is. */
  write(text: string): void;
  /** Writes to standard error, as it is. */
  writeError(text: string): void;
  /** Whether standard error is a terminal that can redraw lines. */
  readonly isInteractive: boolean;
  /** Asked anew each time: people resize windows. */
  readonly columns: number;
  readonly rows: number;
}

/** The terminal of this process. A reader that goes away (`| head`) ends the process quietly. */
export function processTerminal(): Terminal {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  return {
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    get isInteractive() {
      return process.stderr.isTTY && process.env["TERM"] !== "dumb" && process.env["CI"] === undefined;
    },
    get columns() {
      return process.stderr.columns || process.stdout.columns || 100;
    },
    get rows() {
      return process.stderr.rows || 24;
    },
  };
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
/** Emoji, and what Unicode's EastAsianWidth calls wide: Hangul, CJK, kana and full-width forms. */
const wide = new RegExp(
  [
    "[\\p{Emoji_Presentation}\\u{1100}-\\u{115f}\\u{2e80}-\\u{303e}\\u{3041}-\\u{a4cf}\\u{ac00}-\\u{d7a3}",
    "\\u{f900}-\\u{faff}\\u{fe30}-\\u{fe6f}\\u{ff00}-\\u{ff60}\\u{ffe0}-\\u{ffe6}\\u{20000}-\\u{3fffd}]",
  ].join(""),
  "u",
);

/** How many columns a text without control characters takes. */
export function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return [...graphemes.segment(text)].reduce((width, { segment }) => width + graphemeWidth(segment), 0);
}

function graphemeWidth(grapheme: string): number {
  if (/^\p{M}+$/u.test(grapheme)) return 0;
  return wide.test(grapheme) ? 2 : 1;
}

/** The text as it is if it fits into `width` columns, else its beginning and `…`. */
export function clip(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  let [clipped, taken] = ["", 1];
  for (const { segment } of graphemes.segment(text)) {
    taken += graphemeWidth(segment);
    if (taken > width) break;
    clipped += segment;
  }
  return width < 1 ? "" : `${clipped}…`;
}

/** Fills up with spaces to `width` columns. */
export function pad(text: string, width: number, side: "left" | "right" = "right"): string {
  const spaces = " ".repeat(Math.max(0, width - widthOf(text)));
  return side === "right" ? text + spaces : spaces + text;
}

/** Breaks a text at spaces into lines of at most `width` columns; longer words stand alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of printable(text).split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
