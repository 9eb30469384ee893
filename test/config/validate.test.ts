import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { ObjectSchema, Schema } from "distributary/sdk";
import { redact } from "../../config/redact.ts";
import { compileSchema } from "../../config/validate.ts";

const schema = {
  type: "object",
  required: ["socket"],
  properties: {
    socket: { type: "string", format: "path", description: "A socket." },
    level: { type: "integer", minimum: 1, maximum: 9, default: 6, description: "A level." },
    mode: { type: "string", enum: ["fast", "slow"], default: "fast", description: "A mode." },
    size: { type: "string", format: "bytes", default: "1 MiB", description: "A size." },
    every: { type: "string", format: "duration", description: "A time." },
    backend: { type: "string", format: "name", description: "A name." },
    listen: { type: "string", format: "address", description: "An address." },
    code: { type: "string", pattern: "^[A-Z]{2}$", minLength: 2, maxLength: 2, description: "Two capital letters." },
    tags: { type: "array", items: { type: "string" }, minItems: 1, maxItems: 2, description: "Tags." },
    ratio: { type: "number", description: "A share." },
    active: { type: "boolean", description: "Whether." },
    limits: {
      type: "object",
      default: {},
      properties: { count: { type: "integer", default: 3, description: "A count." } },
      description: "Limits.",
    },
    headers: { type: "object", additionalProperties: { type: "string" }, description: "Headers." },
    password: { type: "string", format: "secret", description: "A password." },
  },
} as const satisfies ObjectSchema;

const directory = mkdtempSync(join(tmpdir(), "validate-"));
afterAll(() => rmSync(directory, { recursive: true }));

function problemsOf(value: unknown, of: Schema = schema): string[] {
  const checked = compileSchema(of)(value);
  return checked.ok ? [] : checked.problems.map(({ path, message }) => `${path.join(".")}: ${message}`);
}

describe("compileSchema", () => {
  it("fills in defaults, also inside objects that were not given", () => {
    const checked = compileSchema(schema)({ socket: "/run/s" });
    expect(checked).toEqual({
      ok: true,
      value: { socket: "/run/s", level: 6, mode: "fast", size: "1 MiB", limits: { count: 3 } },
    });
  });

  it("leaves the given value as it is and freezes the result to the bottom", () => {
    const given = { socket: "s", limits: {}, tags: ["a"] };
    const checked = compileSchema(schema, { directory })(given);
    expect(given).toEqual({ socket: "s", limits: {}, tags: ["a"] });
    if (!checked.ok) throw new Error("it is valid");
    expect([checked.value, checked.value.limits, checked.value.tags].every(Object.isFrozen)).toBe(true);
    expect(checked.value.socket).toBe(join(directory, "s"));
  });

  it("shares nothing between two results", () => {
    const check = compileSchema({
      type: "object",
      properties: { list: { type: "array", items: { type: "string" }, default: ["a"] } },
    });
    const [first, second] = [check({}), check({})];
    expect(first.ok && second.ok && first.value.list !== second.value.list).toBe(true);
  });

  it.each<[string, object, string]>([
    ["an unknown option", { levl: 1 }, ": has no option 'levl', did you mean 'level'?"],
    ["an unknown option inside", { limits: { cuont: 1 } }, "limits: has no option 'cuont', did you mean 'count'?"],
    ["an option like nothing known", { zebra: 1 }, ": has no option 'zebra'"],
    ["a number that is too large", { level: 10 }, "level: must be at most 9"],
    ["a number that is too small", { level: 0 }, "level: must be at least 1"],
    ["a fraction", { level: 1.5 }, "level: must be a whole number, not 1.5"],
    ["text for a number", { level: "6" }, "level: must be a whole number, not '6'"],
    ["not a number", { ratio: NaN }, "ratio: must be a number, not NaN"],
    ["a wrong choice", { mode: "fats" }, "mode: must be one of fast, slow, not 'fats', did you mean 'fast'?"],
    ["another type than a choice", { mode: 1 }, "mode: must be one of fast, slow, not 1"],
    ["a wrong size", { size: "64 K" }, "size: must be a size like 512, 64 KiB or 10 GiB, not '64 K'"],
    ["a negative size", { size: -1 }, "size: must be at least 0"],
    ["a wrong duration", { every: "5" }, "every: must be a duration like 250ms, 30s, 5m, 12h or 7d, not '5'"],
    [
      "a wrong name",
      { backend: "Web" },
      "backend: must be a name of at most 63 lower-case letters, digits and hyphens, not 'Web'",
    ],
    [
      "a wrong address",
      { listen: "7400" },
      "listen: must be an address like 127.0.0.1:7400, example.org:7400 or :7400, not '7400'",
    ],
    ["an empty path", { socket: "" }, "socket: must be a path, not ''"],
    ["a list that is too short", { tags: [] }, "tags: must not be an empty list"],
    ["a list that is too long", { tags: ["a", "b", "c"] }, "tags: must have at most 2 items"],
    ["a wrong item", { tags: ["a", 2] }, "tags.1: must be text, not 2"],
    ["text for a flag", { active: "yes" }, "active: must be true or false, not 'yes'"],
    ["nothing", { limits: null }, "limits: must be a mapping (`key: value`), not empty"],
    ["a wrong value in a map", { headers: { "a/b~c": [] } }, "headers.a/b~c: must be text, not a list"],
    ["text of the wrong form", { code: "ab" }, "code: cannot be 'ab'"],
    ["text that is too long", { code: "ABC" }, "code: must have at most 2 characters"],
    ["a secret in plain", { password: "hunter2" }, "password: must refer to a secret"],
  ])("says what is wrong with %s", (_, value, problem) => {
    expect(problemsOf({ socket: "s", ...value })).toEqual([problem]);
  });

  it("reports every problem at once, and what is required", () => {
    expect(problemsOf({ level: 0, zebra: 1, password: 7 })).toEqual([
      "socket: is required",
      ": has no option 'zebra'",
      "level: must be at least 1",
      "password: must refer to a secret",
    ]);
  });

  it("names the wrong key, so that its line can be found", () => {
    const checked = compileSchema(schema)({ socket: "s", limits: { cuont: 1 } });
    expect(checked).toMatchObject({ problems: [{ path: ["limits"], key: "cuont", hint: "known: count" }] });
  });

  it("refuses keys that only a prototype has", () => {
    const value: unknown = JSON.parse('{ "socket": "s", "constructor": 1, "__proto__": { "level": 1 } }');
    expect(problemsOf(value)).toEqual([": has no option 'constructor'", ": has no option '__proto__'"]);
    const inherited = {
      type: "object",
      required: ["constructor"],
      properties: { constructor: { type: "string" } },
    } as unknown as Schema;
    expect(problemsOf({}, inherited)).toEqual(["constructor: is required"]);
  });

  it("takes sizes written as numbers", () => {
    expect(compileSchema(schema)({ socket: "s", size: 512 })).toMatchObject({ value: { size: "512" } });
  });

  it("does not repeat long or unprintable values", () => {
    const [problem] = problemsOf({ socket: "s", mode: `\x1b[2J${"x".repeat(1000)}` });
    expect(problem?.length).toBeLessThan(120);
    expect(problem).toContain("\\x1b[2J");
  });

  it("refuses values without end", () => {
    const endless: unknown[] = [];
    endless.push(endless);
    expect(problemsOf({ tags: endless })).toEqual([": is nested more than 64 levels deep"]);
    expect(problemsOf({ tags: Array.from({ length: 200_001 }, () => "x") })).toEqual([
      ": holds more than 200000 values",
    ]);
  });

  it.each([undefined, null, "text", 7, [], () => 1])("refuses %s in place of options", (value) => {
    expect(problemsOf(value)).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ["no type", {}],
    ["an unknown type", { type: "date" }],
    ["an unknown keyword", { type: "object", properties: { a: { type: "string", anyOf: [] } } }],
    ["an unknown format", { type: "string", format: "colour" }],
    ["an object without properties", { type: "object" }],
    ["something required that is not declared", { type: "object", required: ["a"], properties: {} }],
    ["a pattern that is none", { type: "string", pattern: "(" }],
  ])("throws for a schema with %s", (_, wrong) => {
    expect(() => compileSchema(wrong as Schema)).toThrow(expect.objectContaining({ code: "DIST_ERR_OPTIONS_SCHEMA" }));
  });
});

