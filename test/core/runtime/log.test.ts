import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

const module = new URL("../../../core/runtime/log.ts", import.meta.url).href;

/** What a program that logs writes to standard error. */
function run(code: string): string {
  const program = `import { createLog } from ${JSON.stringify(module)}; ${code}`;
  const args = ["--input-type=module", "--eval", program];
  const { stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect(status, stderr).toBe(0);
  return stderr;
}

function entries(code: string): Record<string, unknown>[] {
  const lines = run(code).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("an entry is a line of JSON with its fields, those of its parents and the time", () => {
  const before = Date.now();
  const [entry] = entries(`
    createLog({ level: "info" }).child({ plugin: "rsync" }).child({ job: 7 }).warn({ bytes: 12 }, "slow");
  `);
  expect(entry).toMatchObject({ level: 40, plugin: "rsync", job: 7, bytes: 12, msg: "slow" });
  expect(entry?.["time"]).toBeGreaterThanOrEqual(before);
});

test("entries below the level are not written", () => {
  const written = entries(`
    const log = createLog({ level: "warn" });
    log.debug({}, "a"); log.info({}, "b"); log.warn({}, "c"); log.error({}, "d");
  `);
  expect(written.map(({ msg }) => msg)).toEqual(["c", "d"]);
});

test("secrets are replaced at any depth, in children and in URLs", () => {
  const text = run(`
    const log = createLog({ level: "info" }).child({ joinToken: "geheim-1" });
    log.info({ a: { b: [{ password: "geheim-2", Authorization: "geheim-3" }] }, privateKey: "geheim-4" }, "x");
    const cause = new Error("at https://u:geheim-7@h/");
    log.info({ url: "postgres://joe:geheim-5@host/db", api_key: "geheim-6", cause }, "y");
  `);
  expect(text).not.toContain("geheim");
  expect(text).toContain("postgres://joe:***@host/db");
});

test("an error is written with its code, its hint and its causes", () => {
  const errors = new URL("../../../sdk/errors.ts", import.meta.url).href;
  const [entry] = entries(`
    import { failure } from ${JSON.stringify(errors)};
    const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const error = failure("DIST_ERR_STORE_AWAY", { server: "db:5432/x", problem: "refused" }, { cause });
    createLog({ level: "info" }).error({ error }, "no database");
  `);
  expect(entry?.["error"]).toMatchObject({ code: "DIST_ERR_STORE_AWAY", cause: { code: "ECONNREFUSED" } });
  expect(entry?.["error"]).toHaveProperty("hint");
});

test.each([true, false])("no control character reaches the terminal (pretty: %s)", (pretty) => {
  const text = run(`
    const evil = "\\u001b[2J\\u009b2J\\r\\n\\u202eexe.txt\\u007f";
    createLog({ level: "info", pretty: ${pretty} }).info({ [evil]: evil, path: evil }, evil);
  `);
  expect(text.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
});

test("lines for people show time, level, text and fields", () => {
  const text = run(`createLog({ level: "info", pretty: true }).info({ job: 7, by: "ann" }, 'published "docs"');`);
  expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}published "docs" {2}job=7 {2}by="ann"\n$/);
});

test("what cannot be JSON is still written", () => {
  const [entry] = entries(`
    const ring = { name: "ring" }; ring.self = ring;
    const log = createLog({ level: "info" });
    const [set, map] = [new Set([1]), new Map([["a", 1]])];
    log.info({ ring, big: 10n, bytes: new Uint8Array(3), when: new Date(NaN), set, map }, "odd");
  `);
  expect(entry).toMatchObject({ big: "10", bytes: "3 bytes", when: null, set: [1], map: { a: 1 }, msg: "odd" });
});
