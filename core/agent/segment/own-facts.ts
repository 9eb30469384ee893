import { availableParallelism, totalmem } from "node:os";
import type { Io, NodeFacts } from "distributary/sdk";
import type { SiteState } from "../../protocol/messages.ts";

/** What this node knows of itself when it is ranked; `segment` is what it knows of its segment. */
export function ownFacts(
  { disk }: Io,
  node: Pick<NodeFacts, "id" | "name" | "address" | "location" | "rank"> & { readonly directory: string },
  sites: readonly SiteState[],
  segment: { readonly ledAgoMs: number | undefined; readonly memberCount: number | undefined },
): NodeFacts {
  const { directory, ...known } = node;
  const { ledAgoMs, memberCount } = segment;
  return {
    ...known,
    cpuCount: availableParallelism(),
    memoryBytes: totalmem(),
    freeDiskBytes: disk.space(directory).freeBytes,
    versions: Object.fromEntries(sites.map(({ site, live }) => [site, live?.version ?? 0])),
    ...(ledAgoMs === undefined ? {} : { ledAgoMs }),
    ...(memberCount === undefined ? {} : { membersKnown: memberCount + 1 }),
  };
}
