import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";

/**
 * A way by TCP to a port of this host that can be cut: what is on it is lost, both ends see it broken, and who comes
 * meanwhile waits until it is mended.
 */
export class Wire implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<Socket>();
  #target: number | undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.#own(socket);
      if (this.#target === undefined) this.#waiting.add(socket.once("close", () => this.#waiting.delete(socket)));
      else this.#join(socket, this.#target);
    });
  }

  /** Cut to begin with. */
  static async lay(): Promise<Wire> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Wire(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From the moment this returns nothing passes any more. */
  cut(): void {
    this.#target = undefined;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(target: number): void {
    this.#target = target;
    for (const socket of this.#waiting) this.#join(socket, target);
    this.#waiting.clear();
  }

  #join(socket: Socket, target: number): void {
    const other = this.#own(connect(target, "127.0.0.1"));
    socket.pipe(other).pipe(socket);
    socket.once("close", () => other.destroy());
    other.once("close", () => socket.destroy());
  }

  #own(socket: Socket): Socket {
    this.#sockets.add(socket);
    // That the other end breaks off is what this is for.
    return socket
      .setNoDelay(true)
      .on("error", () => {})
      .once("close", () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server.close(), "close");
    this.cut();
    await closed;
  }
}
