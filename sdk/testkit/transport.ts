import assert from "node:assert/strict";
import type { Io, Peer, PeerTransport, PieceStore } from "distributary/sdk";
import { assertBroken, assertGivesUp, soon } from "./fetching.ts";
import { runKit } from "./kit.ts";
import type { Case, Kit } from "./kit.ts";
import { MemoryPieces } from "./memory-pieces.ts";
import { noiseBytes } from "./sample-bytes.ts";

/** A transport, and a way to try it. */
export interface TransportSubject {
  readonly transport: PeerTransport;
  /** Two peers that reach each other. */
  connect(): Promise<TransportEnds>;
}

/** One peer that has pieces and one that wants them. */
export interface TransportEnds extends AsyncDisposable {
  readonly source: Peer;
  readonly sourceIo: Io;
  /** The id of the one that wants them. */
  readonly targetId: string;
  readonly targetIo: Io;
  /** From now on nothing the source sends arrives, though connections stand. */
  stall(): void;
  /** After the source has sent so many more bytes, its connections break, once. */
  breakAfter(bytes: number): void;
}

const pieceBytes = 16 * 1024;
const pieceCount = 9;
/** The last piece is shorter than the others. */
const content = noiseBytes(pieceBytes * (pieceCount - 1) + 1_234);
const all = { from: 0, to: pieceCount };
const indexes = [...Array(pieceCount).keys()];
const none = () => false;

/** What a case works with: ends, a source that serves, a target that can fetch. */
interface Scene {
  readonly ends: TransportEnds;
  readonly source: MemoryPieces;
  readonly into: MemoryPieces;
  fetch(range?: { from: number; to: number }, signal?: AbortSignal, into?: PieceStore): Promise<void>;
}

interface Props {
  readonly title: string;
  readonly sourceHas?: (index: number) => boolean;
  readonly targetHas?: (index: number) => boolean;
  check(scene: Scene): Promise<void>;
}

function transfer({ title, sourceHas, targetHas = none, check }: Props): Case<TransportSubject> {
  return {
    title,
    async check(create) {
      const { transport, connect } = create();
      await using ends = await connect();
      const source = new MemoryPieces(content, pieceBytes, sourceHas);
      const into = new MemoryPieces(content, pieceBytes, targetHas);
      const find = (assignment: string) => (assignment === source.assignment ? source : undefined);
      using _serving = transport.serve(ends.sourceIo, find);
      await check({
        ends,
        source,
        into,
        fetch: (range = all, signal = new AbortController().signal, store = into) =>
          transport.fetch(ends.targetIo, ends.source, range, store, signal),
      });
    },
  };
}

