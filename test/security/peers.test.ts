import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { recordingHost, simIo } from "distributary/testkit";
import { Spool } from "../../core/agent/delivery/spool.ts";
import { hashOf } from "../../core/content/hash.ts";
import { realDisk } from "../../core/runtime/disk.ts";
import http from "../../plugins/http/index.ts";
import { MemoryPieces } from "../../sdk/testkit/memory-pieces.ts";
import type { PeerTransport, PieceStore } from "../../sdk/index.ts";
import { commitHeader } from "../core/assignment/sample.ts";
import { PluginShelf } from "../core/kernel/plugin-shelf.ts";
import { createAuthority, nodeIdentity, startPeer, temporaryDirectory } from "../core/runtime/trusted-peers.ts";
import { FakeControl, fileCommand } from "../system/fake-control.ts";

const never = new AbortController().signal;
const data = Buffer.from("for some nodes only\n");

describe("SEC-18: what lies on a node on its way", () => {
  it("is passed on to nodes that control meant it for, and to no other that is enrolled", async () => {
    const authority = await createAuthority();
    const start = async (id: string) => startPeer(await nodeIdentity(authority, id));
    const [holder, member, stranger] = [await start("n1"), await start("n2"), await start("n3")];
    const audience = { group: "web", nodes: ["n1", "n2"] };
    const table = { sizeBytes: data.length, pieceBytes: 1_024, pieceHashes: hashOf(data) };
    const spool = new Spool(realDisk, temporaryDirectory());
    const header = { ...commitHeader, audience, data: table };
    const pieces = () => new MemoryPieces(data, 1_024, () => false);
    spool.open({ id: pieces().assignment, header, commands: () => [] }).write(0, data);
    const transport = recordingHost(http).transports.get("http") as PeerTransport;
    using _ = transport.serve(simIo({ http: holder.link }), (id, peer) => spool.find(id, peer));
    const fetched = async ({ link }: typeof member) => {
      const into = pieces();
      await transport.fetch(simIo({ http: link }), holder, { from: 0, to: 1 }, into, never);
      return into.has(0);
    };
    expect(await fetched(member)).toBe(true);
    await expect(fetched(stranger)).rejects.toMatchObject({ code: "DIST_ERR_TRANSFER_BROKEN" });
    expect(await fetched(member)).toBe(true);
  });

  it("is given by the agent to nobody, as long as control does not ask it to hand it on", async () => {
    using shelf = new PluginShelf();
    let find: ((assignment: string, peer: string) => PieceStore | undefined) | undefined;
    const found: [string, boolean][] = [];
    let control: FakeControl | undefined;
    const spy: PeerTransport = {
      reach: "peer",
      serve(_, given) {
        find = given;
        return { [Symbol.dispose]() {} };
      },
      async fetch(_io, _source, _range, into) {
        for (const peer of [control?.node ?? "", "control", "somebody-else", ""])
          found.push([peer, find?.(into.assignment, peer) !== undefined]);
        into.write(0, data);
      },
    };
    const { use } = shelf.plugin("spy", ({ transports }) => transports.add("spy", spy));
    const root = mkdtempSync(join(tmpdir(), "distributary-peers-"));
    try {
      writeFileSync(join(root, "local.yaml"), "roots: { www: ./www }\n");
      control = await FakeControl.start(join(root, "local.yaml"), [{ use: join(shelf.directory, use) }]);
      await using _ = control;
      const notice = control.notice("update", 1, { commands: [fileCommand("a", data)], data });
      expect(await control.prepare({ ...notice, transports: ["spy"] })).toMatchObject({ type: "prepared" });
      expect(found).toEqual([
        [control.node, false],
        ["control", false],
        ["somebody-else", false],
        ["", false],
      ]);
      // Once it is a release, it is nobody's any more.
      expect(find?.(notice.id, control.node)).toBeUndefined();
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe("SEC-43: a name that control sends", () => {
  const elsewhere = [
    "http://169.254.169.254/latest/meta-data",
    "https://localhost:7400/v1/status",
    "file:///etc/passwd",
    "//other",
    "../http",
    "http\r\nhost: other",
    "__proto__",
    "",
  ];

  /** Tries each of these on a node whose control is not to be trusted. */
  async function onNode(attack: (control: FakeControl, name: string) => Promise<void>): Promise<void> {
    const root = mkdtempSync(join(tmpdir(), "distributary-peers-"));
    try {
      writeFileSync(join(root, "local.yaml"), "roots: { www: ./www }\n");
      await using control = await FakeControl.start(join(root, "local.yaml"));
      for (const name of elsewhere) await attack(control, name);
      const good = control.notice("update", 1, { commands: [fileCommand("a", data)], data });
      expect(await control.prepare(good)).toMatchObject({ type: "prepared" });
    } finally {
      rmSync(root, { recursive: true });
    }
  }

  it("is looked up among what the node has, and is nowhere fetched from", () =>
    onNode(async (control, name) => {
      const unknown = { type: "failed", code: "DIST_ERR_PROVIDER_UNKNOWN" };
      const good = control.notice("update", 1, { commands: [fileCommand("a", data)], data });
      expect(await control.prepare({ ...good, transports: [name] }), name).toMatchObject(unknown);
      const part = { offset: 0, base: [], sizeBytes: data.length, deltaBytes: data.length };
      const blocks = [[data.length, true]] as const;
      for (const names of [
        { engine: name, compressor: "none", cipher: "none" },
        { engine: "whole", compressor: name, cipher: "none" },
      ]) {
        const parts = [{ ...part, blocks, ...names }];
        const bad = control.notice("update", 1, { commands: [fileCommand("a", data)], data, header: { parts } });
        expect(await control.prepare(bad), name).toMatchObject(unknown);
      }
    }));

  it("as that of an assignment asks control for nothing but assignments", () =>
    onNode(async (control, id) => {
      const { sealed: _, ...notice } = control.notice("update", 1, { commands: [fileCommand("a", data)], data });
      expect(await control.prepare({ ...notice, id }), id).toMatchObject({ type: "failed" });
    }));
});
