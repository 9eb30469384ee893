import { generateKeyPairSync, sign } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Command } from "../../sdk/index.ts";
import { resultOf } from "../../core/assignment/commands.ts";
import type { Manifest } from "../../core/content/manifest.ts";
import { treeHash } from "../../core/content/manifest.ts";
import type { AssignmentNotice, FromNode } from "../../core/protocol/messages.ts";
import { FakeControl, fileCommand } from "./fake-control.ts";
import type { Changes } from "./fake-control.ts";
import { readTree } from "./tree.ts";

const other = generateKeyPairSync("ed25519").privateKey;
const directory = (path: string): Command => ({ kind: "directory", path, mode: 0o755 });
const somewhere = "ab".repeat(32);
const text = Buffer.from("what was signed\n");

/** A bad update: the error the node must answer with, and what is wrong with it. */
const badUpdates: Record<string, [code: string, changes: Changes]> = {
  "signed by somebody else": ["DIST_ERR_ASSIGNMENT_SIGNATURE", { sign: (bytes) => sign(null, bytes, other) }],
  "of which one bit was changed": [
    "DIST_ERR_ASSIGNMENT_SIGNATURE",
    { damage: (sealed) => void (sealed[60] = (sealed[60] ?? 0) ^ 1) },
  ],
  "of which the signature was changed": [
    "DIST_ERR_ASSIGNMENT_SIGNATURE",
    { damage: (sealed) => void (sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1) },
  ],
  "meant for another node": [
    "DIST_ERR_ASSIGNMENT_AUDIENCE",
    { header: { audience: { group: "web", nodes: ["somebody-else"] } } },
  ],
  "that expired": ["DIST_ERR_ASSIGNMENT_EXPIRED", { header: { expiresAt: Date.now() - 1 } }],
  "with a serial that was used before": ["DIST_ERR_ASSIGNMENT_SERIAL", { header: { serial: 1 } }],
  "with a serial nobody can have counted to": ["DIST_ERR_ASSIGNMENT_SERIAL", { header: { serial: 2 ** 53 - 1 } }],
  "from a base this node never had": ["DIST_ERR_ASSIGNMENT_BASE", { header: { base: somewhere } }],
  "with another result than its commands make": ["DIST_ERR_ASSIGNMENT_RESULT", { header: { result: somewhere } }],
  "that removes what is not there": [
    "DIST_ERR_ASSIGNMENT_RESULT",
    { commands: [{ kind: "remove", path: "nothing" }], header: { result: somewhere } },
  ],
  "that leaves the site": [
    "DIST_ERR_PATH_INVALID",
    { commands: [directory("../outside")], header: { result: somewhere } },
  ],
  "with an absolute path": [
    "DIST_ERR_PATH_INVALID",
    { commands: [directory("/outside")], header: { result: somewhere } },
  ],
  "that writes through a link": [
    "DIST_ERR_CONTENT_MANIFEST",
    {
      commands: [directory("a"), fileCommand("link/file", text), { kind: "symlink", path: "link", target: "a" }],
      data: text,
      header: { result: somewhere },
    },
  ],
  "with a file that gives rights away": [
    "DIST_ERR_ASSIGNMENT_FORMAT",
    { commands: [{ kind: "directory", path: "a", mode: 0o4755 }], header: { result: somewhere } },
  ],
  "with a link that leaves the site": [
    "DIST_ERR_ASSIGNMENT_FORMAT",
    { commands: [{ kind: "symlink", path: "link", target: "../../../etc/passwd" }], header: { result: somewhere } },
  ],
  "with a command of a kind that this node does not allow": [
    "DIST_ERR_POLICY_REFUSED",
    { commands: [{ kind: "x-format", parameters: { drive: "c" } }] },
  ],
  "larger than this node allows": ["DIST_ERR_POLICY_REFUSED", { header: { diskBytes: 2 ** 31 } }],
  "of more entries than this node allows": [
    "DIST_ERR_POLICY_REFUSED",
    { commands: Array.from({ length: 101 }, (_, index) => directory(`d${String(index).padStart(3, "0")}`)) },
  ],
  "with a file larger than this node allows": [
    "DIST_ERR_POLICY_REFUSED",
    { commands: [{ ...fileCommand("large", text), sizeBytes: 2 ** 30 } as Command], data: text },
  ],
  "of which a section is missing": ["DIST_ERR_ASSIGNMENT_FORMAT", { header: { section: [1, 2] } }],
  "for a site this node does not serve": ["DIST_ERR_POLICY_REFUSED", { header: { site: "elsewhere" } }],
  "with a file that has another content than was signed": [
    "DIST_ERR_ASSIGNMENT_HASH",
    { commands: [{ ...fileCommand("a.txt", text), hash: somewhere } as Command], data: text },
  ],
  "of which the data was changed on its way": [
    "DIST_ERR_TRANSFER_BROKEN",
    { commands: [fileCommand("a.txt", text)], data: text, served: Buffer.from("what was changed") },
  ],
};

