import { globSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Deployment } from "./deployment.ts";
import type { Program } from "./program.ts";
import { readTree, writeTree } from "./tree.ts";

/** Takes the place of the C library's clock: https://github.com/wolfcw/libfaketime. */
const library = () => globSync("/usr/lib/*/faketime/libfaketime.so.1")[0] ?? "libfaketime is not installed";

describe("SEC-37: a node whose clock is wrong", () => {
  let deployment: Deployment;
  let agent: Program | undefined;
  let version = 0;
  const clockFile = () => join(deployment.directory, "clock");
  /** Sets the wall clock of the agent, also while it runs; its monotonic clock goes on as before. */
  const setClock = (offset: string) => writeFileSync(clockFile(), offset);

  beforeAll(async () => {
    const policy = { belowQuorum: "cancel", prepareTimeout: "20s" };
    deployment = await Deployment.create({
      groups: { web: { nodes: ["a"] } },
      sites: { www: { group: "web", policy } },
    });
    await deployment.startAll("a");
    expect(await publish()).toBe(0);
    await deployment.agent("a").kill("SIGTERM");
  });
  afterAll(() => deployment[Symbol.asyncDispose]());

  function start(offset: string): Program {
    setClock(offset);
    const env = {
      LD_PRELOAD: library(),
      FAKETIME_TIMESTAMP_FILE: clockFile(),
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    };
    agent = deployment.spawn(["agent", "--config", deployment.config, "--name", "a"], { env });
    return agent;
  }

  async function publish(): Promise<number | null> {
    version += 1;
    writeTree(deployment.staging("www"), { "version.txt": `${version}\n` });
    return (await deployment.run("publish", "www")).code;
  }
  const live = () => readTree(deployment.live("a", "www"));
  const staged = () => readTree(deployment.staging("www"));

  it.each([
    ["a day behind", "-1d", "CERT_NOT_YET_VALID"],
    ["ten years ahead", "+3650d", "CERT_HAS_EXPIRED"],
  ])("%s does nothing and says why, and goes on as soon as it is right", async (_, offset, code) => {
    const before = live();
    const program = start(offset);
    const { error } = await program.says("no stream to control");
    expect(error).toContain(code);
    expect(await publish()).not.toBe(0);
    expect(live()).toEqual(before);
    setClock("+0");
    await program.says("connected to control");
    await expect.poll(publish, { timeout: 30_000 }).toBe(0);
    expect(live()).toEqual(staged());
    await program.kill("SIGTERM");
  });

  it.each(["+3650d", "-1d"])("that steps (%s) takes no order until it is right again, and says why", async (offset) => {
    const program = start("+0");
    await program.says("connected to control");
    const before = live();
    setClock(offset);
    expect(await publish()).not.toBe(0);
    // Either it could not even answer, or the order had expired.
    expect(program.errors).toMatch(/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|expired at \d{4}-\d\d-\d\dT/);
    expect(live()).toEqual(before);
    setClock("+0");
    await expect.poll(publish, { timeout: 30_000 }).toBe(0);
    expect(live()).toEqual(staged());
    await program.kill("SIGTERM");
  });

  it("that steps back a day waits for a silent control as long as always, by its other clock", async () => {
    const program = start("+0");
    await program.says("connected to control");
    const control = deployment.control?.pid ?? 0;
    process.kill(control, "SIGSTOP");
    try {
      setClock("-1d");
      const begun = performance.now();
      const { error } = await program.says("no stream to control");
      expect(error).toContain("control is silent");
      expect(performance.now() - begun).toBeGreaterThan(9_000);
    } finally {
      process.kill(control, "SIGCONT");
    }
    setClock("+0");
    await program.says("connected to control");
  });
});
