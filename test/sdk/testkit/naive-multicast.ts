import { createHash } from "node:crypto";
import type {
  Channel,
  Delivered,
  Delivery,
  Intake,
  Io,
  MembersTransport,
  PieceStore,
  UdpSocket,
} from "../../../sdk/index.ts";

/** What can be wrong with it. */
export type Flaw =
  | "forgets the last piece"
  | "sends what everybody has"
  | "sends once for each member"
  | "sends each piece once"
  | "says that all are complete"
  | "forgets whom it left"
  | "gives no reason"
  | "waits for ever"
  | "waits until everything is there"
  | "does not wait for latecomers"
  | "does not hear the signal"
  | "does not look at the quorum"
  | "ends at the quorum"
  | "knows no limit"
  | "asks for the limit once"
  | "goes on announcing"
  | "goes on sending"
  | "takes damaged datagrams"
  | "takes another's session for its own"
  | "takes pieces in the order they come"
  | "says nothing of the end"
  | "says twice that it begins"
  | "waits for a silent leader"
  | "listens to all groups"
  | "does not leave"
  | "gives up after three rounds";

/** A session as it is announced. */
interface Session {
  readonly session: number;
  readonly assignment: string;
  readonly group: string;
  readonly port: number;
  readonly from: number;
  readonly to: number;
  /** Where answers go. */
  readonly host: string;
  readonly answers: number;
}

type Message = { readonly session: number } & (
  | { readonly type: "part"; readonly piece: number; readonly part: number; readonly parts: number }
  | { readonly type: "poll"; readonly round: number }
  | { readonly type: "over" }
  | {
      readonly type: "answer";
      readonly member: string;
      readonly round: number;
      readonly lacks: number;
      readonly first: readonly number[];
    }
);

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
const silenceMs = 1_500;
const graceMs = 1_000;
const burst = 40;
const mostAnswered = 200;

function encode(message: Message, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const head = Buffer.from(JSON.stringify(message));
  const body = Buffer.concat([Uint8Array.of(head.length >> 8, head.length), head, payload]);
  return Buffer.concat([checkOf(body), body]);
}

function decode(bytes: Uint8Array, isChecked: boolean): { message: Message; payload: Uint8Array } | undefined {
  const body = Buffer.from(bytes.subarray(4));
  if (isChecked && !checkOf(body).equals(bytes.subarray(0, 4))) return undefined;
  const end = 2 + body.readUInt16BE(0);
  return { message: JSON.parse(body.toString("utf8", 2, end)) as Message, payload: body.subarray(end) };
}

function checkOf(body: Uint8Array): Buffer {
  return createHash("sha256").update(body).digest().subarray(0, 4);
}

