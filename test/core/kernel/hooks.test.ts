import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { HookName, Host, JobEnd, JobView, PlanView, SwitchOutcome } from "distributary/sdk";
import { simIo } from "distributary/testkit";
import { createHooks } from "../../../core/kernel/hooks.ts";
import type { Kernel } from "../../../core/kernel/kernel.ts";
import type { PluginUse } from "../../../core/kernel/loader.ts";
import { PluginShelf } from "./plugin-shelf.ts";

let shelf: PluginShelf;
let called: string[];
beforeEach(() => {
  shelf = new PluginShelf();
  called = [];
});
afterEach(() => shelf[Symbol.dispose]());

const job: JobView = { id: "1", kind: "publish", site: "www", group: "web", nodes: ["a"] };
const plan: PlanView = { job, extensions: [] };
const end: JobEnd = { job, state: "done", changedPaths: [] };
const outcome: SwitchOutcome = { job, node: "a", outcome: "switched" };
const never = () => new Promise<never>(() => undefined);
const calm = () => new AbortController().signal;

type Hooks = Host["hooks"];
const tapping = (name: string, tap: (hooks: Hooks) => void): PluginUse => shelf.plugin(name, ({ hooks }) => tap(hooks));

/** How the core calls each hook that can be waited for. */
const calls: Record<
  Exclude<HookName, "providerRegistered">,
  (kernel: Kernel, signal: AbortSignal) => Promise<unknown>
> = {
  started: ({ hooks }, signal) => hooks.started.promise("control", simIo(), signal),
  nodeJoined: ({ hooks }, signal) => hooks.nodeJoined.promise("a", signal),
  nodeLeft: ({ hooks }, signal) => hooks.nodeLeft.promise("a", signal),
  leaderElected: ({ hooks }, signal) => hooks.leaderElected.promise("lan", "a", signal),
  jobProposed: ({ hooks }, signal) => hooks.jobProposed.promise(job, signal),
  jobPlanned: ({ hooks }, signal) => hooks.jobPlanned.promise(plan, signal),
  jobPrepared: ({ hooks }, signal) => hooks.jobPrepared.promise(job, signal),
  beforeSwitch: ({ hooks }, signal) => hooks.beforeSwitch.promise({ job, node: "a" }, signal),
  afterSwitch: ({ hooks }, signal) => hooks.afterSwitch.promise(outcome, signal),
  groupSwitched: ({ hooks }, signal) => hooks.groupSwitched.promise(end, signal),
  jobEnded: ({ hooks }, signal) => hooks.jobEnded.promise(end, signal),
  stopping: ({ hooks }, signal) => hooks.stopping.promise(signal),
};
const names = Object.keys(calls) as (keyof typeof calls)[];

/** Hooks that tell every tap, whatever others do. */
const tellsAll = (name: HookName) => ["afterSwitch", "stopping"].includes(name);

/** What a call rejects with, or what the kernel logged in its place. */
async function problemOf(name: keyof typeof calls, kernel: Kernel): Promise<unknown> {
  const thrown = await calls[name](kernel, calm()).then(
    () => undefined,
    (error: unknown) => error,
  );
  return tellsAll(name) ? shelf.lines.at(-1)?.fields["error"] : thrown;
}

