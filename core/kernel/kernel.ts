import { API_LEVEL, DistributaryError, Skip, failure } from "distributary/sdk";
import type { Io, Log, ObjectSchema, Plugin, ProviderKind, Role } from "distributary/sdk";
import { builtInPlugins } from "../../plugins/index.ts";
import { createHost } from "./host.ts";
import type { Extensions, Registries } from "./host.ts";
import { createHooks, guardHooks } from "./hooks.ts";
import type { Hooks } from "./hooks.ts";
import { isBuiltIn, loadPlugin } from "./loader.ts";
import type { PluginUse } from "./loader.ts";
import { readOptions } from "./options.ts";
import { Registry } from "./registry.ts";

export interface KernelOptions {
  /** Plugins beside the built-in ones, or built-in ones with options. */
  readonly plugins?: readonly PluginUse[];
  /** Where packages and local modules are looked for. */
  readonly directory: string;
  /** Only plugins for this role are set up; all of them if absent (for checking). */
  readonly role?: Role;
  readonly log: Log;
  /** How long one tap of a hook, or one deferred call at the end, may take. 30,000 if absent. */
  readonly timeoutMs?: number;
}

/** What became of a plugin on this host. */
export interface PluginState {
  readonly id: string;
  readonly plugin: Plugin;
  readonly builtIn: boolean;
  /** Why it is not usable here; undefined if it is. */
  readonly skipped?: string;
  readonly options: Readonly<Record<string, unknown>>;
}

const kindNames: Record<ProviderKind, string> = {
  deltas: "delta engine",
  compressors: "compressor",
  ciphers: "cipher",
  transports: "transport",
  priorities: "priority",
  interpreters: "interpreter",
};

/**
 * One generation of plugins, from loading to teardown. Nothing is registered after `load`; a changed
 * configuration makes a new kernel, starts it, and stops this one.
 */
export class Kernel implements AsyncDisposable {
  readonly hooks: Hooks = createHooks();
  readonly registries = Object.fromEntries(
    Object.entries(kindNames).map(([kind, name]) => [kind, new Registry(name)]),
  ) as unknown as Registries;
  readonly extensions: Extensions = { routes: new Map(), commands: new Map(), migrations: new Map() };
  readonly plugins: PluginState[] = [];
  readonly #log: Log;
  readonly #disposals = new AsyncDisposableStack();
  readonly #stopping = new AbortController();
  readonly #timeoutMs: number;
  #frozen = false;
  #started = false;
  #stopped: Promise<void> | undefined;

  private constructor({ log, timeoutMs = 30_000 }: KernelOptions) {
    this.#log = log;
    this.#timeoutMs = timeoutMs;
    guardHooks(this.hooks, {
      isFrozen: () => this.#frozen,
      skipped: (plugin, reason) => this.#skip(plugin, reason),
      failed: (error) => log.error({ error }, "a plugin failed"),
      timeoutMs,
    });
  }

  /** Loads, checks and sets up all plugins, then freezes. If one fails, those before it are torn down again. */
  static async load(options: KernelOptions): Promise<Kernel> {
    const kernel = new Kernel(options);
    try {
      for (const use of withBuiltIns(options.plugins ?? [])) await kernel.#add(use, options);
      kernel.#frozen = true;
      return kernel;
    } catch (error) {
      await kernel[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #add(use: PluginUse, { directory, role, log }: KernelOptions): Promise<void> {
    const plugin = await loadPlugin(use, directory);
    const id = use.as ?? plugin.name;
    const context = use.where === undefined ? {} : { where: use.where };
    if (plugin.api !== API_LEVEL) {
      throw failure("DIST_ERR_PLUGIN_API", { plugin: id, wanted: plugin.api, supported: API_LEVEL }, context);
    }
    if (this.plugins.some((other) => other.id === id))
      throw failure("DIST_ERR_PLUGIN_DUPLICATE", { plugin: id }, context);
    const elsewhere = notForHere(plugin, role);
    const secrets = elsewhere === undefined && role !== undefined ? "read" : "leave";
    const options = readOptions(id, plugin, use.options ?? {}, { ...context, directory, secrets });
    const state = { id, plugin, builtIn: isBuiltIn(use.use), options };
    const skipped = elsewhere ?? this.#setUp(state, log);
    this.plugins.push(skipped === undefined ? state : { ...state, skipped });
  }

  #setUp({ id, plugin, options }: PluginState, log: Log): string | undefined {
    const registrations: (() => void)[] = [];
    let isOpen = true;
    const host = createHost(id, {
      hooks: this.hooks,
      registries: this.registries,
      extensions: this.extensions,
      log: childLog(log, id),
      register(what, make) {
        if (!isOpen) throw failure("DIST_ERR_KERNEL_FROZEN", { plugin: id, what });
        registrations.push(make);
      },
      defer: (dispose) => this.#disposals.defer(() => this.#disposeOf(id, dispose)),
    });
    try {
      refusePromise((plugin as Plugin<ObjectSchema>).setup(host, options as never));
      for (const make of registrations) make();
      return undefined;
    } catch (error) {
      if (error instanceof Skip) return error.message;
      if (error instanceof DistributaryError) throw error;
      const problem = error instanceof Error ? error.message : String(error);
      throw failure("DIST_ERR_PLUGIN_FAILED", { plugin: id, step: "setup", problem }, { cause: error });
    } finally {
      isOpen = false;
    }
  }

  #skip(plugin: string, skipped: string): void {
    const at = this.plugins.findIndex(({ id }) => id === plugin);
    const state = this.plugins[at];
    if (state !== undefined) this.plugins[at] = { ...state, skipped };
  }

