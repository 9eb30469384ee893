import type { Millis } from "../../../sdk/index.ts";
import { Sender } from "./sender.ts";
import { mostSenders } from "./seen-marks.ts";
import type { SeenMarks } from "./seen-marks.ts";

const mostStrangers = 1_024;

/** Whom this member heard, within bounds. */
export class Senders {
  /** Those who signed something, the least recently restarted first. */
  readonly #known = new Map<string, Sender>();
  /** Those who signed nothing yet, whom anybody in the segment can make up: they take nobody else's place. */
  readonly #strangers = new Map<string, Sender>();

  constructor(marks: SeenMarks, now: Millis) {
    for (const mark of marks) this.#known.set(mark.sender, new Sender(now, mark));
  }

  find(id: string): Sender | undefined {
    return this.#known.get(id) ?? this.#strangers.get(id);
  }

  /**
   * Whether there is room for one more that signed something, once those are forgotten whose every datagram was sealed
   * with a key that does not open any more: nothing of theirs can be sent again.
   */
  hasRoom(id: string, opens: (epoch: number) => boolean): boolean {
    if (this.#known.has(id) || this.#known.size < mostSenders) return true;
    for (const [other, { epoch }] of this.#known) if (!opens(epoch)) this.#known.delete(other);
    return this.#known.size < mostSenders;
  }

  /** Remembers a sender that signed something. */
  know(id: string, sender: Sender): void {
    this.#strangers.delete(id);
    this.#known.set(id, sender);
  }

  /** Remembers one that signed nothing yet, for a while: who of those was noticed first is forgotten first. */
  notice(id: string, sender: Sender): void {
    if (sender.isKnown) return;
    this.#strangers.set(id, sender);
    const [first] = this.#strangers.keys();
    if (this.#strangers.size > mostStrangers && first !== undefined) this.#strangers.delete(first);
  }

  forgetKeys(): void {
    for (const sender of [...this.#known.values(), ...this.#strangers.values()]) sender.forgetKeys();
  }

  marks(): SeenMarks {
    return Array.from(this.#known, ([id, sender]) => sender.mark(id)).filter((mark) => mark !== undefined);
  }
}
