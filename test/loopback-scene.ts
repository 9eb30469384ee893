import { realClock } from "../core/runtime/clock.ts";
import { realUdp } from "../core/runtime/udp.ts";
import { faultyUdp } from "../sdk/testkit/faulty-udp.ts";
import { membersScene } from "../sdk/testkit/members-scene.ts";
import type { MembersScene } from "../sdk/testkit/members-scene.ts";
import { LanFaults } from "../sdk/testkit/sim/lan-faults.ts";

/** So that processes that run at the same time do not hear each other. */
const port = 20_000 + (process.pid % 20_000);
let sceneCount = 0;

/** A scene of real sockets and real time, with hosts and groups of its own on the loopback interface. Needs Linux. */
export function loopbackScene({ loss = 0 }: { loss?: number } = {}): MembersScene {
  const faults = new LanFaults(1, loss);
  const scene = (sceneCount += 1) & 255;
  return membersScene({
    ...{ clock: realClock, faults, port },
    udpOf: (address) => faultyUdp(realUdp, realClock, address, faults),
    hostAddress: (index) => `127.77.${scene}.${index + 1}`,
    groupAddress: (index) => `239.255.${scene}.${index + 1}`,
  });
}
