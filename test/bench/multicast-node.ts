/**
 * A node of a segment as far as plugin `mctp` needs one: `node multicast-node.ts MEMBER-JSON`. It says `joined`, then
 * what its transport says. The leader begins to send at SIGUSR2. Instead of the segment's sealed channel
 * announcements go in plain datagrams.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SpooledPieces } from "../../core/agent/delivery/spool.ts";
import { noData } from "../../core/assignment/assignment.ts";
import type { Assignment, DataTable } from "../../core/assignment/assignment.ts";
import { PieceFile } from "../../core/assignment/piece-file.ts";
import { hashOf, hexHashOf } from "../../core/content/hash.ts";
import { Kernel } from "../../core/kernel/kernel.ts";
import { realIo } from "../../core/runtime/io.ts";
import type { Channel, Intake, Io, Log, MembersTransport, Udp, UdpSocket } from "../../sdk/index.ts";

/** Who it is, and what is sent. */
export interface NodeOptions {
  readonly self: string;
  readonly address: string;
  /** The file: a leader sends it, a member only takes the hashes of its pieces. */
  readonly source: string;
  /** Where a member puts its pieces, each a file. */
  readonly directory: string;
  /** Those a leader sends to; none for a member. */
  readonly members: readonly string[];
  /** Whether datagrams go and come one a call, as where the system cannot join them. */
  readonly isPlain: boolean;
  /** Of the plugin. */
  readonly options: Readonly<Record<string, unknown>>;
}

const group = "239.77.0.2";
const [dataPort, announcePort] = [7_701, 7_702];
/**
 * Sent before: sixteen processes that compile their code on two cores at the same moment would be no picture of sixteen
 * hosts.
 */
const warmBytes = 8 * 2 ** 20;
/** As often as a leader with the fast timings gives a sign of life. */
const signOfLifeMs = 500;
/** Of Ethernet, less the headers of IPv4 and UDP. */
const datagramBytes = 1_500 - 28;

const say = (msg: string, fields: object = {}) => console.error(JSON.stringify({ msg, ...fields }));
const log: Log = {
  debug() {},
  info() {},
  warn: (fields, text) => say(text, fields),
  error: (fields, text) => say(text, fields),
};
const node = JSON.parse(process.argv[2] ?? "") as NodeOptions;
const io: Io = {
  ...realIo,
  udp: node.isPlain ? plain(realIo.udp) : realIo.udp,
  get http(): never {
    throw new TypeError("nobody here speaks HTTP");
  },
};

function plain(udp: Udp): Udp {
  return {
    async bind({ joined: _, ...options }) {
      const socket = await udp.bind(options);
      return {
        port: socket.port,
        isFast: false,
        get waitingBytes() {
          return socket.waitingBytes;
        },
        send: (...datagram) => socket.send(...datagram),
        sendMany(bytes, each, address, port) {
          for (let at = 0; at < bytes.length; at += each) socket.send(bytes.subarray(at, at + each), address, port);
        },
        [Symbol.asyncDispose]: () => socket[Symbol.asyncDispose](),
      };
    },
  };
}

/** Announcements, said again with every sign of life. */
class PlainChannel implements Channel, AsyncDisposable {
  readonly self: string;
  readonly interfaceAddress: string;
  readonly ttl = 1;
  readonly datagramBytes = datagramBytes;
  readonly #listeners = new Set<(leader: string, bytes: Uint8Array) => void>();
  #socket: UdpSocket | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ self, address }: NodeOptions) {
    this.self = self;
    this.interfaceAddress = address;
  }

  async open(): Promise<void> {
    const options = { port: announcePort, groups: [group], interfaceAddress: this.interfaceAddress, ttl: this.ttl };
    const hear = (bytes: Uint8Array) => this.#listeners.forEach((listener) => listener("n0", bytes));
    this.#socket = await io.udp.bind({ ...options, receive: ({ bytes }) => hear(bytes) });
  }

  announce(bytes: Uint8Array | undefined): void {
    clearInterval(this.#timer);
    if (bytes === undefined) return;
    const copy = Uint8Array.from(bytes);
    const send = () => this.#socket?.send(copy, group, announcePort);
    send();
    this.#timer = setInterval(send, signOfLifeMs);
  }

  listen(heard: (leader: string, bytes: Uint8Array) => void): Disposable {
    this.#listeners.add(heard);
    return { [Symbol.dispose]: () => this.#listeners.delete(heard) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#socket?.[Symbol.asyncDispose]();
  }
}

/** What is sent: the first bytes of a file. */
class Cargo {
  readonly data: DataTable;
  readonly id: string;

  constructor(source: string, most = Infinity) {
    const { pieceBytes } = noData;
    const bytes = readFileSync(source).subarray(0, most);
    const starts = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, index) => index * pieceBytes);
    const hashes = starts.map((start) => hashOf(bytes.subarray(start, start + pieceBytes)));
    this.data = { sizeBytes: bytes.length, pieceBytes, pieceHashes: Buffer.concat(hashes) };
    // Any hash names it, if only everybody has the same.
    this.id = hexHashOf(this.data.pieceHashes, Buffer.from(`${most}`));
  }
}

async function lead(transport: MembersTransport, channel: Channel, { source, members }: NodeOptions): Promise<void> {
  const send = ({ id, data }: Cargo) => {
    const from = new PieceFile(io.disk, source, id, data);
    const delivery = { from, range: { from: 0, to: from.pieceCount }, members, group, port: dataPort };
    return transport.send(io, channel, delivery, new AbortController().signal);
  };
  await send(new Cargo(source, warmBytes));
  const cargo = new Cargo(source);
  const asked = once(process, "SIGUSR2");
  say("joined");
  await asked;
  say("delivered", await send(cargo));
}

async function follow(transport: MembersTransport, channel: Channel, node: NodeOptions): Promise<void> {
  const spooled = (directory: string, { id, data }: Cargo) => {
    const header = { data, audience: { nodes: [node.self] } };
    return new SpooledPieces(io.disk, directory, { id, header } as unknown as Assignment);
  };
  const cargo = new Cargo(node.source);
  const warmUp = spooled(join(node.directory, "warm-up"), new Cargo(node.source, warmBytes));
  const pieces = spooled(join(node.directory, "pieces"), cargo);
  const intake: Intake = {
    find: (id) => [warmUp, pieces].find(({ assignment }) => assignment === id),
    began: () => undefined,
    ended: (id, reason) => {
      if (id === cargo.id) say(reason === undefined ? "complete" : "left", { reason });
    },
  };
  await transport.join(io, channel, intake);
  say("joined");
}

const plugins = [{ use: "mctp", options: node.options }];
const kernel = await Kernel.load({ plugins, directory: node.directory, log });
const transport = kernel.registries.transports.get("mctp") as MembersTransport;
const channel = new PlainChannel(node);
await channel.open();
// With its profile, if one was asked for.
process.once("SIGTERM", () => process.exit());
await (node.members.length > 0 ? lead : follow)(transport, channel, node);
