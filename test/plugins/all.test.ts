import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ProviderKind } from "distributary/sdk";
import { RecordingHost, readOptions } from "distributary/testkit";
import { builtInPlugins } from "../../plugins/index.ts";

const root = join(import.meta.dirname, "../..");
const folders = (await readdir(join(root, "plugins"), { withFileTypes: true }))
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();

/** The kit of each kind, as the tests of plugins call it. */
const kits: Record<ProviderKind, string> = {
  deltas: "testDelta",
  compressors: "testCompressor",
  ciphers: "testCipher",
  transports: "test(?:Members)?Transport",
  priorities: "testPriority",
  interpreters: "testInterpreter",
};

describe("the plugins that come with Distributary", () => {
  it("are listed, all of them and nothing else", () => {
    expect(Object.keys(builtInPlugins).sort()).toEqual(folders);
  });

  for (const [folder, load] of Object.entries(builtInPlugins)) {
    it(`${folder} is called like its folder and can be used without options`, async () => {
      const { default: plugin } = await load();
      expect(plugin.name).toBe(folder);
      expect(() => readOptions(plugin, {})).not.toThrow();
    });

    it(`${folder} has a README that says what it is called and for what`, async () => {
      const readme = await readFile(join(root, "plugins", folder, "README.md"), "utf8");
      expect(readme.startsWith(`# ${folder}\n\n`)).toBe(true);
    });

    it(`${folder} has a test that runs the kit of plugins and of everything it provides`, async () => {
      const { default: plugin } = await load();
      const host = new RecordingHost(plugin.name);
      plugin.setup(host, readOptions(plugin, {}));
      const source = await testsOf(folder);
      expect(source).toMatch(/^testPlugin\(/m);
      for (const [kind, kit] of Object.entries(kits) as [ProviderKind, string][]) {
        if (host[kind].names().length > 0) expect(source).toMatch(new RegExp(`^\\s*${kit}\\w*\\(`, "m"));
      }
    });
  }
});

/** The source of a plugin's tests, which lie beside it or in the mirror of its folder. */
async function testsOf(folder: string): Promise<string> {
  const places = [join(root, "test/plugins"), join(root, "test/plugins", folder), join(root, "plugins", folder)];
  const sources = await Promise.all(
    places.map(async (directory) => {
      const names = await readdir(directory).catch(() => []);
      const own = directory.endsWith("test/plugins") ? `${folder}.test.ts` : ".test.ts";
      const tests = names.filter((name) => name === own || (own === ".test.ts" && name.endsWith(own)));
      return Promise.all(tests.map((name) => readFile(join(directory, name), "utf8")));
    }),
  );
  return sources.flat().join("\n");
}
