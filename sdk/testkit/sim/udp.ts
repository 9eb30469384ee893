import { isIPv6 } from "node:net";
import { failure } from "../../errors.ts";
import type { Clock, Datagram, Udp, UdpSocket } from "../../io.ts";
import type { Millis } from "../../machine.ts";
import { LanFaults } from "./lan-faults.ts";

/** What a simulated LAN is like. */
export interface SimLanOptions {
  readonly clock: Clock;
  /** None, if absent. */
  readonly faults?: LanFaults;
  /** How long a datagram is on its way; a tenth of a millisecond if absent. */
  readonly latencyMs?: Millis;
  /** What the link of each host carries of what it sends, in bytes a second on the wire; no end if absent. */
  readonly bytesPerSecond?: number;
}

type BindOptions = Parameters<Udp["bind"]>[0];

interface Bound {
  readonly host: string;
  readonly port: number;
  readonly options: BindOptions;
}

/** What reaches a socket at a moment. */
interface Due {
  readonly at: Millis;
  readonly socket: Bound;
  readonly datagram: Datagram;
}

/** Of Ethernet, IP and UDP. */
const headerBytes = { 4: 42, 6: 62 };
const longestBytes = 65_507;
/** As many datagrams of those sent at once come as one, and as many bytes, where a socket asks for it. */
const mostJoined = 44;
const mostJoinedBytes = 64_000;
/** Whatever the link carries, so much is taken at once and waits in the system. */
const systemBytes = 212_992;
const firstFreePort = 40_000;

/** A LAN in memory: hosts on a switch that passes multicast. What arrives and when is the same for the same faults. */
export class SimLan {
  readonly #clock: Clock;
  readonly #faults: LanFaults;
  readonly #latencyMs: Millis;
  readonly #bytesPerSecond: number;
  readonly #sockets = new Set<Bound>();
  /** When the link of a host has carried all that was sent. */
  readonly #freeAt = new Map<string, Millis>();
  /** By moment; of equal ones, what was sent first. */
  readonly #due: Due[] = [];
  #wakeAt: Millis = Infinity;

