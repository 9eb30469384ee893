import { sessionKeys } from "../../../plugins/mctp/wire/block-seal.ts";
import {
  decodeWord,
  encodeWord,
  frameHeadBytes,
  readHead,
  writeFrameHead,
} from "../../../plugins/mctp/wire/datagram.ts";
import type { FrameHead, Word } from "../../../plugins/mctp/wire/datagram.ts";
import { FrameField } from "../../../plugins/mctp/field.ts";
import { cutFor } from "../../../plugins/mctp/geometry.ts";
import type { Announced, Report, Session } from "../../../plugins/mctp/wire/messages.ts";
import { Receiving } from "../../../plugins/mctp/receive/receiving.ts";
import { SendingSession } from "../../../plugins/mctp/send/sending.ts";
import { Tagged } from "../../../plugins/mctp/wire/tagged.ts";
import type { Channel, PieceStore, Random, Udp } from "../../../sdk/index.ts";
import { SimClock } from "../../../sdk/testkit/sim/clock.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";

type Receive = Parameters<Udp["bind"]>[0]["receive"];
const somewhere = { address: "10.77.9.9", port: 9_999 };

/** Sockets to which whatever is to arrive is given by hand. */
export class UdpByHand implements Udp {
  readonly #open = new Set<Receive>();
  readonly #sent: (bytes: Uint8Array) => void;
  #nextPort = 40_000;

  constructor(sent: (bytes: Uint8Array) => void = () => undefined) {
    this.#sent = sent;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** At one socket, as any of them does with it what all do. */
  arrive(bytes: Uint8Array): void {
    const [receive] = this.#open;
    receive?.({ bytes, ...somewhere });
  }

  bind: Udp["bind"] = async ({ port, receive }) => {
    this.#open.add(receive);
    return {
      port: port === 0 ? (this.#nextPort += 1) : port,
      waitingBytes: 0,
      isFast: true,
      send: (bytes) => this.#sent(bytes),
      sendMany: (bytes, each) => {
        for (let at = 0; at < bytes.length; at += each) this.#sent(bytes.subarray(at, at + each));
      },
      [Symbol.asyncDispose]: async () => void this.#open.delete(receive),
    };
  };
}

const field = new FrameField();

/** What somebody says who holds the key of a session. */
export class Forger {
  readonly session: Session;
  readonly #tagged: Tagged;

  constructor(session: Session, key = session.key) {
    this.session = session;
    this.#tagged = new Tagged(field, sessionKeys({ ...session, key }).tag);
  }

  word(word: Word): Uint8Array {
    return this.#tagged.tagged(encodeWord(this.session.number, word));
  }

  report(report: Partial<Report> & Pick<Report, "member">): Uint8Array {
    const usual = { seen: 0, heldMs: 0, received: 0, isComplete: false, isBehind: false, lacks: [], hasMore: false };
    return this.word({ kind: "report", ...usual, ...report });
  }

  frame(head: Partial<FrameHead>, carried = new Uint8Array(this.session.cut.frameBytes).fill(0x5a)): Uint8Array {
    const bytes = new Uint8Array(frameHeadBytes + carried.length);
    const usual = { session: this.session.number, pass: 1, index: 0, block: 0, emission: 1, sizeBytes: bytes.length };
    writeFrameHead(bytes, 0, { ...usual, ...head });
    bytes.set(carried, frameHeadBytes);
    return this.#tagged.tagged(bytes);
  }

  /** Anything with the right tag, if it is long enough to have one. */
  tagged(datagram: Uint8Array): Uint8Array {
    return datagram.length < 4 ? datagram : this.#tagged.tagged(datagram);
  }
}

const channelOf = (self: string): Channel => ({
  ...{ self, interfaceAddress: "10.77.0.1", ttl: 1, datagramBytes: 1_472 },
  announce: () => undefined,
  listen: () => ({ [Symbol.dispose]: () => undefined }),
});

export const group = "239.255.77.1";
export const port = 7_700;
const mbit100 = 12_500_000;

/** A session of a leader whose members are played by hand; the clock stands until it is moved. */
export async function leading(from: PieceStore, members: readonly string[], random: Random = new SimRandom(7)) {
  const clock = new SimClock();
  /** All that it sent. */
  const sent: Uint8Array[] = [];
  const udp = new UdpByHand((bytes) => void sent.push(bytes));
  const limits = { startBytesPerSecond: mbit100, leastBytesPerSecond: mbit100, mostBytesPerSecond: mbit100 };
  const session = await SendingSession.open(
    simIo({ clock, udp, random }),
    channelOf("leader"),
    { from, range: { from: 0, to: from.pieceCount }, members, group, port },
    { limits, repair: "parity", largestDatagram: 1_472, share: (bytesPerSecond) => bytesPerSecond },
  );
  return { clock, sent, udp, session, forger: new Forger(session.session) };
}

/** A member that wants what `stores` are to hold, and to whom announcements and datagrams are given by hand. */
export async function receiving(stores: readonly PieceStore[], memoryBytes = 32 << 20) {
  const clock = new SimClock();
  const counts = { began: 0, ended: 0, reports: 0 };
  let said: Uint8Array | undefined;
  const udp = new UdpByHand((bytes) => {
    counts.reports += 1;
    said = bytes;
  });
  const listeners: ((leader: string, bytes: Uint8Array) => void)[] = [];
  const channel = {
    ...channelOf("n1"),
    listen: (heard: (leader: string, bytes: Uint8Array) => void) => {
      listeners.push(heard);
      return { [Symbol.dispose]: () => void listeners.splice(0) };
    },
  };
  const reasons: (string | undefined)[] = [];
  const shell = await Receiving.open(
    simIo({ clock, udp, random: new SimRandom(8) }),
    channel,
    {
      find: (assignment) => stores.find((store) => store.assignment === assignment),
      began: () => (counts.began += 1),
      ended(_assignment, reason) {
        counts.ended += 1;
        reasons.push(reason);
      },
    },
    memoryBytes,
  );
  const announce = (bytes: Uint8Array) => listeners.forEach((heard) => heard("leader", bytes));
  /** What it reported last. */
  const lastReport = () => (said === undefined ? undefined : reportIn(said));
  return { clock, counts, reasons, udp, shell, announce, lastReport };
}

/** A session as a leader would announce it. */
export function announcedOf(store: PieceStore, changes: Partial<Announced> = {}): Announced {
  const { assignment, sizeBytes, pieceBytes, pieceCount } = store;
  const extent = { sizeBytes, pieceBytes, range: { from: 0, to: pieceCount } };
  return {
    ...{ number: 7, assignment, extent, cut: cutFor(extent, 1_472 - frameHeadBytes), key: Buffer.alloc(32, 3) },
    ...{ group, port, at: { address: "10.77.0.1", port: 40_001 }, reportMs: 10, repair: "parity" },
    ...{ emitted: 0, sentBlocks: 0, bytesPerSecond: mbit100 },
    ...changes,
  };
}

function reportIn(datagram: Uint8Array): Report {
  const head = readHead(datagram, 0, datagram.length);
  const word = head && decodeWord(head, datagram);
  if (word?.kind !== "report") throw new Error("a member says what is no report");
  return word;
}
