import { isBetter } from "./candidate.ts";
import type { Candidate } from "./candidate.ts";
import type { Draws } from "./draws.ts";
import type { Acquaintance } from "./events.ts";
import type { Endpoint, Listed, RegistrationReport } from "./messages.ts";
import { mostMembers } from "./messages.ts";

/** Members that were silent are remembered by their addresses, so many of them. */
const mostFormer = 256;

/** The other members this one knows of: from control and from reports; a leader's are those it registered. */
export class Roster {
  readonly #self: string;
  readonly #members = new Map<string, Listed>();
  readonly #byUnicast = new Set<string>();
  readonly #former = new Map<string, Acquaintance>();

  constructor(self: string) {
    this.#self = self;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Where a member is, or was when it was known last. */
  addressOf(id: string): Endpoint | undefined {
    return (this.#members.get(id) ?? this.#former.get(id))?.at;
  }

  values(): Iterable<Listed> {
    return this.#members.values();
  }

  /** Members that multicast does not reach. */
  *byUnicast(): Iterable<Listed> {
    for (const id of this.#byUnicast) {
      const member = this.#members.get(id);
      if (member !== undefined) yield member;
    }
  }

  put(member: Listed): void {
    if (member.id === this.#self || (this.#members.size >= mostMembers && !this.#members.has(member.id))) return;
    this.#members.set(member.id, member);
    this.#former.delete(member.id);
    if (member.byUnicast) this.#byUnicast.add(member.id);
    else this.#byUnicast.delete(member.id);
  }

  /** It is not there any more, as far as anybody knows; but it may be found there again. */
  demote(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    this.#members.delete(id);
    this.#byUnicast.delete(id);
    this.#former.set(id, { id, at: member.at });
    const [oldest] = this.#former.keys();
    if (this.#former.size > mostFormer && oldest !== undefined) this.#former.delete(oldest);
  }

  /** One that is not registered here, by chance: known of, or known once. */
  pickStranger(draws: Draws, isRegistered: (id: string) => boolean): Acquaintance | undefined {
    const strangers: Acquaintance[] = [...this.#former.values()];
    for (const member of this.#members.values()) if (!isRegistered(member.id)) strangers.push(member);
    return strangers[draws.below(strangers.length)];
  }

  /** Those control knows; what is known better already stays, but for where they are. */
  meet(acquaintances: readonly Acquaintance[]): void {
    for (const { id, at } of acquaintances) {
      const known = this.#members.get(id);
      this.put(known === undefined ? { id, at, priority: 0, eligible: false, byUnicast: false } : { ...known, at });
    }
  }

  /** What a leader reported of a range of ids takes the place of what was known of them. */
  replace({ from, to, members }: RegistrationReport, leader: string): void {
    const listed = new Set(members.map(({ id }) => id));
    for (const id of this.#members.keys()) {
      const isInRange = id >= from && (to === "" || id < to);
      if (isInRange && id !== leader && !listed.has(id)) this.demote(id);
    }
    for (const member of members) this.put(member);
  }

  /** How many who may lead are better than `candidate`, but for those left out. */
  betterThan(candidate: Candidate, isOut: (id: string) => boolean): number {
    let count = 0;
    for (const member of this.#members.values()) {
      if (member.eligible && !isOut(member.id) && isBetter(member, candidate)) count += 1;
    }
    return count;
  }

  /** Who would lead best of those that may. */
  best(): Listed | undefined {
    let best: Listed | undefined;
    for (const member of this.#members.values()) {
      if (member.eligible && (best === undefined || isBetter(member, best))) best = member;
    }
    return best;
  }

  /** Up to `count` members by chance, but for those left out; those known once only if there are too few. */
  pick(count: number, draws: Draws, isOut: (id: string) => boolean): Acquaintance[] {
    const among = this.#members.size > count ? [] : this.#former.values();
    return draw(
      count,
      draws,
      [...this.#members.values(), ...among].filter(({ id }) => !isOut(id)),
    );
  }

  /** Up to `count` of all that were ever known, by chance. */
  pickWidely(count: number, draws: Draws): Acquaintance[] {
    return draw(count, draws, [...this.#members.values(), ...this.#former.values()]);
  }
}

function draw(count: number, draws: Draws, left: Acquaintance[]): Acquaintance[] {
  const picked: Acquaintance[] = [];
  while (picked.length < count && left.length > 0) picked.push(...left.splice(draws.below(left.length), 1));
  return picked;
}
