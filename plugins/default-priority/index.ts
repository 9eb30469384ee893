import { bestFirst, definePlugin } from "distributary/sdk";
import { servingScore } from "./serving.ts";
import { weigh } from "./weigh.ts";

const weight = (value: number, of: string) =>
  ({ type: "integer", minimum: 0, maximum: 1000, default: value, description: `Weight of ${of}.` }) as const;

/** Ranks nodes by a weighted sum of what is known of them. */
export default definePlugin({
  name: "default-priority",
  api: 1,
  description: "Ranks nodes by a weighted sum of what is known of them.",
  stability: "stable",
  options: {
    type: "object",
    properties: {
      rank: weight(1000, "an administrator's rank; at 1000 a step outweighs all else while that sums to at most 61"),
      recentlyLeader: weight(10, "having led the segment within the last day; the later, the more"),
      membersKnown: weight(5, "how many members of the segment it knows"),
      cpu: weight(5, "number and speed of its processors"),
      memory: weight(5, "its memory"),
      disk: weight(5, "its free disk space"),
      network: weight(10, "the rate of its link and its round trip"),
      reliability: weight(10, "the share of transfers that succeeded so far"),
      content: weight(10, "how new its content is"),
      serving: {
        type: "object",
        default: {},
        description: "What counts in the order in which leaders are served.",
        properties: {
          location: weight(1000, "standing where the source stands; the more of the place is the same, the earlier"),
          cpu: weight(100, "number and speed of its processors"),
          distance: weight(10, "its round trip"),
          link: weight(5, "the rate of its link"),
          reliability: weight(5, "the share of transfers that succeeded so far"),
        },
      },
    },
  },
  setup({ priorities }, weights) {
    priorities.add("default", {
      of: (node) => weigh(node, weights),
      order: (leaders, source) => bestFirst(leaders, (leader) => servingScore(leader, source, weights.serving)),
    });
  },
});
