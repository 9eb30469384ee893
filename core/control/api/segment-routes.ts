import { segmentSchema } from "../../../config/schema.ts";
import { defineRoute } from "./route.ts";

/** Segments: who leads which, and who follows. */
export const segmentRoutes = [
  defineRoute({
    method: "GET",
    path: "/v1/segments",
    role: "viewer",
    summary: "Segments with their leaders, how many nodes follow them, and why one is not as it should be.",
    answer: async ({ control }) => control.segments.summaries(),
  }),
  defineRoute({
    method: "GET",
    path: "/v1/segments/:segment",
    role: "viewer",
    summary: "One segment with its nodes, and its parts if it is cut up.",
    answer: async ({ control, params }) => control.segments.view(params["segment"] ?? ""),
  }),
  defineRoute({
    method: "POST",
    path: "/v1/segments/:segment/move",
    role: "admin",
    summary: "Has the leader move the segment to another channel, without losing it.",
    body: {
      type: "object",
      required: ["channel"],
      properties: {
        channel: { ...segmentSchema.properties.channel, description: "Multicast address, below 239, and port." },
      },
    },
    async answer({ control, params, body, caller }) {
      const segment = params["segment"] ?? "";
      control.segments.view(segment);
      await control.audit.record(caller.name, "segment.move", segment, body);
      return { channel: await control.segments.move(segment, body.channel) };
    },
  }),
  defineRoute({
    method: "POST",
    path: "/v1/segments/:segment/report",
    role: "operator",
    summary: "Asks the leader of a segment to report now.",
    answer: async ({ control, params }) => ({ asked: control.segments.ask(params["segment"] ?? "") }),
  }),
];
