import type { Channel, Intake, Io, Log } from "distributary/sdk";
import type { Kernel } from "../../kernel/kernel.ts";

/** A node's place in its segment. */
export interface SegmentPlace {
  readonly channel: Channel;
  readonly isLeading: boolean;
  readonly isCutOff: boolean;
  /** How long the segment may be without a leader when it loses one. */
  readonly electionMs: number;
  /** When this node was last heard to lead, by the clock; -Infinity if it was not, or another one leads now. */
  heardLeading(node: string): number;
}

/**
 * Has every transport that reaches members take what comes. One that cannot is said; data comes another way then. What
 * has begun ends when this is disposed.
 */
export async function joinTransports(
  io: Io,
  { kernel, intake, log }: { readonly kernel: Kernel; readonly intake: Intake; readonly log: Log },
  channel: Channel,
): Promise<AsyncDisposable> {
  const joined = new AsyncDisposableStack();
  const begun = new Set<string>();
  joined.defer(() => {
    for (const assignment of begun) intake.ended(assignment, "this node has left its segment");
  });
  const taking: Intake = {
    find: (assignment) => intake.find(assignment),
    began(assignment) {
      begun.add(assignment);
      intake.began(assignment);
    },
    ended(assignment, reason) {
      begun.delete(assignment);
      intake.ended(assignment, reason);
    },
  };
  for (const { name, provider } of kernel.registries.transports.entries()) {
    if (provider.reach !== "members") continue;
    try {
      joined.use(await provider.join(io, channel, taking));
    } catch (error) {
      log.warn({ transport: name, error: (error as Error).message }, "a transport of the segment cannot be used here");
    }
  }
  return joined;
}