describe("a secret", () => {
  const check = (password: unknown, environment = {}) => {
    const checked = compileSchema(schema, { directory, environment })({ socket: "s", password });
    return checked.ok ? checked.value.password : checked.problems.map(({ message }) => message).join();
  };

  it("is read from the environment", () => {
    expect(check({ env: "PASSWORD" }, { PASSWORD: "hunter2" })).toBe("hunter2");
    expect(check({ env: "PASSWORD" })).toBe("refers to the environment variable 'PASSWORD', which is not set");
    expect(check({ env: "PASSWORD" }, { PASSWORD: "" })).toBe(
      "refers to the environment variable 'PASSWORD', which is empty",
    );
  });

  it("is read from a file, without the line end", () => {
    writeFileSync(join(directory, "password"), "hunter 2\n");
    writeFileSync(join(directory, "empty"), "\n");
    writeFileSync(join(directory, "large"), Buffer.alloc(65_537));
    expect(check({ file: "password" })).toBe("hunter 2");
    expect(check({ file: "empty" })).toMatch(/which is empty$/);
    expect(check({ file: "large" })).toMatch(/which is larger than 65536 bytes$/);
    expect(check({ file: "missing" })).toMatch(/which cannot be read: ENOENT$/);
    expect(check({ file: "." })).toMatch(/which is not a file$/);
  });

  it.each([{}, { env: "" }, { env: 7 }, { env: "A", file: "b" }, { vault: "a" }, ["env", "A"], null])(
    "is not %j",
    (reference) => {
      expect(check(reference)).toBe("must refer to a secret");
    },
  );

  it("is hidden when it is not read, and when it is shown", () => {
    const left = compileSchema(schema, { secrets: "leave", environment: {} })({
      socket: "s",
      password: { env: "PASSWORD" },
    });
    expect(left).toMatchObject({ ok: true, value: { password: "[secret]" } });
    const value = { servers: [{ password: "hunter2" }], by: { name: { password: "hunter2" } } };
    const servers = { type: "array", items: schema } as const;
    const shown = redact(
      { type: "object", properties: { servers, by: { type: "object", additionalProperties: schema } } },
      value,
    );
    expect(shown).toEqual({ servers: [{ password: "[secret]" }], by: { name: { password: "[secret]" } } });
  });
});
