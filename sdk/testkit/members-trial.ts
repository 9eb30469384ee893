import assert from "node:assert/strict";
import type { Clock, Delivered, Delivery, MembersTransport, Millis, PieceStore } from "distributary/sdk";
import type { MembersEnd, MembersScene, SegmentEnds } from "./members-scene.ts";
import { MemoryPieces } from "./memory-pieces.ts";

/** How long anything may take that has no time of its own: it is to end at all. */
const longestMs = 30_000;
const lookMs = 5;

/** The same promise, or a rejected one when the time is over by this clock. */
export async function within<T>(clock: Clock, milliseconds: Millis, what: string, promise: Promise<T>): Promise<T> {
  const stop = new AbortController();
  const late = clock.until(clock.now() + milliseconds, stop.signal).then(() => {
    throw new assert.AssertionError({ message: `${what} took longer than ${milliseconds} ms` });
  });
  late.catch(() => undefined);
  return Promise.race([promise, late]).finally(() => stop.abort());
}

/** Resolves when it is so. */
export async function sooner(clock: Clock, what: string, isSo: () => boolean, milliseconds = longestMs): Promise<void> {
  const end = clock.now() + milliseconds;
  while (!isSo()) {
    assert.ok(clock.now() < end, `${what}: not within ${milliseconds} ms`);
    await clock.until(clock.now() + lookMs);
  }
}

/** Pieces that count how often they were given a wrong one. */
export class CheckedPieces extends MemoryPieces {
  wrongWrites = 0;

  override write(index: number, bytes: Uint8Array): void {
    try {
      super.write(index, bytes);
    } catch (error) {
      this.wrongWrites += 1;
      throw error;
    }
  }
}

/** A member that takes what it wants, and what it was told. */
export class TrialMember {
  readonly end: MembersEnd;
  readonly stores = new Map<string, CheckedPieces>();
  /** `began` or the reason of the end (`whole` if there was none), for each assignment. */
  readonly told = new Map<string, string[]>();
  #joined: AsyncDisposable | undefined;
  #hasLeft = false;

  constructor(end: MembersEnd) {
    this.end = end;
  }

  get id(): string {
    return this.end.channel.self;
  }

  get host(): string {
    return this.end.channel.interfaceAddress;
  }

  /** From now on it wants what `like` has, and holds some of it. */
  wants(like: MemoryPieces, bytes: Uint8Array, holds: (index: number) => boolean = () => false): CheckedPieces {
    const store = new CheckedPieces(bytes, like.pieceBytes, holds);
    this.stores.set(store.assignment, store);
    return store;
  }

  async join(transport: MembersTransport): Promise<void> {
    const tell = (assignment: string, what: string) => void this.told.set(assignment, [...this.of(assignment), what]);
    this.#joined = await transport.join(this.end.io, this.end.channel, {
      find: (assignment) => this.stores.get(assignment),
      began: (assignment) => tell(assignment, "began"),
      ended: (assignment, reason) => tell(assignment, reason === undefined ? "whole" : `broken: ${reason}`),
    });
  }

  of(assignment: string): readonly string[] {
    return this.told.get(assignment) ?? [];
  }

  async leave(): Promise<void> {
    this.#hasLeft = true;
    await this.#joined?.[Symbol.asyncDispose]();
    this.#joined = undefined;
  }

  /** What holds of every member at the end, whatever happened. */
  async check(clock: Clock): Promise<void> {
    for (const store of this.stores.values()) assert.equal(store.wrongWrites, 0, `${this.id} was given wrong pieces`);
    for (const assignment of this.told.keys()) {
      assert.ok(this.stores.has(assignment), `${this.id} was told of an assignment that it does not want`);
    }
    if (this.#hasLeft) return;
    const isPaired = (told: readonly string[]) =>
      told.length % 2 === 0 && told.every((what, index) => (what === "began") === (index % 2 === 0));
    await sooner(clock, `an end for each beginning at ${this.id}`, () => [...this.told.values()].every(isPaired));
  }
}

/** A leader with something to deliver, and members that want it. */
export class Trial {
  readonly scene: MembersScene;
  readonly transport: MembersTransport;
  readonly ends: SegmentEnds;
  readonly members: readonly TrialMember[];
  readonly content: Uint8Array;
  readonly source: MemoryPieces;
  readonly #sending = new Set<Promise<unknown>>();

  constructor(scene: MembersScene, transport: MembersTransport, ends: SegmentEnds, source: [Uint8Array, MemoryPieces]) {
    this.scene = scene;
    this.transport = transport;
    this.ends = ends;
    [this.content, this.source] = source;
    this.members = ends.members.map((end) => new TrialMember(end));
  }

  get clock(): Clock {
    return this.scene.clock;
  }

  get ids(): readonly string[] {
    return this.members.map(({ id }) => id);
  }

  /** What the leader has sent so far. */
  get sentBytes(): number {
    return this.scene.faults.sentBytes(this.ends.leader.channel.interfaceAddress);
  }

  member(index: number): TrialMember {
    const member = this.members[index];
    assert.ok(member !== undefined);
    return member;
  }

  /** The store of a member for what the leader has. */
  store(index: number, of: PieceStore = this.source): CheckedPieces {
    const store = this.member(index).stores.get(of.assignment);
    assert.ok(store !== undefined);
    return store;
  }

  /** How many pieces a member holds. */
  count(index: number): number {
    return this.store(index).held.length;
  }

  /** Each of these members, or all, holds every piece. */
  assertWhole(indexes: readonly number[] = [...this.members.keys()]): void {
    for (const index of indexes) assert.equal(this.count(index), this.source.pieceCount, `pieces of member ${index}`);
  }

  /** Delivers everything to everybody, but for what `changes` says. */
  send(changes: Partial<Delivery> = {}, signal: AbortSignal = new AbortController().signal): Promise<Delivered> {
    const { leader, group, port } = this.ends;
    const range = { from: 0, to: this.source.pieceCount };
    const delivery: Delivery = { from: this.source, range, members: this.ids, group, port, ...changes };
    const sending = this.transport.send(leader.io, leader.channel, delivery, signal);
    this.#sending.add(sending);
    const forget = () => this.#sending.delete(sending);
    sending.then(forget, forget);
    const checked = within(this.clock, longestMs, "a delivery", sending).then((delivered) => {
      assertParts(delivered, delivery.members);
      return delivered;
    });
    // A case that failed before it came to this has said why.
    checked.catch(() => undefined);
    return checked;
  }

  /** What holds at the end of every trial. */
  async check(): Promise<void> {
    const settled = Promise.allSettled([...this.#sending]);
    await within(this.clock, longestMs, "what was still sent", settled);
    assert.ok(!this.ends.isAnnouncing, "something is still announced");
    for (const member of this.members) await member.check(this.clock);
    const before = this.sentBytes;
    await this.clock.until(this.clock.now() + 300);
    assert.equal(this.sentBytes, before, "something is still sent");
  }

  async leave(): Promise<void> {
    for (const member of this.members) await member.leave();
  }
}

/** Each member is either complete or was left with a reason, and once. */
function assertParts({ complete, left, counters }: Delivered, members: readonly string[]): void {
  const named = [...complete, ...left.map(({ member }) => member)];
  assert.deepEqual(named.sort(), [...members].sort(), "who is complete and who was left are not all members");
  for (const { member, reason } of left) assert.ok(reason.length > 0, `${member} was left without a reason`);
  for (const [name, value] of Object.entries(counters)) assert.ok(Number.isFinite(value), `${name} is no number`);
}
