import type { Channel, Intake, Io, PieceStore, UdpSocket } from "../../../sdk/index.ts";
import { decode, encode, silenceMs } from "./naive-messages.ts";
import type { Flaw, Session } from "./naive-messages.ts";

const mostAnswered = 200;

/** A session as a member has it. */
interface Taking extends Session {
  readonly store: PieceStore;
  readonly parts: Map<number, (Uint8Array | undefined)[]>;
  heardAt: number;
  round: number;
  hasEnded: boolean;
}

/** A member's part in it. */
export class Listener {
  readonly #io: Io;
  readonly #channel: Channel;
  readonly #intake: Intake;
  readonly #flaw: Flaw | undefined;
  readonly #answers: UdpSocket;
  readonly #groups = new Map<string, Promise<UdpSocket>>();
  readonly #takings = new Map<number, Taking>();
  readonly #over = new Set<number>();
  readonly #had = new Set<string>();
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
    if (this.#flaw === "tells of what is not wanted" && store === undefined) this.#intake.began(session.assignment);
    if (this.#flaw === "takes an assignment only once" && this.#had.has(session.assignment)) return;
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
    this.#had.add(taking.assignment);
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
