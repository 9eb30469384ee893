import type { DistributaryError } from "./errors.ts";
import type { HookFacades } from "./hooks.ts";
import type { Infer, ObjectSchema } from "./options.ts";
import type { ProviderKind, ProviderKinds, Role } from "./provider.ts";
import type { CliCommand, Migration, Route } from "./extension.ts";

/** The level of this contract. It rises when something is removed or changed, not when something is added. */
export const API_LEVEL = 1;

/** Takes contributions until start-up ends. Names are lower case letters, digits and hyphens. */
export interface Contributions<T> {
  add(name: string, contribution: T): void;
}

/** Structured log lines, marked with the plugin they come from. The fields come before the text. */
export interface Log {
  debug(fields: object, text: string): void;
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

/** All a plugin sees of Distributary. Each plugin gets its own; there is nothing else to reach for. */
export interface Host extends ProviderContributions {
  /** The plugin's name, or what `as:` in the configuration calls it. */
  readonly id: string;
  /** Tap to be told; a tap's error names plugin and hook. */
  readonly hooks: HookFacades;
  /** Answers of control's API below `/v1/plugins/<id>/`. */
  readonly routes: Contributions<Route>;
  /** Commands of the command line: `distributary <name>`. */
  readonly commands: Contributions<CliCommand>;
  /** Changes of control's database, applied in the order of their names. */
  readonly migrations: Contributions<Migration>;
  readonly log: Log;
  /** An error of the plugin's own: `what` becomes `<ID>_ERR_<what>`. */
  error(
    what: string,
    message: string,
    traits?: { retryable?: boolean; hint?: string; cause?: unknown },
  ): DistributaryError;
  /** Calls `dispose` when the kernel stops, last first, also if start-up failed. */
  defer(dispose: () => void | Promise<void>): void;
}

type ProviderContributions = { readonly [Kind in ProviderKind]: Contributions<ProviderKinds[Kind]> };

/** What a plugin's module exports by default; made with `definePlugin`. */
export interface Plugin<Options extends ObjectSchema = ObjectSchema> {
  /** Lower case letters, digits and hyphens. */
  readonly name: string;
  readonly api: number;
  /** One sentence. */
  readonly description?: string;
  readonly stability?: "experimental" | "stable" | "deprecated";
  /** Where it is set up; everywhere if absent, as it must be if it provides something: control checks the names. */
  readonly roles?: readonly Role[];
  /** Of `process.platform`; elsewhere it is shown as unusable. Any if absent; a provider has `probe`. */
  readonly platforms?: readonly NodeJS.Platform[];
  readonly options?: Options;
  /** Rules between options: what is wrong, or undefined. */
  check?(options: Infer<Options>): string | undefined;
  /** Only registers; synchronous. Work begins in the `started` hook. */
  setup(host: Host, options: Infer<Options>): void;
}

/** Declares a plugin. Options arrive checked, with their defaults, and frozen. */
export function definePlugin<const Options extends ObjectSchema = { type: "object"; properties: {} }>(
  plugin: Plugin<Options>,
): Plugin<Options> {
  return plugin;
}
