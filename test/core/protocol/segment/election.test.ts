import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { electionArrows } from "../../../../core/protocol/segment/election-arrows.ts";
import type { ElectionArrow } from "../../../../core/protocol/segment/election-arrows.ts";
import { drawElection } from "./draw-election.ts";
import { channel, others, Stage, timings } from "./stage.ts";

const { periodMs, missedPeriods, answerMs, claimMs, voteMs, registerMs } = timings;
const lostMs = missedPeriods * periodMs;

const following = (stage = new Stage()) => {
  return stage
    .alive("better")
    .wait(registerMs)
    .hear("better", { type: "registered", epoch: 1, revision: 1 }, "unicast");
};
const voting = () => new Stage().until("voting open");
const leading = () => new Stage().until("leader is me");
const conceding = () => new Stage().claim("better");

/** How each arrow is gone: a member in the state it begins from, and what makes it go. */
const scenes: Readonly<Record<ElectionArrow, { before: () => Stage; then: (stage: Stage) => unknown }>> = {
  lost: { before: () => following(), then: (stage) => stage.wait(lostMs) },
  abandoned: { before: () => following(), then: (stage) => stage.hear("better", { type: "resign", epoch: 1 }) },
  distrusted: { before: () => new Stage().alive("better"), then: (stage) => keepAlive(stage, 30_000) },
  handedOver: {
    before: () => following(),
    then: (stage) => stage.hear("better", { type: "resign", epoch: 1, successor: { ...others.twin, epoch: 2 } }),
  },
  appointed: {
    before: () => following(),
    then: (stage) =>
      stage.hear("better", {
        ...{ type: "resign", epoch: 1 },
        successor: { id: "me", at: { address: "192.0.2.50", port: 7 }, priority: 50, epoch: 2 },
      }),
  },
  renewed: { before: () => following(), then: (stage) => stage.alive("better", { epoch: 2 }) },
  corrected: {
    before: () => following(new Stage({ acquaintances: [others.twin] })),
    then: (stage) => {
      stage.forget().wait(lostMs - 2 * answerMs);
      stage.hear("twin", answerTo(stage, { ...others.worse, leader: "worse", epoch: 2, ageMs: 100 }));
    },
  },
  heard: { before: () => new Stage(), then: (stage) => stage.alive("worse") },
  told: {
    before: () => new Stage({ acquaintances: [others.twin] }),
    then: (stage) => stage.hear("twin", answerTo(stage, { ...others.worse, leader: "worse", epoch: 1, ageMs: 0 })),
  },
  conceded: { before: () => new Stage(), then: (stage) => stage.claim("better") },
  claimed: { before: () => new Stage(), then: (stage) => stage.wait(claimMs[1]) },
  waited: { before: conceding, then: (stage) => stage.wait(voteMs[1] + answerMs) },
  outbid: { before: voting, then: (stage) => stage.claim("better") },
  won: { before: voting, then: (stage) => stage.wait(voteMs[1]) },
  period: { before: leading, then: (stage) => stage.forget().wait(periodMs) },
  reasserted: { before: leading, then: (stage) => stage.forget().claim("better") },
  outdone: { before: leading, then: (stage) => stage.forget().claim("worse", { epoch: 7 }) },
  challenged: { before: leading, then: (stage) => stage.forget().alive("better") },
  yielded: {
    before: leading,
    then: (stage) => stage.forget().claim("better", { leading: true, epoch: 1, hears: "me" }),
  },
  steppedDown: { before: leading, then: (stage) => stage.forget().sleep(120_000) },
};

/** What an arrow that stays in its state shows by, since it is not told. */
const shown: Partial<Record<ElectionArrow, (stage: Stage) => void>> = {
  period: (stage) => expect(stage.said("alive")).toHaveLength(1),
  reasserted(stage) {
    expect(stage.said("alive").length).toBeGreaterThan(0);
    expect(stage.said("claim")).toEqual([]);
  },
  challenged(stage) {
    expect(stage.said("claim")).toContainEqual(expect.objectContaining({ leading: true, hears: "better" }));
    expect(stage.state).toBe("leader is me");
  },
};

