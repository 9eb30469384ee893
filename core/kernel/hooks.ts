import { AsyncParallelHook, AsyncSeriesBailHook, AsyncSeriesHook, AsyncSeriesWaterfallHook, SyncHook } from "tapable";
import { DistributaryError, Skip, failure, isFailure, stages } from "distributary/sdk";
import type { HookArguments, HookFacades, HookName } from "distributary/sdk";

type Arguments<Name extends HookName> = Parameters<HookArguments[Name]>;

/**
 * Every hook there is, in one frozen list; the class says what taps may do. Series: one after the other. Parallel: at
 * the same time. Bail: the first answer counts. Waterfall: each may change what the next one gets.
 */
export function createHooks() {
  return Object.freeze({
    providerRegistered: new SyncHook<Arguments<"providerRegistered">>(["kind", "name", "plugin"]),
    started: new AsyncSeriesHook<Arguments<"started">>(["role", "io", "signal"]),
    nodeJoined: new AsyncParallelHook<Arguments<"nodeJoined">>(["node", "signal"]),
    nodeLeft: new AsyncParallelHook<Arguments<"nodeLeft">>(["node", "signal"]),
    leaderElected: new AsyncParallelHook<Arguments<"leaderElected">>(["segment", "node", "signal"]),
    jobProposed: new AsyncSeriesBailHook<Arguments<"jobProposed">, string | void>(["job", "signal"]),
    jobPlanned: new AsyncSeriesWaterfallHook<Arguments<"jobPlanned">>(["plan", "signal"]),
    jobPrepared: new AsyncParallelHook<Arguments<"jobPrepared">>(["job", "signal"]),
    beforeSwitch: new AsyncSeriesBailHook<Arguments<"beforeSwitch">, string | void>(["view", "signal"]),
    afterSwitch: new AsyncSeriesHook<Arguments<"afterSwitch">>(["view", "signal"]),
    groupSwitched: new AsyncParallelHook<Arguments<"groupSwitched">>(["end", "signal"]),
    jobEnded: new AsyncParallelHook<Arguments<"jobEnded">>(["end", "signal"]),
    stopping: new AsyncSeriesHook<Arguments<"stopping">>(["signal"]),
  } satisfies Record<HookName, unknown>);
}

export type Hooks = ReturnType<typeof createHooks>;

/** What the kernel has to say about taps, and wants to hear of them. */
export interface HookGuard {
  isFrozen(): boolean;
  /** A tap of `started` threw `skip(reason)`. */
  skipped(plugin: string, reason: string): void;
  /** A tap failed in a hook that calls those behind it all the same. */
  failed(error: DistributaryError): void;
  /** How long one tap may take: 30,000 if absent. */
  readonly timeoutMs?: number;
}

/** Nodes are put back and work is ended by every plugin, whatever happens in others. */
const allTapped: readonly string[] = ["afterSwitch", "stopping"] satisfies HookName[];
const refusing: readonly string[] = ["jobProposed", "beforeSwitch"] satisfies HookName[];

interface Tap {
  name: string;
  type: "sync" | "async" | "promise";
  fn: (...args: unknown[]) => unknown;
}

/** Makes every tap name its plugin and hook when it fails or hangs, and refuses taps once frozen. */
export function guardHooks(hooks: Hooks, guard: HookGuard): void {
  for (const [hook, { intercept }] of Object.entries(hooks).map(([name, hook]) => [name, bound(hook)] as const)) {
    intercept({
      register: (tap) => {
        if (guard.isFrozen()) throw failure("DIST_ERR_KERNEL_FROZEN", { plugin: tap.name, what: hook });
        return { ...tap, fn: tap.type === "sync" ? guardSync(hook, tap) : guardAsync(hook, tap, guard) };
      },
    });
  }
}

/** tapable types each hook's interceptor by its arguments; here only the shape of a tap matters. */
function bound(hook: Hooks[HookName]): { intercept(interceptor: { register(tap: Tap): Tap }): void } {
  const { intercept } = hook as unknown as { intercept(interceptor: { register(tap: Tap): Tap }): void };
  return { intercept: intercept.bind(hook) };
}

function guardSync(hook: string, { name, fn }: Tap): Tap["fn"] {
  return (...args) => {
    try {
      return fn(...args);
    } catch (error) {
      throw hookError(name, hook, error);
    }
  };
}

