import { recordingHost, simulatedScene, testMembersTransport, testPlugin } from "distributary/testkit";
import mctp from "../../../plugins/mctp/index.ts";
import type { MembersTransport } from "../../../sdk/index.ts";
import { loopbackScene } from "../../loopback-scene.ts";

testPlugin(mctp);

function transport(repair: "parity" | "plain"): MembersTransport {
  return recordingHost(mctp, { repair }).transports.get("mctp") as MembersTransport;
}

for (const repair of ["parity", "plain"] as const) {
  testMembersTransport(`mctp with ${repair} repair, simulated,`, () => ({
    transport: transport(repair),
    connect: async ({ loss }) => simulatedScene({ loss }),
  }));
}

testMembersTransport("mctp on real sockets", () => ({
  transport: transport("parity"),
  connect: async ({ loss }) => loopbackScene({ loss }),
}));
