import { printable } from "distributary/sdk";
import { clip, pad, widthOf } from "./terminal.ts";

export interface Column {
  readonly title: string;
  /** Numbers stand at the right. */
  readonly align?: "left" | "right";
  /** Narrower than this it is never made. */
  readonly leastWidth?: number;
}

export type Cell = string | number | undefined;

const gap = 2;
const defaultLeastWidth = 8;

/**
 * Aligned columns with a title line, for people. Cells are made safe to show; nothing is `-`. If the rows do not fit
 * into `columns`, the widest columns are clipped. Without rows it is the title line alone.
 */
export function formatTable(titles: readonly Column[], rows: readonly (readonly Cell[])[], columns: number): string {
  const texts = rows.map((row) => titles.map((_, at) => textOf(row[at])));
  const natural = titles.map(({ title }, at) =>
    Math.max(widthOf(title), ...texts.map((row) => widthOf(row[at] ?? ""))),
  );
  const widths = fit(natural, titles, columns - gap * (titles.length - 1));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) =>
        pad(clip(cell, widths[at] ?? 0), widths[at] ?? 0, titles[at]?.align === "right" ? "left" : "right"),
      )
      .join(" ".repeat(gap))
      .trimEnd();
  return [titles.map(({ title }) => title), ...texts].map(line).join("\n");
}

function textOf(cell: Cell): string {
  return cell === undefined || cell === "" ? "-" : printable(String(cell));
}

/** Takes columns from the widest until all fit, or each is as narrow as it may be. */
function fit(natural: readonly number[], titles: readonly Column[], available: number): number[] {
  const widths = [...natural];
  const least = natural.map((width, at) => Math.min(width, titles[at]?.leastWidth ?? defaultLeastWidth));
  for (let excess = widths.reduce((sum, width) => sum + width, 0) - available; excess > 0; excess -= 1) {
    const spare = widths.map((width, at) => (width > (least[at] ?? 0) ? width : -1));
    const widest = spare.indexOf(Math.max(...spare));
    if ((spare[widest] ?? -1) < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}
