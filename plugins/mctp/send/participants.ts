import type { Millis } from "distributary/sdk";
import { idHash } from "../wire/messages.ts";
import type { Asked, Report } from "../wire/messages.ts";

/** `silent`: nothing was heard of it yet. */
export type Standing = "silent" | "lacking" | "complete" | "left";

export interface Participant {
  readonly index: number;
  readonly id: string;
  readonly hash: number;
  standing: Standing;
  /** Why it was left. */
  reason: string;
  /** The frame it had seen when it reported last, and how many it had received. */
  seen: number;
  received: number;
}

/** Hashes that fit into one poll. */
const mostListed = 250;

/** The members a session is for, and how each stands. */
export class Participants {
  readonly all: readonly Participant[];
  readonly #byId: ReadonlyMap<string, Participant>;
  #counts: Record<Standing, number>;

  constructor(ids: readonly string[]) {
    this.all = [...new Set(ids)].map((id, index) => {
      const state = { standing: "silent", reason: "", seen: -1, received: 0 } as const;
      return { index, id, hash: idHash(id), ...state };
    });
    this.#byId = new Map(this.all.map((each) => [each.id, each]));
    this.#counts = { silent: this.all.length, lacking: 0, complete: 0, left: 0 };
  }

  find(id: string): Participant | undefined {
    return this.#byId.get(id);
  }

  count(standing: Standing): number {
    return this.#counts[standing];
  }

  /** How many are still waited for. */
  get openCount(): number {
    return this.#counts.silent + this.#counts.lacking;
  }

  in(...standings: readonly Standing[]): Participant[] {
    return this.all.filter(({ standing }) => standings.includes(standing));
  }

  /** Takes a report into account; false for one that says nothing new, being older than another, or of one left. */
  take(member: Participant, report: Report): boolean {
    if (member.standing === "left" || member.standing === "complete" || report.seen < member.seen) return false;
    member.seen = report.seen;
    member.received = report.received;
    this.#move(member, report.isComplete ? "complete" : "lacking");
    return true;
  }

  leave(member: Participant, reason: string): void {
    member.reason = reason;
    this.#move(member, "left");
  }

  /**
   * Whom to ask, if the members that are still open are to report: by whichever list is the shorter (CM-26), in as many
   * polls as it takes.
   */
  asks(): Asked[] {
    const open = this.in("silent", "lacking").map(({ hash }) => hash);
    const others = this.in("complete", "left").map(({ hash }) => hash);
    const listed = open.length <= others.length;
    const hashes = (listed ? open : others).sort((a, b) => a - b);
    const asks: Asked[] = [];
    let from = 0;
    for (let at = 0; at < hashes.length || at === 0; at += mostListed) {
      const part = hashes.slice(at, at + mostListed);
      const isLast = at + mostListed >= hashes.length;
      const to = isLast ? 0xffffffff : (part.at(-1) ?? 0xffffffff);
      asks.push({ from, to, listed, hashes: part });
      from = to + 1;
    }
    return asks;
  }

  #move(member: Participant, standing: Standing): void {
    this.#counts = { ...this.#counts, [member.standing]: this.#counts[member.standing] - 1 };
    this.#counts[standing] += 1;
    member.standing = standing;
  }
}

/** No session has its members report more often. */
export const leastReportMs = 10;

/** How often a member of so many may report, if no more than 100 are to come in 100 ms: half of what may (M4). */
export function reportMsFor(memberCount: number): Millis {
  return Math.max(leastReportMs, memberCount);
}
