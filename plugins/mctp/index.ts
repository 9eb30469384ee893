import { definePlugin } from "distributary/sdk";
import { MulticastTransport } from "./transport.ts";

const mbit = 1_000_000 / 8;

/** Brings pieces to all members of a segment at once, by reliable multicast. */
export default definePlugin({
  name: "mctp",
  api: 1,
  description: "Brings pieces to all members of a segment at once by reliable multicast, mended by parity.",
  stability: "stable",
  options: {
    type: "object",
    properties: {
      startMbit: {
        type: "integer",
        minimum: 1,
        maximum: 100_000,
        default: 100,
        description: "Mbit/s on the wire at which a session begins; faster or slower from there, as the LAN bears it.",
      },
      mostMbit: {
        type: "integer",
        minimum: 1,
        maximum: 100_000,
        default: 10_000,
        description: "The most that all sessions of a leader take together, in Mbit/s on the wire.",
      },
      largestDatagram: {
        type: "integer",
        minimum: 512,
        maximum: 8_972,
        default: 1_472,
        description: "Bytes of the longest datagrams; longer ones than the network carries whole are lost too often.",
      },
      repair: {
        type: "string",
        enum: ["parity", "plain"],
        default: "parity",
        description: "What is lost comes again as parity, which mends another loss at each member; or frame by frame.",
      },
      memoryMiB: {
        type: "integer",
        minimum: 4,
        maximum: 128,
        default: 32,
        description: "What a member keeps at most of a session's blocks that are not whole yet, and of such pieces.",
      },
    },
  },
  setup({ transports }, { startMbit, mostMbit, largestDatagram, repair, memoryMiB }) {
    const limits = {
      startBytesPerSecond: Math.min(startMbit, mostMbit) * mbit,
      leastBytesPerSecond: 0.1 * mbit,
      mostBytesPerSecond: mostMbit * mbit,
    };
    transports.add(
      "mctp",
      new MulticastTransport({ limits, repair, largestDatagram, memoryBytes: memoryMiB * 2 ** 20 }),
    );
  },
});
