import { expectTypeOf, test } from "vitest";
import { definePlugin } from "../../sdk/index.ts";
import type { Contributions, Host, Infer, Plugin, PlanView, Role } from "../../sdk/index.ts";

test("options are typed by their schema: required, with a default, and truly optional", () => {
  definePlugin({
    name: "sample",
    api: 1,
    options: {
      type: "object",
      required: ["url"],
      properties: {
        url: { type: "string" },
        mode: { type: "string", enum: ["fast", "small"], default: "fast" },
        level: { type: "integer", default: 6 },
        secure: { type: "boolean" },
        hosts: { type: "array", items: { type: "string" }, default: [] },
        labels: { type: "object", additionalProperties: { type: "number" }, default: {} },
        inner: { type: "object", default: {}, properties: { deep: { type: "boolean", default: true } } },
      },
    },
    check(options) {
      expectTypeOf(options.url).toEqualTypeOf<string>();
      return undefined;
    },
    setup(_, options) {
      expectTypeOf(options.url).toEqualTypeOf<string>();
      expectTypeOf(options.mode).toEqualTypeOf<"fast" | "small">();
      expectTypeOf(options.level).toEqualTypeOf<number>();
      expectTypeOf(options.secure).toEqualTypeOf<boolean | undefined>();
      expectTypeOf(options.hosts).toEqualTypeOf<readonly string[]>();
      expectTypeOf(options.labels).toEqualTypeOf<Readonly<Record<string, number>>>();
      expectTypeOf(options.inner).toEqualTypeOf<{ readonly deep: boolean }>();
      // @ts-expect-error there is no such option
      options.levle;
      // @ts-expect-error options are not changed
      options.level = 7;
    },
  });
});

test("a plugin without options is promised none", () => {
  definePlugin({
    name: "sample",
    api: 1,
    setup(_, options) {
      expectTypeOf(options).toEqualTypeOf<Readonly<Record<string, unknown>>>();
    },
  });
});

test("Infer is the value of a schema, and of an unknown one something to look into", () => {
  expectTypeOf<Infer<{ readonly type: "integer" }>>().toEqualTypeOf<number>();
  expectTypeOf<Infer<{ readonly type: "string"; readonly enum: readonly ["a", "b"] }>>().toEqualTypeOf<"a" | "b">();
  type List = { readonly type: "array"; readonly items: { readonly type: "object"; readonly properties: Inner } };
  type Inner = { readonly name: { readonly type: "string" } };
  expectTypeOf<Infer<List>>().toEqualTypeOf<readonly { readonly name?: string }[]>();
  expectTypeOf<Parameters<Plugin["setup"]>[1]>().toEqualTypeOf<Readonly<Record<string, unknown>>>();
});

test("a schema says only what the schema language knows", () => {
  definePlugin({
    name: "sample",
    api: 1,
    // @ts-expect-error there is no type `text`
    options: { type: "object", properties: { a: { type: "text" } } },
    setup: () => undefined,
  });
  definePlugin({
    name: "sample",
    api: 1,
    // @ts-expect-error the default of an integer is a number
    options: { type: "object", properties: { a: { type: "integer", default: "6" } } },
    setup: () => undefined,
  });
});

test("hooks can be tapped, not called", () => {
  expectTypeOf<keyof Host["hooks"]["jobEnded"]>().toEqualTypeOf<"tap">();
  // @ts-expect-error there is nothing to call it with
  (host: Host) => host.hooks.jobEnded.promise;
  // @ts-expect-error the list of hooks is fixed
  (host: Host) => host.hooks.somethingElse;
});

test("taps get what the hook tells and answer what it may be told", () => {
  (host: Host) => {
    host.hooks.started.tap((role, io, signal) => {
      expectTypeOf(role).toEqualTypeOf<Role>();
      expectTypeOf(io.clock.now()).toEqualTypeOf<number>();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    });
    host.hooks.jobProposed.tap(({ site }) => (site === "www" ? "not that one" : undefined), "early");
    host.hooks.jobPlanned.tap((plan) => {
      expectTypeOf(plan).toEqualTypeOf<PlanView>();
      return plan;
    });
    // @ts-expect-error a refusal is a text
    host.hooks.jobProposed.tap(() => false);
    // @ts-expect-error a plan is given back
    host.hooks.jobPlanned.tap(() => undefined);
    // @ts-expect-error there is no such stage
    host.hooks.jobEnded.tap(() => undefined, "first");
  };
});

test("each kind takes its own providers only", () => {
  (host: Host) => {
    expectTypeOf(host.compressors).toExtend<Contributions<{ compress(block: Uint8Array): Uint8Array }>>();
    // @ts-expect-error a priority is no compressor
    host.compressors.add("sample", { of: () => 0 });
    // @ts-expect-error a compressor also restores
    host.compressors.add("sample", { compress: (block: Uint8Array) => block });
  };
});

test("setup cannot be told to be waited for, nor anything else be declared", () => {
  // @ts-expect-error there is no `teardown`; see `defer`
  definePlugin({ name: "sample", api: 1, setup: () => undefined, teardown: () => undefined });
  // @ts-expect-error a role is control or agent
  definePlugin({ name: "sample", api: 1, roles: ["console"], setup: () => undefined });
});
