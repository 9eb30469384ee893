import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readPublicKey } from "../../../../core/assignment/seal.ts";
import { readRecord } from "../../../../core/runtime/channel/member-record.ts";
import { SegmentKeys, demandNewKey } from "../../../../core/control/segments/keys.ts";
import type { SegmentView } from "../../../../core/control/segments/view.ts";
import { SpokenNode, reportOf } from "./members.ts";
import { Trial, databases } from "../trial.ts";

describe.each(databases)("segments at control, with the %s database", (database) => {
  let trial: Trial;
  const nodes: SpokenNode[] = [];

  beforeAll(async () => {
    trial = await Trial.start(database);
  });
  afterAll(async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]();
    await trial[Symbol.asyncDispose]();
  });

  const enrol = async (...args: Parameters<typeof SpokenNode.enrol> extends [Trial, ...infer Rest] ? Rest : never) => {
    const node = await SpokenNode.enrol(trial, ...args);
    nodes.push(node);
    return node;
  };
  const members = async (segment: string, ...names: string[]) => {
    return Promise.all(names.map(async (name) => (await enrol(name, { segment })).connect()));
  };
  const named = (name: string) => {
    const found = nodes.find((one) => one.name === name);
    if (found === undefined) throw new Error(`nobody is called ${name}`);
    return found;
  };
  const call = async <Value>(method: string, path: string, body?: object) => {
    const response = await trial.api(method, path, await trial.token("admin"), body);
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as Value;
  };
  const view = (segment: string) => call<SegmentView>("GET", `/v1/segments/${segment}`);
  const node = async (name: string) => {
    const all = await call<{ name: string; segment: string; labels: object; claims?: object; leader?: string }[]>(
      "GET",
      "/v1/nodes",
    );
    return all.find((one) => one.name === name);
  };

  describe("enrolment", () => {
    it("puts a node where it asks to be put, with its labels", async () => {
      await enrol("asks", { segment: "hall-1", labels: { tier: "web" } });
      expect(await node("asks")).toMatchObject({ segment: "hall-1", labels: { tier: "web" } });
    });

    it("puts a node that asks for nothing into the default segment", async () => {
      await enrol("plain");
      expect(await node("plain")).toMatchObject({ segment: "default", labels: {} });
    });

    it("lets the token decide, and then only its labels count", async () => {
      const bound = { segment: "hall-2", labels: { tier: "edge" } };
      await enrol("bound", { segment: "hall-1", labels: { tier: "web", rack: "r7" } }, bound);
      expect(await node("bound")).toMatchObject(bound);
    });

    it("is what groups match, whatever the node says of itself later", async () => {
      const declared = { site: { staging: "./staging/site", group: "halls" } };
      const match = { segment: "hall-1", labels: { tier: "web" } };
      await trial.declare({ groups: { halls: { match }, every: { match: { segment: "hall-1" } } }, sites: declared });
      await enrol("elsewhere", { segment: "hall-9", labels: { tier: "web" } });
      await enrol("unlabelled", { segment: "hall-1" });
      const other = await (await enrol("liar", { segment: "hall-9" })).connect();
      const facts = { platform: "linux", version: "0", cpuCount: 1, memoryBytes: 1, freeDiskBytes: 1 };
      const claims = { segment: "hall-1", labels: { tier: "web" } };
      await other.say({
        ...{ type: "hello", bootId: "x", name: "liar", providers: {}, sites: [] },
        ...facts,
        ...claims,
      });
      expect((await trial.control.catalog.members("halls")).map(({ name }) => name)).toEqual(["asks"]);
      expect((await trial.control.catalog.members("every")).map(({ name }) => name)).toEqual(["asks", "unlabelled"]);
      expect(await node("liar")).toMatchObject({ segment: "hall-9", labels: {}, claims });
    });

    it("can be changed by an administrator: segment, labels and group", async () => {
      await call("PUT", "/v1/nodes/plain", { segment: "hall-1", labels: { tier: "web" }, group: "every" });
      expect(await node("plain")).toMatchObject({ segment: "hall-1", labels: { tier: "web" } });
      expect((await trial.control.catalog.members("halls")).map(({ name }) => name)).toEqual(["asks", "plain"]);
      expect((await trial.control.catalog.export()).groups["every"]).toMatchObject({ nodes: ["plain"] });
      await expect(call("PUT", "/v1/nodes/plain", { group: "none" })).rejects.toThrow("DIST_ERR_GROUP_UNKNOWN");
      await expect(call("PUT", "/v1/nodes/nobody", {})).rejects.toThrow("DIST_ERR_NODE_UNKNOWN");
    });
  });

  describe("a grant", () => {
    it("says all that a member needs, attested by control", async () => {
      await trial.declare({
        segments: {
          lab: { channel: "239.1.2.3:7777", ttl: 4, timings: "fast", leaders: ["g-2", "g-1"], ineligible: ["g-3"] },
        },
      });
      const [one, two, three] = await members("lab", "g-1", "g-2", "g-3");
      const first = await one!.grant({ address: "192.0.2.1", port: 1_234 });
      expect(first).toMatchObject({
        ...{ segment: "lab", channel: { number: 1, group: "239.1.2.3", port: 7777 }, ttl: 4, reach: "auto" },
        ...{ timings: { periodMs: 500 }, sealWith: 1, priority: "default", rank: 999, eligible: true, peers: [] },
      });
      const second = await two!.grant();
      expect(second.peers).toEqual([{ id: one!.id, address: "192.0.2.1", port: 1_234 }]);
      expect(second).toMatchObject({ rank: 1_000, keys: first.keys });
      expect(await three!.grant()).toMatchObject({ rank: 0, eligible: false });
      const record = readRecord(Buffer.from(first.record, "base64"), readPublicKey(one!.signingKey), "lab");
      expect(record).toMatchObject({ segment: "lab", id: one!.id, name: "g-1", eligible: true });
      expect(Buffer.from(record.key).toString("base64")).toBe(one!.key);
    });

    it("has a record later than the one that a node has, wherever control's clock was put", async () => {
      const [a] = await members("hall-10", "late-1");
      const at = { address: "192.0.2.1", port: 1 };
      const issuedAt = async (more: object) => {
        const { record } = await a!.grant(at, more);
        return readRecord(Buffer.from(record, "base64"), readPublicKey(a!.signingKey), "hall-10").issuedAt;
      };
      const before = await issuedAt({});
      expect(await issuedAt({ issuedAfter: before + 3_600_000 })).toBe(before + 3_600_001);
      expect(await issuedAt({ issuedAfter: 1 })).toBeGreaterThanOrEqual(before);
    });

    it("leaves out the members of a segment that the node knows already, and of no other", async () => {
      const [a, b] = await members("hall-13", "knows-1", "knows-2");
      await a!.grant();
      const at = { address: "192.0.2.1", port: 1 };
      expect((await b!.grant(at, { knows: "hall-13" })).peers).toEqual([]);
      expect((await b!.grant(at, { knows: "hall-12" })).peers).toMatchObject([{ id: a!.id }]);
    });

    it("says which tenure of a node is known, in case it has forgotten", async () => {
      const [a] = await members("hall-11", "forgetful");
      expect(await a!.grant()).not.toHaveProperty("epoch");
      await a!.report(reportOf(a!.id, [], { epoch: 7 }), "hall-11");
      expect(await a!.grant()).toMatchObject({ epoch: 7 });
    });

    it("derives a channel from the name of a segment that nobody declared", async () => {
      const [a] = await members("hall-7", "d-1");
      const { channel, timings } = await a!.grant();
      expect(channel).toMatchObject({ number: 1, port: 7402 });
      expect(channel.group).toMatch(/^239\.19[2-5]\.\d+\.\d+$/);
      expect(timings.periodMs).toBe(5_000);
    });

    it.each([
      ["an address of nobody", { at: { address: "0.0.0.0", port: 1 } }],
      ["a group", { at: { address: "239.1.1.1", port: 1 } }],
      ["no address", { at: { address: "host.example", port: 1 } }],
      ["no port", { at: { address: "192.0.2.1", port: 0 } }],
      ["a short key", { key: "AAAA" }],
      ["something more", { more: 1 }],
    ])("is refused to who says %s", async (_, wrong) => {
      const [a] = nodes;
      expect(await a!.ask({ at: { address: "192.0.2.1", port: 1 }, key: a!.key, ...wrong })).toBe(413);
    });
  });

  describe("reports", () => {
    it("make the true picture: in the API, at the nodes, as events, and after a restart", async () => {
      const [a, b, c] = await members("hall-3", "r-a", "r-b", "r-c");
      const said = trial.event(
        (event) => event.type === "segment" && event.segment === "hall-3" && event.members === 3,
      );
      expect(await a!.report(reportOf(a!.id, [b!.id, c!.id], { leadingMs: 5_000 }), "hall-3")).toBe(204);
      expect(await said).toMatchObject({ leader: "r-a", epoch: 1, state: "led", reason: "" });
      expect(await view("hall-3")).toMatchObject({ leader: "r-a", epoch: 1, members: 3, enrolled: 3, connected: 3 });
      expect(await node("r-b")).toMatchObject({ segment: "hall-3", leader: "r-a" });
      for (const name of ["r-a", "r-b", "r-c"]) expect(await node(name)).not.toHaveProperty("claims.segment");
      const before = await view("hall-3");
      await trial.restartControl();
      const { leader, epoch, leaderSince, members: count } = before;
      expect(await view("hall-3")).toMatchObject({ leader, epoch, leaderSince, members: count, connected: 0 });
      for (const each of [a, b, c]) await each!.reconnect();
      expect(await a!.report(reportOf(a!.id, [], { epoch: 0, revision: 9 }), "hall-3")).toBe(204);
      expect(await view("hall-3")).toMatchObject({ members: 3, refused: { reports: 1 } });
    });

    it("change hands with the leader, under the segment's old name; the tenure that is over stays so", async () => {
      const [a, b, c] = ["r-a", "r-b", "r-c"].map((name) => named(name));
      await a!.disconnect();
      await b!.report(reportOf(b!.id, [c!.id], { epoch: 2 }), "hall-3");
      expect(await view("hall-3")).toMatchObject({ segment: "hall-3", leader: "r-b", members: 2, parts: [{}] });
      await trial.restartControl();
      for (const each of [a, b, c]) await each!.reconnect();
      await a!.report(reportOf(a!.id, [b!.id, c!.id], { revision: 9 }), "hall-3");
      expect(await view("hall-3")).toMatchObject({ leader: "r-b", refused: { reports: 1 } });
    });

    it("SEC-12: and a member that is left out says so itself", async () => {
      const [b, c] = [named("r-b"), named("r-c")];
      await b.report(reportOf(b.id, [], { epoch: 2, revision: 2 }), "hall-3");
      await c.say({ type: "unregistered", segment: "hall-3", leader: b.id, tries: 3 });
      const { nodes: all } = await view("hall-3");
      expect(all.find(({ id }) => id === c.id)).toMatchObject({ reason: "r-b does not register it (3 tries)" });
    });

    it("are asked for by an operator, and when a leader comes back", async () => {
      const b = named("r-b");
      const asked = b.order("segment-report");
      expect(await call("POST", "/v1/segments/hall-3/report")).toEqual({ asked: ["r-b"] });
      await asked;
      await b.disconnect();
      const again = b.order("segment-report");
      await b.reconnect();
      await again;
    });

    const good = reportOf("n1", ["n2"]);
    const member = good.members[0]!;
    it.each<[string, object]>([
      ["more members than a segment has", { members: Array.from({ length: 4_097 }, () => member) }],
      ["more gone than are said", { gone: Array.from({ length: 1_001 }, () => ({ id: "a", why: "left" })) }],
      ["an epoch that is no count", { epoch: 2 ** 53 }],
      ["an epoch below nothing", { epoch: -1 }],
      ["an id that is none", { members: [{ ...member, id: "a/b" }] }],
      ["a name without end", { members: [{ ...member, name: "x".repeat(254) }] }],
      ["a NUL", { members: [{ ...member, name: "a\0b" }] }],
      ["an address that is none", { members: [{ ...member, at: { address: "host.example", port: 1 } }] }],
      ["more loss than all", { members: [{ ...member, lostPermille: 1_001 }] }],
      ["something more", { more: 1 }],
    ])("are refused with %s", async (_, wrong) => {
      const b = named("r-b");
      const before = await view("hall-3");
      expect(
        await b.say({ type: "segment", segment: "hall-3", reach: "multicast", report: { ...good, ...wrong } }),
      ).toBe(413);
      expect(await view("hall-3")).toEqual({ ...before });
    });

    it("SEC-11: of members that nobody enrolled leave nothing, in memory or in the database", async () => {
      const b = named("r-b");
      const made = Array.from({ length: 1_000 }, (_, index) => `made-up-${index}`);
      await b.report(reportOf(b.id, made, { epoch: 2, revision: 3 }), "hall-3");
      expect(await view("hall-3")).toMatchObject({ members: 1, refused: { members: 1_000 } });
      await trial.restartControl();
      const rows = await trial.control.db.selectFrom("segment_part").select("part_json").execute();
      expect(JSON.stringify(rows)).not.toContain("made-up");
    });
  });

  describe("keys", () => {
    it("SEC-17: are new at once when a member is revoked, and it gets none", async () => {
      const [a, b, c] = await members("hall-4", "k-a", "k-b", "k-c");
      const before = await a!.grant();
      const told = [a!.order("segment"), b!.order("segment")];
      await call("DELETE", "/v1/nodes/k-c");
      await Promise.all(told);
      const after = await a!.grant();
      expect(after).toMatchObject({ sealWith: 2, keys: [...before.keys, { epoch: 2 }] });
      expect(await b!.grant()).toMatchObject({ keys: after.keys });
      await expect(c!.grant()).rejects.toThrow();
      expect((await view("hall-4")).nodes.map(({ name }) => name)).toEqual(["k-a", "k-b"]);
    });

    it("are new at once when a member is put elsewhere, which hears of its own", async () => {
      const [a, b] = [named("k-a"), named("k-b")];
      const told = [a.order("segment"), b.order("segment")];
      await call("PUT", "/v1/nodes/k-b", { segment: "hall-5" });
      await Promise.all(told);
      expect(await a.grant()).toMatchObject({ segment: "hall-4", sealWith: 3 });
      const moved = await b.grant();
      expect(moved).toMatchObject({ segment: "hall-5", sealWith: 1, peers: [] });
      expect((await a.grant()).keys.map(({ key }) => key)).not.toContain(moved.keys[0]?.key);
    });

    it("SEC-38: are new at once when two agents have one identity, and neither of them gets any", async () => {
      const [a, twin] = await members("hall-8", "t-a", "t-b");
      const { sealWith } = await a!.grant();
      const told = a!.order("segment");
      for (const boot of ["one", "two", "one", "two", "one"]) await twin!.greet(boot);
      await told;
      expect(await a!.grant()).toMatchObject({ sealWith: sealWith + 1 });
      await expect(twin!.grant()).rejects.toThrow("DIST_ERR_AUTH_TWICE");
      expect(await twin!.report(reportOf(twin!.id, [a!.id]), "hall-8")).toBe(409);
      expect(await view("hall-8")).toMatchObject({ state: "no leader" });
    });

    it("change once a day, step by step, so that no member is without the one that seals", async () => {
      const keys = new SegmentKeys(trial.control.db);
      const state = async (now: number) => {
        const { keys: all, sealWith } = await keys.of("turning", now);
        return `${all.map(({ epoch }) => epoch).join()} seal ${sealWith}`;
      };
      const [day, minute] = [24 * 60 * 60_000, 60_000];
      expect(await Promise.all([state(0), state(0), state(0)])).toEqual(["1 seal 1", "1 seal 1", "1 seal 1"]);
      const steps: [number, string][] = [
        [day - 1, "1 seal 1"],
        [day, "1,2 seal 1"],
        [day + minute - 1, "1,2 seal 1"],
        [day + minute, "1,2 seal 2"],
        [day + 2 * minute - 1, "1,2 seal 2"],
        [day + 2 * minute, "2 seal 2"],
      ];
      const found: [number, string][] = [];
      for (const [now] of steps) {
        await keys.tick(now);
        found.push([now, await state(now)]);
      }
      expect(found).toEqual(steps);
      const before = await keys.tick(2 * day + 3 * minute, () => false);
      expect(before).toEqual([]);
      const now = day + 3 * minute;
      await keys.replace("turning", now);
      expect(await state(now)).toBe("2,3 seal 3");
      expect(await keys.tick(now + 9_999)).toEqual([]);
      expect(await keys.tick(now + 10_000)).toEqual(["turning"]);
      expect(await state(now)).toBe("3 seal 3");
      const renewAt = now + 10_000 + day;
      expect(await keys.tick(renewAt, () => false)).toEqual([]);
      expect(await keys.tick(renewAt + 7 * day, () => false)).toEqual(["turning"]);
      expect(await state(now)).toBe("3,4 seal 3");
      for (let count = 0; count < 10; count += 1) await keys.replace("turning", now);
      expect(await state(now)).toBe("11,12,13,14 seal 14");
      const again = new SegmentKeys(trial.control.db);
      await again.load();
      expect(await again.of("turning", now)).toEqual(await keys.of("turning", now));
      await trial.control.db.deleteFrom("segment_key").where("segment", "=", "turning").execute();
    });

    it("are made once the database takes them again; till then all else goes on", async () => {
      const [a, b] = await members("hall-12", "db-a", "db-b");
      const { sealWith } = await a!.grant();
      const { schema } = trial.control.db;
      await schema.alterTable("segment_key").renameTo("lost_key").execute();
      await call("DELETE", "/v1/nodes/db-b");
      await a!.report(reportOf(a!.id, [b!.id], { epoch: 5 }), "hall-12");
      const stored = () => trial.control.db.selectFrom("segment_part").select("epoch").where("leader", "=", a!.id);
      await expect.poll(() => stored().executeTakeFirst(), { timeout: 20_000 }).toEqual({ epoch: 5 });
      expect(await a!.grant()).toMatchObject({ sealWith });
      const told = a!.order("segment");
      await schema.alterTable("lost_key").renameTo("segment_key").execute();
      await told;
      expect(await a!.grant()).toMatchObject({ sealWith: sealWith + 1 });
    });

    it("are the same after a restart", async () => {
      const before = await named("k-a").grant();
      await trial.restartControl();
      await named("k-a").reconnect();
      expect((await named("k-a").grant()).keys).toContainEqual(before.keys.at(-1));
    });

    it("SEC-17: are new after a restart if control died between revoking a member and making one", async () => {
      const [a] = await members("hall-4b", "k-x");
      const { sealWith } = await a!.grant();
      // What a revocation leaves when the process ends right behind it.
      await demandNewKey(trial.control.db, "hall-4b", Date.now() + 1);
      await trial.restartControl();
      await a!.reconnect();
      await expect.poll(async () => (await a!.grant()).sealWith, { timeout: 30_000 }).toBe(sealWith + 1);
    });
  });

  describe("a channel", () => {
    it("is moved by the leader, and those who come later learn where it is", async () => {
      const [a, b] = await members("hall-6", "m-a", "m-b");
      await a!.report(reportOf(a!.id, [b!.id]), "hall-6");
      const told = a!.order("segment-move");
      const moved = await call("POST", "/v1/segments/hall-6/move", { channel: "239.9.9.9:9999" });
      expect(moved).toEqual({ channel: { number: 2, group: "239.9.9.9", port: 9999 } });
      expect((await told).channel).toEqual({ number: 2, group: "239.9.9.9", port: 9999 });
      expect((await b!.grant()).channel.number).toBe(2);
      const again = a!.order("segment-move");
      await a!.report(reportOf(a!.id, [b!.id], { revision: 2 }), "hall-6");
      expect((await again).channel.number).toBe(2);
      await expect(call("POST", "/v1/segments/none/move", { channel: "239.9.9.9:9999" })).rejects.toThrow("404");
      await expect(call("POST", "/v1/segments/hall-6/move", { channel: "10.9.9.9:9999" })).rejects.toThrow("400");
    });

    it("is moved onwards from where its leader has it, even if control knows of less", async () => {
      const [a] = await members("hall-14", "m-far");
      const channel = { number: 7, group: "239.192.0.1", port: 7402 };
      await a!.report(reportOf(a!.id, [], { channel }), "hall-14");
      const moved = await call("POST", "/v1/segments/hall-14/move", { channel: "239.9.9.9:9999" });
      expect(moved).toEqual({ channel: { number: 8, group: "239.9.9.9", port: 9999 } });
    });

    it("that is declared otherwise is a move; declaring it once more is none", async () => {
      const a = named("m-a");
      const told = a.order("segment-move");
      await trial.declare({ segments: { "hall-6": { channel: "239.8.8.8:8888" } } });
      expect((await told).channel).toEqual({ number: 3, group: "239.8.8.8", port: 8888 });
      await call("POST", "/v1/segments/hall-6/move", { channel: "239.7.7.7:7777" });
      const changed = a.order("segment");
      await trial.declare({ segments: { "hall-6": { channel: "239.8.8.8:8888", ttl: 2 } } });
      await changed;
      expect(await a.grant()).toMatchObject({ channel: { number: 4, group: "239.7.7.7" }, ttl: 2 });
    });
  });
});