describe("every hook", () => {
  it("is in the one list, which cannot be changed", () => {
    const hooks = createHooks();
    expect(Object.isFrozen(hooks)).toBe(true);
    expect(Object.keys(hooks).sort()).toEqual(["providerRegistered", ...names].sort());
  });

  it.each(names)("%s names plugin and hook when a tap fails, and keeps the cause", async (name) => {
    const cause = new Error("no luck");
    await using kernel = await shelf.load([
      tapping("unlucky", (hooks) => hooks[name].tap((): Promise<never> => Promise.reject(cause))),
    ]);
    const problem = await problemOf(name, kernel);
    expect(problem).toMatchObject({
      code: "DIST_ERR_HOOK_FAILED",
      message: `plugin 'unlucky' failed in hook '${name}': no luck`,
      cause,
    });
  });

  it.each(names)("%s goes on without a tap that hangs, and tells it by its signal", async (name) => {
    const signals: AbortSignal[] = [];
    const hang = (...args: unknown[]) => {
      signals.push(args.at(-1) as AbortSignal);
      return never();
    };
    await using kernel = await shelf.load([tapping("slow", (hooks) => hooks[name].tap(hang))], { timeoutMs: 20 });
    const problem = await problemOf(name, kernel);
    expect(problem).toMatchObject({
      code: "DIST_ERR_HOOK_TIMEOUT",
      message: `plugin 'slow' did not finish hook '${name}' within 20 ms`,
    });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it.each(names)("%s calls taps by stage, and within a stage in the order of the configuration", async (name) => {
    const note = (text: string) => () => void called.push(text);
    const use = (plugin: string) =>
      tapping(plugin, (hooks) => {
        const tap = hooks[name].tap as (handler: () => void, stage?: "early" | "usual" | "late") => void;
        tap(note(`${plugin} late`), "late");
        tap(note(`${plugin} usual`));
        tap(note(`${plugin} early`), "early");
      });
    await using kernel = await shelf.load([use("a"), use("b")]);
    await calls[name](kernel, calm());
    expect(called).toEqual(["a early", "b early", "a usual", "b usual", "a late", "b late"]);
  });

  it("ends when the caller's signal aborts, also one that was aborted before", async () => {
    const caller = new AbortController();
    await using kernel = await shelf.load([tapping("slow", (hooks) => hooks.jobPrepared.tap(never))]);
    const waiting = kernel.hooks.jobPrepared.promise(job, caller.signal);
    caller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await expect(kernel.hooks.jobPrepared.promise(job, caller.signal)).rejects.toThrow("enough");
  });

  it("fails synchronously where it is synchronous, with plugin and hook", async () => {
    const strict = tapping("strict", (hooks) => {
      hooks.providerRegistered.tap(() => {
        throw new Error("no more");
      });
    });
    const giver = shelf.plugin("giver", ({ priorities }) => priorities.add("mine", { of: () => 0 }));
    await expect(shelf.load([strict, giver])).rejects.toThrow(
      "plugin 'strict' failed in hook 'providerRegistered': no more",
    );
  });
});

describe("hooks that may refuse", () => {
  const refusing = ["jobProposed", "beforeSwitch"] as const;

  it.each(refusing)("%s counts the first answer and asks nobody behind it", async (name) => {
    const answer = (plugin: string, text: string | undefined) =>
      tapping(plugin, (hooks) => {
        const tap = hooks[name].tap as (handler: () => string | undefined) => void;
        tap(() => {
          called.push(plugin);
          return text;
        });
      });
    await using kernel = await shelf.load([answer("a", undefined), answer("b", "no"), answer("c", "never")]);
    expect(await calls[name](kernel, calm())).toBe("no");
    expect(called).toEqual(["a", "b"]);
  });

  it.each(refusing)("%s takes `false` for a mistake, not for an answer that hides later ones", async (name) => {
    await using kernel = await shelf.load([tapping("sloppy", (hooks) => hooks[name].tap((() => false) as never))]);
    expect(await problemOf(name, kernel)).toMatchObject({
      message: `plugin 'sloppy' failed in hook '${name}': it answered 'false', which is no text and not undefined`,
    });
  });
});

describe("the hook that changes the plan", () => {
  it("gives each tap what the one before made of it", async () => {
    const extend = (kind: `x-${string}`) =>
      tapping(kind, ({ jobPlanned }) => {
        jobPlanned.tap((given) => {
          called.push(`${kind} sees ${given.extensions.length}`);
          return { ...given, extensions: [...given.extensions, { kind, parameters: {} }] };
        });
      });
    await using kernel = await shelf.load([extend("x-one"), extend("x-two")]);
    const changed = (await kernel.hooks.jobPlanned.promise(plan, calm())) as PlanView;
    expect(called).toEqual(["x-one sees 0", "x-two sees 1"]);
    expect(changed.extensions.map(({ kind }) => kind)).toEqual(["x-one", "x-two"]);
  });
});

describe("hooks that tell", () => {
  it("tell all at once where order does not matter", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const waits = tapping("waits", (hooks) => hooks.groupSwitched.tap(() => promise));
    const frees = tapping("frees", (hooks) => hooks.groupSwitched.tap(() => resolve()));
    await using kernel = await shelf.load([waits, frees]);
    await kernel.hooks.groupSwitched.promise(end, calm());
  });

  it("tell one after the other when nodes are put back", async () => {
    const slow = tapping("slow", (hooks) => {
      hooks.afterSwitch.tap(async () => {
        called.push("slow begins");
        await new Promise((resolve) => setImmediate(resolve));
        called.push("slow ends");
      });
    });
    const quick = tapping("quick", (hooks) => hooks.afterSwitch.tap(() => void called.push("quick")));
    await using kernel = await shelf.load([slow, quick]);
    await kernel.hooks.afterSwitch.promise(outcome, calm());
    expect(called).toEqual(["slow begins", "slow ends", "quick"]);
  });

  it("put a node back in every plugin, though one fails or the job is cancelled", async () => {
    const failing = tapping("failing", (hooks) => hooks.afterSwitch.tap(() => Promise.reject(new Error("no"))));
    const hanging = tapping("hanging", (hooks) => hooks.afterSwitch.tap(never));
    const good = tapping("good", (hooks) => hooks.afterSwitch.tap(() => void called.push("back")));
    await using kernel = await shelf.load([failing, hanging, good], { timeoutMs: 20 });
    await kernel.hooks.afterSwitch.promise(outcome, calm());
    await kernel.hooks.afterSwitch.promise(outcome, AbortSignal.abort(new Error("cancelled")));
    expect(called).toEqual(["back", "back"]);
  });
});
