import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SegmentView } from "../../core/control/segments/view.ts";
import { Hall, all, deadline, hostOf, segment, without } from "./hall.ts";

describe("nine nodes of a LAN", { timeout: 180_000 }, () => {
  let hall: Hall;
  beforeAll(async () => {
    hall = await Hall.open();
  }, 120_000);
  afterAll(() => hall[Symbol.asyncDispose]());

  it("find each other, elect a leader, and control shows it with eight members", async () => {
    const view = await hall.settles();
    expect(view).toMatchObject({ reason: "", enrolled: 9, connected: 9, reach: "multicast" });
    expect(view.nodes.filter(({ is }) => is === "leader").map(({ name }) => name)).toEqual([view.leader]);
    expect(view.nodes.filter(({ is }) => is === "member").map(({ name }) => name)).toEqual(without(view.leader ?? ""));
    await expect.poll(() => hall.cutOffCount(), deadline).toBe(0);
    const [summary] = await hall.deployment.json<SegmentView[]>("segments");
    expect(summary).toMatchObject({ segment, state: "led", leader: view.leader, members: 9 });
  });

  it("replace a leader that is killed, and take it back", async () => {
    const dead = await hall.leader();
    hall.signal(dead, "SIGKILL");
    const view = await hall.settles(without(dead));
    expect(view.leader).not.toBe(dead);
    expect(view.nodes.find(({ name }) => name === dead)?.reason).toMatch(/^not connected for /);
    await hall.deployment.startAgent(dead);
    await hall.settles();
  });

  it("replace a leader that is stopped; when it goes on there is still one", async () => {
    const before = await hall.settles();
    const stopped = before.leader ?? "";
    hall.signal(stopped, "SIGSTOP");
    await expect.poll(async () => (await hall.view()).leader, deadline).not.toBe(stopped);
    await expect.poll(async () => (await hall.view()).members, deadline).toBe(8);
    hall.signal(stopped, "SIGCONT");
    const { epoch = 0 } = await hall.settles();
    expect(epoch).toBeGreaterThan(before.epoch ?? 0);
  });

  it("replace a leader whose cable is pulled, and take it back when it is put back", async () => {
    const cut = await hall.leader();
    hall.lan.unplug(hostOf(cut));
    await expect.poll(async () => (await hall.view()).leader, deadline).not.toBe(cut);
    await expect.poll(async () => (await hall.view()).members, deadline).toBe(8);
    hall.lan.plug(hostOf(cut));
    await hall.settles();
  });

  it("are handed over by a leader that ends as it should", async () => {
    const leaving = await hall.leader();
    await hall.agent(leaving).kill("SIGTERM");
    const { nodes } = await hall.settles(without(leaving));
    expect(nodes.find(({ name }) => name === leaving)).toMatchObject({ is: "missing", connected: false });
    await hall.deployment.startAgent(leaving);
    await hall.settles();
  });

  it("replace a leader that is heard and hears nothing, and take it back when it hears", async () => {
    const deaf = await hall.leader();
    hall.lan.loss(1, hostOf(deaf));
    await expect.poll(async () => (await hall.view()).leader, deadline).not.toBe(deaf);
    await expect.poll(async () => (await hall.view()).members, deadline).toBe(8);
    hall.lan.loss(0);
    await hall.settles();
  });

  it("have a leader on each side of a partition, both shown, and one again when it heals", async () => {
    const before = await hall.settles();
    const [left, right] = [all.slice(0, 4), all.slice(4)];
    hall.lan.partition(left.map(hostOf), right.map(hostOf));
    const sides = async () => {
      const { state, nodes } = await hall.view();
      const parts = Map.groupBy(nodes, ({ leader }) => leader ?? "missing");
      return { state, parts: [...parts.values()].map((part) => part.map(({ name }) => name)) };
    };
    await expect.poll(sides, deadline).toEqual({ state: "split", parts: [left, right] });
    hall.lan.heal();
    const { epoch = 0 } = await hall.settles();
    expect(epoch).toBeGreaterThan(before.epoch ?? 0);
  });

  it("lose a tenth of all datagrams, show it, and replace a dead leader all the same", async () => {
    hall.lan.loss(0.1);
    const losing = async () => (await hall.reported()).filter(({ lostPermille = 0 }) => lostPermille >= 30).length;
    await expect.poll(losing, { ...deadline, timeout: 90_000 }).toBeGreaterThanOrEqual(4);
    const dead = await hall.leader();
    hall.signal(dead, "SIGKILL");
    await hall.settles(without(dead));
    await hall.deployment.startAgent(dead);
    await hall.settles();
    hall.lan.loss(0);
  });

  it("notice that multicast stops to arrive, go on without, and notice that it is back", async () => {
    await hall.settles();
    hall.lan.multicast(false);
    await expect.poll(() => hall.cutOffCount(), deadline).toBe(8);
    const dead = await hall.leader();
    hall.signal(dead, "SIGKILL");
    await hall.settles(without(dead));
    await hall.deployment.startAgent(dead);
    await hall.settles();
    hall.lan.multicast(true);
    await expect.poll(() => hall.cutOffCount(), deadline).toBe(0);
    await hall.settles();
  });

  it("move to another channel and keep their leader", async () => {
    const { leader, epoch } = await hall.settles();
    const { code, errors } = await hall.deployment.run("segments", segment, "--move", "239.77.1.2:7477");
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    const channel = async () => (await hall.view()).channel;
    await expect.poll(channel, deadline).toMatchObject({ group: "239.77.1.2", port: 7_477 });
    const sockets = async (node: string) => {
      const program = hall.lan.run(hostOf(node), ["cat", "/proc/net/igmp", "/proc/net/udp"]);
      await program.ended;
      return { joined: program.output.includes("02014DEF"), bound: program.output.includes(":1D35 ") };
    };
    const everywhere = async () => Promise.all(all.map(sockets));
    await expect.poll(everywhere, deadline).toEqual(all.map(() => ({ joined: true, bound: true })));
    expect(await hall.settles()).toMatchObject({ leader, epoch, reach: "multicast" });
  });

  it("replace a leader that dies while control is away; control shows it when it is back", async () => {
    const before = await hall.settles();
    const dead = before.leader ?? "";
    await hall.deployment.control?.kill("SIGKILL");
    hall.signal(dead, "SIGKILL");
    const rest = without(dead);
    const leaders = () => new Set(rest.map((node) => JSON.stringify(hall.tenure(node))));
    const isOld = (node: string) => hall.tenure(node).epoch === before.epoch || hall.tenure(node).leader === undefined;
    await expect
      .poll(() => ({ old: rest.filter(isOld), leaders: leaders().size }), deadline)
      .toEqual({ old: [], leaders: 1 });
    await hall.deployment.startControl();
    const view = await hall.settles(rest);
    expect(view.nodes.find(({ name }) => name === dead)).toMatchObject({ is: "missing", connected: false });
    await hall.deployment.startAgent(dead);
    await hall.settles();
  });
});

describe("nine nodes of a LAN without multicast", { timeout: 120_000 }, () => {
  it("find each other by what control knows, elect a leader, and show that they go without", async () => {
    await using hall = await Hall.open({ multicast: false });
    const { leader } = await hall.settles();
    await expect.poll(() => hall.cutOffCount(), deadline).toBe(8);
    await hall.reported();
    await expect.poll(async () => (await hall.view()).reach, deadline).toBe("unicast");
    hall.signal(leader ?? "", "SIGKILL");
    await hall.settles(without(leader ?? ""));
  });
});
