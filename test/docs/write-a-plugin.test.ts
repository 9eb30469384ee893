import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as sdk from "distributary/sdk";
import * as testkit from "distributary/testkit";
import { formats } from "../../config/formats.ts";
import { createHooks } from "../../core/kernel/hooks.ts";
import { root } from "../source-files.ts";

const page = readFileSync(join(root, "docs/write-a-plugin.md"), "utf8");

/** The cells of the rows of the table with this head. */
function table(head: string): string[][] {
  const lines = page.split("\n");
  const start = lines.indexOf(head);
  const end = lines.indexOf("", start);
  if (start === -1) throw new Error(`no table '${head}'`);
  return lines.slice(start + 2, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const quoted = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word);

/** What tapable calls a hook, in the words of the page. */
const kinds: Readonly<Record<string, string>> = {
  SyncHook: "synchronous",
  AsyncParallelHook: "at the same time",
  AsyncSeriesHook: "one after the other",
  AsyncSeriesBailHook: "one after the other, up to the first text",
  AsyncSeriesWaterfallHook: "one after the other, each with the last one's plan",
};

describe("the reference for authors of plugins", () => {
  it("lists every hook with what taps get, in order, and how they are called", () => {
    const rows = table("| Hook | A tap gets | It may answer | How |");
    const hooks = Object.entries(createHooks()) as unknown as [
      string,
      { _args: string[]; constructor: { name: string } },
    ][];
    expect(rows.map(([name = "", args = ""]) => [quoted(name)[0], quoted(args)])).toEqual(
      hooks.map(([name, { _args }]) => [name, _args]),
    );
    for (const [at, [, hook]] of hooks.entries()) {
      expect(rows[at]?.[3]?.replace(", also behind one that fails", "")).toBe(kinds[hook.constructor.name]);
    }
  });

  it("lists every registry, with kits that exist", () => {
    const rows = table("| Registry | Interface | Kit | Start from |");
    const { deltas, compressors, ciphers, transports, priorities, interpreters } = new testkit.RecordingHost("x");
    const registries = { deltas, compressors, ciphers, transports, priorities, interpreters };
    expect(rows.map(([name = ""]) => quoted(name)[0])).toEqual(Object.keys(registries));
    for (const kit of rows.flatMap(([, , kits = ""]) => quoted(kits)))
      expect(testkit).toHaveProperty(kit, expect.any(Function));
  });

  it("lists everything a host has", () => {
    const host = new testkit.RecordingHost("x");
    const own = ["hooks", "routes", "commands", "migrations", "log", "error", "defer"].filter((name) => name in host);
    for (const name of own) expect(page).toContain(`\`host.${name}`);
  });

  it("lists every format of options", () => {
    const rows = table("| Format | In the configuration | What the plugin gets |");
    expect(rows.map(([name = ""]) => quoted(name)[0]).sort()).toEqual(
      [...new Set([...Object.keys(formats), "secret"])].sort(),
    );
  });

  it("names only what the sdk and the testkit have", () => {
    const imports = page.matchAll(/^import \{ (.+) \} from "distributary\/(sdk|testkit)";$/gm);
    for (const [, names = "", from] of imports) {
      for (const name of names.split(", ")) expect(from === "sdk" ? sdk : testkit).toHaveProperty(name);
    }
  });
});