  constructor({ clock, faults = new LanFaults(1), latencyMs = 0.1, bytesPerSecond = Infinity }: SimLanOptions) {
    this.#clock = clock;
    this.#faults = faults;
    this.#latencyMs = latencyMs;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** The datagrams of the host with this address. */
  host(address: string): Udp {
    return { bind: async (options) => this.#bind(address, options) };
  }

  #bind(host: string, options: BindOptions): UdpSocket {
    const port = options.port === 0 ? this.#freePort(host) : options.port;
    const isTaken = [...this.#sockets].some((other) => other.host === host && other.port === port && isSole(other));
    if (isTaken && (options.groups ?? []).length === 0) {
      const address = options.address ?? "*";
      throw failure("DIST_ERR_LINK_PORT", { address, port, problem: "something else listens there" });
    }
    const socket = { host, port, options };
    this.#sockets.add(socket);
    const isOpen = () => this.#sockets.has(socket);
    const sendMany: UdpSocket["sendMany"] = (bytes, each, to, toPort) => {
      if (!isOpen()) return;
      const most = each * Math.max(1, Math.min(mostJoined, Math.floor(mostJoinedBytes / each)));
      for (let at = 0; at < bytes.length; at += most) {
        this.#send(socket, cut(bytes.subarray(at, at + most), each), to, toPort);
      }
    };
    const waitingBytes = () => {
      const waitingMs = Math.max(0, (this.#freeAt.get(host) ?? 0) - this.#clock.now());
      return waitingMs === 0 ? 0 : Math.max(0, Math.ceil((waitingMs / 1_000) * this.#bytesPerSecond) - systemBytes);
    };
    return {
      port,
      isFast: true,
      get waitingBytes() {
        return isOpen() ? waitingBytes() : 0;
      },
      send: (bytes, to, toPort) => isOpen() && this.#send(socket, [bytes], to, toPort),
      sendMany,
      [Symbol.asyncDispose]: async () => void this.#sockets.delete(socket),
    };
  }

  #freePort(host: string): number {
    const taken = new Set([...this.#sockets].filter((other) => other.host === host).map(({ port }) => port));
    let port = firstFreePort;
    while (taken.has(port)) port += 1;
    return port;
  }

  #send({ host, port }: Bound, datagrams: readonly Uint8Array[], to: string, toPort: number): void {
    const isLong = (bytes: Uint8Array) => bytes.length > longestBytes;
    if (datagrams.some(isLong)) return;
    const wireBytes = datagrams.reduce((sum, { length }) => sum + length + headerBytes[isIPv6(to) ? 6 : 4], 0);
    const left = Math.max(this.#clock.now(), this.#freeAt.get(host) ?? 0) + (wireBytes / this.#bytesPerSecond) * 1_000;
    this.#freeAt.set(host, left);
    const isHeard = datagrams.map(({ length }) => this.#faults.leaves(host, length)).every(Boolean);
    if (!isHeard) return;
    const from = { address: host, port };
    for (const socket of this.#sockets) {
      if (!listens(socket, to, toPort)) continue;
      const arrivals = datagrams.flatMap((bytes) => this.#faults.arrivals(socket.host, bytes));
      const inTime = arrivals.filter(({ delayMs }) => delayMs === 0).map(({ bytes }) => bytes);
      const parts = socket.options.joined === true ? joined(inTime) : inTime;
      for (const bytes of parts) this.#queue(left, socket, { bytes, ...from });
      for (const { bytes, delayMs } of arrivals)
        if (delayMs > 0) this.#queue(left + delayMs, socket, { bytes, ...from });
    }
  }

  #queue(leftAt: Millis, socket: Bound, { bytes, address, port }: Datagram): void {
    // Whoever receives may do with the bytes what they like.
    const datagram = { bytes: Uint8Array.from(bytes), address, port };
    const due = { at: leftAt + this.#latencyMs, socket, datagram };
    const later = this.#due.findLastIndex((other) => other.at <= due.at);
    this.#due.splice(later + 1, 0, due);
    this.#wake();
  }

  #wake(): void {
    const at = this.#due[0]?.at ?? Infinity;
    if (at >= this.#wakeAt) return;
    this.#wakeAt = at;
    void this.#clock.until(at).then(() => {
      if (this.#wakeAt === at) this.#wakeAt = Infinity;
      this.#deliver();
      this.#wake();
    });
  }

  #deliver(): void {
    const count = this.#due.findLastIndex(({ at }) => at <= this.#clock.now()) + 1;
    for (const { socket, datagram } of this.#due.splice(0, count)) {
      if (this.#sockets.has(socket)) socket.options.receive(datagram);
    }
  }
}

/** Whether nobody else of its host may have its port. */
function isSole({ options }: Bound): boolean {
  return (options.groups ?? []).length === 0;
}

function listens({ host, port, options: { address, groups = [] } }: Bound, to: string, toPort: number): boolean {
  const isAny = address === undefined || address === "0.0.0.0" || address === "::";
  return port === toPort && (isAny || address === to) && (to === host || groups.includes(to));
}

function cut(bytes: Uint8Array, each: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / each);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * each, (index + 1) * each));
}

/** Datagrams of one length that follow each other as one, with a shorter one as the end of it. */
function joined(datagrams: readonly Uint8Array[]): Uint8Array[] {
  const runs: Uint8Array[][] = [];
  for (const bytes of datagrams) {
    const run = runs.at(-1);
    const [each = 0, last = 0] = [run?.[0]?.length, run?.at(-1)?.length];
    const fits = last === each && (run?.length ?? 0) < mostJoined;
    if (run !== undefined && fits) run.push(bytes);
    else runs.push([bytes]);
  }
  return runs.map((run) => Buffer.concat(run));
}
