import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Job } from "../../core/control/jobs/job.ts";
import { noiseBytes } from "../../sdk/testkit/sample-bytes.ts";
import { Hall, all, deadline, hostOf, without } from "./hall.ts";

const mebibytes = 6;
const declared = { groups: { web: { nodes: all } }, sites: { www: { group: "web" } } };

/** New content that no delta makes small, published to all nodes. */
class Publishing {
  readonly #hall: Hall;
  #count = 0;

  constructor(hall: Hall) {
    this.#hall = hall;
  }

  /** Puts so much into staging, and begins to publish. */
  start(sizeMebibytes = mebibytes): Promise<Job> {
    this.#count += 1;
    const file = join(this.#hall.deployment.staging("www"), "large.bin");
    writeFileSync(file, noiseBytes(sizeMebibytes * 2 ** 20, this.#count));
    return this.#hall.deployment.json<Job>("publish", "www");
  }

  /** What is live on a node, by its hash; of staging without one. */
  hash(node?: string): string {
    const { deployment } = this.#hall;
    const directory = node === undefined ? deployment.staging("www") : deployment.live(node, "www");
    return createHash("sha256")
      .update(readFileSync(join(directory, "large.bin")))
      .digest("hex");
  }

  hashes(nodes: readonly string[] = all): Set<string> {
    return new Set(nodes.map((node) => this.hash(node)));
  }
}

const nodesBy = (job: Job, transport: string) => job.stats.came?.transports[transport]?.nodes ?? 0;

describe("nine nodes of a LAN", { timeout: 180_000 }, () => {
  let hall: Hall;
  let publishing: Publishing;
  beforeAll(async () => {
    hall = await Hall.open(declared);
    publishing = new Publishing(hall);
  }, 120_000);
  afterAll(() => hall[Symbol.asyncDispose]());

  it("get what is published from their leader, which fetches it once and sends it once", async () => {
    await hall.settles();
    await expect.poll(() => hall.cutOffCount(), deadline).toBe(0);
    const job = await publishing.start();
    expect(publishing.hashes()).toEqual(new Set([publishing.hash()]));
    expect([nodesBy(job, "mctp"), nodesBy(job, "http")]).toEqual([8, 1]);
    const [spread] = job.stats.came?.spreads ?? [];
    expect(spread).toMatchObject({ transport: "mctp", complete: 8, left: [] });
    // To each by itself would be eight times as much; on a busy machine some of it is lost and comes again.
    expect(spread?.counters["sentBytes"]).toBeLessThan(2 * mebibytes * 2 ** 20);
  });

  it("get all of it though each loses a tenth of what comes", async () => {
    hall.lan.loss(0.1);
    const job = await publishing.start();
    hall.lan.loss(0);
    expect(job.state).toBe("done");
    expect(publishing.hashes()).toEqual(new Set([publishing.hash()]));
    expect(nodesBy(job, "mctp")).toBe(8);
  });

  it("count the one visibly that multicast does not reach, and serve it by itself", async () => {
    const leader = await hall.leader();
    const lone = without(leader)[0] ?? "";
    hall.lan.multicast(false, hostOf(lone));
    const job = await publishing.start();
    hall.lan.multicast(true);
    expect(job.state).toBe("done");
    expect(publishing.hashes()).toEqual(new Set([publishing.hash()]));
    expect([nodesBy(job, "mctp"), nodesBy(job, "http")]).toEqual([7, 2]);
    expect(job.stats.came?.apart).toHaveLength(1);
    const { output } = await hall.deployment.run("jobs", job.id);
    expect(output).toContain(`${lone} got 6 MiB by itself: `);
  });

  it("go on with what they have when the leader is killed in the middle", async () => {
    const dead = await hall.leader();
    const running = publishing.start(60);
    await expect
      .poll(() => hall.agent(dead).log.some(({ msg }) => msg === "sends to the segment"), deadline)
      .toBe(true);
    hall.signal(dead, "SIGKILL");
    await hall.deployment.startAgent(dead);
    const job = await running;
    expect(job.state).toBe("done");
    await expect.poll(() => publishing.hashes(), deadline).toEqual(new Set([publishing.hash()]));
    await hall.settles();
  });
});

describe("nine nodes of a LAN without multicast", { timeout: 180_000 }, () => {
  it("fetch what is published from their leader, one by one, and control says so", async () => {
    await using hall = await Hall.open({ ...declared, multicast: false });
    const publishing = new Publishing(hall);
    await hall.settles();
    await expect.poll(async () => (await hall.view()).reach, deadline).toBe("unicast");
    const job = await publishing.start();
    expect(job.state).toBe("done");
    expect(publishing.hashes()).toEqual(new Set([publishing.hash()]));
    expect([nodesBy(job, "mctp"), nodesBy(job, "http")]).toEqual([0, 9]);
  });
});
