import { definePlugin } from "distributary/sdk";
import { RsyncEngine } from "./engine.ts";

export default definePlugin({
  name: "rsync",
  api: 1,
  description: "Describes new content as copies from the old version and what is new.",
  stability: "experimental",
  options: {
    type: "object",
    properties: {
      windowMiB: {
        type: "integer",
        minimum: 16,
        maximum: 1024,
        default: 512,
        description: "How much of the old version is searched at a time, and held in memory if it has as much.",
      },
    },
  },
  setup(host, { windowMiB }) {
    host.deltas.add("rsync", new RsyncEngine(windowMiB * 0x10_0000));
  },
});
