import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { checkConfig } from "../../../config/check.ts";
import { exportConfig } from "../../../config/export.ts";
import { parseAddress } from "../../../config/formats.ts";
import { readConfig } from "../../../config/load.ts";
import { loadLocalPolicy, rootOf } from "../../../config/local-policy.ts";
import { formatBytes, formatDuration, parseBytes, parseDuration } from "../../../config/units.ts";
import { agent } from "../../../core/cli/agent.ts";
import { apply } from "../../../core/cli/apply.ts";
import { check } from "../../../core/cli/check.ts";
import { checkpoint } from "../../../core/cli/checkpoint.ts";
import { control } from "../../../core/cli/control.ts";
import { demo } from "../../../core/cli/demo.ts";
import { jobs } from "../../../core/cli/jobs.ts";
import { newCommand } from "../../../core/cli/new.ts";
import { nodes } from "../../../core/cli/nodes.ts";
import { publish } from "../../../core/cli/publish.ts";
import { restore } from "../../../core/cli/restore.ts";
import { rollback } from "../../../core/cli/rollback.ts";
import { readArguments } from "../../../core/cli/terminal/arguments.ts";
import { token } from "../../../core/cli/token.ts";
import { isFailure } from "../../../sdk/index.ts";
import type { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { defineTarget, failsWith } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateList, mutateOften, mutateText, pick } from "../mutations.ts";

const directory = join(import.meta.dirname, "../../../config/examples");
const files = readdirSync(directory).filter((name) => name.endsWith(".yaml"));
const texts = files.map((name) => readFileSync(join(directory, name), "utf8"));
const policies = [
  ...texts.filter((text) => text.includes("roots:")),
  "maxBytes: 1 GiB\nreload: { www: [a, b] }\nprobe: { www: http://x/ }\n",
];

const pieces = [
  ..."\n |\t|: |- |? |[|]|{|}|&a |*a|!!str |!x |# |'|\"|\\|>\n|,|<<: *a|---\n|...\n|%YAML 1.1\n".split("|"),
  ..."\0|\u2028|\ud800|\ufeff|~|null|.nan|-.inf|0x7f|1e999".split("|"),
  ...["|", "__proto__: ", "constructor: ", "? [a]\n: ", "toString", "9".repeat(400), "- ".repeat(80), "[".repeat(80)],
];

function mutateYaml(text: string, random: SimRandom): string {
  let result = text;
  for (let count = 1 + random.below(6); count > 0; count -= 1) result = mutateText(result, random, pieces);
  return result;
}

/** Whether it says which lines are wrong. */
function namesLines(error: unknown): boolean {
  return isFailure(error, "DIST_ERR_CONFIG_INVALID") && /^DIST_ERR_CONFIG_INVALID {2}\S+:[1-9]/.test(error.describe());
}

const config = defineTarget({
  name: "config",
  // A configuration takes 1 ms to read.
  testCases: 10_000,
  isRefusal: namesLines,
  open: () => ({
    make: (random) => mutateYaml(pick(random, texts), random),
    feed(text) {
      const loaded = readConfig(text, "fuzz.yaml");
      const again = readConfig(exportConfig(loaded.config), "fuzz.yaml").config;
      if (!isDeepStrictEqual(again.sites, loaded.config.sites)) throw new Error("it is exported as another");
      checkConfig(loaded, knowledge);
    },
  }),
});
const knowledge = {
  plugins: new Map(),
  providers: { deltas: [], compressors: [], ciphers: [], transports: [], priorities: [], interpreters: [] },
};

/** What a node's administrator wrote. */
const localPolicy = defineTarget({
  name: "local-policy",
  // It is read from a file.
  testCases: 10_000,
  isRefusal: (error) => namesLines(error) || isFailure(error, "DIST_ERR_CONFIG_READ"),
  open() {
    const scratch = mkdtempSync(join(tmpdir(), "distributary-fuzz-"));
    const file = join(scratch, "local.yaml");
    return {
      make(random): Uint8Array {
        const bytes = Buffer.from(mutateYaml(pick(random, policies), random));
        return random.below(16) === 0 ? mutateBytes(bytes, random) : bytes;
      },
      feed(bytes) {
        writeFileSync(file, bytes);
        const policy = loadLocalPolicy(file);
        for (const size of [policy.maxBytes, policy.maxFileBytes]) parseBytes(size);
        for (const site of ["www", "constructor", "../x"]) {
          const root = rootOf(policy, site, "node-1");
          if (root !== undefined && !isAbsolute(root)) throw new Error(`site '${site}' would be in '${root}'`);
        }
      },
      close: () => rmSync(scratch, { recursive: true }),
    };
  },
});

const unitTexts = "250ms|1h30m|7d|64 KiB|10 GB|512|1.5 TiB|127.0.0.1:7400|[::1]:80|:7400|example.org:65535".split("|");
const unitPieces = [..."0|.| |e9|-|ms|d|TiB|kB|:|[|]|::|\n|１".split("|"), "9".repeat(12), "9".repeat(20)];
const readers: readonly ((text: string) => unknown)[] = [
  (text) => formatDuration(whole(parseDuration(text) + Date.UTC(2100, 0))),
  (text) => formatBytes(whole(parseBytes(text))),
  (text) => whole(parseAddress(text).port),
];

/** Durations, sizes and addresses. */
const units = defineTarget({
  name: "units",
  isRefusal: (error) => error instanceof RangeError && /^'.*' is (no|too) \w+$/s.test(error.message),
  open: () => ({
    make: (random) => mutateOften(pick(random, unitTexts), random, (text) => mutateText(text, random, unitPieces)),
    feed(text) {
      const errors = readers.flatMap((read) => {
        try {
          read(text);
          return [];
        } catch (error) {
          return [error];
        }
      });
      const fault = errors.find((error) => !(error instanceof RangeError));
      if (fault !== undefined || errors.length === readers.length) throw fault ?? errors[0];
    },
  }),
});

function whole(count: number): number {
  if (!Number.isSafeInteger(count) || count < 0) throw new Error(`it is ${count}`);
  return count;
}

const commands = [
  ...[agent, apply, check, checkpoint, control, demo, jobs],
  ...[newCommand, nodes, publish, restore, rollback, token],
];
const lines = commands.flatMap((command, index) =>
  (command.examples ?? []).map(({ line }) => ({ command: index, args: line.split(" ").slice(1) })),
);
const flags =
  "-- - -h --help= --no-json --json=1 --__proto__ --config --config= -c --no- --uses=1e9 --life --url=x".split(" ");

interface Line {
  readonly command: number;
  readonly args: readonly string[];
}

/** What stands on the command line. */
const argumentsOfCommands = defineTarget({
  name: "arguments",
  isRefusal: failsWith("DIST_ERR_USAGE"),
  open: () => ({
    make(random): Line {
      const { command, args } = pick(random, lines);
      const changed = mutateOften<readonly unknown[]>(args, random, (list) =>
        random.below(2) === 0
          ? mutateList(list, random)
          : list.toSpliced(random.below(list.length + 1), 0, pick(random, flags)),
      );
      return { command, args: changed.filter((arg) => typeof arg === "string") };
    },
    feed({ command, args }) {
      const chosen = commands[command];
      if (chosen !== undefined) readArguments(chosen, args, "distributary");
    },
  }),
});

export const configTargets: readonly Target[] = [config, localPolicy, units, argumentsOfCommands];
