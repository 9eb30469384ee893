import { describe, expect, it } from "vitest";
import { formatTable } from "../../../../core/cli/terminal/table.ts";
import { clip, pad, widthOf, wrap } from "../../../../core/cli/terminal/terminal.ts";

const columns = [{ title: "NODE" }, { title: "FREE", align: "right" }, { title: "STATE" }] as const;

describe("formatTable", () => {
  it("aligns columns, numbers at the right, without spaces at the end", () => {
    expect(
      formatTable(
        columns,
        [
          ["a", 7, "ready"],
          ["web-eu-1", 1234, undefined],
          ["", 0, "late"],
        ],
        80,
      ),
    ).toBe(["NODE      FREE  STATE", "a            7  ready", "web-eu-1  1234  -", "-            0  late"].join("\n"));
  });

  it("is the title line without rows", () => expect(formatTable(columns, [], 80)).toBe("NODE  FREE  STATE"));

  it("lets nothing in a cell reach the terminal or break the line", () => {
    const text = formatTable([{ title: "FILE" }], [["\x1b[2Ja\nb\tc\u202e"]], 80);
    expect(text).toBe("FILE\n\\x1b[2Ja\\x0ab\\x09c\\u{202e}");
  });

  it("counts wide and combined characters as they are shown", () => {
    expect(
      formatTable(
        [{ title: "A" }, { title: "B" }],
        [
          ["日本", 1],
          ["e\u0301", 2],
          ["🚢", 3],
        ],
        80,
      ),
    ).toBe(["A     B", "日本  1", "e\u0301     2", "🚢    3"].join("\n"));
  });

  it.each([60, 40, 30, 26])("fits into %d columns by clipping the widest", (width) => {
    const text = formatTable(columns, [["n".repeat(50), 123_456, "s".repeat(70)]], width);
    for (const line of text.split("\n")) expect(widthOf(line)).toBeLessThanOrEqual(width);
    expect(text).toContain("123456");
  });

  it.each([10, 1, 0, -5])("is still a table in %d columns", (width) => {
    const text = formatTable(columns, [["n".repeat(50), 123_456, "s".repeat(70)]], width);
    expect(text.split("\n")[1]).toBe(`${"n".repeat(7)}…  123456  ${"s".repeat(7)}…`);
  });
});

describe("text", () => {
  it("is clipped to a width, never in the middle of a character", () => {
    expect([
      clip("abc", 3),
      clip("abcd", 3),
      clip("日本語", 4),
      clip("日本語", 5),
      clip("abc", 1),
      clip("abc", 0),
      clip("", 0),
    ]).toEqual(["abc", "ab…", "日…", "日本…", "…", "", ""]);
  });

  it("is filled up on either side", () => {
    expect([pad("日", 4), pad("7", 3, "left"), pad("long", 2)]).toEqual(["日  ", "  7", "long"]);
  });

  it("is wrapped at spaces", () => {
    expect(wrap("a bb ccc dddddddd e", 5)).toEqual(["a bb", "ccc", "dddddddd", "e"]);
  });
});
