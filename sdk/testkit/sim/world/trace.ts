import type { Millis } from "../../../machine.ts";
import type { WorldEvent } from "./machine-in-world.ts";
import type { Watcher } from "./node-runner.ts";
import type { Turn } from "./turns.ts";

/** Writes down what happens in a world, a line each, and keeps the last lines. */
export class Trace<
  Event extends { readonly type: string },
  Effect extends { readonly type: string },
> implements Watcher<Event, Effect> {
  readonly #lines: string[] = [];
  readonly #most: number;

  constructor(mostLines = 200) {
    this.#most = mostLines;
  }

  get text(): string {
    return this.#lines.slice(-this.#most).join("\n");
  }

  event(node: number, event: Event | WorldEvent, now: Millis): void {
    this.#add(now, node, "<", event);
  }

  effect(node: number, effect: Effect, now: Millis): void {
    this.#add(now, node, "  >", effect);
  }

  process(node: number, does: "start" | "end", now: Millis): void {
    this.#line(now, node, `process ${does}s`);
  }

  turn(turn: Turn<Event>, now: Millis): void {
    const what = turn.does === "operate" ? turn.operation : turn.does === "settle" ? {} : turn.fault;
    this.#line(now, "--", `${turn.does} ${compact(what)}`);
  }

  #add(now: Millis, node: number, sign: string, what: { readonly type: string }): void {
    const { type, message, from, way, ...rest } = what as {
      readonly type: string;
      readonly message?: { readonly type?: string };
      readonly from?: string;
      readonly way?: string;
    };
    const who = from === undefined ? "" : ` from ${from} by ${way}`;
    const said = message === undefined ? "" : ` ${message.type ?? ""} ${compact({ ...message, type: undefined })}`;
    this.#line(now, node, `${sign} ${type}${who}${said} ${compact(rest)}`);
  }

  #line(now: Millis, node: number | string, text: string): void {
    this.#lines.push(
      `${(now / 1_000).toFixed(3).padStart(10)} ${typeof node === "number" ? `n${node}` : node} ${text.trimEnd()}`,
    );
    if (this.#lines.length >= 2 * this.#most) this.#lines.splice(0, this.#lines.length - this.#most);
  }
}

/** As JSON without quotes around names; nothing for an empty object. */
function compact(value: object): string {
  const text = JSON.stringify(value).replace(/"(\w+)":/g, "$1:");
  return text === "{}" ? "" : text;
}
