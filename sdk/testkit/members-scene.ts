import type { Channel, Clock, Io, Udp } from "distributary/sdk";
import { Announcements } from "./announcements.ts";
import { SimClock } from "./sim/clock.ts";
import { simIo } from "./sim/io.ts";
import { LanFaults } from "./sim/lan-faults.ts";
import { passTime } from "./sim/pass-time.ts";
import { SimRandom } from "./sim/random.ts";
import { SimLan } from "./sim/udp.ts";

/** A node of a segment: its means, and the segment as it has it. */
export interface MembersEnd {
  readonly io: Io;
  readonly channel: Channel;
}

/** A leader and the members of its segment. */
export interface SegmentEnds {
  readonly leader: MembersEnd;
  readonly members: readonly MembersEnd[];
  /** Where data may go. */
  readonly group: string;
  readonly port: number;
  /** Whether the leader announces something now. */
  readonly isAnnouncing: boolean;
}

/** Segments on one LAN, and what goes wrong there. */
export interface MembersScene extends AsyncDisposable {
  /** Of all hosts. */
  readonly clock: Clock;
  /** Hosts are named by their `interfaceAddress`. */
  readonly faults: LanFaults;
  /** Another segment with so many members, on hosts of its own; its data go to another group at the same port. */
  segment(members: number): SegmentEnds;
}

/** What a scene is made of. */
export interface SceneParts {
  readonly clock: Clock;
  readonly faults: LanFaults;
  readonly port: number;
  udpOf(address: string): Udp;
  /** An address for each host, and one for each group. */
  hostAddress(index: number): string;
  groupAddress(index: number): string;
  dispose?(): void;
}

/** Segments of hosts that have clock and datagrams, on whatever network. */
export function membersScene({
  clock,
  faults,
  port,
  udpOf,
  hostAddress,
  groupAddress,
  dispose,
}: SceneParts): MembersScene {
  const announcements: Announcements[] = [];
  let hostCount = 0;
  const segment = (count: number): SegmentEnds => {
    const said = new Announcements(clock, faults);
    const group = groupAddress(announcements.push(said) - 1);
    const end = (): MembersEnd => {
      const [self, interfaceAddress] = [`node-${hostCount}`, hostAddress(hostCount)];
      const random = new SimRandom(hostCount + 1);
      hostCount += 1;
      return {
        io: simIo({ clock, random, udp: udpOf(interfaceAddress) }),
        channel: { self, interfaceAddress, ttl: 1, datagramBytes: 1_472, ...said.of(self, interfaceAddress) },
      };
    };
    return {
      leader: end(),
      members: Array.from({ length: count }, end),
      ...{ group, port },
      get isAnnouncing() {
        return said.isOn;
      },
    };
  };
  return {
    ...{ clock, faults, segment },
    async [Symbol.asyncDispose]() {
      for (const each of announcements) each[Symbol.dispose]();
      dispose?.();
    },
  };
}

/** A scene in memory, on a clock of its own whose time passes by itself. The same happens for the same seed. */
export function simulatedScene({ seed = 1, loss = 0 }: { seed?: number; loss?: number } = {}): MembersScene {
  const [clock, faults] = [new SimClock(), new LanFaults(seed, loss)];
  const lan = new SimLan({ clock, faults });
  const passing = passTime(clock);
  return membersScene({
    ...{ clock, faults, port: 7_700 },
    udpOf: (address) => lan.host(address),
    hostAddress: (index) => `10.77.${index >> 8}.${index & 255}`,
    groupAddress: (index) => `239.255.77.${index}`,
    dispose: () => passing[Symbol.dispose](),
  });
}