describe("a node whose control is not to be trusted, or somebody speaks for it", () => {
  let control: FakeControl;
  let root: string;
  let version = 1;
  const live = () => readTree(join(root, "www/live"));

  /** A good update and its commit, each time with one more file. */
  async function goesOn(): Promise<void> {
    version += 1;
    const content = Buffer.from(`version ${version}\n`);
    expect(
      await control.prepare(
        control.notice("update", version, { commands: [fileCommand("index.txt", content)], data: content }),
      ),
    ).toMatchObject({ type: "prepared" });
    const result = treeHash(resultOf([], [fileCommand("index.txt", content)]));
    expect(await control.switch(control.notice("commit", version, { header: { result } }))).toMatchObject({
      type: "switched",
      state: { live: { version } },
    });
    expect(Object.keys(live())).toEqual(["index.txt"]);
  }

  async function refused(code: string, answer: Promise<FromNode>): Promise<void> {
    const before = live();
    expect(await answer).toMatchObject({ type: "failed", code });
    expect(live()).toEqual(before);
    expect(existsSync(join(root, "outside"))).toBe(false);
    expect(existsSync("/outside")).toBe(false);
    await goesOn();
  }

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "distributary-node-"));
    const policy = join(root, "local.yaml");
    writeFileSync(policy, "roots: { www: ./www }\nmaxEntries: 100\nmaxBytes: 1 GiB\nmaxFileBytes: 1 MiB\n");
    control = await FakeControl.start(policy);
    await goesOn();
  });
  afterAll(async () => {
    await control[Symbol.asyncDispose]();
    rmSync(root, { recursive: true });
  });

  it.each(Object.entries(badUpdates))(
    "refuses an update %s, and takes the next good one",
    async (title, [code, changes]) => {
      const soon = title.includes("on its way") ? { header: { expiresAt: Date.now() + 1_000 } } : {};
      await refused(code, control.prepare(control.notice("update", version + 1, { ...changes, ...soon })));
    },
  );

  it("refuses an update under the name of another", async () => {
    const notice = control.notice("update", version + 1, { commands: [directory("a")] });
    await refused("DIST_ERR_ASSIGNMENT_HASH", control.prepare({ ...notice, id: somewhere }));
  });

  it("refuses a good update that is said to be for another site", async () => {
    const notice = control.notice("update", version + 1, { commands: [directory("a")] });
    await refused("DIST_ERR_POLICY_REFUSED", control.prepare({ ...notice, site: "elsewhere" }));
  });

  it("refuses sections that do not belong together", async () => {
    const section = (index: number, path: string): AssignmentNotice =>
      control.notice("update", version + 1, {
        commands: [directory(path)],
        header: { section: [index, 2], result: somewhere },
      });
    await refused("DIST_ERR_ASSIGNMENT_FORMAT", control.prepare(section(1, "a"), section(2, "b")));
  });

  it("refuses to go live with what it has not prepared", async () => {
    await refused(
      "DIST_ERR_ASSIGNMENT_BASE",
      control.switch(control.notice("commit", version + 1, { header: { result: somewhere } })),
    );
  });

  it("refuses a commit that is an update", async () => {
    await refused(
      "DIST_ERR_ASSIGNMENT_FORMAT",
      control.switch(control.notice("update", version + 1, { commands: [directory("a")] })),
    );
  });

  it("refuses an old removal that is sent again", async () => {
    const removal = control.notice("remove", 0, { header: { serial: 2, result: treeHash([] satisfies Manifest) } });
    await refused("DIST_ERR_ASSIGNMENT_SERIAL", control.switch(removal));
  });

  it("does nothing at a commit that is sent again", async () => {
    const { tree } = await control
      .prepare(control.notice("update", version + 1, { commands: [directory("a")] }))
      .then((answer) => {
        if (answer.type !== "prepared" || answer.state.prepared === undefined) throw new Error(JSON.stringify(answer));
        return answer.state.prepared;
      });
    version += 1;
    const commit = control.notice("commit", version, { header: { result: tree } });
    const [first, second] = [await control.switch(commit), await control.switch(commit)];
    expect(first).toMatchObject({ type: "switched" });
    expect(second).toEqual({ ...first, job: "job" in second ? second.job : "" });
    await goesOn();
  });
});
