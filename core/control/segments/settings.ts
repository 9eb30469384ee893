import { createHash } from "node:crypto";
import type { Kysely } from "kysely";
import type { Priority } from "distributary/sdk";
import { parseAddress } from "../../../config/formats.ts";
import type { Segment } from "../../../config/schema.ts";
import type { Channel } from "../../protocol/segment/messages.ts";
import { defaultSegmentConfig } from "../catalog.ts";
import type { Schema } from "../store/schema.ts";

const usualPort = 7402;
const usualDataPort = 7403;
/** The rank of the first of the leaders that were chosen beforehand; a node that nobody chose has 0. */
const highestRank = 1_000;
/** No segment moves so often: a number above was made up. */
const highestReached = 2 ** 40;

/** How each segment is declared, and which channel it talks on. */
export class SegmentSettings {
  readonly #db: Kysely<Schema>;
  #configs = new Map<string, Segment>();
  readonly #channels = new Map<string, Channel>();

  constructor(db: Kysely<Schema>) {
    this.#db = db;
  }

  async load(): Promise<void> {
    const rows = await this.#db.selectFrom("segment").selectAll().execute();
    for (const { name, channel_json } of rows) {
      if (channel_json !== null) this.#channels.set(name, JSON.parse(channel_json) as Channel);
    }
    this.#configs = configsIn(rows);
  }

  /** Segments that somebody declared. */
  declared(): string[] {
    return [...this.#configs.keys()];
  }

  of(segment: string): Segment {
    return this.#configs.get(segment) ?? defaultSegmentConfig;
  }

  channelOf(segment: string): Channel {
    return this.#channels.get(segment) ?? { number: 1, ...addressOf(segment, this.of(segment)) };
  }

  /** The multicast address and port on which a content group's data travels in a segment. */
  dataChannelOf(segment: string, contentGroup: string): Omit<Channel, "number"> {
    return { group: groupFor(`${segment}\0${contentGroup}`), port: usualDataPort };
  }

  /**
   * Reads what is declared anew; names the segments that are declared otherwise now, and those of them that are used
   * and are to move.
   */
  async reload(isUsed: (segment: string) => boolean): Promise<{ changed: string[]; moved: string[] }> {
    const rows = await this.#db.selectFrom("segment").selectAll().execute();
    const [before, after] = [this.#configs, configsIn(rows)];
    const changed = [...after.keys()].filter(
      (name) => JSON.stringify(before.get(name)) !== JSON.stringify(after.get(name)),
    );
    const channels = new Map(changed.map((name) => [name, this.channelOf(name)]));
    this.#configs = after;
    const isMoved = (name: string) => before.get(name)?.channel !== after.get(name)?.channel;
    const moved = changed.filter((name) => isMoved(name) && (isUsed(name) || this.#channels.has(name)));
    for (const name of moved) {
      const number = (channels.get(name)?.number ?? 0) + 1;
      await this.#setChannel(name, { number, ...addressOf(name, this.of(name)) });
    }
    return { changed, moved };
  }

  /** From now on the segment's channel is at this address, under the next number; also next to one it has `reached`. */
  async move(segment: string, address: string, reached: number): Promise<Channel> {
    const { host: group, port } = parseAddress(address);
    const number = Math.max(this.channelOf(segment).number, Math.min(reached, highestReached)) + 1;
    const channel = { number, group, port };
    await this.#setChannel(segment, channel);
    return channel;
  }

  /** What an administrator decided of a node: its rank among the candidates, and whether it is one. */
  standingOf(segment: string, node: string): { rank: number; eligible: boolean } {
    const { leaders, ineligible } = this.of(segment);
    const place = leaders.indexOf(node);
    return { rank: place < 0 ? 0 : highestRank - place, eligible: !ineligible.includes(node) };
  }

  async #setChannel(name: string, channel: Channel): Promise<void> {
    const channel_json = JSON.stringify(channel);
    await this.#db
      .insertInto("segment")
      .values({ name, config_json: null, channel_json, key_after: null })
      .onConflict((conflict) => conflict.column("name").doUpdateSet({ channel_json }))
      .execute();
    this.#channels.set(name, channel);
  }
}

/** The highest priority that a node of this rank can have, whatever becomes of it. */
export function highestPriority(
  priority: Priority,
  node: { id: string; name: string; address: string; rank: number },
): number {
  const most = Number.MAX_SAFE_INTEGER;
  return priority.of({
    ...node,
    cpuCount: most,
    cpuSpeed: most,
    memoryBytes: most,
    freeDiskBytes: most,
    linkBytesPerSecond: most,
    roundTripMs: 0,
    reliability: 1,
    connectionCount: 0,
    membersKnown: most,
    ledAgoMs: 0,
    versions: { all: most },
  });
}

function configsIn(rows: readonly Schema["segment"][]): Map<string, Segment> {
  return new Map(
    rows.flatMap(({ name, config_json }) => (config_json === null ? [] : [[name, JSON.parse(config_json) as Segment]])),
  );
}

/** As declared; or one of 239.192.0.0/14, which is for use within an organization (RFC 2365), told from the name. */
function addressOf(segment: string, { channel }: Segment): Omit<Channel, "number"> {
  if (channel !== undefined) {
    const { host: group, port } = parseAddress(channel);
    return { group, port };
  }
  return { group: groupFor(segment), port: usualPort };
}

function groupFor(name: string): string {
  const [first = 0, second = 0, third = 0] = createHash("sha256").update(name).digest();
  return `239.${192 + (first & 3)}.${second}.${third}`;
}