describe("arrows of the election", () => {
  it.each(Object.keys(electionArrows) as ElectionArrow[])("%s", (arrow) => {
    const { before, then } = scenes[arrow];
    const stage = before();
    expect(electionArrows[arrow].from).toContain(stage.state);
    then(stage);
    const show = shown[arrow];
    if (show !== undefined) return show(stage);
    expect(stage.arrows).toContain(arrow);
    const told = stage.effects.find(
      (effect) => effect.type === "tell" && effect.fact.what === "state" && effect.fact.why === arrow,
    );
    expect(told).toMatchObject({ fact: { state: electionArrows[arrow].to } });
  });

  it("are drawn in the documentation as they are", () => {
    const page = readFileSync(new URL("../../../../docs/segments.md", import.meta.url), "utf8");
    expect(page).toContain(drawElection());
  });
});

describe("a leader", () => {
  it("stores its epoch before it says anything in it", () => {
    const { effects } = new Stage().until("leader is me");
    const stored = effects.findIndex(({ type }) => type === "store");
    const said = effects.findIndex((effect) => effect.type === "multicast" && effect.message.type === "alive");
    expect(effects[stored]).toMatchObject({ memory: { epoch: 1 } });
    expect(stored).toBeLessThan(said);
  });

  it("answers a lone claim at most twenty times a period", () => {
    const stage = leading().forget();
    for (let ms = 0; ms < periodMs; ms += 1) stage.claim("better").wait(1);
    expect(stage.said("alive").length).toBeLessThanOrEqual(2 * 20 + 2);
    expect(stage.state).toBe("leader is me");
  });

  it("does not yield to a better one that does not hear it", () => {
    const stage = leading();
    for (let turn = 0; turn < 20; turn += 1) stage.alive("better", { epoch: 9 }).wait(periodMs);
    expect(stage.state).toBe("leader is me");
  });

  it("keeps the lead before a worse one, in an epoch that is newer", () => {
    const stage = leading().forget();
    stage.alive("worse", { epoch: 5 });
    expect(stage.member.election.tenure).toEqual({ leader: "me", epoch: 6 });
    expect(stage.said("claim")[0]).toMatchObject({ leading: true, epoch: 6, hears: "worse" });
  });

  it("is not led astray by an epoch that nobody can have reached", () => {
    const stage = leading();
    stage.claim("worse", { epoch: 2 ** 52 }).alive("better", { epoch: 2 ** 52, sequence: 1 });
    expect(stage.member.election.tenure).toEqual({ leader: "me", epoch: 1 });
  });

  it("hands over to the best of those it registered when it leaves", () => {
    const stage = leading().forget();
    for (const { id, at, priority } of [others.worse, others.twin]) {
      const message = { type: "register", at, name: id, priority, eligible: true, epoch: 1, byUnicast: false } as const;
      stage.hear(id, message, "unicast");
    }
    stage.event({ type: "leave" });
    expect(stage.said("resign")[0]).toMatchObject({ epoch: 1, successor: { id: "twin", epoch: 2 } });
  });

  it("gives up leading when it is slow by itself, and does not claim at once", () => {
    const stage = leading();
    for (let turn = 0; turn < 3; turn += 1) stage.event({ type: "lag", lagMs: periodMs });
    expect(stage.state).toBe("leader unknown");
    stage.wait(timings.distrustMs - 1);
    expect(stage.state).toBe("leader unknown");
    expect(stage.until("voting open").state).toBe("voting open");
  });
});

