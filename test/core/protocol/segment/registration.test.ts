import { describe, expect, it } from "vitest";
import { membersPerReport, mostMembers } from "../../../../core/protocol/segment/messages.ts";
import type { Here, Register } from "../../../../core/protocol/segment/messages.ts";
import type { SegmentReport } from "../../../../core/protocol/segment/events.ts";
import { others, Stage, timings } from "./stage.ts";

const { periodMs, registerMs, reportMs, answerMs } = timings;
const { better, twin } = others;

/** A leader that has registered these members. */
function leaderOf(...ids: string[]): Stage {
  const stage = new Stage().until("leader is me");
  ids.forEach((id, index) => register(stage, id, {}, index + 1));
  return stage.wait(reportMs[1]).forget();
}

function register(stage: Stage, id: string, change: Partial<Register> = {}, host = 1): void {
  const at = { address: `192.0.2.${host}`, port: 7 };
  const message = { type: "register", at, name: id, priority: 10, eligible: true, epoch: 1, byUnicast: false } as const;
  stage.event({ type: "message", from: id, message: { ...message, ...change }, way: "unicast" });
}

/** This member is there, for so long. */
function keep(stage: Stage, id: string, milliseconds: number, change: Partial<Here> = {}): void {
  const at = { address: "192.0.2.1", port: 7 };
  for (let ms = 0; ms < milliseconds; ms += periodMs) {
    stage.wait(periodMs);
    const here = { type: "here", at, epoch: 1, sequence: stage.now, lostPermille: 0, byUnicast: false } as const;
    stage.event({ type: "message", from: id, message: { ...here, ...change }, way: "unicast" });
  }
}

const reportsOf = (stage: Stage): SegmentReport[] =>
  stage.effects.flatMap((effect) => (effect.type === "report" ? [effect.report] : []));
const listedIn = (stage: Stage) => stage.said("report").flatMap(({ members }) => members.map(({ id }) => id));

describe("a leader", () => {
  it("answers a registration at once, and reports 3 to 5 s after the last one", () => {
    const stage = new Stage().until("leader is me").forget();
    register(stage, "a");
    expect(stage.said("registered")).toMatchObject([{ epoch: 1 }]);
    stage.wait(2_000);
    register(stage, "b");
    stage.wait(reportMs[0] - 1);
    expect(listedIn(stage)).toEqual([]);
    stage.wait(reportMs[1] - reportMs[0] + 1);
    expect(listedIn(stage)).toEqual(["a", "b"]);
    expect(reportsOf(stage).at(-1)).toMatchObject({ leader: "me", members: [{ id: "a" }, { id: "b" }], gone: [] });
  });

  it("reports in the end although somebody new comes all the time", () => {
    const stage = new Stage().until("leader is me").forget();
    for (let turn = 0; turn < 20; turn += 1) {
      register(stage, `n${turn}`);
      stage.wait(1_000);
    }
    expect(listedIn(stage).length).toBeGreaterThan(0);
  });

  it("says nothing new when nothing is", () => {
    const stage = leaderOf("a");
    register(stage, "a");
    stage.wait(reportMs[1]);
    expect(stage.said("report")).toEqual([]);
  });

  it("drops who leaves, and who is silent although it was asked; both with the reason", () => {
    const stage = leaderOf("a", "b");
    stage.event({ type: "message", from: "a", message: { type: "leave" }, way: "unicast" });
    stage.wait(4 * periodMs);
    expect(stage.said("probe").length).toBeGreaterThanOrEqual(3);
    stage.wait(reportMs[1]);
    const gone = reportsOf(stage).flatMap((report) => report.gone);
    expect(gone).toEqual([
      { id: "a", why: "left" },
      { id: "b", why: "silent" },
    ]);
    expect(reportsOf(stage).at(-1)?.members).toEqual([]);
  });

  it("keeps who answers when it is asked", () => {
    const stage = leaderOf("a");
    for (let turn = 0; turn < 100; turn += 1) {
      stage.forget().wait(answerMs / 2);
      for (const { nonce } of stage.said("probe")) {
        stage.event({
          type: "message",
          from: "a",
          message: { type: "answer", nonce, heardBy: "unicast" },
          way: "unicast",
        });
      }
    }
    expect(reportsOf(stage).flatMap(({ gone }) => gone)).toEqual([]);
  });

  it("reports who comes back, is renamed, or is reached otherwise", () => {
    const stage = leaderOf("a");
    for (const change of [{ name: "renamed" }, { at: { address: "192.0.2.77", port: 8 } }, { byUnicast: true }]) {
      stage.forget();
      register(stage, "a", change);
      keep(stage, "a", 2 * reportMs[1], { byUnicast: "byUnicast" in change });
      expect(reportsOf(stage).at(-1)?.members).toMatchObject([{ id: "a", ...change }]);
    }
  });

  it("asks a member it does not know to register", () => {
    const stage = leaderOf();
    const { at } = twin;
    const here = { type: "here", at, epoch: 1, sequence: 1, lostPermille: 0, byUnicast: false } as const;
    stage.event({ type: "message", from: "stranger", message: here, way: "unicast" });
    expect(stage.effects).toContainEqual({ type: "send", to: at, message: { type: "introduce", epoch: 1 } });
  });

  it("cuts its report so that every part fits into a datagram, and leaves no gap", () => {
    const ids = Array.from({ length: 3 * membersPerReport + 1 }, (_, index) => `n${String(index).padStart(3, "0")}`);
    const stage = new Stage().until("leader is me").forget();
    ids.forEach((id, index) => register(stage, id, {}, index + 1));
    stage.wait(reportMs[1]);
    const parts = stage.said("report");
    expect(parts.map(({ members }) => members.length)).toEqual([
      membersPerReport,
      membersPerReport,
      membersPerReport,
      1,
    ]);
    expect(parts.map(({ from }) => from).slice(1)).toEqual(parts.map(({ to }) => to).slice(0, -1));
    expect([parts[0]?.from, parts.at(-1)?.to]).toEqual(["", ""]);
    expect(parts.flatMap(({ members }) => members.map(({ id }) => id))).toEqual(ids);
  });

  it("SEC-11: registers as many as a segment can have, whoever asks", () => {
    const stage = new Stage().until("leader is me").forget();
    for (let index = 0; index < mostMembers + 500; index += 1) register(stage, `n${index}`, {}, index % 250);
    stage.wait(reportMs[1]);
    expect(reportsOf(stage).at(-1)?.members).toHaveLength(mostMembers);
    expect(stage.effects.filter((effect) => effect.type === "tell" && effect.fact.what === "full")).toHaveLength(1);
  });

  it("says alive twice where much gets lost", () => {
    const stage = leaderOf("a");
    keep(stage, "a", 5 * periodMs, { lostPermille: 90 });
    const counts = Map.groupBy(stage.said("alive"), ({ sequence }) => sequence);
    expect([...counts.values()].filter(({ length }) => length === 2).length).toBeGreaterThanOrEqual(2);
  });

  it("reports to control when it becomes leader, every minute and when asked", () => {
    const stage = new Stage().until("leader is me");
    expect(reportsOf(stage)).toHaveLength(1);
    stage.wait(reportMs[1]).forget().wait(60_000);
    expect(reportsOf(stage)).toHaveLength(1);
    stage.forget().event({ type: "ask" });
    expect(reportsOf(stage)).toHaveLength(1);
  });
});

