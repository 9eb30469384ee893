import { readFileSync } from "node:fs";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { DistributaryError, failure } from "distributary/sdk";
import { loadConfig } from "../../config/load.ts";
import type { ControlEvent } from "../control/events.ts";

/** Options of every command that talks to control. */
export const controlOptions = {
  url: {
    type: "string",
    maxLength: 1_000,
    description: "Control's API. Else DISTRIBUTARY_URL, else what --data or --config says.",
  },
  data: {
    type: "string",
    format: "path",
    description: "Control's data directory on this host. Else DISTRIBUTARY_DATA.",
  },
  config: {
    type: "string",
    format: "path",
    description: "A file with a `control:` section. Else DISTRIBUTARY_CONFIG, else distributary.yaml.",
  },
} as const;

export interface ControlPlace {
  readonly url?: string;
  readonly data?: string;
  readonly config?: string;
}

/** Control's API, as commands use it. */
export class Client {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Finds control: by URL and DISTRIBUTARY_TOKEN, or by its data directory on this host, where its own token lies. */
  static find({ url = process.env["DISTRIBUTARY_URL"], data, config }: ControlPlace): Client {
    const token = process.env["DISTRIBUTARY_TOKEN"];
    if (url !== undefined && token !== undefined) return new Client(url.replace(/\/$/, ""), token);
    const directory = data ?? process.env["DISTRIBUTARY_DATA"] ?? dataIn(config);
    return new Client(url ?? read(directory, "address"), token ?? read(directory, "admin-token"));
  }

  get<Value>(path: string, signal?: AbortSignal): Promise<Value> {
    return this.#call("GET", path, undefined, signal);
  }

  post<Value>(path: string, body: object, signal?: AbortSignal): Promise<Value> {
    return this.#call("POST", path, body, signal);
  }

  put<Value>(path: string, body: object, signal?: AbortSignal): Promise<Value> {
    return this.#call("PUT", path, body, signal);
  }

  delete<Value>(path: string, signal?: AbortSignal): Promise<Value> {
    return this.#call("DELETE", path, undefined, signal);
  }

  async #call<Value>(
    method: string,
    path: string,
    body: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Value> {
    const response = await this.#fetch(path, {
      method,
      ...(signal === undefined ? {} : { signal }),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    try {
      return (await response.json()) as Value;
    } catch (error) {
      // Somebody else answers there.
      throw signal?.aborted === true ? error : this.#unreachable(error);
    }
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    const headers = { ...(init.headers as Record<string, string> | undefined), authorization: `Bearer ${this.#token}` };
    let response: Response;
    try {
      response = await fetch(this.#url + path, { ...init, headers });
    } catch (error) {
      if (init.signal?.aborted === true) throw error;
      throw this.#unreachable(error);
    }
    if (!response.ok) throw await refusalIn(response);
    return response;
  }

  /** Events from now on; the first comes after control has begun to send. Ends with the signal. */
  async events(signal: AbortSignal): Promise<AsyncIterable<ControlEvent>> {
    const response = await this.#fetch("/v1/events", { signal });
    return this.#whole(eventsIn(response), signal);
  }

  /** The same events; that control went away is said as it is everywhere. */
  async *#whole(events: AsyncIterable<ControlEvent>, signal: AbortSignal): AsyncIterable<ControlEvent> {
    try {
      yield* events;
    } catch (error) {
      throw signal.aborted ? error : this.#unreachable(error);
    }
  }

  #unreachable(error: unknown): Error {
    const problem = ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
    return failure("DIST_ERR_API_UNREACHABLE", { url: this.#url, problem }, { cause: error });
  }
}

async function* eventsIn(response: Response): AsyncIterable<ControlEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    rest += decoder.decode(chunk as Uint8Array, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) if (block.startsWith("data: ")) yield JSON.parse(block.slice(6)) as ControlEvent;
  }
}

async function refusalIn(response: Response): Promise<DistributaryError> {
  const given: unknown = await response.json().catch(() => undefined);
  const body = typeof given === "object" && given !== null ? (given as Record<string, unknown>) : {};
  const text = (name: string) => (typeof body[name] === "string" ? body[name] : undefined);
  const request = text("request") === undefined ? "" : ` (request ${text("request")})`;
  const hint = text("hint");
  const traits = {
    status: response.status,
    retryable: body["retryable"] === true,
    ...(hint === undefined ? {} : { hint }),
  };
  const message = `${text("message") ?? `status ${response.status}`}${request}`;
  return new DistributaryError(text("code") ?? "DIST_ERR_UNEXPECTED", message, traits);
}

function dataIn(config = process.env["DISTRIBUTARY_CONFIG"] ?? "distributary.yaml"): string {
  if (!existsSync(config)) {
    throw failure("DIST_ERR_API_UNREACHABLE", {
      url: "control",
      problem: `there is no '${config}' to say where it is`,
    });
  }
  const { control } = loadConfig(config).config;
  return control?.data ?? resolve("data");
}

function read(directory: string, name: string): string {
  try {
    return readFileSync(join(directory, name), "utf8").trim();
  } catch (error) {
    const problem = `'${join(directory, name)}': ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`;
    throw failure("DIST_ERR_API_UNREACHABLE", { url: "control", problem }, { cause: error });
  }
}