describe("a member", () => {
  it("stays with its leader whatever a worse or a better one says while it hears it", () => {
    const stage = following();
    for (let turn = 0; turn < 20; turn += 1) {
      stage.alive("twin", { epoch: 3, priority: 2 ** 31 - 1 }).wait(periodMs / 2);
      stage.alive("better").wait(periodMs / 2);
    }
    expect(stage.member.election.tenure).toEqual({ leader: "better", epoch: 1 });
  });

  it("asks the leader and three others before it believes that the leader is gone", () => {
    const acquaintances = Array.from({ length: 9 }, (_, at) => ({
      id: `n${at}`,
      at: { address: `192.0.2.${at + 1}`, port: 7 },
    }));
    const stage = following(new Stage({ acquaintances })).forget();
    stage.wait(lostMs - 2 * answerMs - registerMs);
    const asked = stage.effects.flatMap((effect) =>
      effect.type === "send" && effect.message.type === "probe" ? [effect.to.address] : [],
    );
    expect(asked).toHaveLength(4);
    expect(asked).toContain(others.better.at.address);
  });

  it("that hears of its leader by others only says that multicast does not arrive", () => {
    const stage = new Stage({ acquaintances: [others.twin] }).alive("better");
    stage.wait(1_500).hear("better", { type: "registered", epoch: 1, revision: 1 }, "unicast");
    for (let turn = 0; turn < 9; turn += 1)
      stage
        .forget()
        .wait(lostMs / 3)
        .hear("better", aliveNow(stage), "unicast");
    expect(stage.member.isCutOff).toBe(true);
    expect(stage.state).toBe("leader known");
    stage.wait(periodMs);
    expect(stage.said("here").some(({ byUnicast }) => byUnicast)).toBe(true);
    for (let turn = 0; turn < 3; turn += 1) stage.wait(periodMs).alive("better");
    expect(stage.member.isCutOff).toBe(false);
  });

  it("obeys no leader of an epoch older than one it has acted on, and tells it", () => {
    const stage = new Stage({ memory: { epoch: 5, channel } });
    stage.alive("better", { epoch: 4 });
    expect(stage.state).toBe("leader unknown");
    expect(stage.said("here")).toMatchObject([{ epoch: 5 }]);
  });

  it("that may not lead never claims", () => {
    const stage = new Stage({ eligible: false }).wait(600_000);
    expect(stage.said("claim")).toEqual([]);
    expect(stage.state).toBe("leader unknown");
  });

  it("claims before others when it led last", () => {
    const deposed = leading().sleep(120_000).forget().wait(claimMs[0]);
    expect(deposed.state).toBe("voting open");
  });

  it("of two with the same priority the one with the lower address leads", () => {
    expect(voting().claim("twin").state).toBe("voting open");
    expect(voting().claim("twin", { at: { address: "192.0.2.9", port: 7 } }).state).toBe("conceding");
  });

  it("that was stopped accuses nobody: it listens first", () => {
    const stage = following().sleep(10 * lostMs);
    expect(stage.state).toBe("leader known");
    stage
      .wait(periodMs)
      .alive("better")
      .wait(lostMs - 1);
    expect(stage.member.election.tenure).toEqual({ leader: "better", epoch: 1 });
  });

  it("never disregards a leader that others are registered with", () => {
    const stage = new Stage({ acquaintances: [others.twin] }).alive("better");
    for (let turn = 0; turn < 60; turn += 1) {
      stage.forget().wait(registerMs).alive("better");
      for (const { nonce } of stage.said("probe")) {
        const follows = { ...others.better, leader: "better", epoch: 1, ageMs: 0, isRegistered: true };
        stage.hear("twin", { type: "answer", nonce, heardBy: "unicast", follows }, "unicast");
      }
      expect(stage.state).toBe("leader known");
    }
  });
});

function keepAlive(stage: Stage, milliseconds: number): void {
  for (let ms = 0; ms < milliseconds && stage.state === "leader known"; ms += 1_000) stage.wait(1_000).alive("better");
}

function aliveNow(stage: Stage) {
  const { at, priority } = others.better;
  return { type: "alive", at, priority, epoch: 1, sequence: stage.now, revision: 0, channel } as const;
}

/** An answer to the last question. */
function answerTo(
  stage: Stage,
  {
    leader,
    epoch,
    at,
    priority,
    ageMs,
  }: { leader: string; epoch: number; at: { address: string; port: number }; priority: number; ageMs: number },
) {
  const nonce = stage.said("probe").at(-1)?.nonce ?? -1;
  return {
    type: "answer",
    nonce,
    heardBy: "unicast",
    follows: { leader, epoch, at, priority, ageMs, isRegistered: true },
  } as const;
}
