import { definePlugin } from "distributary/sdk";
import { WholeEngine } from "./engine.ts";

export default definePlugin({
  name: "whole",
  api: 1,
  description: "Sends content whole; the old version is not looked at.",
  stability: "stable",
  setup(host) {
    host.deltas.add("whole", new WholeEngine());
  },
});
