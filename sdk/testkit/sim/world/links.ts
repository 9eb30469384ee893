import type { Millis } from "../../../machine.ts";
import { mix, scramble } from "../random.ts";
import { isBlocking } from "./faults.ts";
import type { LinkFault } from "./faults.ts";
import type { WorldSpec } from "./run-file.ts";

/** How a datagram came: to a group, or to one address. */
export type Way = "multicast" | "unicast";

const noUnicast = 1;
const noMulticast = 2;
const whole = 2 ** 32;

/** A chance of `permille` as a limit for 32 drawn bits. */
const limitOf = (permille: number) => (permille / 1_000) * whole;

/** For each node whether it is in a bad time, and until when. */
interface Bursts {
  readonly isBad: Uint8Array;
  readonly until: Float64Array;
  readonly turns: Uint32Array;
}

/**
 * What becomes of datagrams. Each draw is of its own sender, receiver and number of datagram, so what happens to one
 * changes nothing for another.
 */
export class Links {
  readonly #seed: number;
  readonly #count: number;
  readonly #spec: WorldSpec<unknown>;
  readonly #blocked: Uint8Array;
  readonly #losses: Float64Array;
  readonly #bursts = new Map<LinkFault, Bursts>();
  #active: readonly LinkFault[] = [];
  /** Those of the active ones that are neither loss nor a matter of who reaches whom. */
  #weather: readonly LinkFault[] = [];
  #core: readonly number[] = [];

  lost = 0;
  corrupted = 0;
  duplicated = 0;
  /** How long the copies of the last datagram take. */
  firstMs: Millis = 0;
  secondMs: Millis = 0;

  constructor(seed: number, spec: WorldSpec<unknown>) {
    this.#seed = scramble(seed ^ 0x6c696e6b);
    this.#count = spec.nodes.length;
    this.#spec = spec;
    this.#blocked = new Uint8Array(this.#count ** 2);
    this.#losses = new Float64Array(this.#count).fill(limitOf(spec.lossPermille));
  }

  /** From now on exactly these are wrong. Between nodes of the core nothing blocks the way. */
  change(active: readonly LinkFault[], core: readonly number[] = []): void {
    const { lossPermille } = this.#spec;
    this.#active = active;
    this.#core = core;
    this.#block();
    this.#losses.fill(lossPermille / 1_000);
    for (const fault of active) {
      if (fault.kind !== "loss") continue;
      for (const node of fault.nodes ?? this.#losses.keys())
        this.#losses[node] = 1 - (1 - (this.#losses[node] as number)) * (1 - fault.permille / 1_000);
    }
    for (const [node, share] of this.#losses.entries()) this.#losses[node] = share * whole;
    this.#weather = active.filter((fault) => fault.kind !== "loss" && !isBlocking(fault));
  }

  /** Whether anything can get from one to the other. */
  reaches(from: number, to: number, way: Way): boolean {
    const bit = way === "unicast" ? noUnicast : noMulticast;
    return ((this.#blocked[from * this.#count + to] as number) & bit) === 0;
  }

  /** How many copies of a datagram arrive: none, one or two. */
  copies(from: number, to: number, isMulticast: boolean, number: number, now: Millis): 0 | 1 | 2 {
    const [least, most] = this.#spec.latencyMs;
    const bits = this.#blocked[from * this.#count + to] as number;
    const draw = mix(this.#seed, from * 65_536 + to, number);
    const loss = this.#losses[to] as number;
    if ((bits & (isMulticast ? noMulticast : noUnicast)) !== 0 || (loss > 0 && scramble(draw ^ 1) < loss)) {
      this.lost += 1;
      return 0;
    }
    this.firstMs = least === most ? least : least + below(scramble(draw ^ 2), most - least + 1);
    return this.#weather.length === 0 ? 1 : this.#suffer(to, draw, now);
  }

  #suffer(to: number, draw: number, now: Millis): 0 | 1 | 2 {
    let copies: 1 | 2 = 1;
    for (let index = 0; index < this.#weather.length; index += 1) {
      const fault = this.#weather[index] as LinkFault;
      if ("nodes" in fault && fault.nodes !== undefined && !fault.nodes.includes(to)) continue;
      const chance = scramble(draw ^ (fault.at << 3) ^ fault.kind.length);
      const extent = scramble(chance ^ 3);
      switch (fault.kind) {
        case "burst":
          if (chance >= limitOf(fault.permille) || !this.#isBad(fault, to, now)) break;
          this.lost += 1;
          return 0;
        case "corrupt":
          if (chance >= limitOf(fault.permille)) break;
          this.corrupted += 1;
          return 0;
        case "delay":
          this.firstMs += fault.leastMs + below(extent, fault.mostMs - fault.leastMs + 1);
          break;
        case "reorder":
          if (chance < limitOf(fault.permille)) this.firstMs += 1 + below(extent, fault.mostMs);
          break;
        case "duplicate":
          if (chance >= limitOf(fault.permille)) break;
          this.duplicated += 1;
          this.secondMs = this.firstMs + below(extent, fault.mostMs + 1);
          copies = 2;
      }
    }
    return copies;
  }

  /** Good and bad times follow each other whether anything is sent or not. */
  #isBad(fault: LinkFault & { readonly kind: "burst" }, node: number, now: Millis): boolean {
    let bursts = this.#bursts.get(fault);
    if (bursts === undefined) {
      const until = new Float64Array(this.#count).fill(fault.at);
      bursts = { until, isBad: new Uint8Array(this.#count).fill(1), turns: new Uint32Array(this.#count) };
      this.#bursts.set(fault, bursts);
    }
    while ((bursts.until[node] as number) <= now) {
      bursts.isBad[node] = 1 - (bursts.isBad[node] as number);
      bursts.turns[node] = (bursts.turns[node] as number) + 1;
      const mean = bursts.isBad[node] === 1 ? fault.badMs : fault.goodMs;
      const drawn = mix(this.#seed ^ fault.at, node, bursts.turns[node] as number);
      bursts.until[node] = (bursts.until[node] as number) + 1 + below(drawn, 2 * mean);
    }
    return bursts.isBad[node] === 1;
  }

  #block(): void {
    const all = Array.from({ length: this.#count }, (_, node) => node);
    this.#blocked.fill(0);
    for (const fault of this.#active) {
      switch (fault.kind) {
        case "partition": {
          const others = all.filter((node) => !fault.nodes.includes(node));
          this.#cut(fault.nodes, others, "everything");
          this.#cut(others, fault.nodes, "everything");
          break;
        }
        case "one way cut":
          this.#cut(fault.from, fault.to, "everything");
          break;
        case "multicast off":
          this.#cut(all, all, "multicast");
          break;
        case "deaf":
          this.#cut(all, [fault.node], fault.to);
          break;
        case "mute":
          this.#cut([fault.node], all, fault.to);
      }
    }
    for (const from of this.#core) for (const to of this.#core) this.#blocked[from * this.#count + to] = 0;
  }

  #cut(from: readonly number[], to: readonly number[], what: "multicast" | "everything"): void {
    const bits = what === "multicast" ? noMulticast : noMulticast | noUnicast;
    for (const sender of from) {
      for (const receiver of to) {
        const at = sender * this.#count + receiver;
        this.#blocked[at] = (this.#blocked[at] as number) | bits;
      }
    }
  }
}

/** A whole number below the limit, from 32 drawn bits. */
function below(draw: number, limit: number): number {
  return Math.floor((draw / whole) * limit);
}
