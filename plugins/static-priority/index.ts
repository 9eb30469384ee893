import { definePlugin } from "distributary/sdk";
import { listed } from "./listed.ts";

/** Ranks nodes by a list that an administrator wrote. */
export default definePlugin({
  name: "static-priority",
  api: 1,
  description: "Ranks nodes by a list that an administrator wrote.",
  stability: "stable",
  options: {
    type: "object",
    properties: {
      order: {
        type: "array",
        items: { type: "string", minLength: 1, maxLength: 256 },
        maxItems: 100_000,
        default: [],
        description: "Names or ids of nodes, the best first. Others come after them.",
      },
    },
  },
  setup({ priorities }, { order }) {
    priorities.add("static", { of: listed(order) });
  },
});
