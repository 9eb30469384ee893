import type { Millis } from "distributary/sdk";
import type { SegmentWord } from "../../protocol/messages.ts";
import { SegmentPicture } from "./picture.ts";
import type { SegmentChange, SegmentPart } from "./picture.ts";
import { summaryOf, viewOf } from "./view.ts";
import type { SegmentSummary, SegmentView } from "./view.ts";

/** A change in a segment; `summary` if what is to be said of it in one line is another now. */
export type BookChange = { readonly segment: string } & (
  SegmentChange | { readonly type: "summary"; readonly summary: SegmentSummary }
);

/** A node as far as segments go. */
export interface SegmentNode {
  readonly id: string;
  readonly name: string;
  readonly segment: string;
}

/**
 * What is known of every segment. Each node is in one; only leaders speak, each for the segment it is in. Segments keep
 * their names whoever leads them. Time and word go in, changes come out.
 */
export class SegmentBook {
  readonly #startedAt: Millis;
  readonly #pictures = new Map<string, SegmentPicture>();
  readonly #segmentOf = new Map<string, string>();
  /** What was said last of each segment. */
  readonly #said = new Map<string, string>();

  constructor(startedAt: Millis) {
    this.#startedAt = startedAt;
  }

  /** Declared, or with a node in it, now or before. */
  segments(): string[] {
    return [...this.#pictures.keys()].sort();
  }

  declare(segment: string): void {
    this.#picture(segment);
  }

  /** Puts a node into its segment, taking it out of the one it was in. */
  enrol(now: Millis, { id, name, segment }: SegmentNode): BookChange[] {
    const before = this.#segmentOf.get(id);
    const left = before === undefined || before === segment ? [] : this.remove(now, id);
    this.#segmentOf.set(id, segment);
    this.#picture(segment).enrol(now, id, name);
    return [...left, ...this.#changed(now, segment, [])];
  }

  remove(now: Millis, node: string): BookChange[] {
    const changes = this.#in(now, node, (picture) => picture.remove(now, node));
    this.#segmentOf.delete(node);
    return changes;
  }

  /** Puts back what was known before control stopped; without a part, that this tenure is over. */
  restore(segment: string, leader: string, epoch: number, part: SegmentPart | undefined): void {
    this.#picture(segment).restore(leader, epoch, part);
  }

  connected(now: Millis, node: string): BookChange[] {
    return this.#in(now, node, (picture) => {
      picture.connected(node);
      return [];
    });
  }

  disconnected(now: Millis, node: string): BookChange[] {
    return this.#in(now, node, (picture) => picture.disconnected(now, node));
  }

  /** Takes what a node says; what cannot be is counted, and changes nothing else. */
  take(now: Millis, node: string, word: SegmentWord): BookChange[] {
    return this.#in(now, node, (picture, segment) => {
      if (word.segment !== segment) {
        picture.refuse(node, `it speaks of segment '${word.segment}'`);
        return [];
      }
      if (word.type === "segment") return picture.report(now, node, word);
      picture.complain(now, node, word.leader, word.tries);
      return [];
    });
  }

  tick(now: Millis): BookChange[] {
    return [...this.#pictures].flatMap(([segment, picture]) => this.#changed(now, segment, picture.tick(now)));
  }

  /** Leaders of a segment, that of the newest tenure first. */
  leadersOf(segment: string): string[] {
    return this.#pictures.get(segment)?.parts.map(({ leader }) => leader) ?? [];
  }

  /** What its leader said last. */
  partOf(segment: string, leader: string): SegmentPart | undefined {
    return this.#pictures.get(segment)?.parts.find((part) => part.leader === leader);
  }

  /** The last tenure of a node that is over. */
  overOf(segment: string, leader: string): number | undefined {
    return this.#pictures.get(segment)?.overOf(leader);
  }

  /** The newest channel that a leader reported; 0 if none did. */
  channelNumberIn(segment: string): number {
    return Math.max(0, ...(this.#pictures.get(segment)?.parts ?? []).map(({ channel }) => channel.number));
  }

  /** The newest tenure of a node that is known. */
  epochOf(segment: string, leader: string): number | undefined {
    return this.partOf(segment, leader)?.epoch ?? this.overOf(segment, leader);
  }

  /** How much a segment's nodes said that cannot be, and what the last of it was. */
  refusedIn(segment: string): SegmentPicture["refused"] | undefined {
    return this.#pictures.get(segment)?.refused;
  }

  /** The part a node is in. */
  placeOf(node: string): SegmentPart | undefined {
    return this.#pictures.get(this.#segmentOf.get(node) ?? "")?.partOf(node);
  }

  summary(segment: string, now: Millis): SegmentSummary | undefined {
    const picture = this.#pictures.get(segment);
    return picture === undefined ? undefined : summaryOf(segment, picture, now);
  }

  view(segment: string, now: Millis): SegmentView | undefined {
    const picture = this.#pictures.get(segment);
    return picture === undefined ? undefined : viewOf(segment, picture, now);
  }

  #picture(segment: string): SegmentPicture {
    const known = this.#pictures.get(segment) ?? new SegmentPicture(this.#startedAt);
    this.#pictures.set(segment, known);
    return known;
  }

  #in(
    now: Millis,
    node: string,
    happen: (picture: SegmentPicture, segment: string) => readonly SegmentChange[],
  ): BookChange[] {
    const segment = this.#segmentOf.get(node);
    if (segment === undefined) return [];
    return this.#changed(now, segment, happen(this.#picture(segment), segment));
  }

  #changed(now: Millis, segment: string, changes: readonly SegmentChange[]): BookChange[] {
    const summary = summaryOf(segment, this.#picture(segment), now);
    const { heardAt: _, connected: __, ...steady } = summary;
    const text = JSON.stringify(steady);
    const isNews = this.#said.get(segment) !== text;
    this.#said.set(segment, text);
    const told = changes.map((change) => ({ ...change, segment }));
    return isNews ? [...told, { type: "summary", segment, summary }] : told;
  }
}
