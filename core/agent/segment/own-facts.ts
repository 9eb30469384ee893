import type { Io, NodeFacts } from "distributary/sdk";
import type { SiteState } from "../../protocol/messages.ts";
import { hostFacts } from "../host-facts.ts";

/** What this node knows of itself when it is ranked; `segment` is what it knows of its segment. */
export function ownFacts(
  io: Io,
  node: Pick<NodeFacts, "id" | "name" | "address" | "location" | "rank"> & { readonly directory: string },
  sites: readonly SiteState[],
  segment: { readonly ledAgoMs: number | undefined; readonly memberCount: number | undefined },
): NodeFacts {
  const { directory, ...known } = node;
  const { ledAgoMs, memberCount } = segment;
  const { cpuCount, memoryBytes, freeDiskBytes } = hostFacts(io, directory);
  return {
    ...known,
    ...{ cpuCount, memoryBytes, freeDiskBytes },
    versions: Object.fromEntries(sites.map(({ site, live }) => [site, live?.version ?? 0])),
    ...(ledAgoMs === undefined ? {} : { ledAgoMs }),
    ...(memberCount === undefined ? {} : { membersKnown: memberCount + 1 }),
  };
}
