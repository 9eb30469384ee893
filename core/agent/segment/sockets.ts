import type { Datagram, Log, Udp, UdpSocket } from "distributary/sdk";
import type { Channel, Endpoint, Way } from "../../protocol/segment/messages.ts";

export interface SegmentSocketOptions {
  /** An address of this host; port 0 for any free one. */
  readonly listen: Endpoint;
  readonly ttl: number;
  readonly log: Log;
  receive(datagram: Datagram, way: Way): void;
}

/** A member's sockets: one for what is for itself, and one for each channel it listens on. */
export class SegmentSockets implements AsyncDisposable {
  readonly #udp: Udp;
  readonly #options: SegmentSocketOptions;
  readonly #own: UdpSocket;
  readonly #groups = new Map<string, Promise<UdpSocket | undefined>>();

  private constructor(udp: Udp, options: SegmentSocketOptions, own: UdpSocket) {
    this.#udp = udp;
    this.#options = options;
    this.#own = own;
  }

  /** Throws DIST_ERR_LINK_PORT if the port cannot be had. */
  static async open(udp: Udp, options: SegmentSocketOptions): Promise<SegmentSockets> {
    const { address, port } = options.listen;
    const own = await udp.bind({
      ...{ port, address, interfaceAddress: address, ttl: options.ttl },
      receive: (datagram) => options.receive(datagram, "unicast"),
    });
    return new SegmentSockets(udp, options, own);
  }

  /** Where the others reach this member. */
  get at(): Endpoint {
    return { address: this.#options.listen.address, port: this.#own.port };
  }

  get ttl(): number {
    return this.#options.ttl;
  }

  send(bytes: Uint8Array, { address, port }: Endpoint): void {
    this.#own.send(bytes, address, port);
  }

  /** Listens on exactly these channels from now on. One that cannot be joined is said; others are asked anyway. */
  listen(channels: readonly Channel[]): void {
    const wanted = new Map(channels.map((channel) => [`${channel.group}:${channel.port}`, channel]));
    for (const [key, socket] of this.#groups) {
      if (wanted.has(key)) continue;
      this.#groups.delete(key);
      void socket.then((open) => open?.[Symbol.asyncDispose]());
    }
    for (const [key, channel] of wanted) if (!this.#groups.has(key)) this.#groups.set(key, this.#join(channel));
  }

  async #join({ group, port }: Channel): Promise<UdpSocket | undefined> {
    const { listen, ttl, log, receive } = this.#options;
    // Linux gives a socket that is bound to any address what other programs of this host joined as well.
    const bound = process.platform === "linux" ? { address: group } : {};
    try {
      return await this.#udp.bind({
        ...{ port, groups: [group], interfaceAddress: listen.address, ttl, ...bound },
        receive: (datagram) => receive(datagram, "multicast"),
      });
    } catch (error) {
      log.warn({ group, port, error: (error as Error).message }, "the segment's channel cannot be joined");
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listen([]);
    await this.#own[Symbol.asyncDispose]();
  }
}
