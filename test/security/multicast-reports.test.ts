import { beforeAll, describe, expect, it } from "vitest";
import type { Lack, Report } from "../../plugins/mctp/wire/messages.ts";
import type { PieceStore } from "../../sdk/index.ts";
import { MemoryPieces } from "../../sdk/testkit/memory-pieces.ts";
import { noiseBytes } from "../../sdk/testkit/sample-bytes.ts";
import { leading } from "../plugins/mctp/by-hand.ts";
import { deliverBeside } from "../plugins/mctp/insider.ts";
import type { Insider, Outcome } from "../plugins/mctp/insider.ts";

const sizeBytes = 8 << 20;
const everything: readonly Lack[] = [{ block: 0, blocks: 65_535, frames: 255 }];
const everyFrame = (length: number): Lack => ({ block: 0, blocks: 1, frames: 1, which: Buffer.alloc(length, 0xff) });

type Said = Partial<Report>;
type Lie = (insider: Insider, count: number) => Said;
/** As if all had been heard that was sent, and as if it went on. */
const attentive: Lie = ({ heard }, count) => ({ seen: heard?.emitted ?? 0, received: count });

/** So many reports each millisecond: 100,000 until everything is there. */
function storm(perMs: number, make: (insider: Insider, count: number) => Said & Pick<Report, "member">) {
  return (insider: Insider, count: number): void => {
    for (let each = 0; each < perMs; each += 1)
      insider.toLeader(insider.forger.report(make(insider, count * perMs + each)));
  };
}

describe("SEC-13: who asks for everything again and again costs the others little", { timeout: 120_000 }, () => {
  let calm: Outcome;
  beforeAll(async () => {
    calm = await deliverBeside({ sizeBytes, act: () => undefined });
  });

  function expectUsual({ tookMs, sentBytes }: Outcome, share: number): void {
    expect(tookMs).toBeLessThan(calm.tookMs * share);
    expect(sentBytes).toBeLessThan(calm.sentBytes * share);
  }

  it("SEC-13: 10,000 made-up receivers are not heard at all", async () => {
    const act = storm(300, (insider, count) => {
      return { ...attentive(insider, count), member: `made-up-${count % 10_000}`, lacks: everything };
    });
    const outcome = await deliverBeside({ sizeBytes, act });
    expect(outcome.delivered.counters["reports"]).toBeLessThan(1_000);
    expectUsual(outcome, 1.02);
  });

  it.each<[string, Lie]>([
    ["asks for every frame", (insider, count) => ({ ...attentive(insider, count), lacks: everything, hasMore: true })],
    [
      "asks for every frame, one by one",
      (insider, count) => {
        const lacks = Array.from({ length: 30 }, (_, block): Lack => ({ ...everyFrame(24), block }));
        return { ...attentive(insider, count), lacks };
      },
    ],
    ["has seen nothing of it", (_, count) => ({ received: count, lacks: everything })],
    ["has seen more than was sent", (_, count) => ({ seen: 2 ** 47, received: 2 ** 47 + count, lacks: everything })],
    [
      "has received less each time",
      (insider, count) => ({ ...attentive(insider, 2 ** 30 - count), lacks: everything }),
    ],
    ["heard it an hour ago", (insider, count) => ({ ...attentive(insider, count), heldMs: 65_535, lacks: everything })],
    [
      "lacks blocks that do not exist",
      (insider, count) => {
        return { ...attentive(insider, count), lacks: [{ block: 2 ** 24 - 1, blocks: 65_535, frames: 255 }] };
      },
    ],
    [
      "lacks the same many times over",
      (insider, count) => {
        return { ...attentive(insider, count), lacks: Array.from({ length: 200 }, () => everything).flat() };
      },
    ],
    [
      "lacks frames by lists that are too long or too short",
      (insider, count) => {
        return { ...attentive(insider, count), lacks: [everyFrame(1), { ...everyFrame(255), block: 1 }] };
      },
    ],
    [
      "has everything and then nothing",
      (insider, count) => {
        return { ...attentive(insider, count), isComplete: count % 2 === 1, lacks: everything };
      },
    ],
    ["says nothing that could be wrong", (insider, count) => attentive(insider, count)],
  ])("SEC-13: nor is a member, a thousand times faster than it may, that %s", async (_, lie) => {
    const act = storm(100, (insider, count) => ({ ...lie(insider, count), member: insider.id }));
    const outcome = await deliverBeside({ sizeBytes, isRegistered: true, act });
    expectUsual(outcome, 1.3);
    expect(outcome.endedMs).toBeLessThan(calm.tookMs + 15_000);
  });

  it("SEC-13: nor does it keep a session open by what it says", async () => {
    const source = new MemoryPieces(noiseBytes(300_000), 100_000);
    const { clock, forger, session, udp } = await leading(source, ["n1", "n2"]);
    const ended = session.run(new AbortController().signal);
    let isOver = false;
    void ended.then(() => (isOver = true));
    for (let received = 3; !isOver && clock.now() < 600_000; received += 1) {
      await clock.advance(200);
      const seen = session.announced.emitted;
      udp.arrive(forger.report({ member: "n1", seen, received: 3, isComplete: true }));
      udp.arrive(forger.report({ member: "n2", seen, received }));
    }
    expect(isOver).toBe(true);
    expect(await ended).toMatchObject({ complete: ["n1"], left: [{ member: "n2" }] });
  });

  it("SEC-13: no report is much work, however much there is", async () => {
    const pieceCount = 100_000;
    const from: PieceStore = {
      ...{ assignment: "ab".repeat(32), sizeBytes: pieceCount * 2 ** 20, pieceBytes: 1 << 20, pieceCount },
      ...{ has: () => false, read: () => new Uint8Array(), write: () => undefined },
    };
    const { clock, forger, session, udp } = await leading(from, ["n1", "n2"]);
    const stop = new AbortController();
    const ended = session.run(stop.signal).catch(() => undefined);
    await clock.advance(100);
    const lacks = Array.from({ length: 200 }, (_, at): Lack => ({ block: at * 1_000, blocks: 65_535, frames: 255 }));
    const before = process.threadCpuUsage();
    for (let received = 0; received < 20; received += 1) udp.arrive(forger.report({ member: "n1", received, lacks }));
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1_000 / 20).toBeLessThan(100);
    stop.abort();
    await ended;
  });
});
