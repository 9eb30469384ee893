import { X509Certificate } from "node:crypto";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request as startRequest } from "node:https";
import type { RequestOptions } from "node:https";
import { failure, isFailure } from "../../sdk/index.ts";
import type { Http, HttpAnswer, Peer } from "../../sdk/index.ts";
import { idIn } from "./identity.ts";
import type { Identity } from "./identity.ts";
import { linkLimits, receiveBytes } from "./link-limits.ts";

/** What a call proves itself with. Without a key it may only enrol. */
export type Credentials = Pick<Identity, "authority"> & Partial<Pick<Identity, "key" | "certificate">>;

export interface CallOptions {
  /** Whether a peer may no longer be talked to. */
  denied?(peerId: string): boolean;
  /** How long a peer may take until its answer begins; 30 s if absent. */
  readonly answerTimeoutMs?: number;
  /** In place of `linkLimits.patienceMs`. */
  readonly patienceMs?: number;
}

/** Calls peers: TLS 1.3 with both certificates of one authority, connections kept, no redirects. */
export class LinkClient {
  /** One for each peer: what was checked for one is not used for another at the same address. */
  readonly #agents = new Map<string, Agent>();
  #credentials: Credentials;
  readonly #options: CallOptions;
  readonly #closing = new AbortController();

  constructor(credentials: Credentials, options: CallOptions = {}) {
    this.#credentials = credentials;
    this.#options = options;
  }

  /** Calls from now on prove themselves with these; calls under way end as they began. */
  use(credentials: Credentials): void {
    this.#credentials = credentials;
    for (const { freeSockets } of this.#agents.values())
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
    this.#agents.clear();
  }

  /**
   * As `Http` says. The body must be read to its end, or left by the iterator's `return`, or the signal aborted.
   * Throws the signal's reason, DIST_ERR_AUTH_REFUSED if one side does not accept the other's certificate,
   * DIST_ERR_TRANSFER_BROKEN (retryable) for everything else that keeps an answer from coming whole.
   */
  async request(peer: Peer, path: string, options: Parameters<Http["request"]>[2] = {}): Promise<HttpAnswer> {
    if (this.#options.denied?.(peer.id) === true) throw refused(peer, "it was removed and is not talked to");
    const closing = this.#closing.signal;
    const signal = options.signal === undefined ? closing : AbortSignal.any([options.signal, closing]);
    signal.throwIfAborted();
    for (let isAgain = false; ; isAgain = true) {
      const call = startRequest({ ...this.#callOptions(peer, path), method: options.method ?? "GET", signal });
      call.end(options.body);
      try {
        const response = await this.#firstByte(call, peer);
        const body = this.#bodyOf(response, peer, signal, options.endless === true);
        if (response.statusCode === 401) throw refused(peer, await reasonIn(body));
        return { status: response.statusCode ?? 0, headers: headersOf(response), body };
      } catch (error) {
        call.destroy();
        if (signal.aborted) throw signal.reason;
        // The peer let go of a connection that was kept just when it was used again.
        const isStale = call.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET";
        if (isAgain || !isStale) throw explain(error, peer);
      }
    }
  }

  /** Ends everything under way. */
  close(): void {
    this.#closing.abort(new Error("the link is closed"));
    for (const agent of this.#agents.values()) agent.destroy();
  }

  #callOptions(peer: Peer, path: string): RequestOptions {
    const { id, host, port } = peer;
    const key = `${id} ${host}:${port}`;
    const agent = this.#agents.get(key) ?? agentFor(this.#credentials, peer);
    this.#agents.set(key, agent);
    // Who it is stands in the certificate; its address is nobody's name.
    return { host, port, path, agent, servername: "" };
  }

  #firstByte(call: ClientRequest, peer: Peer): Promise<IncomingMessage> {
    const waitMs = this.#options.answerTimeoutMs ?? 30_000;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => call.destroy(broken(peer, `no answer within ${waitMs} ms`)), waitMs);
      call.once("close", () => clearTimeout(timer));
      call.once("response", (response) => {
        clearTimeout(timer);
        resolve(response);
      });
      // Stays, because a connection may break again after the answer began; its body says so then.
      call.on("error", reject);
    });
  }

  /**
   * A body that lets go of its connection when it is left, even if it was never begun, and that ends when it comes too
   * slowly. Only the time counts in which somebody waits for it.
   */
  #bodyOf(response: IncomingMessage, peer: Peer, signal: AbortSignal, isEndless: boolean): AsyncIterable<Uint8Array> {
    const { patienceMs = linkLimits.patienceMs } = this.#options;
    const chunks: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]();
    let [waitedMs, gotBytes, isSlow] = [0, 0, false];
    const giveUp = () => {
      isSlow = true;
      response.destroy();
    };
    const iterator: AsyncIterator<Uint8Array> = {
      async next() {
        const begun = performance.now();
        const timer = setTimeout(giveUp, patienceMs - waitedMs);
        try {
          const result = await chunks.next();
          waitedMs += performance.now() - begun;
          gotBytes += result.done === true ? 0 : result.value.length;
          if (isEndless || gotBytes >= linkLimits.paceBytes) [waitedMs, gotBytes] = [0, 0];
          return result;
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          const slow = `it sent ${gotBytes} bytes in ${patienceMs} ms, less than ${linkLimits.paceBytes}`;
          throw broken(peer, isSlow ? slow : "the connection ended in the middle of the answer", error);
        } finally {
          clearTimeout(timer);
        }
      },
      async return() {
        response.destroy();
        return { done: true, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }
}

/** Node keeps connections only if what checks the peer is the agent's, not the request's. */
function agentFor({ authority, key, certificate }: Credentials, peer: Peer): Agent {
  return new Agent({
    keepAlive: true,
    keepAliveMsecs: 10_000,
    maxFreeSockets: 4,
    // A resumed session would skip the check of the peer's name.
    maxCachedSessions: 0,
    minVersion: "TLSv1.3",
    ca: authority,
    ...(key === undefined || certificate === undefined ? {} : { key, cert: certificate + authority }),
    checkServerIdentity: (_, { raw }) => {
      const found = idIn(new X509Certificate(raw));
      return found === peer.id ? undefined : refused(peer, `the certificate there is that of '${found ?? "nobody"}'`);
    },
  });
}

async function reasonIn(body: AsyncIterable<Uint8Array>): Promise<string> {
  const reason = Buffer.from(await receiveBytes(body, 1024)).toString("utf8");
  return `it refuses this host: ${reason.replaceAll(/\p{C}/gu, " ").trim()}`;
}

function headersOf(response: IncomingMessage): Record<string, string> {
  const pairs = Object.entries(response.headers).map(([name, value]) => [name, [value].flat().join(", ")]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

/** Codes of node:tls and OpenSSL for a certificate or a handshake that is not accepted. */
const certificateTrouble = /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_|PATH_)/;

function explain(error: unknown, peer: Peer): unknown {
  if (isFailure(error)) return error;
  const { code = "", message = String(error) } = error as NodeJS.ErrnoException;
  if (certificateTrouble.test(code)) return refused(peer, `no trusted connection (${code}: ${message})`, error);
  return broken(peer, `no connection to ${peer.host}:${peer.port} (${code === "" ? message : code})`, error);
}

function refused({ id, host, port }: Peer, problem: string, cause?: unknown): Error {
  return failure("DIST_ERR_AUTH_REFUSED", { peer: id, host, port, problem }, { cause });
}

function broken({ id }: Peer, problem: string, cause?: unknown): Error {
  return failure("DIST_ERR_TRANSFER_BROKEN", { peer: id, problem }, { cause });
}
