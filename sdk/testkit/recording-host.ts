import { DistributaryError, failure } from "distributary/sdk";
import type {
  Cipher,
  CliCommand,
  Compressor,
  Contributions,
  DeltaEngine,
  HookArguments,
  HookFacade,
  HookName,
  Host,
  Interpreter,
  Log,
  Migration,
  ObjectSchema,
  Plugin,
  Priority,
  Route,
  Transport,
  stages,
} from "distributary/sdk";
import { readOptions } from "./read-options.ts";

/** Names of plugins and of what they contribute. */
export const namePattern = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** What a plugin contributed of one kind, by name. */
export class Recorded<T> implements Contributions<T> {
  readonly #kind: string;
  readonly #host: Recorder;
  readonly #contributions = new Map<string, T>();

  constructor(kind: string, host: Recorder) {
    this.#kind = kind;
    this.#host = host;
  }

  add(name: string, contribution: T): void {
    const plugin = this.#host.id;
    this.#host.refuseLate(`${this.#kind} ${name}`);
    if (!namePattern.test(name)) throw failure("DIST_ERR_PROVIDER_NAME", { plugin, name, kind: this.#kind });
    if (this.#contributions.has(name)) {
      throw failure("DIST_ERR_PROVIDER_DUPLICATE", { kind: this.#kind, name, first: plugin, second: plugin });
    }
    this.#contributions.set(name, contribution);
  }

  /** Throws DIST_ERR_PROVIDER_UNKNOWN for a name that the plugin does not contribute. */
  get(name: string): T {
    const contribution = this.#contributions.get(name);
    if (contribution === undefined) {
      throw failure("DIST_ERR_PROVIDER_UNKNOWN", { kind: this.#kind, name, known: this.names().join(", ") || "none" });
    }
    return contribution;
  }

  /** In the order in which they were added. */
  names(): string[] {
    return [...this.#contributions.keys()];
  }
}

/** The taps of one hook, in the order in which they were added. */
export class RecordedHook<Name extends HookName> implements HookFacade<HookArguments[Name]> {
  readonly taps: { readonly handler: HookArguments[Name]; readonly stage: keyof typeof stages }[] = [];
  readonly #name: Name;
  readonly #host: Recorder;

  constructor(name: Name, host: Recorder) {
    this.#name = name;
    this.#host = host;
  }

  tap(handler: HookArguments[Name], stage: keyof typeof stages = "usual"): void {
    this.#host.refuseLate(this.#name);
    this.taps.push({ handler, stage });
  }
}

interface Recorder {
  readonly id: string;
  refuseLate(what: string): void;
}

interface LogLine {
  readonly level: keyof Log;
  readonly fields: object;
  readonly text: string;
}

/**
 * A host without a kernel. It takes what a plugin registers, gives it out by name, and refuses what comes
 * after `setup`, as the kernel does.
 */
export class RecordingHost implements Host, AsyncDisposable {
  readonly id: string;
  readonly deltas = this.#recorded<DeltaEngine>("delta engine");
  readonly compressors = this.#recorded<Compressor>("compressor");
  readonly ciphers = this.#recorded<Cipher>("cipher");
  readonly transports = this.#recorded<Transport>("transport");
  readonly priorities = this.#recorded<Priority>("priority");
  readonly interpreters = this.#recorded<Interpreter>("interpreter");
  readonly routes = this.#recorded<Route>("route");
  readonly commands = this.#recorded<CliCommand>("command");
  readonly migrations = this.#recorded<Migration>("migration");
  readonly hooks = {
    providerRegistered: this.#hook("providerRegistered"),
    started: this.#hook("started"),
    nodeJoined: this.#hook("nodeJoined"),
    nodeLeft: this.#hook("nodeLeft"),
    leaderElected: this.#hook("leaderElected"),
    jobProposed: this.#hook("jobProposed"),
    jobPlanned: this.#hook("jobPlanned"),
    jobPrepared: this.#hook("jobPrepared"),
    beforeSwitch: this.#hook("beforeSwitch"),
    afterSwitch: this.#hook("afterSwitch"),
    groupSwitched: this.#hook("groupSwitched"),
    jobEnded: this.#hook("jobEnded"),
    stopping: this.#hook("stopping"),
  } satisfies { [Name in HookName]: RecordedHook<Name> };
  /** What the plugin logged. */
  readonly lines: LogLine[] = [];
  readonly log: Log = {
    debug: (fields, text) => this.lines.push({ level: "debug", fields, text }),
    info: (fields, text) => this.lines.push({ level: "info", fields, text }),
    warn: (fields, text) => this.lines.push({ level: "warn", fields, text }),
    error: (fields, text) => this.lines.push({ level: "error", fields, text }),
  };
  /** What was registered after `setup`, and therefore refused. */
  readonly refused: string[] = [];
  readonly #disposals = new AsyncDisposableStack();
  #frozen = false;

  constructor(id: string) {
    this.id = id;
  }

  /** Everything registered, like `compressors gzip` and `hooks started`, in a fixed order. */
  contributions(): string[] {
    const { deltas, compressors, ciphers, transports, priorities, interpreters, routes, commands, migrations } = this;
    const kinds = { deltas, compressors, ciphers, transports, priorities, interpreters, routes, commands, migrations };
    return [
      ...Object.entries(kinds).flatMap(([kind, recorded]) => recorded.names().map((name) => `${kind} ${name}`)),
      ...Object.entries(this.hooks).flatMap(([name, { taps }]) => taps.map(() => `hooks ${name}`)),
    ];
  }

  // Functions, not methods: a plugin may take them out of the host, `setup({ defer })`.
  readonly error: Host["error"] = (what, message, traits = {}) =>
    new DistributaryError(`${this.id.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}_ERR_${what}`, message, traits);

  readonly defer: Host["defer"] = (dispose) => this.#disposals.defer(dispose);

  /** Ends start-up: what is registered from now on is refused. */
  freeze(): void {
    this.#frozen = true;
  }

  refuseLate(what: string): void {
    if (!this.#frozen) return;
    this.refused.push(what);
    throw failure("DIST_ERR_KERNEL_FROZEN", { plugin: this.id, what });
  }

  /** Runs what the plugin deferred, last first; a second time does nothing. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.freeze();
    await this.#disposals.disposeAsync();
  }

  #recorded<T>(kind: string): Recorded<T> {
    return new Recorded<T>(kind, this);
  }

  #hook<Name extends HookName>(name: Name): RecordedHook<Name> {
    return new RecordedHook(name, this);
  }
}

/**
 * Sets a plugin up as the kernel would and gives out what it registered:
 * `recordingHost(gzip).compressors.get("gzip")`. `options` are as in a configuration; defaults are filled in.
 * Throws DIST_ERR_OPTIONS_INVALID, and what `setup` throws.
 */
export function recordingHost<Options extends ObjectSchema>(
  plugin: Plugin<Options>,
  options: object = {},
): RecordingHost {
  const host = new RecordingHost(plugin.name);
  plugin.setup(host, readOptions(plugin, options));
  host.freeze();
  return host;
}
