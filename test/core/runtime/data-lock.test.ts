import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockData } from "../../../core/runtime/data-lock.ts";

let directory: string;
const started: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "distributary-lock-"));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map(kill));
  rmSync(directory, { recursive: true });
});

/** Starts a process that tries to take the lock; resolves with it and with what it says. */
async function holder(): Promise<{ child: ChildProcess; said: string }> {
  const program = join(import.meta.dirname, "hold-lock.ts");
  const child = spawn(process.execPath, [program, directory], { stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  const [bytes] = (await once(child.stdout ?? child, "data")) as [Buffer];
  return { child, said: bytes.toString().trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

test("a second process is refused and told who has it and what to do", async () => {
  const { child, said } = await holder();
  expect(said).toBe("held");
  const error = await lockData(directory).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "DIST_ERR_STORE_LOCKED", hint: expect.any(String) as string });
  expect(String(error)).toContain(`process ${child.pid}`);
  expect(String(error)).toContain(directory);
});

test("the same process is refused too", async () => {
  await using lock = await lockData(directory);
  await expect(lockData(lock.directory)).rejects.toMatchObject({ code: "DIST_ERR_STORE_LOCKED" });
});

test("it is free again after it was given back", async () => {
  for (let round = 0; round < 3; round += 1) {
    await using lock = await lockData(directory);
    expect(lock.directory).toBe(directory);
  }
});

test("it is free at once when its process is killed", async () => {
  const { child } = await holder();
  await kill(child);
  await using lock = await lockData(directory);
  expect(lock.directory).toBe(directory);
});

test("of many that want what a killed process left, exactly one gets it", async () => {
  for (let round = 0; round < 3; round += 1) {
    const { child, said } = await holder();
    expect(said).toBe("held");
    await kill(child);
    const attempts = await Promise.all(Array.from({ length: 6 }, holder));
    expect(attempts.filter((it) => it.said === "held")).toHaveLength(1);
    await Promise.all(attempts.map((it) => kill(it.child)));
  }
});
