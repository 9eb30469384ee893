import type { ElectionState } from "./events.ts";

interface Arrow {
  readonly from: readonly ElectionState[];
  readonly to: ElectionState;
  /** What happens. */
  readonly on: string;
  /** What is done then. */
  readonly does?: string;
}

const leaderless = ["leader unknown", "voting open", "conceding"] as const;

/**
 * Every arrow of the election: the table of its source (Fig. 5), and what makes it converge where datagrams get lost.
 * The election changes its state by these only, and the figure in docs/segments.md is drawn from them.
 */
export const electionArrows = {
  lost: { from: ["leader known"], to: "leader unknown", on: "no LA for 3 periods, and nobody asked heard one later" },
  abandoned: { from: ["leader known"], to: "leader unknown", on: "the leader resigns, or claims itself" },
  distrusted: { from: ["leader known"], to: "leader unknown", on: "the leader does not answer registrations" },
  handedOver: { from: ["leader known"], to: "leader known", on: "the leader resigns in favour of another" },
  appointed: {
    from: ["leader known"],
    to: "leader is me",
    on: "the leader resigns in favour of this member",
    does: "store the epoch, send LA",
  },
  renewed: { from: ["leader known"], to: "leader known", on: "LA of the leader with a higher epoch" },
  corrected: {
    from: ["leader known"],
    to: "leader known",
    on: "while the leader is missed, an answer names a newer one",
  },
  heard: { from: leaderless, to: "leader known", on: "LA" },
  told: { from: leaderless, to: "leader known", on: "an answer names a leader heard lately" },
  conceded: { from: ["leader unknown"], to: "conceding", on: "LC of higher priority before the own one" },
  claimed: {
    from: ["leader unknown"],
    to: "voting open",
    on: "claim delay over, or LC of lower priority",
    does: "send LC",
  },
  waited: { from: ["conceding"], to: "leader unknown", on: "no LA in time" },
  outbid: { from: ["voting open"], to: "leader unknown", on: "LC of higher priority (and on to conceding)" },
  won: {
    from: ["voting open"],
    to: "leader is me",
    on: "nothing better for 10–15 s",
    does: "store the epoch, send LA",
  },
  period: { from: ["leader is me"], to: "leader is me", on: "period over", does: "send LA" },
  reasserted: {
    from: ["leader is me"],
    to: "leader is me",
    on: "LC of somebody who does not lead",
    does: "send LA at once",
  },
  outdone: {
    from: ["leader is me"],
    to: "leader is me",
    on: "somebody knows a newer epoch",
    does: "store an epoch newer still, send LA",
  },
  challenged: {
    from: ["leader is me"],
    to: "leader is me",
    on: "LA or LC of another leader, worse or not known to hear this one",
    does: "send LC",
  },
  yielded: {
    from: ["leader is me"],
    to: "leader known",
    on: "LA or LC of a better leader that hears this one",
    does: "resign",
  },
  steppedDown: {
    from: ["leader is me"],
    to: "leader unknown",
    on: "it was stopped or slow for long, leaves, or may not lead any more",
    does: "resign",
  },
} as const satisfies Record<string, Arrow>;

/** The name of an arrow. */
export type ElectionArrow = keyof typeof electionArrows;
