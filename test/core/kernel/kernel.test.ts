import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Host, Priority } from "distributary/sdk";
import { skip } from "distributary/sdk";
import { simIo } from "distributary/testkit";
import { PluginShelf } from "./plugin-shelf.ts";

let shelf: PluginShelf;
beforeEach(() => {
  shelf = new PluginShelf();
});
afterEach(() => shelf[Symbol.dispose]());

const priority: Priority = { of: () => 0 };
const error = (code: string, message: string) => expect.objectContaining({ code, message });
const stateOf = (kernel: { plugins: readonly { id: string; skipped?: string }[] }, wanted: string) =>
  kernel.plugins.find(({ id }) => id === wanted);

describe("a kernel", () => {
  it("has the built-in plugins with their defaults, and those a configuration names in place of them", async () => {
    await using kernel = await shelf.load([{ use: "gzip", options: { level: 9 } }]);
    const gzips = kernel.plugins.filter(({ id }) => id === "gzip");
    expect(gzips).toEqual([expect.objectContaining({ builtIn: true, options: { level: 9 } })]);
    expect(kernel.registries.compressors.names()).toEqual(expect.arrayContaining(["brotli", "gzip", "zstd"]));
  });

  it("sets plugins up in the order of the configuration, behind the built-in ones", async () => {
    const order: string[] = [];
    const uses = ["b", "a", "c"].map((name) => shelf.plugin(name, ({ id }) => void order.push(id)));
    await using kernel = await shelf.load(uses);
    expect(order).toEqual(["b", "a", "c"]);
    expect(kernel.plugins.slice(-3).map(({ id, builtIn }) => [id, builtIn])).toEqual([
      ["b", false],
      ["a", false],
      ["c", false],
    ]);
  });

  it("refuses what is registered after its plugin's setup, however soon", async () => {
    const hosts: Host[] = [];
    const attempts: unknown[] = [];
    const register = (host: Host) => {
      try {
        host.priorities.add("late", priority);
      } catch (thrown) {
        attempts.push(thrown);
      }
    };
    const use = shelf.plugin("slow", (host) => {
      hosts.push(host);
      queueMicrotask(() => register(host));
    });
    await using kernel = await shelf.load([use]);
    const frozen = error("DIST_ERR_KERNEL_FROZEN", "plugin 'slow' registered 'priorities late' after start-up");
    expect(attempts).toEqual([frozen]);
    const [host] = hosts;
    expect(() => host?.hooks.started.tap(() => undefined)).toThrow("plugin 'slow' registered 'started' after start-up");
    expect(() => host?.routes.add("late", {} as never)).toThrow(
      "plugin 'slow' registered 'routes late' after start-up",
    );
    expect(() => kernel.hooks.started.tap("core", () => undefined)).toThrow("registered 'started' after start-up");
    expect(kernel.registries.priorities.names()).toEqual(["default", "static"]);
  });

  it("names the plugin whose setup throws, and keeps what it threw", async () => {
    const cause = new RangeError("no such thing");
    const thrower = shelf.plugin("thrower", () => {
      throw cause;
    });
    const rejection = await shelf.load([thrower]).catch((thrown: unknown) => thrown);
    expect(rejection).toEqual(error("DIST_ERR_PLUGIN_FAILED", "plugin 'thrower' failed in setup: no such thing"));
    expect((rejection as Error).cause).toBe(cause);
  });

  it("leaves a plugin's own error as it is", async () => {
    const use = shelf.plugin("own", (host) => {
      throw host.error("LOGIN", "the password is wrong", { hint: "look it up" });
    });
    await expect(shelf.load([use])).rejects.toMatchObject({ code: "OWN_ERR_LOGIN", hint: "look it up" });
  });

  it("refuses a setup that is asynchronous", async () => {
    const use = shelf.plugin("later", async () => {
      throw new Error("too late");
    });
    await expect(shelf.load([use])).rejects.toThrow(
      "plugin 'later' failed in setup: it is asynchronous; register at once, and begin work in the `started` hook",
    );
  });

  it("shows why a plugin skips, keeps nothing of it, and goes on", async () => {
    const use = shelf.plugin("shy", ({ priorities, hooks, routes }) => {
      priorities.add("shy", priority);
      routes.add("shy", {} as never);
      hooks.started.tap(() => {
        throw new Error("was called");
      });
      throw skip("needs a Tuesday");
    });
    await using kernel = await shelf.load([use]);
    expect(stateOf(kernel, "shy")?.skipped).toBe("needs a Tuesday");
    expect(kernel.registries.priorities.has("shy")).toBe(false);
    expect(kernel.extensions.routes.size).toBe(0);
    await kernel.start("control", simIo());
  });

  it("shows why a plugin skips when it is started, and starts the others", async () => {
    const started: string[] = [];
    const shy = shelf.plugin("shy", ({ hooks }) => {
      hooks.started.tap(() => {
        throw skip("found no server");
      });
    });
    const bold = shelf.plugin("bold", ({ id, hooks }) => hooks.started.tap(() => void started.push(id)));
    await using kernel = await shelf.load([shy, bold]);
    await kernel.start("control", simIo());
    expect(stateOf(kernel, "shy")?.skipped).toBe("found no server");
    expect(started).toEqual(["bold"]);
  });

  it("shows plugins for another role or platform, and does not set them up", async () => {
    const never = () => {
      throw new Error("was set up");
    };
    const agent = shelf.plugin("agent-only", never, { roles: ["agent"] });
    const foreign = shelf.plugin("foreign", never, { platforms: ["aix", "sunos"] });
    await using kernel = await shelf.load([agent, foreign]);
    expect(stateOf(kernel, "agent-only")?.skipped).toBe("is for the role agent");
    expect(stateOf(kernel, "foreign")?.skipped).toBe(`needs aix or sunos, this is ${process.platform}`);
  });

  it("checks the options of plugins that are for elsewhere, without reading their secrets", async () => {
    const options = {
      type: "object",
      required: ["key"],
      properties: { key: { type: "string", format: "secret", description: "A key." } },
    } as const;
    const use = shelf.plugin("elsewhere", () => undefined, { roles: ["agent"], options });
    const key = { env: "DISTRIBUTARY_TEST_SECRET_THAT_IS_NOT_SET" };
    await using _ = await shelf.load([{ ...use, options: { key } }]);
    await expect(shelf.load([{ ...use, options: { key: "plain" } }])).rejects.toMatchObject({
      code: "DIST_ERR_OPTIONS_INVALID",
    });
    await expect(shelf.load([{ ...use, options: { key } }], { role: "agent" })).rejects.toThrow("which is not set");
  });

  it("sets up plugins of every role when it is only to check them", async () => {
    const use = shelf.plugin("agent-only", ({ priorities }) => priorities.add("mine", priority), { roles: ["agent"] });
    const { role: _, ...checking } = { role: undefined, directory: shelf.directory, log: shelf.log };
    const { Kernel } = await import("../../../core/kernel/kernel.ts");
    await using kernel = await Kernel.load({ ...checking, plugins: [use] });
    expect(kernel.registries.priorities.names()).toEqual(["default", "mine", "static"]);
  });

  it("knows all built-in providers in every role, so that control can check what policies name", async () => {
    const everywhere = await Promise.all((["control", "agent"] as const).map((role) => shelf.load([], { role })));
    for (const { registries } of everywhere) expect(registries.interpreters.names()).toEqual(["posix", "windows"]);
  });

  it("refuses another level of the contract, and says where it was asked for", async () => {
    const use = shelf.plugin("future", () => undefined, { api: 2 });
    await expect(shelf.load([{ ...use, where: "web.yaml:7" }])).rejects.toMatchObject({
      code: "DIST_ERR_PLUGIN_API",
      message: "plugin 'future' needs plugin API 2, this Distributary supports 1",
      where: "web.yaml:7",
    });
  });

  it("refuses two plugins of one id, and takes the second under another", async () => {
    const twin = shelf.plugin("twin", ({ id, priorities }) => priorities.add(id, priority));
    await expect(shelf.load([twin, twin])).rejects.toMatchObject({ code: "DIST_ERR_PLUGIN_DUPLICATE" });
    await using kernel = await shelf.load([twin, { ...twin, as: "other" }]);
    expect(kernel.registries.priorities.names()).toEqual(["default", "other", "static", "twin"]);
  });

  it("names both plugins that provide the same", async () => {
    const [first, second] = ["first", "second"].map((name) => {
      return shelf.plugin(name, ({ priorities }) => priorities.add("best", priority));
    });
    if (first === undefined || second === undefined) throw new Error("no plugins");
    await expect(shelf.load([first, second])).rejects.toThrow(
      "priority 'best' is provided by both 'first' and 'second'",
    );
  });

  it("refuses names of contributions that cannot stand in a configuration or an address", async () => {
    const provider = shelf.plugin("provider", ({ priorities }) => priorities.add("Best One", priority));
    await expect(shelf.load([provider])).rejects.toThrow("plugin 'provider': 'Best One' is no name for a priority");
    const route = shelf.plugin("route", ({ routes }) => routes.add("../admin", {} as never));
    await expect(shelf.load([route])).rejects.toThrow("plugin 'route': '../admin' is no name for a route");
    const twice = shelf.plugin("twice", ({ commands }) => {
      commands.add("say", {} as never);
      commands.add("say", {} as never);
    });
    await expect(shelf.load([twice])).rejects.toThrow("command 'say' is provided by both 'twice' and 'twice'");
  });

  it("keeps routes, commands and migrations below the id of their plugin", async () => {
    const use = shelf.plugin("more", ({ routes, commands, migrations }) => {
      routes.add("state", {} as never);
      commands.add("state", {} as never);
      migrations.add("0001-state", {} as never);
    });
    await using kernel = await shelf.load([use, { ...use, as: "again" }]);
    expect([...kernel.extensions.routes.keys()]).toEqual(["more/state", "again/state"]);
    expect([...kernel.extensions.commands.keys()]).toEqual(["more/state", "again/state"]);
    expect([...kernel.extensions.migrations.keys()]).toEqual(["more/0001-state", "again/0001-state"]);
  });

  it("tells plugins of every provider, and from whom it is", async () => {
    const seen: string[] = [];
    const watcher = shelf.plugin("watcher", ({ hooks }) => {
      hooks.providerRegistered.tap((kind, name, plugin) => void seen.push(`${kind} ${name} of ${plugin}`));
    });
    const giver = shelf.plugin("giver", ({ priorities }) => priorities.add("best", priority));
    await using _ = await shelf.load([watcher, giver]);
    expect(seen).toEqual(["priorities best of giver"]);
  });

  it("says why a provider cannot be used here", async () => {
    const probe = () => "no such device";
    const use = shelf.plugin("picky", ({ priorities }) => priorities.add("picky", { ...priority, probe } as Priority));
    await using kernel = await shelf.load([use]);
    const io = simIo();
    expect(() => kernel.usable("priorities", "picky", io)).toThrow(
      "priority 'picky' cannot be used here: no such device",
    );
    expect(() => kernel.usable("priorities", "none", io)).toThrow("no priority named 'none'");
    expect(kernel.usable("priorities", "default", io)).toBe(kernel.registries.priorities.get("default"));
  });

  it("marks what a plugin logs with the plugin", async () => {
    await using _ = await shelf.load([shelf.plugin("talker", ({ log }) => log.warn({ at: 1 }, "careful"))]);
    expect(shelf.lines).toEqual([{ level: "warn", fields: { plugin: "talker", at: 1 }, text: "careful" }]);
  });

  it("gives a plugin nothing to call a hook with, and a host that cannot be changed", async () => {
    const hosts: Host[] = [];
    await using _ = await shelf.load([shelf.plugin("curious", (host) => void hosts.push(host))]);
    const [host] = hosts;
    if (host === undefined) throw new Error("no host");
    for (const facade of Object.values(host.hooks)) expect(Object.keys(facade)).toEqual(["tap"]);
    expect(Object.isFrozen(host) && Object.isFrozen(host.hooks)).toBe(true);
  });
});
