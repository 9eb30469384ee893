import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Trial } from "../core/control/trial.ts";

let trial: Trial;
beforeEach(async () => {
  trial = await Trial.start("embedded");
  for (const name of ["a", "b", "c"])
    await trial.api("PUT", `/v1/accounts/${name}`, await trial.token("admin"), { role: "viewer" });
});
afterEach(() => trial[Symbol.asyncDispose]());

const brokenAt = async () => {
  const response = await trial.api("GET", "/v1/audit", await trial.token("admin"));
  return ((await response.json()) as { brokenAt?: number }).brokenAt;
};
const entries = () => trial.control.db.selectFrom("audit").selectAll().orderBy("number").execute();
const remove = (from: number) => trial.control.db.deleteFrom("audit").where("number", ">=", from).execute();

describe("SEC-48: an audit of which the newest entries are gone", () => {
  it("is told by what stands beside the database, also after a restart, and stays told", async () => {
    expect([(await entries()).length, await brokenAt()]).toEqual([3, undefined]);
    await remove(3);
    expect(await brokenAt()).toBe(3);
    await trial.restartControl();
    expect(await brokenAt()).toBe(3);
    // What is done afterwards takes the place of what was lost.
    await trial.api("PUT", "/v1/accounts/d", await trial.token("admin"), { role: "viewer" });
    expect([(await entries()).length, await brokenAt()]).toEqual([3, 3]);
    await trial.restartControl();
    expect(await brokenAt()).toBe(3);
  });

  it("is told when all of them are", async () => {
    await remove(1);
    expect(await brokenAt()).toBe(1);
  });

  it("is told when the chain was made anew without one of them, and every hash fits", async () => {
    const kept = (await entries()).filter(({ object }) => object !== "b");
    await remove(1);
    let before = "";
    for (const [index, { at, who, action, object, detail_json }] of kept.entries()) {
      const number = index + 1;
      const covered = JSON.stringify([before, number, at, who, action, object, detail_json]);
      before = createHash("sha256").update(covered).digest("hex");
      const row = { number, at, who, action, object, detail_json, hash: before };
      await trial.control.db.insertInto("audit").values(row).execute();
    }
    expect(await brokenAt()).toBe(2);
  });

  it("cannot be hidden by changing what stands beside the database: control does not start with that", async () => {
    const path = join(trial.data, "audit");
    await trial.stopControl();
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace('"number":2', '"number":1'));
    await expect(trial.startControl()).rejects.toMatchObject({ code: "DIST_ERR_STORE_LEDGER" });
    writeFileSync(path, text);
    await trial.startControl();
    expect(await brokenAt()).toBeUndefined();
  });
});

it("SEC-48: an audit that a crash left one entry longer than what stands beside it is whole", async () => {
  const path = join(trial.data, "audit");
  await trial.stopControl();
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  writeFileSync(
    path,
    lines
      .slice(0, -1)
      .map((line) => `${line}\n`)
      .join(""),
  );
  await trial.startControl();
  expect(await brokenAt()).toBeUndefined();
  await trial.api("PUT", "/v1/accounts/d", await trial.token("admin"), { role: "viewer" });
  expect([(await entries()).length, await brokenAt()]).toEqual([4, undefined]);
  await remove(4);
  expect(await brokenAt()).toBe(4);
});
