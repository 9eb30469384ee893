import { describe, expect, it } from "vitest";
import type { Host, ObjectSchema, Plugin, Priority, Schema } from "distributary/sdk";
import { failedCases, pluginKit } from "distributary/testkit";
import { schemaProblems } from "../../../sdk/testkit/schema-problems.ts";

const priority = (): Priority => ({ of: () => 0 });
const good: Plugin = {
  name: "good",
  api: 1,
  description: "Does nothing wrong.",
  stability: "stable",
  setup: ({ priorities }) => priorities.add("good", priority()),
};

const shared = priority();
let rounds = 0;
const disposedOf = new Set<string>();
const work = (begin: () => Disposable) => (host: Host) => {
  good.setup(host, {});
  const begun = begin();
  host.defer(() => begun[Symbol.dispose]());
};

/** Wrong plugins, and a case that each must fail. */
const saboteurs: Record<string, { plugin: Partial<Plugin>; fails: string }> = {
  "shouts its name": { plugin: { name: "GOOD" }, fails: "has a name of lower case letters, digits and hyphens" },
  "is of another level": { plugin: { api: 2 }, fails: "is made for this level of the contract" },
  "does not say what it is for": {
    plugin: { description: "good" },
    fails: "is described in one sentence, with its stability",
  },
  "does not say how stable it is": {
    plugin: { stability: "new" as "stable" },
    fails: "is described in one sentence, with its stability",
  },
  "is for nobody": { plugin: { roles: [] }, fails: "names roles and platforms that exist, or none" },
  "is for Windows 95": {
    plugin: { platforms: ["windows" as "win32"] },
    fails: "names roles and platforms that exist, or none",
  },
  "provides something for agents only": {
    plugin: { roles: ["agent"] },
    fails: "is for every role and platform if it provides something, since control checks policies that name it",
  },
  "provides something on one platform only": {
    plugin: { platforms: ["win32"] },
    fails: "is for every role and platform if it provides something, since control checks policies that name it",
  },
  "has an option that nobody explains": {
    plugin: { options: { type: "object", properties: { level: { type: "integer", default: 1 } } } },
    fails: "declares its options in the closed schema, each described, with defaults that fit",
  },
  "is set up later": {
    plugin: { setup: async (host) => good.setup(host, {}) },
    fails: "sets up at once: nothing is left to wait for",
  },
  "starts a timer": {
    plugin: {
      setup: work(() => {
        const timer = setInterval(() => undefined, 60_000);
        return { [Symbol.dispose]: () => clearInterval(timer) };
      }),
    },
    fails: "only registers: begins no work, and listens to nothing, before it is started",
  },
  "listens to the process": {
    plugin: {
      setup: work(() => {
        const listen = () => undefined;
        process.on("SIGUSR2", listen);
        return { [Symbol.dispose]: () => process.off("SIGUSR2", listen) };
      }),
    },
    fails: "only registers: begins no work, and listens to nothing, before it is started",
  },
  "changes the environment": {
    plugin: {
      setup: work(() => {
        process.env["SABOTEUR"] = "here";
        return { [Symbol.dispose]: () => delete process.env["SABOTEUR"] };
      }),
    },
    fails: "only registers: begins no work, and listens to nothing, before it is started",
  },
  "registers when it has time": {
    plugin: {
      setup(host) {
        good.setup(host, {});
        queueMicrotask(() => {
          try {
            host.priorities.add("late", priority());
          } catch {
            // The host noted it; thrown from here it would end the test run.
          }
        });
      },
    },
    fails: "registers nothing after it was set up",
  },
  "contributes nothing": { plugin: { setup: () => undefined }, fails: "contributes something" },
  "registers another name each time": {
    plugin: { setup: ({ priorities }) => priorities.add(`good-${rounds++}`, priority()) },
    fails: "registers the same every time it is set up",
  },
  "gives everyone the same provider": {
    plugin: { setup: ({ priorities }) => priorities.add("good", shared) },
    fails: "gives every host providers of its own",
  },
  "changes its options": {
    plugin: {
      setup(host, options) {
        Object.assign(options, { seen: true });
        good.setup(host, options);
      },
    },
    fails: "contributes something",
  },
  "fails when it is stopped": {
    plugin: {
      setup(host) {
        good.setup(host, {});
        host.defer(() => Promise.reject(new Error("cannot stop")));
      },
    },
    fails: "can be stopped without having been started, and twice, and set up again",
  },
  "works only once": {
    plugin: {
      setup(host) {
        if (disposedOf.has(host.id)) throw new Error("was stopped");
        host.defer(() => void disposedOf.add(host.id));
        good.setup(host, {});
      },
    },
    fails: "can be stopped without having been started, and twice, and set up again",
  },
};

