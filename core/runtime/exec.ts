import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import type { Readable } from "node:stream";
import { failure } from "../../sdk/index.ts";
import type { Exec } from "../../sdk/index.ts";

/** What a program may write to either of its outputs, in bytes. */
const outputBytes = 1024 * 1024;
/** How long after its end a program's output is waited for; something it left running may hold it open for ever. */
const lingerMs = 200;

/**
 * Runs programs of this host. `env` is added to this process's own environment; there is no standard input.
 * A program that is stopped, or writes more than 1 MiB, is killed with everything it started in its process group.
 */
export const realExec: Exec = async (file, args, { signal, timeoutMs = 60_000, cwd, env } = {}) => {
  const failed = (problem: string, cause?: unknown) => failure("DIST_ERR_EXEC_FAILED", { file, problem }, { cause });
  if (signal?.aborted === true) throw failed("was not started", signal.reason);
  let child: ReturnType<typeof start>;
  try {
    child = start(file, args, cwd, env);
  } catch (cause) {
    throw failed(`cannot be started (${cause instanceof Error ? cause.message : String(cause)})`, cause);
  }
  return new Promise((resolve, reject) => {
    const stop = (problem: string, cause?: unknown) => {
      killGroup(child);
      settle(() => reject(failed(problem, cause)));
    };
    const onAbort = () => stop("was stopped", signal?.reason);
    const timer = setTimeout(() => stop(`did not end within ${timeoutMs} ms`), timeoutMs);
    const settle = (how: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      child.stdout.destroy();
      child.stderr.destroy();
      how();
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    const tooMuch = () => stop(`wrote more than ${outputBytes} bytes`);
    const [stdout, stderr] = [collect(child.stdout, tooMuch), collect(child.stderr, tooMuch)];
    child.once("error", (error) => settle(() => reject(failed(`cannot be started (${error.message})`, error))));
    child.once("exit", (code, signalName) => {
      clearTimeout(timer);
      const ended = code ?? 128 + (signalName === null ? 0 : constants.signals[signalName]);
      const linger = AbortSignal.timeout(lingerMs);
      once(child, "close", { signal: linger })
        .catch(() => undefined)
        .then(() => {
          settle(() => resolve({ code: ended, stdout: stdout(), stderr: stderr() }));
        });
    });
  });
};

function start(file: string, args: readonly string[], cwd?: string, env?: Readonly<Record<string, string>>) {
  return spawn(file, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that what it starts can be killed with it.
    detached: process.platform !== "win32",
    windowsHide: true,
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // It ended by itself in the meantime.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Gathers what a stream brings; the function returned gives it as text. */
function collect(stream: Readable, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let count = 0;
  stream.on("data", (chunk: Buffer) => {
    count += chunk.length;
    if (count > outputBytes) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString("utf8");
}
