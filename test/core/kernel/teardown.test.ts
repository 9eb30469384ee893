import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Kernel } from "../../../core/kernel/kernel.ts";
import type { PluginUse } from "../../../core/kernel/loader.ts";
import { simIo } from "distributary/testkit";
import { PluginShelf } from "./plugin-shelf.ts";

let shelf: PluginShelf;
let ended: string[];
beforeEach(() => {
  shelf = new PluginShelf();
  ended = [];
});
afterEach(() => shelf[Symbol.dispose]());

/** A plugin that says when what it deferred is called. */
function deferring(name: string): PluginUse {
  return shelf.plugin(name, ({ defer }) => {
    defer(() => void ended.push(`${name} 1`));
    defer(async () => void ended.push(`${name} 2`));
  });
}

function broken(name: string, when: "setup" | "started"): PluginUse {
  return shelf.plugin(name, ({ hooks, defer }) => {
    defer(() => void ended.push(name));
    const fail = () => {
      throw new Error("broken");
    };
    if (when === "setup") fail();
    hooks.started.tap(fail);
  });
}

const inReverse = ["b 2", "b 1", "a 2", "a 1"];
const never = () => new Promise<void>(() => undefined);
const errors = () => shelf.lines.map(({ fields }) => (fields["error"] as Error).message);

describe("the end of a kernel", () => {
  it("calls what plugins deferred, last first", async () => {
    const kernel = await shelf.load([deferring("a"), deferring("b")]);
    await kernel[Symbol.asyncDispose]();
    expect(ended).toEqual(inReverse);
  });

  it("calls it also when a later plugin cannot be set up, and its own", async () => {
    await expect(shelf.load([deferring("a"), deferring("b"), broken("c", "setup")])).rejects.toThrow("broken");
    expect(ended).toEqual(["c", ...inReverse]);
  });

  it("calls it also when a plugin cannot be started, after `stopping`", async () => {
    const stopper = shelf.plugin("stopper", ({ hooks }) => hooks.stopping.tap(() => void ended.push("stopping")));
    const kernel = await shelf.load([deferring("a"), deferring("b"), broken("c", "started"), stopper]);
    await expect(kernel.start("control", simIo())).rejects.toThrow("plugin 'c' failed in hook 'started': broken");
    expect(ended).toEqual(["stopping", "c", ...inReverse]);
  });

  it("happens once; who asks again waits for it", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const slow = shelf.plugin("slow", ({ defer }) => defer(() => promise));
    const kernel = await shelf.load([deferring("a"), slow]);
    const first = kernel[Symbol.asyncDispose]();
    const second = kernel[Symbol.asyncDispose]().then(() => [...ended]);
    resolve();
    await first;
    expect(await second).toEqual(["a 2", "a 1"]);
  });

  it("aborts the signal that `started` gave, after `stopping`", async () => {
    const signals: AbortSignal[] = [];
    const use = shelf.plugin("worker", ({ hooks }) => {
      hooks.started.tap((_role, _io, signal) => void signals.push(signal));
      hooks.stopping.tap(() => void ended.push(`aborted: ${signals[0]?.aborted}`));
    });
    const kernel = await shelf.load([use]);
    await kernel.start("control", simIo());
    await kernel[Symbol.asyncDispose]();
    expect(ended).toEqual(["aborted: false"]);
    expect(signals[0]?.aborted).toBe(true);
  });

  it("says nothing to plugins that were never started", async () => {
    const use = shelf.plugin("idle", ({ hooks }) => hooks.stopping.tap(() => void ended.push("stopping")));
    await (await shelf.load([use]))[Symbol.asyncDispose]();
    expect(ended).toEqual([]);
  });

  it("is reached whatever fails or hangs on the way, and the log says who", async () => {
    const failing = shelf.plugin("failing", ({ hooks, defer }) => {
      defer(() => Promise.reject(new Error("no way out")));
      hooks.stopping.tap(() => Promise.reject(new Error("not now")));
    });
    const hanging = shelf.plugin("hanging", ({ hooks, defer }) => {
      defer(never);
      hooks.stopping.tap(never);
    });
    const kernel = await shelf.load([deferring("a"), failing, hanging, deferring("b")], { timeoutMs: 50 });
    await kernel.start("control", simIo());
    await kernel[Symbol.asyncDispose]();
    expect(ended).toEqual(inReverse);
    expect(errors()).toEqual([
      "plugin 'failing' failed in hook 'stopping': not now",
      "plugin 'hanging' did not finish hook 'stopping' within 50 ms",
      "plugin 'hanging' failed in teardown: it did not end within 50 ms",
      "plugin 'failing' failed in teardown: no way out",
    ]);
  });

  it("leaves a second generation alone, which has the same plugins", async () => {
    const use = shelf.plugin("twice", ({ priorities, hooks, defer }) => {
      priorities.add("twice", { of: () => 1 });
      hooks.jobProposed.tap(() => "not today");
      defer(() => void ended.push("one"));
    });
    const first = await shelf.load([use]);
    await using second = await shelf.load([use]);
    await Promise.all([first, second].map((kernel) => kernel.start("control", simIo())));
    expect(second.registries.priorities.get("twice")).not.toBe(first.registries.priorities.get("twice"));
    await first[Symbol.asyncDispose]();
    expect(ended).toEqual(["one"]);
    expect(await propose(second)).toBe("not today");
  });
});

function propose(kernel: Kernel): Promise<unknown> {
  const job = { id: "1", kind: "publish", site: "www", group: "web", nodes: [] };
  return kernel.hooks.jobProposed.promise(job, new AbortController().signal);
}
