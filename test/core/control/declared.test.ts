import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mixedTree, writeTree } from "../../system/tree.ts";
import { Trial, databases } from "./trial.ts";

describe.each(databases)("what is declared and signed, with the %s database", (database) => {
  let trial: Trial;
  const rows = () =>
    trial.control.db.selectFrom("assignment").selectAll().where("site", "=", "www").orderBy("serial").execute();
  const publish = async (text: string) => {
    writeTree(trial.staging("www"), { "index.html": text });
    const job = await trial.run({ kind: "publish", site: "www" });
    expect(job).toMatchObject({ state: "done" });
    return job;
  };

  beforeAll(async () => {
    trial = await Trial.start(database);
    await trial.declare({
      groups: { web: { nodes: ["a"] } },
      sites: { www: { staging: "./staging/www", group: "web" } },
    });
    await trial.startAgent("a");
    mixedTree(trial.staging("www"), "declared");
  });
  afterAll(() => trial[Symbol.asyncDispose]());

  it("is exported as it was applied, and the same after it was applied again", async () => {
    const { catalog } = trial.control;
    const before = await catalog.export();
    expect(before.sites["www"]).toMatchObject({ group: "web", staging: trial.staging("www"), policy: "default" });
    await catalog.apply(before);
    expect(await catalog.export()).toEqual(before);
  });

  it("changes what it names and leaves the rest, with the history of its sites", async () => {
    await publish("one");
    await trial.declare({
      groups: { web: { nodes: ["a"] }, more: { nodes: ["z"] } },
      sites: {
        www: { staging: "./staging/www", group: "web", exclude: ["*.draft"] },
        other: { staging: "./staging/other", group: "more" },
      },
    });
    const { sites, groups } = await trial.control.catalog.export();
    expect(Object.keys(sites)).toEqual(["other", "www"]);
    expect(Object.keys(groups)).toEqual(["more", "web"]);
    expect(await trial.control.catalog.site("www")).toMatchObject({ liveVersion: 1, site: { exclude: ["*.draft"] } });
  });

  it("says which sites there are when one is unknown", async () => {
    await expect(trial.control.catalog.site("nowhere")).rejects.toMatchObject({
      code: "DIST_ERR_SITE_UNKNOWN",
      hint: expect.stringContaining("other, www") as string,
    });
  });

  it("gives each assignment the next serial, also after a restart, and names the one before", async () => {
    await publish("two");
    await trial.restartControl();
    await trial.event((event) => event.type === "node" && event.connected);
    await publish("three");
    const found = await rows();
    const serials = found.map(({ serial }) => serial);
    expect(serials).toEqual(serials.map((_, index) => index + 1));
    const last = await trial.control.db
      .selectFrom("site")
      .select("last_assignment")
      .where("name", "=", "www")
      .executeTakeFirst();
    expect(last?.last_assignment).toBe(found.at(-1)?.id);
  });

  it("never gives a serial again, even if the database is an older one", async () => {
    const highest = (await rows()).at(-1)?.serial ?? 0;
    const last = (await rows()).at(-1)?.id ?? "";
    await trial.control.db.updateTable("site").set({ last_serial: 1 }).where("name", "=", "www").execute();
    await trial.restartControl();
    await trial.event((event) => event.type === "node" && event.connected);
    await publish("after a restored database");
    const found = await rows();
    expect(found.map(({ serial }) => serial)).toEqual([...Array(highest + 2).keys()].map((index) => index + 1));
    expect(found.map(({ id }) => id)).toContain(last);
  });

  it("goes on after a crash that cut the ledger of serials off in a line", async () => {
    const highest = (await rows()).at(-1)?.serial ?? 0;
    await trial.stopControl();
    appendFileSync(join(trial.data, "serials"), "0123456789abcdef");
    for (const text of ["after a crash", "and once more"]) {
      await trial.restartControl();
      await trial.event((event) => event.type === "node" && event.connected);
      await publish(text);
    }
    expect((await rows()).map(({ serial }) => serial).slice(-4)).toEqual([1, 2, 3, 4].map((more) => highest + more));
  });

  it("is not lost: what was signed stays in the database after its files are gone", async () => {
    const { control } = trial;
    const found = await rows();
    expect(found.length).toBeGreaterThan(6);
    for (const { id } of found) expect(await control.assignments.forNode(id, await trial.nodeId("a"))).toBeDefined();
    for (const { id } of found) expect(await control.assignments.forNode(id, "somebody-else")).toBeUndefined();
  });
});
