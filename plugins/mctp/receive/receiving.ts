import type { Channel, Intake, Io, PieceStore, UdpSocket } from "distributary/sdk";
import { decodeAnnouncement, mostSessions } from "../wire/announcement.ts";
import { frameHeadBytes, readHead } from "../wire/datagram.ts";
import { cutProblem } from "../geometry.ts";
import type { Announced, Session } from "../wire/messages.ts";
import { leastReportMs } from "../send/participants.ts";
import { ReceivingSession } from "./receiving-session.ts";
import { mostDatagramBytes, split } from "../wire/tagged.ts";

/** Data channels that are kept open, because what came last may come again. */
const mostGroups = 8;
/** Sessions that are over and may still be announced. */
const mostRemembered = 256;
const longestReportMs = 10_000;

/** A member's part in all sessions of its segment. */
export class Receiving implements AsyncDisposable {
  readonly #io: Io;
  readonly #channel: Channel;
  readonly #intake: Intake;
  readonly #memoryBytes: number;
  readonly #own: UdpSocket;
  readonly #sessions = new Map<number, ReceivingSession>();
  readonly #over = new Set<number>();
  readonly #groups = new Map<string, Promise<UdpSocket | undefined>>();
  readonly #listening: Disposable;

  private constructor(io: Io, channel: Channel, intake: Intake, memoryBytes: number, own: UdpSocket) {
    this.#io = io;
    this.#channel = channel;
    this.#intake = intake;
    this.#memoryBytes = memoryBytes;
    this.#own = own;
    this.#listening = channel.listen((_leader, bytes) => this.#heard(bytes));
  }

  static async open(io: Io, channel: Channel, intake: Intake, memoryBytes: number): Promise<Receiving> {
    let receiving: Receiving | undefined;
    const { interfaceAddress: address, ttl } = channel;
    const receive = ({ bytes }: { bytes: Uint8Array }) => receiving?.receive(bytes);
    const own = await io.udp.bind({ port: 0, address, interfaceAddress: address, ttl, receive });
    receiving = new Receiving(io, channel, intake, memoryBytes, own);
    return receiving;
  }

  /** Datagrams, of data channels and for this member alone. */
  receive(bytes: Uint8Array): void {
    for (const datagram of split(bytes)) {
      const session = readHead(datagram, 0, datagram.length)?.session;
      if (session !== undefined) this.#sessions.get(session)?.receive(datagram);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    for (const session of this.#sessions.values()) session.dispose();
    this.#sessions.clear();
    await Promise.all([...this.#groups.values()].map(async (socket) => (await socket)?.[Symbol.asyncDispose]()));
    await this.#own[Symbol.asyncDispose]();
  }

  #heard(bytes: Uint8Array): void {
    for (const session of decodeAnnouncement(bytes) ?? []) {
      const known = this.#sessions.get(session.number);
      if (known !== undefined) known.announced(session);
      else if (!this.#over.has(session.number)) this.#admit(session);
    }
  }

  /** Takes part in what this node wants, if it is announced as control signed it. */
  #admit(session: Announced): void {
    const store = this.#intake.find(session.assignment);
    if (store === undefined || this.#sessions.size >= mostSessions || !isPossible(session, store)) return;
    this.#listenOn(session);
    const { number, assignment, at } = session;
    let hasEnded = false;
    const ended = (reason: string | undefined) => {
      if (!hasEnded) this.#intake.ended(assignment, reason);
      hasEnded = true;
    };
    const taking = new ReceivingSession(this.#io, session, {
      ...{ member: this.#channel.self, store, memoryBytes: this.#memoryBytes },
      report: (datagram) => this.#own.send(datagram, at.address, at.port),
      complete: () => ended(undefined),
      end: (reason) => {
        this.#sessions.delete(number);
        this.#remember(number);
        ended(reason);
      },
    });
    this.#sessions.set(number, taking);
    this.#intake.began(assignment);
    taking.start();
    taking.announced(session);
  }

  #remember(number: number): void {
    this.#over.add(number);
    const [oldest] = this.#over;
    if (this.#over.size > mostRemembered && oldest !== undefined) this.#over.delete(oldest);
  }

  #listenOn({ group, port }: Session): void {
    const key = `${group}:${port}`;
    if (this.#groups.has(key)) return;
    const inUse = new Set([...this.#sessions.values()].map(({ session }) => `${session.group}:${session.port}`));
    for (const [other, socket] of this.#groups) {
      if (this.#groups.size < mostGroups) break;
      if (inUse.has(other)) continue;
      this.#groups.delete(other);
      void socket.then((open) => open?.[Symbol.asyncDispose]());
    }
    this.#groups.set(key, this.#join(group, port));
  }

  /** Undefined if it cannot be joined: nothing comes then, and the leader hears of it in the reports. */
  async #join(group: string, port: number): Promise<UdpSocket | undefined> {
    const { interfaceAddress, ttl } = this.#channel;
    // Linux gives a socket that is bound to any address what other programs of this host joined as well.
    const bound = process.platform === "linux" ? { address: group } : {};
    const receive = ({ bytes }: { bytes: Uint8Array }) => this.receive(bytes);
    try {
      return await this.#io.udp.bind({ port, groups: [group], interfaceAddress, ttl, joined: true, ...bound, receive });
    } catch {
      this.#groups.delete(`${group}:${port}`);
      return undefined;
    }
  }
}

/** Whether a leader may announce this of what control signed. Reports of all go to one host, and not too often. */
function isPossible({ extent, cut, reportMs, group, port, at }: Session, store: PieceStore): boolean {
  const isSame = extent.sizeBytes === store.sizeBytes && extent.pieceBytes === store.pieceBytes;
  const isCut = cutProblem(extent, cut) === undefined && cut.frameBytes + frameHeadBytes <= mostDatagramBytes;
  const isPaced = reportMs >= leastReportMs && reportMs <= longestReportMs;
  return isSame && isCut && isPaced && isMulticast(group) && port > 0 && !isMulticast(at.address) && at.port > 0;
}

function isMulticast(address: string): boolean {
  const [first = ""] = address.replace(/^.*:/, "").split(".");
  return /^(22[4-9]|23\d)$/.test(first) || /^ff/i.test(address);
}
