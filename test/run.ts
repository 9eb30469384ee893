/** What `npm test` runs: the compiler and every test, against real programs. Arguments are passed to vitest. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { installPackages } from "./packages.ts";
import { startPostgres } from "./postgres.ts";

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const root = dirname(import.meta.dirname);
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

/** Runs a file of a package with this Node, its output to ours; resolves with its exit code, null if it was stopped. */
async function runNode(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number | null> {
  const options = { cwd: root, stdio: "inherit", env: { ...process.env, ...env } } as const;
  const child = spawn(process.execPath, [join(root, "node_modules", file), ...args], options);
  const end = () => child.kill("SIGTERM");
  stop.signal.addEventListener("abort", end, { once: true });
  if (stop.signal.aborted) end();
  await once(child, "close");
  return child.exitCode;
}

async function compile(): Promise<Count> {
  const passed = (await runNode("typescript/bin/tsc", [])) === 0;
  console.log(passed ? "tsc: no errors" : "tsc: errors");
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 };
}

async function test(filters: readonly string[]): Promise<Count> {
  const scratch = mkdtempSync(join(tmpdir(), "distributary-test-"));
  const results = join(scratch, "results.json");
  try {
    await using postgres = await startPostgres();
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${results}`];
    const env = { DISTRIBUTARY_TEST_PG: postgres.url };
    const code = await runNode("vitest/vitest.mjs", ["run", ...reporters, ...filters], env);
    return count(readFileSync(results, "utf8"), code);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A file that could not be loaded has no tests and counts as one failure, and so does an error outside all tests. */
function count(json: string, code: number | null): Count {
  const { testResults } = JSON.parse(json) as {
    testResults: { status: string; assertionResults: { status: string }[] }[];
  };
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const passed = tests.filter(({ status }) => status === "passed").length;
  const failed = tests.filter(({ status }) => status === "failed").length;
  const unloaded = testResults.filter(({ status, assertionResults }) => {
    return status === "failed" && !assertionResults.some((it) => it.status === "failed");
  }).length;
  const unseen = code !== 0 && failed + unloaded === 0 ? 1 : 0;
  return { passed, failed: failed + unloaded + unseen, skipped: tests.length - passed - failed };
}

async function run(): Promise<boolean> {
  installPackages();
  const compiled = await compile();
  const tested = await test(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error);
    return { passed: 0, failed: 1, skipped: 0 };
  });
  const passed = compiled.passed + tested.passed;
  const failed = compiled.failed + tested.failed;
  console.log(`${passed} passed, ${failed} failed, ${compiled.skipped + tested.skipped} skipped`);
  return failed === 0 && tested.passed > 0;
}

process.exitCode = (await run()) ? 0 : 1;
