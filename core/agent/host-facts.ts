import { availableParallelism, totalmem } from "node:os";
import type { Io } from "distributary/sdk";
import packageJson from "../../package.json" with { type: "json" };

/** What a node says of its host when it greets control. */
export function hostFacts({ disk }: Io, directory: string) {
  return {
    platform: process.platform,
    version: packageJson.version,
    cpuCount: availableParallelism(),
    memoryBytes: totalmem(),
    freeDiskBytes: disk.space(directory).freeBytes,
  };
}

/** The interpreter that `native` stands for on this host. */
export function nativeInterpreter(): string {
  return process.platform === "win32" ? "windows" : "posix";
}
