import assert from "node:assert/strict";
import { API_LEVEL } from "distributary/sdk";
import type { ObjectSchema, Plugin } from "distributary/sdk";
import { runKit } from "./kit.ts";
import type { Kit } from "./kit.ts";
import { namePattern, recordingHost } from "./recording-host.ts";
import type { RecordingHost } from "./recording-host.ts";
import { schemaProblems } from "./schema-problems.ts";

/** A plugin, and options to set it up with if its defaults are not enough. */
export interface PluginSubject {
  readonly plugin: Plugin;
  readonly options?: object;
}

/** What every plugin must keep, whatever it provides. */
export const pluginKit: Kit<PluginSubject> = {
  name: "plugin",
  cases: [
    {
      title: "has a name of lower case letters, digits and hyphens",
      check(create) {
        assert.match(create().plugin.name, namePattern);
      },
    },
    {
      title: "is made for this level of the contract",
      check(create) {
        assert.equal(create().plugin.api, API_LEVEL);
      },
    },
    {
      title: "is described in one sentence, with its stability",
      check(create) {
        const { description = "", stability = "" } = create().plugin;
        assert.match(description, /^\p{Lu}[^\n]*\.$/u);
        assert.ok(["experimental", "stable", "deprecated"].includes(stability), `stability '${stability}'`);
      },
    },
    {
      title: "names roles and platforms that exist, or none",
      check(create) {
        const { roles = ["agent"], platforms = ["linux"] } = create().plugin;
        assert.ok(roles.length > 0 && roles.every((role) => ["control", "agent"].includes(role)), roles.join(", "));
        const areKnown = platforms.every((platform) => knownPlatforms.includes(platform));
        assert.ok(platforms.length > 0 && areKnown, platforms.join(", "));
      },
    },
    {
      title: "is for every role and platform if it provides something, since control checks policies that name it",
      async check(create) {
        const subject = create();
        await using host = setUp(subject);
        const { roles, platforms } = subject.plugin;
        const provides = providerKinds.flatMap((kind) => host[kind].names());
        assert.ok(provides.length === 0 || (roles === undefined && platforms === undefined), provides.join(", "));
      },
    },
    {
      title: "declares its options in the closed schema, each described, with defaults that fit",
      check(create) {
        assert.deepEqual(schemaProblems(create().plugin.options ?? { type: "object", properties: {} }), []);
      },
    },
    {
      title: "sets up at once: nothing is left to wait for",
      async check(create) {
        const { plugin, options } = create();
        const answers: unknown[] = [];
        const setup: Plugin["setup"] = (host, read) => void answers.push(plugin.setup(host, read));
        await using _host = recordingHost({ ...plugin, setup }, options);
        assert.deepEqual(answers, [undefined]);
      },
    },
    {
      title: "only registers: begins no work, and listens to nothing, before it is started",
      async check(create) {
        const subject = create();
        const before = surroundings();
        const host = setUp(subject);
        const after = surroundings();
        await host[Symbol.asyncDispose]();
        assert.deepEqual(after, before);
      },
    },
    {
      title: "registers nothing after it was set up",
      async check(create) {
        await using host = setUp(create());
        for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual(host.refused, []);
      },
    },
    {
      title: "contributes something",
      async check(create) {
        await using host = setUp(create());
        assert.ok(host.contributions().length > 0);
      },
    },
    {
      title: "registers the same every time it is set up",
      async check(create) {
        const subject = create();
        await using first = setUp(subject);
        await using second = setUp(subject);
        assert.deepEqual(second.contributions(), first.contributions());
      },
    },
    {
      title: "gives every host providers of its own",
      async check(create) {
        const subject = create();
        await using first = setUp(subject);
        await using second = setUp(subject);
        for (const kind of providerKinds) {
          for (const name of first[kind].names()) {
            assert.notEqual(first[kind].get(name), second[kind].get(name), `${kind} ${name}`);
          }
        }
      },
    },
    {
      title: "can be stopped without having been started, and twice, and set up again",
      async check(create) {
        const subject = create();
        for (let round = 0; round < 2; round++) {
          const host = setUp(subject);
          await host[Symbol.asyncDispose]();
          await host[Symbol.asyncDispose]();
        }
      },
    },
  ],
};

/** Holds a plugin to its contract. `options` are needed if it has options without a default. */
export function testPlugin<Options extends ObjectSchema>(plugin: Plugin<Options>, options: object = {}): void {
  // Options of one plugin are no options of any plugin to the compiler; they are checked before they are passed.
  const subject: PluginSubject = { plugin: plugin as unknown as Plugin, options };
  runKit(pluginKit, plugin.name, () => subject);
}

const providerKinds = ["deltas", "compressors", "ciphers", "transports", "priorities", "interpreters"] as const;

const knownPlatforms: readonly string[] = [
  "aix",
  "android",
  "cygwin",
  "darwin",
  "freebsd",
  "haiku",
  "linux",
  "netbsd",
  "openbsd",
  "sunos",
  "win32",
];

function setUp({ plugin, options }: PluginSubject): RecordingHost {
  return recordingHost(plugin, options);
}

/** What `setup` must leave alone: timers, sockets, files being read, listeners, environment, global names. */
function surroundings(): unknown {
  const listeners = process.eventNames().map((event) => [String(event), process.listenerCount(event)]);
  return {
    resources: process.getActiveResourcesInfo().sort(),
    listeners,
    environment: { ...process.env },
    globals: Object.getOwnPropertyNames(globalThis).sort(),
    directory: process.cwd(),
  };
}
