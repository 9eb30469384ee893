import { DistributaryError, failure } from "../../errors.ts";
import type { Clock, Http, HttpAnswer, HttpRequest, Peer } from "../../io.ts";

type Answer = (request: HttpRequest) => Promise<HttpAnswer>;
type Body = HttpAnswer["body"];
type RequestOptions = Parameters<Http["request"]>[2];

/** Bodies arrive in chunks of no sensible size, as they do from sockets. */
const chunkBytes = 1_009;

interface Host {
  readonly answers: Map<string, Answer>;
  /** How many more bytes it sends before its connections break. */
  bytesLeft: number;
  isDown: boolean;
  /** Settled unless what it sends is held up. */
  flow: Promise<void>;
  release(): void;
}

/** An in-memory network of peers who trust each other, with the troubles of a real one on demand. */
export class SimNetwork {
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #hosts = new Map<string, Host>();

  /** A request, its answer, and each chunk take `latencyMs` of the clock; none by default. */
  constructor(clock: Clock, latencyMs = 0) {
    this.#clock = clock;
    this.#latencyMs = latencyMs;
  }

  /** Where others find this peer. */
  peer(peerId: string): Peer {
    return { id: peerId, host: `${peerId}.sim`, port: 443 };
  }

  /** This peer's end of the network. */
  http(peerId: string): Http {
    const { answers } = this.#host(peerId);
    return {
      serve(prefix, answer) {
        if (answers.has(prefix)) throw failure("DIST_ERR_LINK_PREFIX", { prefix });
        answers.set(prefix, answer);
        return { [Symbol.dispose]: () => void answers.delete(prefix) };
      },
      request: (peer, path, options) => this.#request(peerId, peer, path, options),
    };
  }

  /** Nobody reaches this peer until `up`; what it was sending breaks off. */
  down(peerId: string): void {
    Object.assign(this.#host(peerId), { isDown: true });
  }

  up(peerId: string): void {
    Object.assign(this.#host(peerId), { isDown: false, bytesLeft: Infinity });
  }

  /** After so many more bytes of answers from this peer, the one being sent breaks off; later ones are whole. */
  breakAfter(peerId: string, bytes: number): void {
    this.#host(peerId).bytesLeft = bytes;
  }

  /** Nothing this peer sends arrives until `resume`, though its connections stand. */
  stall(peerId: string): void {
    const host = this.#host(peerId);
    host.release();
    host.flow = new Promise((resolve) => (host.release = resolve));
  }

  resume(peerId: string): void {
    this.#host(peerId).release();
  }

  async #request(from: string, to: Peer, path: string, options: RequestOptions = {}): Promise<HttpAnswer> {
    const { method = "GET", body, signal } = options;
    const host = this.#host(to.id);
    await this.#travel(host, to, signal);
    const answer = longestFit(host.answers, path);
    if (answer === undefined) return textAnswer(404, "nothing is served here");
    const gone = new AbortController();
    const leave = () => gone.abort(signal?.reason);
    signal?.addEventListener("abort", leave, { once: true });
    const sent = body === undefined ? [] : [body];
    const request = { method, path, peerId: from, body: chunksOf(sent), signal: gone.signal };
    const given = await orAborted(answer(request).catch(explain), signal);
    await this.#travel(host, to, signal);
    const headers = inLowerCase(given.headers);
    const arriving = this.#arrive(given.body, host, to, Number(headers["content-length"]), signal);
    const left = () => gone.abort(new Error("the peer went away"));
    return { status: given.status, headers, body: leaving(arriving, left) };
  }

  async *#arrive(
    body: Body,
    host: Host,
    from: Peer,
    promised: number,
    signal?: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const chunks = chunksOf(body);
    const breakOff = (error: unknown): never => {
      throw broken(from, error);
    };
    let count = 0;
    try {
      for (;;) {
        const next = await orAborted(chunks.next().catch(breakOff), signal);
        if (next.done === true) break;
        await this.#travel(host, from, signal);
        if (host.bytesLeft < next.value.length) {
          host.bytesLeft = Infinity;
          throw broken(from, "the connection broke");
        }
        host.bytesLeft -= next.value.length;
        count += next.value.length;
        yield next.value;
      }
    } finally {
      void chunks.return(undefined);
    }
    if (!Number.isNaN(promised) && count !== promised) throw broken(from, "the answer is not as long as it said");
  }

  async #travel(host: Host, peer: Peer, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await orAborted(host.flow, signal);
    if (this.#latencyMs > 0) await this.#clock.until(this.#clock.now() + this.#latencyMs, signal);
    if (host.isDown) throw broken(peer, "it cannot be reached");
  }

  #host(peerId: string): Host {
    const known = this.#hosts.get(peerId);
    if (known !== undefined) return known;
    const flow = Promise.resolve();
    const host = { answers: new Map(), bytesLeft: Infinity, isDown: false, flow, release: () => {} };
    this.#hosts.set(peerId, host);
    return host;
  }
}

/** Copies, so that nobody sees what the other does to its bytes later. */
async function* chunksOf(body: Body): AsyncGenerator<Uint8Array, undefined> {
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; at += chunkBytes) yield Uint8Array.from(chunk.subarray(at, at + chunkBytes));
  }
}

/** The same body; `left` is called once it ends or is left, even unread. */
function leaving(chunks: AsyncGenerator<Uint8Array>, left: () => void): AsyncIterable<Uint8Array> {
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      const next = await chunks.next().catch((error: unknown) => {
        left();
        throw error;
      });
      if (next.done === true) left();
      return next;
    },
    async return() {
      left();
      return chunks.return(undefined);
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** Rejects with the signal's reason as soon as it is aborted, whatever the promise does. */
function orAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

function inLowerCase(headers: HttpAnswer["headers"] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text]));
}

function longestFit(answers: ReadonlyMap<string, Answer>, path: string): Answer | undefined {
  const [longest] = [...answers].filter(([prefix]) => path.startsWith(prefix)).sort(([a], [b]) => b.length - a.length);
  return longest?.[1];
}

function explain(error: unknown): HttpAnswer {
  return error instanceof DistributaryError ? textAnswer(error.status, error.describe()) : textAnswer(500, "it failed");
}

function textAnswer(status: number, text: string): HttpAnswer {
  return { status, headers: { "content-type": "text/plain" }, body: [Buffer.from(`${text}\n`)] };
}

function broken({ id }: Peer, problem: unknown): Error {
  const text = problem instanceof Error ? problem.message : String(problem);
  return failure("DIST_ERR_TRANSFER_BROKEN", { peer: id, problem: text }, { cause: problem });
}
