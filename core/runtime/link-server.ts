import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { fastify } from "fastify";
import { DistributaryError, failure, isFailure } from "../../sdk/index.ts";
import type { HttpAnswer, HttpRequest, Log } from "../../sdk/index.ts";
import { idIn } from "./identity.ts";
import type { Identity } from "./identity.ts";
import { limitBytes, linkLimits, timeFor } from "./link-limits.ts";

export interface ServeOptions {
  readonly host: string;
  /** 0 means any free one. */
  readonly port: number;
  /** Whether a peer may no longer be talked to. */
  denied?(peerId: string): boolean;
  /** In place of `linkLimits.patienceMs`. */
  readonly patienceMs?: number;
  readonly log?: Log;
}

type Answer = (request: HttpRequest) => Promise<HttpAnswer>;

/** The one path that is answered without a certificate; its requests have the peer id "". */
export const enrolPath = "/enrol";

const closeMs = 1_000;

/** Answers peers: TLS 1.3, each with a certificate of the authority that names it. */
export class LinkServer {
  readonly #app;
  readonly #options: ServeOptions;
  readonly #answers = new Map<string, Answer>();
  readonly #peers = new WeakMap<Socket, { readonly id: string; readonly validTo: number }>();
  readonly #sockets = new Set<Socket>();
  readonly #running = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #strangerCount = 0;

