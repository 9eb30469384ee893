import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { emptyDatabase } from "../embedded.ts";
import { freePort } from "./deployment.ts";
import { Program, main, root } from "./program.ts";
import { readTree } from "./tree.ts";

/** The commands in the comment at the head of an example. */
function commandsIn(text: string): string[] {
  return [...text.matchAll(/^# {3}(distributary .*)$/gm)].map(([, command = ""]) => command);
}

describe("the examples, run as their comments say", () => {
  let directory: string;
  let programs: Program[];

  beforeEach(() => {
    programs = [];
    directory = realpathSync(mkdtempSync(join(tmpdir(), "distributary-examples-")));
    cpSync(join(root, "config/examples"), directory, { recursive: true });
    // As if Distributary were installed: a command, and a package that local plugins import.
    mkdirSync(join(directory, "bin"));
    writeFileSync(join(directory, "bin/distributary"), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {
      mode: 0o755,
    });
    mkdirSync(join(directory, "node_modules"));
    symlinkSync(root, join(directory, "node_modules/distributary"));
  });
  afterEach(async () => {
    await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
    rmSync(directory, { recursive: true });
  });

  /** A line of a shell in the directory of the examples. */
  function shell(line: string): Program {
    const program = new Program("/bin/sh", ["-c", `exec ${line}`], {
      cwd: directory,
      env: { PATH: `${directory}/bin:${process.env["PATH"]}` },
    });
    programs.push(program);
    return program;
  }

  it.each([
    ["one-site", ["a", "b", "c"], { blog: ["a", "b", "c"] }],
    ["two-sites", ["eu-1", "eu-2", "us-1", "us-2"], { blog: ["eu-1", "eu-2"], shop: ["eu-1", "eu-2", "us-1", "us-2"] }],
    ["slow-wan", ["ship-1", "ship-2"], { handbook: ["ship-1", "ship-2"] }],
    ["local-plugin", ["a"], { blog: ["a"] }],
  ])("%s.yaml brings its sites to its nodes", async (name, nodes, sites: Record<string, string[]>) => {
    const text = readFileSync(join(directory, `${name}.yaml`), "utf8");
    const [control = "", agent = "", ...rest] = commandsIn(text);
    cpSync(await emptyDatabase(), join(directory, `.distributary/${name}/control/database`), { recursive: true });
    const link = `127.0.0.1:${await freePort()}`;
    const running = shell(`${control} --api 127.0.0.1:0 --link ${link}`);
    await running.says("control runs");
    const nameInComment = new RegExp(`(?<= )${nodes[0]}(?= )`, "g");
    const lineOf = (node: string) => agent.replaceAll(nameInComment, node);
    // As the comment says: likewise, but in the other segment.
    const inSegment = (node: string) => lineOf(node).replace("vienna", node.startsWith("us") ? "denver" : "vienna");
    const agents = nodes.map((node) => shell(`${inSegment(node)} --control ${link}`));
    await Promise.all(agents.map((each) => each.says("connected to control")));
    for (const line of rest) {
      const command = shell(line);
      const code = await command.ended;
      // A site with `commit: manual` waits after its publish.
      const waits = rest.some(
        (other) => other.includes("commit") && line.includes(`publish ${/commit +(\S+)/.exec(other)?.[1]}`),
      );
      expect({ line, code, text: command.output + command.errors }).toMatchObject({ code: waits ? 5 : 0 });
    }
    for (const [site, members] of Object.entries(sites)) {
      const trees = members.map((node) => readTree(join(directory, ".distributary/nodes", node, site, "live")));
      expect(trees.every((tree) => "index.html" in tree)).toBe(true);
      for (const tree of trees) expect(tree).toEqual(trees[0]);
    }
    if (name === "one-site")
      expect(readTree(join(directory, ".distributary/nodes/a/blog/live"))).not.toHaveProperty("second-post.draft.html");
    if (name === "local-plugin") await running.says("BLOG IS LIVE, VERSION 1!!!");
  });
});
