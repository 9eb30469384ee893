import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Host, Log, Plugin } from "distributary/sdk";
import { Kernel } from "../../../core/kernel/kernel.ts";
import type { KernelOptions } from "../../../core/kernel/kernel.ts";
import type { PluginUse } from "../../../core/kernel/loader.ts";

const shelves = new Map<string, unknown>();
Object.assign(globalThis, { distributaryTestShelves: shelves });

/** Plugins at hand as modules in a directory, because modules are all that a kernel loads. */
export class PluginShelf implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "distributary-kernel-"));
  readonly lines: { level: string; fields: Record<string, unknown>; text: string }[] = [];
  readonly log: Log = {
    debug: () => undefined,
    info: (fields, text) => void this.lines.push({ level: "info", fields: { ...fields }, text }),
    warn: (fields, text) => void this.lines.push({ level: "warn", fields: { ...fields }, text }),
    error: (fields, text) => void this.lines.push({ level: "error", fields: { ...fields }, text }),
  };

  /** How a configuration names what a module exports by default. */
  module(exported: unknown): PluginUse {
    const name = `module-${shelves.size}.mjs`;
    const path = join(this.directory, name);
    shelves.set(path, exported);
    writeFileSync(path, `export default globalThis.distributaryTestShelves.get(${JSON.stringify(path)});\n`);
    return { use: `./${name}` };
  }

  /** A plugin of that name whose `setup` this is. */
  plugin(name: string, setup: (host: Host) => void, traits: Partial<Plugin> = {}): PluginUse {
    return this.module({ name, api: 1, setup, ...traits });
  }

  /** A kernel with these plugins beside the built-in ones. */
  load(plugins: readonly PluginUse[], more: Partial<KernelOptions> = {}): Promise<Kernel> {
    return Kernel.load({ plugins, directory: this.directory, log: this.log, role: "control", ...more });
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