describe("the plugin kit", () => {
  for (const [name, { plugin, fails }] of Object.entries(saboteurs)) {
    it(`rejects one that ${name}`, async () => {
      expect(await failedCases(pluginKit, () => ({ plugin: { ...good, ...plugin } }))).toContain(fails);
    });
  }

  it("passes one that is right", async () => {
    expect(await failedCases(pluginKit, () => ({ plugin: good }))).toEqual([]);
  });

  it("passes one that only taps a hook", async () => {
    const plugin: Plugin = { ...good, setup: ({ hooks }) => hooks.started.tap(() => undefined) };
    expect(await failedCases(pluginKit, () => ({ plugin }))).toEqual([]);
  });

  it("passes one that needs options, when it is given them", async () => {
    const options: ObjectSchema = {
      type: "object",
      required: ["url"],
      properties: { url: { type: "string", description: "Where to." } },
    };
    const plugin = { ...good, options };
    expect(await failedCases(pluginKit, () => ({ plugin, options: { url: "here" } }))).toEqual([]);
    expect(await failedCases(pluginKit, () => ({ plugin }))).toContain("contributes something");
  });
});

describe("schema problems", () => {
  const of = (properties: Record<string, unknown>, more = {}) =>
    schemaProblems({ type: "object", properties: properties as Record<string, Schema>, ...more });

  it("finds none in a right schema", () => {
    const problems = of(
      {
        name: { type: "string", description: "A name.", format: "name" },
        level: { type: "integer", minimum: 1, default: 1, description: "A level." },
        hosts: { type: "array", description: "Hosts.", items: { type: "string" }, default: [] },
        labels: { type: "object", description: "Labels.", additionalProperties: { type: "string" }, default: {} },
      },
      { required: ["name"] },
    );
    expect(problems).toEqual([]);
  });

  it("finds every fault with its place", () => {
    const described = { description: "Something." };
    const undescribed = { type: "object", properties: { b: { type: "string" } } };
    const faults: [problems: string[], place: string][] = [
      [of({ a: { type: "strnig", ...described } }), "options.a:"],
      [of({ a: { type: "string" } }), "options.a:"],
      [of({ a: { type: "string", ...described, oneOf: [] } }), "options.a:"],
      [of({ a: { type: "integer", ...described, maximum: 3, default: 4 } }), "options.a:"],
      [of({ a: { type: "string", ...described, default: "x" } }, { required: ["a"] }), "options.a:"],
      [of({ a: { type: "string", ...described, format: "date" } }), "options.a:"],
      [of({ a: { type: "string", ...described, format: "secret", default: "x" } }), "options.a:"],
      [of({}, { required: ["a"] }), "options:"],
      [of({ a: { type: "object", ...described, properties: { b: { type: "string" } } } }), "options.a.b:"],
      [of({ a: { type: "array", ...described, items: undescribed } }), "options.a[].b:"],
      [of({ a: { type: "object", ...described, additionalProperties: true } }), "options.a:"],
    ];
    for (const [problems, place] of faults) {
      expect(problems).toHaveLength(1);
      expect(problems[0]).toSatisfy((problem: string) => problem.startsWith(place));
    }
  });
});
