import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { definePlugin } from "distributary/sdk";
import type { Plugin } from "distributary/sdk";
import { readOptions } from "../../../core/kernel/options.ts";

const plugin = definePlugin({
  name: "sample",
  api: 1,
  options: {
    type: "object",
    required: ["url"],
    properties: {
      url: { type: "string", minLength: 1, description: "Where to." },
      level: { type: "integer", minimum: 1, maximum: 9, default: 6, description: "How much." },
      wait: { type: "string", format: "duration", default: "30s", description: "How long." },
      file: { type: "string", format: "path", description: "A file." },
      key: { type: "string", format: "secret", description: "A key." },
      tags: { type: "array", items: { type: "string" }, default: [], description: "Tags." },
    },
  },
  check: ({ level, tags }) => (tags.length > level ? "has more tags than levels" : undefined),
  setup: () => undefined,
}) as unknown as Plugin;

const failing = (traits: object) => expect.objectContaining(traits);

describe("the options of a plugin", () => {
  it("are completed with defaults and frozen, and the given ones are left alone", () => {
    const given = { url: "here" };
    const options = readOptions("sample", plugin, given);
    expect(options).toEqual({ url: "here", level: 6, wait: "30s", tags: [] });
    expect(Object.isFrozen(options) && Object.isFrozen(options["tags"])).toBe(true);
    expect(given).toEqual({ url: "here" });
  });

  it("are refused with every problem at once, the owner and the place", () => {
    const given = { level: 10, wait: "soon", lvel: 1, tags: ["a", 2] };
    const read = () => readOptions("sample", plugin, given, { where: "web.yaml:3" });
    expect(read).toThrow(failing({ code: "DIST_ERR_OPTIONS_INVALID", where: "web.yaml:3" }));
    for (const part of ["plugin 'sample'", "options.level", "options.wait", "lvel", "options.tags.1", "url"]) {
      expect(read).toThrow(part);
    }
  });

  it("are refused by rules between them", () => {
    const read = () => readOptions("mine", plugin, { url: "x", level: 1, tags: ["a", "b"] });
    expect(read).toThrow(failing({ message: "plugin 'mine': has more tags than levels" }));
  });

  it("have paths from where they were written, if that is known", () => {
    const given = { url: "x", file: "keys/a" };
    expect(readOptions("sample", plugin, given, { directory: "/etc/site" })["file"]).toBe(join("/etc/site", "keys/a"));
    expect(readOptions("sample", plugin, given)["file"]).toBe("keys/a");
  });

  it("have secrets read, or left alone", () => {
    const given = { url: "x", key: { env: "SAMPLE_KEY" } };
    const environment = { SAMPLE_KEY: "s3cret" };
    expect(readOptions("sample", plugin, given, { environment })["key"]).toBe("s3cret");
    expect(readOptions("sample", plugin, given, { secrets: "leave" })["key"]).toBe("[secret]");
    expect(() => readOptions("sample", plugin, given, { environment: {} })).toThrow("'SAMPLE_KEY', which is not set");
  });

  it("are none for a plugin that declares none", () => {
    const { options: _, check: __, ...rest } = plugin;
    expect(readOptions("sample", rest, {})).toEqual({});
    expect(() => readOptions("sample", rest, { level: 1 })).toThrow("level");
  });

  it("cannot be read with a schema that is wrong, and the plugin is named", () => {
    const wrong = {
      ...plugin,
      options: { type: "object", properties: { a: { type: "strnig" } } },
    } as unknown as Plugin;
    expect(() => readOptions("sample", wrong, {}, { where: "web.yaml:3" })).toThrow(
      failing({
        code: "DIST_ERR_PLUGIN_SHAPE",
        message: "plugin 'sample' is not a plugin: a schema is wrong at 'a': it has no known type",
        where: "web.yaml:3",
      }),
    );
  });
});
