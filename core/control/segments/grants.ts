import { failure } from "distributary/sdk";
import type { Kernel } from "../../kernel/kernel.ts";
import type { SegmentGrant, SegmentRequest } from "../../protocol/messages.ts";
import { mostMembers } from "../../protocol/segment/messages.ts";
import { signRecord } from "../../runtime/channel/member-record.ts";
import type { Authority } from "../authority.ts";
import type { SegmentKeys } from "./keys.ts";
import type { SegmentRoster } from "./roster.ts";
import { highestPriority } from "./settings.ts";
import type { SegmentSettings } from "./settings.ts";
import { timingsOf } from "./waits.ts";

/** Makes grants: what a node needs to take part in its segment, with a record by which the others know it. */
export class SegmentGrants {
  readonly #roster: SegmentRoster;
  readonly #settings: SegmentSettings;
  readonly #keys: SegmentKeys;
  readonly #authority: Authority;
  readonly #kernel: () => Kernel;

  constructor(parts: {
    readonly roster: SegmentRoster;
    readonly settings: SegmentSettings;
    readonly keys: SegmentKeys;
    readonly authority: Authority;
    kernel(): Kernel;
  }) {
    this.#roster = parts.roster;
    this.#settings = parts.settings;
    this.#keys = parts.keys;
    this.#authority = parts.authority;
    this.#kernel = parts.kernel;
  }

  /** The grant of a node as things are now. Throws DIST_ERR_NODE_UNKNOWN. */
  async of(id: string, request: SegmentRequest): Promise<SegmentGrant> {
    const { at, issuedAfter = 0, knows } = request;
    await this.#roster.note(id, { at, key: request.key });
    const segment = this.#roster.get(id)?.segment;
    if (segment === undefined) throw failure("DIST_ERR_NODE_UNKNOWN", { node: id });
    const now = Date.now();
    const { keys, sealWith } = await this.#keys.of(segment, now);
    const node = this.#roster.get(id);
    // It may have been put elsewhere, or revoked, meanwhile: then these keys are not for it.
    if (node?.segment !== segment) throw failure("DIST_ERR_NODE_UNKNOWN", { node: id });
    const { name } = node;
    const config = this.#settings.of(segment);
    const { ttl, reach, priority } = config;
    const { rank, eligible } = this.#settings.standingOf(segment, name);
    const provider = this.#kernel().registries.priorities.get(priority);
    const maxPriority = highestPriority(provider, { id, name, address: at.address, rank });
    const key = Buffer.from(request.key, "base64");
    // Others take no record that is older than the last one they saw, and a clock may be put back.
    const issuedAt = Math.max(now, issuedAfter + 1);
    const attested = { segment, id, name, key, maxPriority, eligible, issuedAt };
    const record = signRecord(attested, (bytes) => this.#authority.sign(bytes));
    return {
      ...{ segment, channel: this.#settings.channelOf(segment), ttl, reach, timings: timingsOf(config) },
      ...{ keys, sealWith, record: Buffer.from(record).toString("base64"), priority, rank, eligible },
      peers: knows === segment ? [] : this.#peersOf(segment, id),
    };
  }

  #peersOf(segment: string, but: string): SegmentGrant["peers"] {
    const known = this.#roster.in(segment).flatMap((id) => {
      const at = id === but ? undefined : this.#roster.get(id)?.member?.at;
      return at === undefined ? [] : [{ id, ...at }];
    });
    return known.slice(0, mostMembers);
  }
}
