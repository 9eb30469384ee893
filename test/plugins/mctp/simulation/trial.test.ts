import { describe, expect, it } from "vitest";
import * as promises from "./promises.ts";

describe("a session", () => {
  it("brings everything to everybody at up to 30 % loss, by parity and frame by frame (M1)", () => {
    expect(promises.allHaveEverything()).toBeUndefined();
  });

  it("sends little twice", () => expect(promises.littleIsSentTwice()).toBeUndefined());

  it("sends nothing that all have (CM-19)", () => expect(promises.whatAllHaveIsNotSent()).toBeUndefined());

  it("is taken by who comes late (M1)", () => expect(promises.latecomersTakeTheRest()).toBeUndefined());

  it("is gone on with by another leader (M1)", () => expect(promises.anotherLeaderGoesOn()).toBeUndefined());

  it("is hardly slower for one bad receiver (M5)", () => expect(promises.oneCostsTheOthersLittle()).toBeUndefined());

  it("brings again what an insider forged (M2)", () => expect(promises.whatIsForgedComesAgain()).toBeUndefined());

  it("waits for data, process and policy", () => expect(promises.itWaits()).toBeUndefined());

  it("tells its end (M3)", () => expect(promises.theEndIsTold()).toBeUndefined());

  it("ends whatever happens (M3)", () => expect(promises.itEnds()).toBeUndefined());

  it("is over for its members when the leader dies (M3)", () =>
    expect(promises.aDeadLeaderIsNoticed()).toBeUndefined());

  it("survives a moment in which its leader stands still (M3)", () =>
    expect(promises.aMomentIsSurvived()).toBeUndefined());

  it("ends a little after a quorum has it (CM-22)", () => expect(promises.aQuorumEndsIt()).toBeUndefined());

  it("with 1,000 members brings its leader at most 200 reports in 100 ms (M4)", { timeout: 180_000 }, () => {
    expect(promises.reportsAreFew(1_000, 2_097_152)).toBeUndefined();
  });
});
