import { describe, expect, it } from "vitest";
import { definePlugin } from "distributary/sdk";
import type { Host } from "distributary/sdk";
import { recordingHost } from "distributary/testkit";

const nothing = { of: () => 0 };
const pluginWith = (setup: (host: Host) => void) => definePlugin({ name: "sample-2", api: 1, setup });
const withCode = (code: string) => expect.objectContaining({ code });

describe("the recording host", () => {
  it("gives out what was registered, by kind and name", () => {
    const host = recordingHost(pluginWith(({ priorities }) => priorities.add("one", nothing)));
    expect(host.priorities.get("one")).toBe(nothing);
    expect(host.priorities.names()).toEqual(["one"]);
    expect(host.contributions()).toEqual(["priorities one"]);
  });

  it("keeps taps with their stage", () => {
    const handler = () => undefined;
    const host = recordingHost(pluginWith(({ hooks }) => hooks.jobEnded.tap(handler, "late")));
    expect(host.hooks.jobEnded.taps).toEqual([{ handler, stage: "late" }]);
    expect(host.contributions()).toEqual(["hooks jobEnded"]);
  });

  it("refuses names, duplicates, unknown and late ones as the kernel does", () => {
    const shouting = pluginWith(({ priorities }) => priorities.add("One", nothing));
    expect(() => recordingHost(shouting)).toThrow(withCode("DIST_ERR_PROVIDER_NAME"));
    const twice = pluginWith(({ priorities }) => [1, 2].forEach(() => priorities.add("one", nothing)));
    expect(() => recordingHost(twice)).toThrow(withCode("DIST_ERR_PROVIDER_DUPLICATE"));
    const host = recordingHost(pluginWith(() => undefined));
    expect(() => host.priorities.get("one")).toThrow(withCode("DIST_ERR_PROVIDER_UNKNOWN"));
    expect(() => host.priorities.add("one", nothing)).toThrow(withCode("DIST_ERR_KERNEL_FROZEN"));
    expect(() => host.hooks.started.tap(() => undefined)).toThrow(withCode("DIST_ERR_KERNEL_FROZEN"));
    expect(host.refused).toEqual(["priority one", "started"]);
  });

  it("runs what was deferred once, last first", async () => {
    const order: number[] = [];
    const host = recordingHost(pluginWith(({ defer }) => [1, 2].forEach((step) => defer(() => void order.push(step)))));
    await host[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
    expect(order).toEqual([2, 1]);
  });

  it("names a plugin's own errors after it and keeps what it logs", () => {
    const host = recordingHost(pluginWith(({ log }) => log.warn({ at: 1 }, "hot")));
    const error = host.error("LOGIN_REFUSED", "no", { retryable: true });
    expect(error).toMatchObject({ code: "SAMPLE_2_ERR_LOGIN_REFUSED", retryable: true });
    expect(host.lines).toEqual([{ level: "warn", fields: { at: 1 }, text: "hot" }]);
  });

  it("fills in defaults, freezes options, and refuses wrong ones", () => {
    const seen: unknown[] = [];
    const plugin = definePlugin({
      name: "sample",
      api: 1,
      options: {
        type: "object",
        properties: {
          level: { type: "integer", maximum: 9, default: 6, description: "A level." },
          inner: {
            type: "object",
            default: {},
            description: "More.",
            properties: { deep: { type: "boolean", default: true, description: "Deep." } },
          },
        },
      },
      check: ({ level }) => (level === 5 ? "not 5" : undefined),
      setup: (_host, options) => void seen.push(options),
    });
    recordingHost(plugin);
    recordingHost(plugin, { level: 7 });
    expect(seen).toEqual([
      { level: 6, inner: { deep: true } },
      { level: 7, inner: { deep: true } },
    ]);
    expect(Object.isFrozen(seen[0]) && Object.isFrozen((seen[0] as { inner: object }).inner)).toBe(true);
    for (const options of [{ level: 10 }, { level: 5 }, { levl: 6 }, { inner: { deep: true, wide: 1 } }]) {
      expect(() => recordingHost(plugin, options)).toThrow(withCode("DIST_ERR_OPTIONS_INVALID"));
    }
  });
});
