import { runKit } from "./kit.ts";
import type { Kit } from "./kit.ts";
import type { MembersTransportSubject } from "./members-case.ts";
import { membersDeliveries } from "./members-deliveries.ts";
import { membersTroubles } from "./members-troubles.ts";

/** What every transport to the members of a segment must keep. It goes by the clock of the scene, simulated or real. */
export const membersTransportKit: Kit<MembersTransportSubject> = {
  name: "transport to members",
  cases: [...membersDeliveries, ...membersTroubles],
};

/** Holds a transport to the members of a segment to its contract. */
export function testMembersTransport(name: string, create: () => MembersTransportSubject): void {
  runKit(membersTransportKit, name, create);
}
