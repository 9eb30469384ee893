import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";

/** Expects that clang-14 and lld-14 make the module of this name of the source beside it, byte for byte. */
export function expectRebuilt(plugin: string, module: string): void {
  const folder = mkdtempSync(join(tmpdir(), "rebuilt-wasm-"));
  try {
    const source = new URL(`../../plugins/${plugin}/`, import.meta.url);
    execFileSync("sh", [new URL("build.sh", source).pathname, join(folder, module)]);
    expect(readFileSync(join(folder, module)).equals(readFileSync(new URL(module, source)))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