/** What every transport from peer to peer must keep. */
export const transportKit: Kit<TransportSubject> = {
  name: "peer transport",
  cases: [
    transfer({
      title: "brings every piece, the short last one too",
      async check({ fetch, into }) {
        await fetch();
        assert.deepEqual(into.held, indexes);
      },
    }),
    transfer({
      title: "brings the range that is asked for and nothing else",
      async check({ fetch, into }) {
        await fetch({ from: 2, to: 5 });
        assert.deepEqual(into.held, [2, 3, 4]);
      },
    }),
    transfer({
      title: "brings only what is missing",
      targetHas: (index) => index % 3 === 1,
      async check({ fetch, into, source }) {
        await fetch();
        assert.deepEqual(into.held, indexes);
        assert.deepEqual(
          [...source.reads].sort(),
          indexes.filter((index) => index % 3 !== 1),
        );
      },
    }),
    transfer({
      title: "asks for nothing where nothing is missing",
      targetHas: () => true,
      async check({ ends, fetch, source }) {
        ends.stall();
        await soon(fetch());
        assert.deepEqual(source.reads, []);
      },
    }),
    transfer({
      title: "has nothing to do for a range without pieces",
      async check({ fetch, into, ends }) {
        ends.stall();
        await soon(fetch({ from: 3, to: 3 }));
        assert.deepEqual(into.held, []);
      },
    }),
    transfer({
      title: "brings nothing of an assignment without data, and is done",
      async check({ fetch }) {
        await soon(fetch({ from: 0, to: 0 }, undefined, new MemoryPieces(new Uint8Array(0), pieceBytes)));
      },
    }),
    transfer({
      title: "keeps what a source has of a range, and says that the rest is missing",
      sourceHas: (index) => index < 4,
      async check({ fetch, into }) {
        await assertBroken(fetch());
        assert.deepEqual(into.held, [0, 1, 2, 3]);
      },
    }),
    transfer({
      title: "says so if a source has nothing yet",
      sourceHas: none,
      async check({ fetch }) {
        await assertBroken(fetch());
      },
    }),
    transfer({
      title: "says so if a source does not know the assignment",
      async check({ fetch }) {
        const unknown = new MemoryPieces(noiseBytes(pieceBytes * 2, 99), pieceBytes, none);
        await assertBroken(fetch({ from: 0, to: 2 }, undefined, unknown));
        assert.deepEqual(unknown.held, []);
      },
    }),
    transfer({
      title: "keeps the good pieces of a source whose last one is damaged, and says that it is missing",
      async check({ fetch, source, into }) {
        source.damage(pieceCount - 1);
        await assertBroken(fetch());
        assert.deepEqual(into.held, indexes.slice(0, -1));
      },
    }),
    transfer({
      title: "never reports a range as complete that holds a damaged piece",
      async check({ fetch, source, into }) {
        source.damage(4);
        await assertBroken(fetch());
        assert.ok(!into.has(4));
      },
    }),
    transfer({
      title: "keeps what arrived when the connection breaks, and brings the rest the next time",
      async check({ ends, fetch, into, source }) {
        ends.breakAfter(pieceBytes * 5);
        await assertBroken(fetch());
        const kept = into.held;
        assert.ok(kept.length > 0 && kept.length < pieceCount, `${kept.length} pieces were kept`);
        source.reads.length = 0;
        await fetch();
        assert.deepEqual(into.held, indexes);
        assert.deepEqual(
          [...source.reads].sort(),
          indexes.filter((index) => !kept.includes(index)),
        );
      },
    }),
    transfer({
      title: "ends within a second of the signal though the source is silent",
      async check({ ends, fetch, into }) {
        ends.stall();
        const controller = new AbortController();
        const fetching = fetch(all, controller.signal);
        controller.abort(new Error("enough"));
        await assertGivesUp(fetching);
        assert.deepEqual(into.held, []);
      },
    }),
    transfer({
      title: "ends within a second of the signal in the middle of a transfer",
      async check({ ends, fetch, into }) {
        const controller = new AbortController();
        const stop = () => {
          ends.stall();
          controller.abort(new Error("enough"));
        };
        await assertGivesUp(fetch(all, controller.signal, stoppingAtFirst(into, stop)));
        assert.ok(into.held.length > 0);
      },
    }),
    transfer({
      title: "brings nothing if the signal came first",
      async check({ fetch, into }) {
        await assertGivesUp(fetch(all, AbortSignal.abort(new Error("enough"))));
        assert.deepEqual(into.held, []);
      },
    }),
    transfer({
      title: "brings several ranges at once, each whole",
      async check({ fetch, into }) {
        await Promise.all([fetch({ from: 0, to: 3 }), fetch({ from: 3, to: 6 }), fetch({ from: 6, to: 9 })]);
        assert.deepEqual(into.held, indexes);
      },
    }),
    transfer({
      title: "brings one range twice at once, and stores each piece once",
      async check({ fetch, into }) {
        await Promise.all([fetch(), fetch()]);
        assert.deepEqual([...into.writes].sort(), indexes);
      },
    }),
    {
      title: "keeps assignments apart, and tells `find` who asks",
      async check(create) {
        const { transport, connect } = create();
        await using ends = await connect();
        const contents = [1, 2].map((seed) => noiseBytes(pieceBytes * 3, seed));
        const sources = contents.map((bytes) => new MemoryPieces(bytes, pieceBytes));
        const targets = contents.map((bytes) => new MemoryPieces(bytes, pieceBytes, none));
        const askers = new Set<string>();
        using _serving = transport.serve(ends.sourceIo, (assignment, peerId) => {
          askers.add(peerId);
          return sources.find((source) => source.assignment === assignment);
        });
        const { signal } = new AbortController();
        const fetch = (into: PieceStore) =>
          transport.fetch(ends.targetIo, ends.source, { from: 0, to: 3 }, into, signal);
        await Promise.all(targets.map(fetch));
        assert.deepEqual(
          targets.map((into) => into.held),
          [
            [0, 1, 2],
            [0, 1, 2],
          ],
        );
        assert.deepEqual([...askers], [ends.targetId]);
      },
    },
    {
      title: "serves nothing after it was disposed",
      async check(create) {
        const { transport, connect } = create();
        await using ends = await connect();
        const source = new MemoryPieces(content, pieceBytes);
        const into = new MemoryPieces(content, pieceBytes, none);
        transport.serve(ends.sourceIo, () => source)[Symbol.dispose]();
        const { signal } = new AbortController();
        await assertBroken(transport.fetch(ends.targetIo, ends.source, all, into, signal));
        assert.deepEqual(into.held, []);
      },
    },
  ],
};

/** Holds a transport from peer to peer to its contract. */
export function testTransport(name: string, create: () => TransportSubject): void {
  runKit(transportKit, name, create);
}

/** The same store, which calls `stop` when a piece was stored. */
function stoppingAtFirst(into: MemoryPieces, stop: () => void): PieceStore {
  const { assignment, sizeBytes, pieceBytes: each, pieceCount: count } = into;
  return {
    assignment,
    sizeBytes,
    pieceBytes: each,
    pieceCount: count,
    has: (index) => into.has(index),
    read: (index) => into.read(index),
    write(index, bytes) {
      into.write(index, bytes);
      stop();
    },
  };
}