  /** Lets plugins begin their work. If one fails the kernel is torn down and the error thrown. */
  async start(role: Role, io: Io): Promise<void> {
    try {
      this.#started = true;
      await this.hooks.started.promise(role, io, this.#stopping.signal);
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A provider, or an error that says why there is none or why it cannot be used on this host. */
  usable<Kind extends ProviderKind>(kind: Kind, name: string, io: Io): ReturnType<Registries[Kind]["get"]> {
    const provider = this.registries[kind].get(name);
    const reason = (provider as { probe?(io: Io): string | undefined }).probe?.(io);
    if (reason !== undefined) throw failure("DIST_ERR_PROVIDER_UNUSABLE", { kind: kindNames[kind], name, reason });
    return provider as ReturnType<Registries[Kind]["get"]>;
  }

  /**
   * Stops work that `start` began, then disposes of everything plugins deferred, last first. What fails or hangs is
   * logged with its plugin and holds up nothing else. A second call waits for the first.
   */
  [Symbol.asyncDispose](): Promise<void> {
    this.#frozen = true;
    return (this.#stopped ??= this.#stop());
  }

  async #stop(): Promise<void> {
    if (this.#started) await this.hooks.stopping.promise(new AbortController().signal);
    this.#stopping.abort(new Error("the kernel stops"));
    await this.#disposals.disposeAsync();
  }

  async #disposeOf(plugin: string, dispose: () => void | Promise<void>): Promise<void> {
    const problem = `it did not end within ${this.#timeoutMs} ms`;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(problem)), this.#timeoutMs);
    try {
      await Promise.race([Promise.try(dispose), late]);
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause);
      const error = failure("DIST_ERR_PLUGIN_FAILED", { plugin, step: "teardown", problem }, { cause });
      this.#log.error({ error }, "a plugin failed");
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Built-in plugins that the configuration does not name itself, with their defaults, then those it names. */
function withBuiltIns(uses: readonly PluginUse[]): PluginUse[] {
  const named = new Set(uses.filter(({ as }) => as === undefined).map(({ use }) => use));
  const unnamed = Object.keys(builtInPlugins).filter((name) => !named.has(name));
  return [...unnamed.map((use) => ({ use })), ...uses];
}

/** A `setup` that goes on by itself would register when it is too late, and its errors would be nobody's. */
function refusePromise(answer: unknown): void {
  if (!(answer instanceof Promise)) return;
  answer.catch(() => undefined);
  throw new TypeError("it is asynchronous; register at once, and begin work in the `started` hook");
}

function notForHere(plugin: Plugin, role: Role | undefined): string | undefined {
  if (role !== undefined && plugin.roles !== undefined && !plugin.roles.includes(role)) {
    return `is for the role ${plugin.roles.join(", ")}`;
  }
  if (plugin.platforms !== undefined && !plugin.platforms.includes(process.platform)) {
    return `needs ${plugin.platforms.join(" or ")}, this is ${process.platform}`;
  }
  return undefined;
}

function childLog(log: Log, plugin: string): Log {
  const bind = (level: keyof Log) => (fields: object, text: string) => log[level]({ plugin, ...fields }, text);
  return { debug: bind("debug"), info: bind("info"), warn: bind("warn"), error: bind("error") };
}