/** A transport that sends what anybody lacks until everybody has it or is silent. It is simple and keeps the contract. */
export function naiveMulticast(flaw?: Flaw): MembersTransport {
  const announced = new Map<Channel, Session[]>();
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
      number = io.random.below(2 ** 32);
      const session = { session: number, assignment: from.assignment, group, port, ...range };
      const entry = { ...session, host: channel.interfaceAddress, answers: socket.port };
      sessions.push(entry);
      try {
        signal.throwIfAborted();
        announce();
        const heard = flaw === "does not hear the signal" ? new AbortController().signal : signal;
        return await rounds({ io, delivery, socket, session: number, answers, signal: heard, flaw });
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
    const isLate = (member: string) => flaw === "does not wait for latecomers" && round > 2 && !answers.has(member);
    const open = members.filter((member) => !isComplete(member) && !isSilent(member) && !isLate(member));
    const complete = members.filter(isComplete);
    if (complete.length >= quorum && flaw !== "does not look at the quorum") enoughAt ??= clock.now();
    const hasWaited = enoughAt !== undefined && clock.now() - enoughAt > (flaw === "ends at the quorum" ? -1 : graceMs);
    const hasGivenUp = flaw === "gives up after three rounds" && round > 3;
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

/** A session as a member has it. */
interface Taking extends Session {
  readonly store: PieceStore;
  readonly parts: Map<number, (Uint8Array | undefined)[]>;
  heardAt: number;
  round: number;
  hasEnded: boolean;
}

class Listener {
  readonly #io: Io;
  readonly #channel: Channel;
  readonly #intake: Intake;
  readonly #flaw: Flaw | undefined;
  readonly #answers: UdpSocket;
  readonly #groups = new Map<string, Promise<UdpSocket>>();
  readonly #takings = new Map<number, Taking>();
  readonly #over = new Set<number>();
  readonly #stop = new AbortController();
  #listening: Disposable | undefined;

  private constructor(io: Io, channel: Channel, intake: Intake, flaw: Flaw | undefined, answers: UdpSocket) {
    this.#io = io;
    this.#channel = channel;
    this.#intake = intake;
    this.#flaw = flaw;
    this.#answers = answers;
  }

  static async open(io: Io, channel: Channel, intake: Intake, flaw: Flaw | undefined): Promise<AsyncDisposable> {
    const address = channel.interfaceAddress;
    const answers = await io.udp.bind({ port: 0, address, interfaceAddress: address, receive: () => undefined });
    const listener = new Listener(io, channel, intake, flaw, answers);
    listener.#listening = channel.listen((_, bytes) => {
      for (const session of JSON.parse(Buffer.from(bytes).toString()) as Session[]) listener.#announced(session);
    });
    void listener.#watch();
    return listener;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#flaw === "does not leave") return;
    this.#stop.abort();
    this.#listening?.[Symbol.dispose]();
    await Promise.all([...this.#groups.values()].map(async (socket) => (await socket)[Symbol.asyncDispose]()));
    await this.#answers[Symbol.asyncDispose]();
  }

  #announced(session: Session): void {
    const known = this.#takings.get(session.session);
    if (known !== undefined) known.heardAt = this.#io.clock.now();
    const store = this.#intake.find(session.assignment);
    if (store === undefined || known !== undefined || this.#over.has(session.session)) return;
    const key = `${session.group}:${session.port}`;
    if (!this.#groups.has(key)) this.#groups.set(key, this.#bind(session));
    const taking = { ...session, store, parts: new Map(), heardAt: this.#io.clock.now(), round: 0, hasEnded: false };
    this.#takings.set(session.session, taking);
    this.#intake.began(session.assignment);
    if (this.#flaw === "says twice that it begins") this.#intake.began(session.assignment);
    this.#answer(taking);
  }

  #bind({ group, port }: Session): Promise<UdpSocket> {
    const { interfaceAddress, ttl } = this.#channel;
    const receive = ({ bytes }: { bytes: Uint8Array }) => this.#take(bytes);
    return this.#io.udp.bind({ port, address: group, groups: [group], interfaceAddress, ttl, receive });
  }

  #take(bytes: Uint8Array): void {
    const isChecked = this.#flaw !== "takes damaged datagrams";
    let known: ReturnType<typeof decode>;
    try {
      known = decode(bytes, isChecked);
    } catch {
      return;
    }
    const { message, payload } = known ?? {};
    if (message === undefined || payload === undefined) return;
    const own = this.#takings.get(message.session);
    const taking = this.#flaw === "takes another's session for its own" ? [...this.#takings.values()][0] : own;
    if (taking === undefined) return;
    taking.heardAt = this.#io.clock.now();
    if (message.type === "poll") {
      taking.round = message.round;
      this.#answer(taking);
    } else if (message.type === "over") this.#end(taking, "the leader stopped");
    else if (message.type === "part") this.#part(taking, message.piece, message.part, message.parts, payload);
  }

  #part(taking: Taking, piece: number, part: number, parts: number, payload: Uint8Array): void {
    const { store } = taking;
    if (store.has(piece) || piece < taking.from || piece >= taking.to) return;
    const got = taking.parts.get(piece) ?? Array.from({ length: parts }, () => undefined);
    taking.parts.set(piece, got);
    if (this.#flaw === "takes pieces in the order they come") got[got.findIndex((one) => one === undefined)] = payload;
    else got[part] = payload;
    if (got.some((one) => one === undefined)) return;
    taking.parts.delete(piece);
    try {
      store.write(piece, Buffer.concat(got as Uint8Array[]));
    } catch {
      return;
    }
    if (lackedBy(taking).length === 0) this.#answer(taking);
  }

  #answer(taking: Taking): void {
    const lacked = lackedBy(taking);
    const answer = {
      round: taking.round,
      lacks: lacked.length,
      first: lacked.slice(0, mostAnswered),
      member: this.#channel.self,
    };
    const bytes = encode({ type: "answer", session: taking.session, ...answer });
    this.#answers.send(bytes, taking.host, taking.answers);
    if (lacked.length === 0) this.#tell(taking, undefined);
  }

  #tell(taking: Taking, reason: string | undefined): void {
    if (taking.hasEnded || this.#flaw === "says nothing of the end") return;
    taking.hasEnded = true;
    this.#intake.ended(taking.assignment, reason);
  }

  #end(taking: Taking, reason: string): void {
    this.#takings.delete(taking.session);
    this.#over.add(taking.session);
    this.#tell(taking, reason);
  }

  async #watch(): Promise<void> {
    const { clock } = this.#io;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await clock.until(clock.now() + 100, signal).catch(() => undefined);
      if (signal.aborted || this.#flaw === "waits for a silent leader") continue;
      for (const taking of this.#takings.values()) {
        if (clock.now() - taking.heardAt > silenceMs) this.#end(taking, "nothing was heard of the leader");
      }
    }
  }
}

function lackedBy({ store, from, to }: Taking): number[] {
  const lacked = [];
  for (let piece = from; piece < to; piece += 1) if (!store.has(piece)) lacked.push(piece);
  return lacked;
}
