import type { Disk, Io } from "../../io.ts";
import { SimClock } from "./clock.ts";
import { SimDisk } from "./disk.ts";
import { SimRandom } from "./random.ts";

/** An `Io` with simulated clock, randomness and disk, or what is given in place of them; the rest throws when used. */
export function simIo(parts: Partial<Io> = {}): Io {
  const absent = (name: string) => () => {
    throw new Error(`this simulation has no ${name}`);
  };
  const disk: Disk = parts.disk ?? new SimDisk();
  return {
    clock: new SimClock(),
    random: new SimRandom(1),
    udp: { bind: absent("udp") },
    http: { serve: absent("http"), request: absent("http") },
    exec: absent("exec"),
    ...parts,
    disk,
  };
}
