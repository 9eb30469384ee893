import type { Channel, Delivered, Delivery, Io, MembersTransport, UdpSocket } from "../../../sdk/index.ts";
import { Listener } from "./naive-listener.ts";
import { decode, encode, silenceMs } from "./naive-messages.ts";
import type { Flaw, Session } from "./naive-messages.ts";

/** What a member said last. */
interface Answer {
  readonly heardAt: number;
  /** Of the poll it answered. */
  readonly round: number;
  readonly lacks: number;
  /** The first pieces that it lacks. */
  readonly first: readonly number[];
}

const partBytes = 1_200;
const pauseMs = 30;
const mostPauses = 10;
const graceMs = 1_000;
const burst = 40;

/** A transport that sends what anybody lacks until everybody has it or is silent. It is simple and keeps the contract. */
export function naiveMulticast(flaw?: Flaw): MembersTransport {
  const announced = new Map<Channel, Session[]>();
  let firstGroup: string | undefined;
  return {
    reach: "members",
    join: (io, channel, intake) => Listener.open(io, channel, intake, flaw),

    async send(io, channel, delivery, signal) {
      const sessions = announced.get(channel) ?? [];
      announced.set(channel, sessions);
      const announce = () =>
        channel.announce(sessions.length === 0 ? undefined : Buffer.from(JSON.stringify(sessions)));
      const answers = new Map<string, Answer>();
      let number = 0;
      await using socket = await io.udp.bind({
        ...{ port: 0, address: channel.interfaceAddress, interfaceAddress: channel.interfaceAddress, ttl: channel.ttl },
        receive({ bytes }) {
          const message = decode(bytes, true)?.message;
          if (message?.type !== "answer" || message.session !== number) return;
          answers.set(message.member, { ...message, heardAt: io.clock.now() });
        },
      });
      const { group, port, range, from } = delivery;
      firstGroup ??= group;
      const heardBy = flaw === "knows one group" ? { ...delivery, group: firstGroup } : delivery;
      number = io.random.below(2 ** 32);
      const isAll = flaw === "brings more than the range";
      const extent = isAll ? { from: 0, to: from.pieceCount } : range;
      const session = { session: number, assignment: from.assignment, group, port, ...extent };
      const entry = { ...session, host: channel.interfaceAddress, answers: socket.port };
      sessions.push(entry);
      const heard = flaw === "does not hear the signal" ? new AbortController().signal : signal;
      try {
        heard.throwIfAborted();
        announce();
        if (flaw === "announces only for a moment")
          void io.clock.until(io.clock.now() + 20).then(() => channel.announce(undefined));
        return await rounds({ io, delivery: heardBy, socket, session: number, answers, signal: heard, flaw });
      } finally {
        sessions.splice(sessions.indexOf(entry), 1);
        if (flaw !== "goes on announcing") announce();
        for (let copy = 0; copy < 3; copy += 1) socket.send(encode({ type: "over", session: number }), group, port);
        if (flaw === "goes on sending") void keepTalking(io, channel, delivery);
      }
    },
  };
}

async function keepTalking(io: Io, { interfaceAddress }: Channel, { group, port }: Delivery): Promise<void> {
  const socket = await io.udp.bind({ port: 0, address: interfaceAddress, interfaceAddress, receive: () => undefined });
  for (let count = 0; count < 100; count += 1) {
    await io.clock.until(io.clock.now() + 50);
    socket.send(encode({ type: "poll", session: 0, round: 0 }), group, port);
  }
  await socket[Symbol.asyncDispose]();
}

interface Rounds {
  readonly io: Io;
  readonly delivery: Delivery;
  readonly socket: UdpSocket;
  readonly session: number;
  readonly answers: ReadonlyMap<string, Answer>;
  readonly signal: AbortSignal;
  readonly flaw: Flaw | undefined;
}

