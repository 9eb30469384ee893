import { describe, expect, it } from "vitest";
import { failedCases } from "../../../sdk/testkit/kit.ts";
import { usualContent, usualPieceBytes } from "../../../sdk/testkit/members-case.ts";
import type { MembersTransportSubject } from "../../../sdk/testkit/members-case.ts";
import { simulatedScene } from "../../../sdk/testkit/members-scene.ts";
import { membersTransportKit, testMembersTransport } from "../../../sdk/testkit/members-transport.ts";
import { Trial } from "../../../sdk/testkit/members-trial.ts";
import { MemoryPieces } from "../../../sdk/testkit/memory-pieces.ts";
import { loopbackScene } from "../../loopback-scene.ts";
import type { Flaw } from "./naive-messages.ts";
import { naiveMulticast } from "./naive-multicast.ts";

function simulated(flaw?: Flaw): MembersTransportSubject {
  return { transport: naiveMulticast(flaw), connect: async ({ loss }) => simulatedScene({ loss }) };
}

testMembersTransport("a naive transport, simulated,", simulated);

testMembersTransport("a naive transport, on real sockets,", () => ({
  transport: naiveMulticast(),
  connect: async ({ loss }) => loopbackScene({ loss }),
}));

/** What is wrong, and a statement that shows it. */
const saboteurs: readonly [Flaw, title: string][] = [
  ["forgets the last piece", "brings every piece to every member, the short last one too"],
  ["sends what everybody has", "sends only what somebody lacks"],
  ["sends what everybody has", "sends nothing where everybody has everything, and says that they are complete"],
  ["sends once for each member", "sends once what all of them lack"],
  ["sends each piece once", "brings everything although a tenth is lost to each"],
  ["says that all are complete", "leaves a member that is not there, while the others get everything"],
  ["forgets whom it left", "leaves everybody if nobody is there"],
  ["gives no reason", "leaves a member that is not there, while the others get everything"],
  ["waits for ever", "leaves a member of which nothing is heard, though it hears everything"],
  ["waits until everything is there", "brings what its store has while that is still filling"],
  ["announces only for a moment", "brings what is sent from then on to a member that joins late"],
  ["does not hear the signal", "ends within a second of the signal in the middle, and sends nothing more"],
  ["does not hear the signal", "ends within a second of the signal though nobody is there"],
  ["does not hear the signal", "brings nothing if the signal came first"],
  ["does not look at the quorum", "waits only a little for the others when enough have everything"],
  ["ends at the quorum", "brings everything to those who are behind only a little when enough have everything"],
  ["knows no limit", "sends no faster than it may at the moment"],
  ["asks for the limit once", "sends no faster than it may at the moment"],
  ["goes on announcing", "brings every piece to every member, the short last one too"],
  ["goes on sending", "ends within a second of the signal in the middle, and sends nothing more"],
  [
    "takes damaged datagrams",
    "gives no store a wrong byte although every tenth datagram is damaged, and brings everything",
  ],
  ["takes another's session for its own", "brings two assignments at once, each to where it belongs"],
  ["takes pieces in the order they come", "brings everything although datagrams come twice and out of order"],
  ["says nothing of the end", "tells each member when it begins, and that it ended because everything is there"],
  ["says twice that it begins", "tells each member when it begins, and that it ended because everything is there"],
  [
    "waits for a silent leader",
    "tells members that a delivery broke off when its leader is silent, and they keep what came",
  ],
  ["knows one group", "keeps two segments apart that share a LAN and a port"],
  ["brings more than the range", "brings the range that is asked for and nothing else"],
  ["tells of what is not wanted", "writes nothing at a member that does not want it, and leaves that one"],
  ["takes an assignment only once", "brings one after the other, and one again to those who lack it then"],
  ["does not leave", "writes nothing after what `join` gave was disposed"],
  ["gives up after two rounds", "brings everything although a tenth is lost to each"],
];

describe("the kit of transports to members", () => {
  it.each(saboteurs)("finds one that %s", async (flaw, title) => {
    const kit = { ...membersTransportKit, cases: membersTransportKit.cases.filter((one) => one.title === title) };
    expect(await failedCases(kit, () => simulated(flaw))).toEqual([title]);
  });
});

describe("a simulated scene", () => {
  /** When a lossy delivery was over, and how much was sent for it. */
  async function play(seed: number): Promise<readonly [number, number]> {
    await using scene = simulatedScene({ seed, loss: 0.1 });
    const source = new MemoryPieces(usualContent, usualPieceBytes);
    const trial = new Trial(scene, naiveMulticast(), scene.segment(3), [usualContent, source]);
    for (const member of trial.members) {
      member.wants(source, usualContent);
      await member.join(trial.transport);
    }
    await trial.send();
    await trial.leave();
    return [scene.clock.now(), trial.sentBytes];
  }

  it("plays the same for the same seed, and something else for another", async () => {
    const [first, again, other] = [await play(1), await play(1), await play(2)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });
});
