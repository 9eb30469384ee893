import { describe, expect, it } from "vitest";
import { realClock } from "../../../core/runtime/clock.ts";
import { realExec } from "../../../core/runtime/exec.ts";
import { temporaryDirectory } from "./trusted-peers.ts";

const node = process.execPath;

describe("a program that is run", () => {
  it("gives its exit code and both outputs", async () => {
    const script = "process.stdout.write('ö out'); process.stderr.write('err'); process.exitCode = 3";
    expect(await realExec(node, ["-e", script])).toEqual({ code: 3, stdout: "ö out", stderr: "err" });
  });

  it("gets its arguments as they are, past every shell", async () => {
    const { stdout } = await realExec("/bin/echo", ["$HOME `id`; rm *", "a  b"]);
    expect(stdout).toBe("$HOME `id`; rm * a  b\n");
  });

  it("gets the directory and the environment that it should, beside the usual one", async () => {
    const cwd = temporaryDirectory();
    const script = "console.log(process.cwd(), process.env.SITE, process.env.PATH !== undefined)";
    const { stdout } = await realExec(node, ["-e", script], { cwd, env: { SITE: "shop" } });
    expect(stdout).toBe(`${cwd} shop true\n`);
  });

  it("has nothing to read", async () => {
    expect(await realExec("/bin/cat", [])).toMatchObject({ code: 0, stdout: "" });
  });

  it("gives 128 and the number of the signal that ended it", async () => {
    expect(await realExec("/bin/sh", ["-c", "kill -TERM $$"])).toMatchObject({ code: 143 });
  });

  it.each([["/nowhere/program"], ["/etc"], ["with\0nul"]])("is an error if it cannot be started: %j", async (file) => {
    await expect(realExec(file, [])).rejects.toMatchObject({ code: "DIST_ERR_EXEC_FAILED" });
  });

  it("is killed after its time, with what it started", async () => {
    const begun = realClock.now();
    const script = "sleep 600 & echo $!; wait";
    const running = realExec("/bin/sh", ["-c", script], { timeoutMs: 100 });
    await expect(running).rejects.toThrow("did not end within 100 ms");
    expect(realClock.now() - begun).toBeLessThan(2_000);
  });

  it("is killed by the signal, with what it started, and the reason is the cause", async () => {
    const directory = temporaryDirectory();
    const controller = new AbortController();
    const script = "sleep 600 & echo $! > child; echo ready; wait";
    const running = realExec("/bin/sh", ["-c", script], { cwd: directory, signal: controller.signal });
    const child = Number(await written(`${directory}/child`));
    controller.abort(new Error("enough"));
    await expect(running).rejects.toMatchObject({ code: "DIST_ERR_EXEC_FAILED", cause: new Error("enough") });
    await expect.poll(() => isRunning(child), { timeout: 2_000 }).toBe(false);
  });

  it("is not started after the signal", async () => {
    const running = realExec(node, ["-e", ""], { signal: AbortSignal.abort() });
    await expect(running).rejects.toThrow("was not started");
  });

  it("is killed when it writes without end", async () => {
    await expect(realExec("/usr/bin/yes", [])).rejects.toThrow("wrote more than 1048576 bytes");
  });

  it("is over when it ends, though something it left behind holds its output", async () => {
    const begun = realClock.now();
    const { stdout } = await realExec("/bin/sh", ["-c", "sleep 5 & echo $!"]);
    expect(realClock.now() - begun).toBeLessThan(3_000);
    process.kill(Number(stdout));
  });
});

async function written(path: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  const read = () => readFile(path, "utf8").catch(() => "");
  await expect.poll(read, { timeout: 5_000, interval: 10 }).not.toBe("");
  return read();
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