async function rounds({ io, delivery, socket, session, answers, signal, flaw }: Rounds): Promise<Delivered> {
  const { clock } = io;
  const { from, range, members, group, port, quorum = members.length } = delivery;
  const startedAt = clock.now();
  const limit = delivery.mostBytesPerSecond?.() ?? Infinity;
  const perSecond = () => {
    if (flaw === "knows no limit") return Infinity;
    return flaw === "asks for the limit once" ? limit : (delivery.mostBytesPerSecond?.() ?? Infinity);
  };
  const sentPieces = new Set<number>();
  let enoughAt: number | undefined;
  for (let round = 0; ; round += 1) {
    socket.send(encode({ type: "poll", session, round }), group, port);
    const hasAnswered = (member: string) => (answers.get(member)?.round ?? round) === round;
    for (let pause = 0; pause < mostPauses && (pause === 0 || !members.every(hasAnswered)); pause += 1) {
      await clock.until(clock.now() + pauseMs, signal);
    }
    const isComplete = (member: string) => answers.get(member)?.lacks === 0;
    const patienceMs = flaw === "waits for ever" || flaw === "does not look at the quorum" ? Infinity : silenceMs;
    const isSilent = (member: string) => clock.now() - (answers.get(member)?.heardAt ?? startedAt) > patienceMs;
    const open = members.filter((member) => !isComplete(member) && !isSilent(member));
    const complete = members.filter(isComplete);
    if (complete.length >= quorum && flaw !== "does not look at the quorum") enoughAt ??= clock.now();
    const hasWaited = enoughAt !== undefined && clock.now() - enoughAt > (flaw === "ends at the quorum" ? -1 : graceMs);
    const hasGivenUp = flaw === "gives up after two rounds" && round > 2;
    const sendsAll = flaw === "sends what everybody has" && round === 0;
    if ((open.length === 0 && !sendsAll) || hasWaited || hasGivenUp) return outcome(members, complete, flaw);

    const lacked = new Set(open.flatMap((member) => answers.get(member)?.first ?? []));
    for (let piece = range.from; sendsAll && piece < range.to; piece += 1) lacked.add(piece);
    if (flaw === "forgets the last piece") lacked.delete(from.pieceCount - 1);
    const isWhole = Array.from({ length: range.to - range.from }, (_, index) => from.has(range.from + index));
    if (flaw === "waits until everything is there" && isWhole.includes(false)) continue;
    const copies = flaw === "sends once for each member" ? open.length : 1;
    for (const piece of lacked) {
      if (!from.has(piece) || (flaw === "sends each piece once" && sentPieces.has(piece))) continue;
      sentPieces.add(piece);
      for (let copy = 0; copy < copies; copy += 1) {
        await sendPiece({ io, socket, session, group, port, signal, perSecond }, piece, from.read(piece));
      }
    }
  }
}

function outcome(members: readonly string[], complete: readonly string[], flaw: Flaw | undefined): Delivered {
  if (flaw === "says that all are complete") return { complete: members, left: [], counters: {} };
  const left = members
    .filter((member) => !complete.includes(member) && flaw !== "forgets whom it left")
    .map((member) => ({ member, reason: flaw === "gives no reason" ? "" : "it was silent, or too slow" }));
  return { complete, left, counters: {} };
}

interface Way {
  readonly io: Io;
  readonly socket: UdpSocket;
  readonly session: number;
  readonly group: string;
  readonly port: number;
  readonly signal: AbortSignal;
  perSecond(): number;
}

async function sendPiece(way: Way, piece: number, bytes: Uint8Array): Promise<void> {
  const { io, socket, session, group, port, signal, perSecond } = way;
  const parts = Math.ceil(bytes.length / partBytes);
  for (let part = 0; part < parts; part += 1) {
    const payload = bytes.subarray(part * partBytes, (part + 1) * partBytes);
    const datagram = encode({ type: "part", session, piece, part, parts }, payload);
    socket.send(datagram, group, port);
    const waitMs = (datagram.length * 1_000) / perSecond();
    if (waitMs > 1 || part % burst === burst - 1) await io.clock.until(io.clock.now() + Math.max(waitMs, 1), signal);
  }
}
