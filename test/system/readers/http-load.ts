import { EventEmitter, once } from "node:events";
import { Agent, get } from "node:http";
import type { IncomingMessage } from "node:http";
import { answerOf, versionOf } from "./file-versions.ts";
import type { Switch } from "./switcher.ts";

/** A whole answer of one version, and when it was asked for and there, by `process.hrtime`. */
export interface Answer {
  readonly path: string;
  readonly version: number;
  readonly asked: bigint;
  readonly answered: bigint;
}

/** Clients that ask a server of this host again and again, over connections that are kept, and look at every byte. */
export class HttpLoad extends EventEmitter<{ answer: [] }> implements AsyncDisposable {
  readonly answers: Answer[] = [];
  /** What was wrong with everything else that was answered. */
  readonly failures: string[] = [];
  /** How often a request met the end of a kept connection and was made again over another, as by any client. */
  repeatedCount = 0;
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #clients: readonly Promise<void>[];
  #isWanted = true;

  constructor(port: number, paths: readonly string[], clientCount = 6) {
    super();
    this.#port = port;
    this.#clients = Array.from({ length: clientCount }, (_, index) => this.#run(paths, index));
  }

  get requestCount(): number {
    return this.answers.length + this.failures.length;
  }

  /** Resolves when there is an answer after which the condition holds. */
  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) await once(this, "answer");
  }

  /** Resolves when every request has its answer. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    await Promise.all(this.#clients);
    this.#agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(paths: readonly string[], first: number): Promise<void> {
    for (let index = first; this.#isWanted; index += 1) {
      const path = paths[index % paths.length] ?? "";
      const asked = process.hrtime.bigint();
      try {
        const version = await ask(this.#port, path, { agent: this.#agent });
        this.answers.push({ path, version, asked, answered: process.hrtime.bigint() });
      } catch (error) {
        if (error instanceof KeptConnectionEnded) {
          this.repeatedCount += 1;
          index -= 1;
        } else this.failures.push(`${path}: ${(error as Error).message}`);
      }
      this.emit("answer");
    }
  }
}

/** Of a request that was under way when the server ended a connection over which it had answered before. */
class KeptConnectionEnded extends Error {}

/**
 * The version of the answer; throws if it is anything else than one version's, whole. `pause` is waited for when the
 * first bytes have arrived.
 */
export async function ask(
  port: number,
  path: string,
  { agent = false, pause }: { readonly agent?: Agent | false; readonly pause?: () => Promise<void> } = {},
): Promise<number> {
  const request = get({ host: "127.0.0.1", port, path, agent });
  const [response] = (await once(request, "response").catch((error: unknown) => {
    throw request.reusedSocket ? new KeptConnectionEnded("", { cause: error }) : error;
  })) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    if (chunks.push(chunk as Buffer) === 1) await pause?.();
  }
  const body = Buffer.concat(chunks);
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
  const version = versionOf(body);
  if (Number.isNaN(version)) throw new Error(`${body.length} bytes of no version`);
  const wanted = answerOf(path, version);
  if (!body.equals(wanted))
    throw new Error(`it begins like version ${version} of ${wanted.length} bytes, but is of ${body.length} bytes`);
  return version;
}

/** Answers of a version that was not live at any time between question and answer. */
export function staleAnswers(answers: readonly Answer[], switches: readonly Switch[]): Answer[] {
  return answers.filter(({ version, asked, answered }) => {
    const wasLive = switches.some((each, index) => {
      const next = switches[index + 1];
      return each.version === version && each.began <= answered && (next === undefined || asked <= next.ended);
    });
    return !wasLive;
  });
}
