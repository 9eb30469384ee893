import type { Io } from "distributary/sdk";
import { realClock } from "./clock.ts";
import { realDisk } from "./disk.ts";
import { realExec } from "./exec.ts";
import { realRandom } from "./random.ts";
import { realUdp } from "./udp.ts";

/** This host's, apart from `http`, which needs an identity. */
export const realIo: Omit<Io, "http"> = {
  clock: realClock,
  random: realRandom,
  disk: realDisk,
  udp: realUdp,
  exec: realExec,
};