describe("a member", () => {
  const registered = () => {
    const stage = new Stage().alive("better").wait(registerMs);
    return stage.hear("better", { type: "registered", epoch: 1, revision: 1 }, "unicast").forget();
  };
  const report = (revision: number, members: readonly { readonly id: string }[]) => {
    const listed = members.map(({ id }) => ({ id, at: twin.at, priority: 1, eligible: true, byUnicast: false }));
    return { type: "report", epoch: 1, revision, from: "", to: "", members: listed } as const;
  };

  it("registers within a second of hearing a leader, and again until it is answered", () => {
    const stage = new Stage().alive("better").wait(registerMs);
    expect(stage.said("register")).toHaveLength(1);
    stage.wait(answerMs);
    expect(stage.said("register")).toHaveLength(2);
    stage.hear("better", { type: "registered", epoch: 1, revision: 1 }, "unicast").forget().wait(answerMs);
    expect(stage.said("register")).toEqual([]);
  });

  it("says once a period that it is there", () => {
    const stage = registered();
    for (let turn = 0; turn < 10; turn += 1) stage.wait(periodMs).alive("better", { revision: 1 });
    const sequences = stage.said("here").map(({ sequence }) => sequence);
    expect(sequences.length).toBeGreaterThanOrEqual(9);
    expect(sequences).toEqual(sequences.toSorted((a, b) => a - b));
  });

  it("registers again when a report that should have it leaves it out, but not at one of before", () => {
    const stage = registered().hear("better", report(0, [])).wait(registerMs);
    expect(stage.said("register")).toEqual([]);
    stage.hear("better", report(1, [twin])).wait(registerMs);
    expect(stage.said("register")).toHaveLength(1);
  });

  it("does nothing when it stands in the report, or the report is of others", () => {
    const stage = registered().hear("better", report(1, [{ id: "me" }]));
    stage
      .hear("better", { ...report(2, []), from: "n" })
      .hear("worse", report(9, []))
      .wait(registerMs);
    expect(stage.said("register")).toEqual([]);
  });

  it("registers again when it missed a report", () => {
    const stage = registered().alive("better", { revision: 5 });
    stage.wait(periodMs).alive("better", { revision: 5 }).wait(1).alive("better", { revision: 5 }).wait(registerMs);
    expect(stage.said("register")).toHaveLength(1);
  });

  it("does not when it is another leader's report that it missed", () => {
    const stage = registered();
    for (let turn = 0; turn < 8; turn += 1) {
      stage
        .alive("better", { revision: 1 })
        .alive("twin", { epoch: 9, revision: 50 })
        .wait(periodMs / 2);
    }
    expect(stage.said("register")).toEqual([]);
  });

  it("SEC-12: tells control when its leader leaves it out again and again", () => {
    const stage = registered();
    for (let revision = 1; revision < 9; revision += 1) {
      stage.alive("better", { revision }).hear("better", report(revision, [])).wait(registerMs);
      stage.hear("better", { type: "registered", epoch: 1, revision: revision + 1 }, "unicast");
    }
    expect(stage.effects).toContainEqual({ type: "unregistered", leader: better.id, tries: 3 });
  });

  it("is not led to register with somebody who is not its leader", () => {
    const stage = registered();
    stage.hear("worse", { type: "introduce", epoch: 9 }, "unicast").wait(registerMs);
    expect(stage.said("register")).toEqual([]);
  });

  it("registers anew when it ranks otherwise", () => {
    const stage = registered().event({ type: "rank", priority: 51, eligible: false }).wait(registerMs);
    expect(stage.said("register")).toMatchObject([{ priority: 51, eligible: false }]);
  });
});
