/** The contract of plugins: everything a plugin may import. */
export * from "./cipher.ts";
export * from "./command.ts";
export * from "./compressor.ts";
export * from "./delta.ts";
export * from "./entry.ts";
export * from "./error-codes.ts";
export * from "./errors.ts";
export * from "./extension.ts";
export * from "./hooks.ts";
export * from "./interpreter.ts";
export * from "./io.ts";
export * from "./machine.ts";
export * from "./options.ts";
export * from "./path.ts";
export * from "./plugin.ts";
export * from "./priority.ts";
export * from "./transport.ts";
