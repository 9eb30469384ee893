import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTree, writeTree } from "../../system/tree.ts";
import { Fuse } from "./fuse.ts";
import { Server, openKilledStore } from "./killed-store.ts";
import { Trial } from "./trial.ts";

const isBusy = (sql: string) => /^select "id" from "job" where "site"/.test(sql);

describe("control that looks whether nodes lack anything", () => {
  const fuse = new Fuse(() => {});
  let trial: Trial;
  let server: Server;
  const publish = async (content: string) => {
    writeTree(trial.staging("www"), { "index.html": content });
    expect(await trial.run({ kind: "publish", site: "www" })).toMatchObject({ state: "done" });
  };
  const isLive = () => expect(readTree(trial.live("a", "www"))).toEqual(readTree(trial.staging("www")));
  const automatic = () =>
    trial.control.db.selectFrom("job").select(["kind", "state"]).where("asked_by", "=", "control").execute();

  beforeAll(async () => {
    trial = await Trial.start("PostgreSQL");
    await trial.declare({
      groups: { web: { nodes: ["a"] } },
      sites: { www: { staging: "./staging/www", group: "web" } },
    });
    await trial.stopControl();
    server = await Server.at(trial.database ?? "");
    trial.options = { openStore: (options) => openKilledStore(server, fuse, options) };
    await trial.startControl();
    await trial.startAgent("a");
  });
  afterAll(async () => {
    await trial[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  });

  it("does not take a site from nodes that is published again meanwhile", async () => {
    await publish("one\n");
    expect(await trial.run({ kind: "remove", site: "www" })).toMatchObject({ state: "done" });
    await fuse.quiet();
    const held = fuse.hold(isBusy);
    await trial.startAgent("b");
    const { release } = await held;
    await publish("two\n");
    fuse.answered = [];
    release();
    await fuse.until((answered) => answered.some(isBusy));
    await fuse.quiet();
    expect(await automatic()).toEqual([]);
    isLive();
  });

  it("takes no site that is live from single nodes", async () => {
    const nodes = [await trial.nodeId("a")];
    const { id } = await trial.control.jobs.propose("remove", "www", { nodes }, "control");
    expect(await trial.ended(id)).toMatchObject({ state: "cancelled", reason: "the site is live" });
    isLive();
  });
});