function guardAsync(hook: string, tap: Tap, guard: HookGuard): Tap["fn"] {
  const { name } = tap;
  const call = withDeadline(hook, tap, guard.timeoutMs ?? 30_000);
  return async (...args) => {
    try {
      const answer = await call(...args);
      const fault = answer === undefined ? undefined : faultIn(hook, answer);
      if (fault === undefined) return answer;
      throw hookError(name, hook, new TypeError(`it answered '${String(answer).slice(0, 100)}', which is ${fault}`));
    } catch (error) {
      if (hook === "started" && error instanceof DistributaryError && error.cause instanceof Skip) {
        return guard.skipped(name, error.cause.message);
      }
      if (!allTapped.includes(hook)) throw error;
      return guard.failed(hookError(name, hook, error));
    }
  };
}

/** What is wrong with a tap's answer; undefined if nothing is, or nobody looks at it. */
function faultIn(hook: string, answer: unknown): string | undefined {
  if (refusing.includes(hook)) {
    if (typeof answer !== "string") return "no text and not undefined";
    return answer.length > longestRefusal ? `longer than ${longestRefusal} characters` : undefined;
  }
  if (hook === "jobPlanned") return isPlan(answer) ? undefined : "no plan";
  return undefined;
}

const longestRefusal = 4_096;
const mostExtensions = 10_000;

/** Only what a plugin may change of a plan, and an assignment can hold, is looked at. */
function isPlan(answer: unknown): boolean {
  const { extensions } = Object(answer) as { extensions?: unknown };
  return Array.isArray(extensions) && extensions.length <= mostExtensions && extensions.every(isExtension);
}

function isExtension(value: unknown): boolean {
  const { kind, parameters } = Object(value) as { kind?: unknown; parameters?: unknown };
  const isFlat = (each: unknown) => ["string", "number", "boolean"].includes(typeof each);
  const isKind = typeof kind === "string" && /^x-[a-z0-9-]{1,60}$/.test(kind);
  return isKind && typeof parameters === "object" && parameters !== null && Object.values(parameters).every(isFlat);
}

function withDeadline(hook: string, { name, fn }: Tap, timeoutMs: number): (...args: unknown[]) => Promise<unknown> {
  return async (...args) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    const outer = args.at(-1);
    const signal = outer instanceof AbortSignal ? AbortSignal.any([outer, timeout]) : timeout;
    const withSignal = outer instanceof AbortSignal ? [...args.slice(0, -1), signal] : args;
    const late = Promise.withResolvers<never>();
    const timedOut = () => failure("DIST_ERR_HOOK_TIMEOUT", { plugin: name, hook, timeoutMs });
    const stop = () => late.reject(timeout.aborted ? timedOut() : signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      return await Promise.race([Promise.try(fn, ...withSignal), late.promise]);
    } catch (error) {
      throw signal.aborted && !timeout.aborted ? error : hookError(name, hook, error);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}

function hookError(plugin: string, hook: string, cause: unknown): DistributaryError {
  if (isFailure(cause, "DIST_ERR_HOOK_TIMEOUT") || isFailure(cause, "DIST_ERR_HOOK_FAILED")) return cause;
  const problem = cause instanceof Error ? cause.message : String(cause);
  return failure("DIST_ERR_HOOK_FAILED", { plugin, hook, problem }, { cause });
}

/** What one plugin sees of the hooks: it can tap under its own name, and call nothing. `register` takes its taps. */
export function facadesFor(
  hooks: Hooks,
  plugin: string,
  register: (what: string, tap: () => void) => void,
): HookFacades {
  const facade = (name: HookName) => ({
    tap(handler: (...args: never[]) => unknown, stage: keyof typeof stages = "usual") {
      const options = { name: plugin, stage: stages[stage] };
      const hook = hooks[name] as unknown as {
        tap(options: object, fn: unknown): void;
        tapPromise(options: object, fn: unknown): void;
      };
      const tap = name === "providerRegistered" ? hook.tap : hook.tapPromise;
      register(name, () => tap.call(hook, options, handler));
    },
  });
  const names = Object.keys(hooks) as HookName[];
  return Object.freeze(Object.fromEntries(names.map((name) => [name, facade(name)]))) as unknown as HookFacades;
}
