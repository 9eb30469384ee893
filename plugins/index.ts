import type { Plugin } from "distributary/sdk";

interface PluginModule {
  readonly default: Plugin;
}

/**
 * Brings the plugins that come with Distributary, by name.
 * Each is loaded when it is asked for, so a thread loads only what it needs.
 */
export const builtInPlugins: Readonly<Record<string, () => Promise<PluginModule>>> = {
  "aes-256-gcm": () => plugin(import("./aes-256-gcm/index.ts")),
  brotli: () => plugin(import("./brotli/index.ts")),
  "chacha20-poly1305": () => plugin(import("./chacha20-poly1305/index.ts")),
  "default-priority": () => plugin(import("./default-priority/index.ts")),
  gzip: () => plugin(import("./gzip/index.ts")),
  http: () => plugin(import("./http/index.ts")),
  mctp: () => plugin(import("./mctp/index.ts")),
  posix: () => plugin(import("./posix/index.ts")),
  rsync: () => plugin(import("./rsync/index.ts")),
  "static-priority": () => plugin(import("./static-priority/index.ts")),
  whole: () => plugin(import("./whole/index.ts")),
  windows: () => plugin(import("./windows/index.ts")),
  zstd: () => plugin(import("./zstd/index.ts")),
};

/**
 * To the compiler a plugin of certain options is no plugin of any options, and rightly so: only who checked options
 * against its schema may pass them. The kernel does.
 */
function plugin(module: Promise<{ readonly default: { readonly name: string } }>): Promise<PluginModule> {
  return module as Promise<PluginModule>;
}
