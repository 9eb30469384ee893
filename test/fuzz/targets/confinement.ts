import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resultOf } from "../../../core/assignment/commands.ts";
import type { Header } from "../../../core/assignment/assignment.ts";
import { emptyTree, treeHash } from "../../../core/content/manifest.ts";
import { realDisk } from "../../../core/runtime/disk.ts";
import { fileTree, isFailure, removeTree } from "../../../sdk/index.ts";
import type { Command, Entry, FileCommand } from "../../../sdk/index.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import type { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { AgentOnDisk } from "../agent-on-disk.ts";
import { defineTarget } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { base, baseCommands, contents, dataOf, hostileCommands, isTyped, placed } from "../hostile-commands.ts";
import { mutateValue, pick } from "../mutations.ts";
import { Sentinels } from "../sentinels.ts";
import { mutateOrder } from "./link.ts";

const baseTree = treeHash(base);

interface Order {
  /** A line that control says, in place of all else. */
  readonly line?: string;
  readonly commands: readonly Command[];
  readonly header: Partial<Header>;
  /** What control says next, if it could be prepared. */
  readonly then: "forget" | "commit" | "remove";
}

const headers: Partial<Header> = {
  ...{ type: "update", site: "www", serial: 1, section: [1, 1], version: 2, base: baseTree, interpreter: "native" },
  ...{ keepReleases: 2, diskBytes: 0, audience: { group: "web", nodes: ["n1"] } },
};

/** A header of which one thing is wrong; the rest is left to whoever signs. */
function mutateHeader(random: SimRandom): Partial<Header> {
  const name = pick(random, Object.keys(headers)) as keyof Header;
  return { [name]: mutateValue(headers[name], random) };
}

const refusedByAgent = new Error("the agent refused it");

/** Orders and signed lists of commands, carried out by an agent on the disk of this host: nothing around the site changes. */
const confinement = defineTarget({
  name: "confinement",
  // Releases are built and deleted.
  testCases: 10_000,
  isRefusal: (error) => error === refusedByAgent,
  async open() {
    const root = mkdtempSync(join(tmpdir(), "distributary-fuzz-"));
    const sentinels = new Sentinels(root, "agent", "sites/www");
    const agent = await AgentOnDisk.start(root);
    const site = join(root, "sites/www");

    /** Makes the base live, whatever was done before. */
    async function settle(): Promise<void> {
      if (agent.state.live?.tree === baseTree) return;
      const commit = () => agent.carryOut("commit", { header: { result: baseTree } });
      if ((await commit()).type === "switched") return;
      const header = { result: baseTree, base: emptyTree };
      const answer = await agent.carryOut("update", { header, commands: baseCommands, data: dataOf(baseCommands) });
      if (answer.type !== "prepared" || (await commit()).type !== "switched")
        throw new Error(`the site cannot be brought back: ${JSON.stringify(answer)}`);
    }
    await settle();

    return {
      make(random): Order {
        const line = random.below(4) === 0 ? { line: mutateOrder(random).toString().replaceAll("\n", " ") } : {};
        const header = random.below(6) === 0 ? mutateHeader(random) : {};
        const then = random.below(8) === 0 ? "remove" : pick(random, ["forget", "commit"] as const);
        return { ...line, commands: hostileCommands(random), header, then };
      },
      async feed({ line, commands: given, header, then }) {
        if (line !== undefined) await agent.say(line);
        else {
          const commands = placed(given, root);
          const result = resultIfAny(commands);
          const good = { base: baseTree, result, version: 2 };
          const answer = await agent.carryOut("update", {
            header: { ...good, ...header },
            commands,
            data: dataOf(commands),
          });
          if (answer.type === "failed") {
            if (!/^DIST_ERR_/.test(answer.code) || answer.code === "DIST_ERR_UNEXPECTED")
              throw new Error(`it fails with ${answer.code}: ${answer.reason}`);
          } else if (then === "forget") await agent.forget(agent.state.prepared?.serial ?? 0);
          else await agent.carryOut(then, { header: { result: then === "remove" ? emptyTree : result, version: 2 } });
          await settle();
          sentinels.check();
          if (answer.type === "failed") throw refusedByAgent;
        }
        sentinels.check();
        if (readFileSync(join(site, "live/index.html"), "utf8") !== "one") throw new Error("another page is live");
        const left = readdirSync(join(site, "releases")).filter((name) => !/^(\d{10}|\.spare)$/.test(name));
        if (left.length > 0) throw new Error(`${left.join(", ")} was left behind`);
      },
      async close() {
        await agent[Symbol.asyncDispose]();
        removeTree(realDisk, root);
      },
    };
  },
});

/** The tree that an honest control would sign. */
function resultIfAny(commands: readonly Command[]): string {
  try {
    return treeHash(resultOf(base, commands));
  } catch {
    return baseTree;
  }
}

const posix = fileTree({ keeps: { modes: true, symlinks: true }, pointer: "symlink" });

/** The same lists, without anybody before who checks them. */
const interpreter = defineTarget({
  name: "interpreter",
  // Releases are built and deleted.
  testCases: 10_000,
  isRefusal: (error) => isFailure(error),
  async open() {
    const root = mkdtempSync(join(tmpdir(), "distributary-fuzz-"));
    const sentinels = new Sentinels(root, "sites/www");
    const site = join(root, "sites/www");
    const [from, building] = [join(site, "releases/0000000001"), join(site, "releases/.building")];
    const io = simIo({ disk: realDisk });
    const { signal } = new AbortController();
    const content = (command: FileCommand) => [contents.get(command.hash) ?? Buffer.from("hostile")];
    const build = async (directory: string, commands: readonly Command[], entries: readonly Entry[] | undefined) => {
      mkdirSync(directory, { recursive: true });
      const start = entries === undefined ? {} : { base: { directory: from, entries: () => entries } };
      await posix.build({ site: "www", directory, ...start, commands: () => commands, content }, io, signal);
    };
    await build(from, baseCommands, undefined);
    return {
      make: (random) => hostileCommands(random).filter(isTyped),
      async feed(commands) {
        try {
          await build(building, placed(commands, root), base);
        } finally {
          removeTree(realDisk, building);
          sentinels.check();
        }
      },
      close: () => rmSync(root, { recursive: true }),
    };
  },
});

export const confinementTargets: readonly Target[] = [confinement, interpreter];
