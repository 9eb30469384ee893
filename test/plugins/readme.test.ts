import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { optionTable, withOptionTable } from "../../config/option-tables.ts";
import { builtInPlugins } from "../../plugins/index.ts";

describe("plugin READMEs", () => {
  for (const [name, load] of Object.entries(builtInPlugins)) {
    it(`${name} shows the options it has; if not, run node config/option-tables.ts`, async () => {
      const readme = await readFile(join(import.meta.dirname, "../../plugins", name, "README.md"), "utf8");
      const { default: plugin } = await load();
      expect(readme).toBe(withOptionTable(readme, plugin.options ?? { type: "object", properties: {} }));
    });
  }
});

describe("option tables", () => {
  it("show every kind of option", () => {
    const table = optionTable({
      type: "object",
      required: ["url"],
      properties: {
        url: { type: "string", description: "Where to." },
        mode: { type: "string", enum: ["a", "b"], default: "a", description: "This | that." },
        level: { type: "integer", minimum: 1, maximum: 9, default: 6, description: "How much." },
        ratio: { type: "number", minimum: 0, description: "How many." },
        secure: { type: "boolean", default: true, description: "Whether." },
        timeout: { type: "string", format: "duration", default: "30s", description: "How long." },
        hosts: { type: "array", items: { type: "string" }, default: [], description: "Who." },
        labels: { type: "object", additionalProperties: { type: "string" }, default: {}, description: "What." },
        inner: {
          type: "object",
          default: {},
          description: "More.",
          properties: { deep: { type: "integer", description: "Deep." } },
        },
      },
    });
    expect(table).toBe(
      [
        "| Option | Value | Default | Meaning |",
        "| --- | --- | --- | --- |",
        "| `url` | text | required | Where to. |",
        '| `mode` | `a`, `b` | `"a"` | This \\| that. |',
        "| `level` | whole number, 1 … 9 | `6` | How much. |",
        "| `ratio` | number, at least 0 |  | How many. |",
        "| `secure` | `true` or `false` | `true` | Whether. |",
        '| `timeout` | duration | `"30s"` | How long. |',
        "| `hosts` | list of text | `[]` | Who. |",
        "| `labels` | map of text | `{}` | What. |",
        "| `inner` | object | `{}` | More. |",
        "| `inner.deep` | whole number |  | Deep. |",
      ].join("\n"),
    );
  });

  it("say when there are no options", () => {
    expect(optionTable({ type: "object", properties: {} })).toBe("It has no options.");
  });

  it("replace what stands between the markers and nothing else", () => {
    const readme = "a\n<!-- options -->\nold\n<!-- /options -->\nz\n";
    const expected = "a\n<!-- options -->\nIt has no options.\n<!-- /options -->\nz\n";
    expect(withOptionTable(readme, { type: "object", properties: {} })).toBe(expected);
    expect(() => withOptionTable("no markers", { type: "object", properties: {} })).toThrow();
  });
});