  constructor(identity: Identity, options: ServeOptions) {
    this.#options = options;
    const { patienceMs = linkLimits.patienceMs } = options;
    this.#app = fastify({
      https: {
        ...contextOf(identity),
        minVersion: "TLSv1.3",
        requestCert: true,
        // Who has none may still enrol; everything else is refused before it is looked at.
        rejectUnauthorized: false,
        handshakeTimeout: linkLimits.handshakeMs,
        headersTimeout: Math.min(linkLimits.headersMs, patienceMs),
        connectionsCheckingInterval: 1_000,
        maxHeaderSize: linkLimits.headerBytes,
        highWaterMark: linkLimits.writeAheadBytes,
      },
      requestTimeout: patienceMs,
      keepAliveTimeout: linkLimits.idleMs,
      forceCloseConnections: true,
    });
    // Bodies go to whoever answers, as they arrive.
    this.#app.removeAllContentTypeParsers();
    this.#app.addContentTypeParser("*", (_request, _body, done) => done(null));
    this.#app.all("/*", (request, reply) => {
      reply.hijack();
      const running = this.#answer(request.raw, reply.raw).finally(() => this.#running.delete(running));
      this.#running.add(running);
    });
    this.#guardConnections();
  }

  /** Begins to answer; returns the port. Throws DIST_ERR_LINK_PORT if it cannot. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    try {
      await this.#app.listen({ host, port });
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException;
      const problem = code === "EADDRINUSE" ? "something else listens there" : message;
      throw failure("DIST_ERR_LINK_PORT", { address: host, port, problem }, { cause });
    }
    const address = this.#app.server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  /** As `Http` says; of two prefixes that fit, the longer answers. Throws DIST_ERR_LINK_PREFIX if it is taken. */
  serve(prefix: string, answer: Answer): Disposable {
    if (this.#answers.has(prefix)) throw failure("DIST_ERR_LINK_PREFIX", { prefix });
    this.#answers.set(prefix, answer);
    return { [Symbol.dispose]: () => void this.#answers.delete(prefix) };
  }

  /** New connections are answered with this identity. */
  use(identity: Identity): void {
    this.#app.server.setSecureContext({ ...contextOf(identity), minVersion: "TLSv1.3" });
  }

  /** Aborts what is being answered, and is closed a second later whatever peers do. */
  async close(): Promise<void> {
    this.#closing.abort(new Error("the link is closed"));
    const deadline = Promise.withResolvers<void>();
    const timer = setTimeout(deadline.resolve, closeMs);
    await Promise.race([Promise.allSettled(this.#running), deadline.promise]);
    clearTimeout(timer);
    const closed = this.#app.close();
    this.#destroyConnections();
    await closed;
  }

  #destroyConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #guardConnections(): void {
    const { server } = this.#app;
    server.maxConnections = linkLimits.connections;
    // Also those that never finish their handshake, which HTTP does not know of.
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    server.on("secureConnection", (socket) => {
      socket.setKeepAlive(true, 10_000);
      if (socket.authorized) return;
      this.#strangerCount += 1;
      socket.once("close", () => (this.#strangerCount -= 1));
      if (this.#strangerCount > linkLimits.strangers) socket.destroy();
    });
  }

  async #answer(raw: IncomingMessage, response: ServerResponse): Promise<void> {
    const socket = raw.socket as TLSSocket;
    const path = raw.url ?? "/";
    const peerId = this.#peerAt(socket);
    const isDenied = () => peerId !== undefined && this.#options.denied?.(peerId) === true;
    if (peerId === undefined && path !== enrolPath) return end(response, 401, complaintAbout(socket));
    if (isDenied()) return end(response, 401, "it was removed");
    const answer = this.#answerFor(path);
    if (answer === undefined) return end(response, 404, "nothing is served here");

    const gone = new AbortController();
    response.once("close", () => gone.abort(new Error("the peer went away")));
    const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
    const body = limitBytes(raw, linkLimits.bodyBytes);
    try {
      const given = await answer({ method: raw.method ?? "GET", path, peerId: peerId ?? "", body, signal });
      await this.#send(given, response, signal, isDenied);
    } catch (error) {
      if (signal.aborted || response.headersSent) response.destroy();
      else end(response, ...this.#statusFor(error, path));
      const isKnown = signal.aborted || isFailure(error);
      if (!isKnown) this.#options.log?.error({ err: error, path, peerId }, "a request failed");
    }
    // The rest of a body that nobody read is not waited for.
    if (raw.complete) return;
    if (response.writableFinished) socket.destroySoon();
    else response.once("finish", () => socket.destroySoon());
  }

  /** Writes an answer as fast as the peer takes it, every chunk at once. A body that breaks off, breaks it. */
  async #send(
    { status, headers = {}, body }: HttpAnswer,
    response: ServerResponse,
    signal: AbortSignal,
    isDenied: () => boolean,
  ): Promise<void> {
    const { patienceMs } = this.#options;
    const wholeBytes = Array.isArray(body) ? body.reduce((sum: number, { length }) => sum + length, 0) : undefined;
    response.statusCode = status;
    if (wholeBytes !== undefined) response.setHeader("content-length", wholeBytes);
    for (const [name, text] of Object.entries(headers)) response.setHeader(name, text);
    // The peer may wait long for a first event, but should know at once that there will be some.
    if (wholeBytes === undefined) response.flushHeaders();
    const promised = response.getHeader("content-length");
    const most = promised === undefined ? Infinity : Number(promised);
    let written = 0;
    for await (const slice of inSlices(endingWith(body, signal))) {
      written += slice.length;
      if (signal.aborted || isDenied() || written > most) break;
      if (!response.write(slice)) await taken(response, "drain", signal, patienceMs);
    }
    const isWhole = promised === undefined || most === written;
    if (signal.aborted || isDenied() || !isWhole) return void response.destroy();
    response.end();
    if (!response.writableFinished) await taken(response, "finish", signal, patienceMs);
  }

  #peerAt(socket: TLSSocket): string | undefined {
    let peer = this.#peers.get(socket);
    if (peer === undefined) {
      const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
      const id = certificate === undefined ? undefined : idIn(certificate);
      if (certificate === undefined || id === undefined) return undefined;
      peer = { id, validTo: certificate.validToDate.getTime() };
      this.#peers.set(socket, peer);
    }
    // A connection may outlive the certificate it began with.
    return Date.now() < peer.validTo ? peer.id : undefined;
  }

  #answerFor(path: string): Answer | undefined {
    let longest: string | undefined;
    for (const prefix of this.#answers.keys()) {
      if (path.startsWith(prefix) && prefix.length > (longest?.length ?? -1)) longest = prefix;
    }
    return longest === undefined ? undefined : this.#answers.get(longest);
  }

  #statusFor(error: unknown, path: string): [number, string] {
    return error instanceof DistributaryError ? [error.status, error.describe()] : [500, `'${path}' failed`];
  }
}

function contextOf({ key, certificate, authority }: Identity): { key: string; cert: string; ca: string } {
  return { key, cert: certificate + authority, ca: authority };
}

function complaintAbout(socket: TLSSocket): string {
  if (socket.authorized) return "its certificate has expired or names no peer";
  return `its certificate is not accepted (${String(socket.authorizationError ?? "there is none")})`;
}

/** A short answer, after which the connection ends. */
function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" });
  response.end(`${text}\n`);
}

/** The body, told by `return` that nobody listens any more, even while it waits for its next chunk. */
function endingWith(body: HttpAnswer["body"], signal: AbortSignal): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  if (!(Symbol.asyncIterator in body)) return body;
  const iterator = body[Symbol.asyncIterator]();
  const leave = () => void iterator.return?.().catch(() => undefined);
  signal.addEventListener("abort", leave, { once: true });
  return { [Symbol.asyncIterator]: () => iterator };
}

/** The same bytes in chunks small enough that a peer which takes none of them is noticed soon. */
async function* inSlices(body: HttpAnswer["body"]): AsyncGenerator<Uint8Array> {
  const { paceBytes } = linkLimits;
  for await (const chunk of body)
    for (let at = 0; at < chunk.length; at += paceBytes) yield chunk.subarray(at, at + paceBytes);
}

/** Waits until what was written is on its way; a peer that takes too long for it is left. */
function taken(
  response: ServerResponse,
  event: "drain" | "finish",
  signal: AbortSignal,
  patienceMs: number | undefined,
): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), timeFor(response.writableLength, patienceMs));
    const done = () => {
      clearTimeout(timer);
      response.off(event, done);
      response.off("close", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    response.once(event, done);
    response.once("close", done);
    signal.addEventListener("abort", done, { once: true });
  });
}
