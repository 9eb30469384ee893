import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Control } from "../../core/control/control.ts";
import { readReport } from "../../core/control/node-report.ts";
import { openStore } from "../../core/control/store/open-store.ts";
import type { FromNode } from "../../core/protocol/messages.ts";
import type { SegmentReport } from "../../core/protocol/segment/events.ts";
import { realIo } from "../../core/runtime/io.ts";
import { listed } from "../core/control/segments/members.ts";
import { quietLog } from "../core/control/store/quiet-log.ts";
import { emptyDatabase } from "../embedded.ts";
import { testDatabaseUrl } from "../postgres.ts";
import { format, machine, table, timed } from "./measuring.ts";

/*
 * What 10,000 nodes in 500 segments cost control: it starts, all of them greet it and get their grants, leaders report,
 * and 50 leaders die at once. Control is the real one with a real database; its nodes speak to it without a network
 * between, as their requests are read after TLS. Making the reports is part of the times.
 *
 *   node test/bench/segments.ts
 */

const { values } = parseArgs({
  options: {
    segments: { type: "string", default: "500" },
    size: { type: "string", default: "20" },
    database: { type: "string" },
  },
});
const segmentCount = Number(values.segments);
const size = Number(values.size);
const dying = Math.ceil(segmentCount / 10);
const nodeCount = segmentCount * size;

const nameOf = (segment: number) => `hall-${segment}`;
const idOf = (segment: number, index: number) => `node-${segment}-${index}`;
const members = (segment: number, leader: number) =>
  Array.from({ length: size }, (_, index) => index).filter((index) => index !== leader);

async function measure(database: string): Promise<[string, string][]> {
  const directory = mkdtempSync(join(tmpdir(), "distributary-bench-"));
  try {
    const url = database === "embedded" ? {} : { databaseUrl: await testDatabaseUrl() };
    if (database === "embedded") cpSync(await emptyDatabase(), join(directory, "database"), { recursive: true });
    await insertNodes(directory, url.databaseUrl);
    const options = {
      directory,
      ...url,
      link: { host: "127.0.0.1", port: 0 },
      plugins: [],
      pluginDirectory: directory,
    };
    const rows: [string, string][] = [];
    let control: Control | undefined;
    const startMs = await timed(async () => (control = await Control.start({ ...options, log: quietLog() }, realIo)));
    if (control === undefined) throw new Error("control did not start");
    await using running = control;
    rows.push(["start of control, ms", format(startMs)]);
    await new Bench(running, rows).run();
    return rows;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** As enrolment leaves them; ten thousand certificates are not what is measured. */
async function insertNodes(directory: string, url: string | undefined): Promise<void> {
  const store = await openStore({
    directory,
    log: quietLog(),
    pluginMigrations: {},
    ...(url === undefined ? {} : { url }),
  });
  for (let segment = 0; segment < segmentCount; segment += 1) {
    const row = {
      state: "active",
      facts_json: "{}",
      enrolled_at: 0,
      seen_at: null,
      labels_json: "{}",
      member_json: null,
    };
    const ids = Array.from({ length: size }, (_, index) => idOf(segment, index));
    const rows = ids.map((id) => ({ ...row, id, name: id, segment: nameOf(segment) }));
    await store.db.insertInto("node").values(rows).execute();
  }
  await store.close();
}

class Bench {
  readonly #control: Control;
  readonly #rows: [string, string][];
  #told = 0;

  constructor(control: Control, rows: [string, string][]) {
    this.#control = control;
    this.#rows = rows;
  }

  async run(): Promise<void> {
    this.#row("memory (RSS) then, MiB", memory());
    await this.#rate("greetings a second", nodeCount, () => this.#all((id) => this.#greet(id)));
    const member = (id: string) => ({ at: { address: "192.0.2.1", port: 7402 }, key: keyOf(id) });
    const ask = (id: string) => this.#control.segments.grant(id, member(id));
    await this.#rate("first grants a second", nodeCount, () => this.#all(ask));
    await this.#rate("grants a second, of nodes that had one", nodeCount, () => this.#all(ask));
    const first = () => this.#reportAll(1, 1);
    await this.#rate("first reports a second", segmentCount, first);
    await this.#rate("reports without news a second", segmentCount * 20, async () => {
      for (let round = 0; round < 20; round += 1) await first();
    });
    await this.#rate("reports with a change a second", segmentCount * 20, async () => {
      for (let round = 0; round < 20; round += 1) await this.#reportAll(1, 2 + round);
    });
    this.#row("memory (RSS) then, MiB", memory());
    await this.#die();
    await this.#rest();
    this.#row("list of segments, ms", format(await timed(() => this.#control.segments.summaries()), 1));
  }

  /** Leaders go without a word; each segment's next one reports when it has nobody yet, and when it has all. */
  async #die(): Promise<void> {
    const { hub } = this.#control;
    const dead = Array.from({ length: dying }, (_, segment) => segment);
    const began = performance.now();
    for (const segment of dead) hub.drop(idOf(segment, 0));
    for (const segment of dead) await this.#say(idOf(segment, 1), reportOf(segment, 1, [], 2, 1));
    for (const segment of dead) {
      const others = members(segment, 1).filter((index) => index !== 0);
      await this.#say(idOf(segment, 1), reportOf(segment, 1, others, 2, 2));
    }
    const isTrue = (segment: number) => {
      const { state, leader, members: count } = this.#control.segments.view(nameOf(segment));
      return state === "led" && leader === idOf(segment, 1) && count === size - 1;
    };
    if (!dead.every(isTrue)) throw new Error("the picture is not true");
    this.#row(`${dying} leaders die: true picture after their successors speak, ms`, format(performance.now() - began));
    const isStored = async () => {
      const rows = await this.#control.db.selectFrom("segment_part").select("leader").where("epoch", "=", 2).execute();
      return rows.length === dying;
    };
    while (!(await isStored())) await pause(20);
    this.#row("… and in the database, ms", format(performance.now() - began));
  }

  /** What it costs when nothing happens, and each leader reports once a minute. */
  async #rest(): Promise<void> {
    const seconds = 12;
    const before = process.cpuUsage();
    for (let second = 0; second < seconds; second += 1) {
      const share = Math.floor(segmentCount / 60);
      const from = dying + second * share;
      for (let segment = from; segment < from + share; segment += 1)
        await this.#say(
          idOf(segment % segmentCount, 0),
          reportOf(segment % segmentCount, 0, members(segment, 0), 1, 21),
        );
      await pause(1_000);
    }
    const { user, system } = process.cpuUsage(before);
    this.#row("CPU at rest, ms a second", format((user + system) / 1_000 / seconds, 1));
    this.#row("memory (RSS) at rest, MiB", memory());
  }

  #row(what: string, value: string): void {
    this.#rows.push([what, value]);
  }

  async #rate(what: string, count: number, work: () => Promise<unknown>): Promise<void> {
    const before = process.cpuUsage();
    const ms = await timed(work);
    const { user, system } = process.cpuUsage(before);
    this.#row(what, format((count / ms) * 1_000));
    this.#row("… CPU of each, ms", format((user + system) / 1_000 / count, 2));
  }

  /** As many at a time as a link has connections that ask. */
  async #all(work: (id: string) => Promise<unknown>): Promise<void> {
    const ids = Array.from({ length: segmentCount }, (_, segment) =>
      [...members(segment, -1)].map((index) => idOf(segment, index)),
    );
    for (const some of ids) await Promise.all(some.map(work));
  }

  async #greet(id: string): Promise<void> {
    const stream = { send: () => void (this.#told += 1), close: () => this.#control.hub.closed(id, stream) };
    this.#control.hub.open(id, stream);
    const facts = { platform: "linux", version: "0", cpuCount: 4, memoryBytes: 2 ** 33, freeDiskBytes: 2 ** 38 };
    await this.#say(id, { type: "hello", bootId: id, name: id, labels: {}, providers: {}, sites: [], ...facts });
  }

  async #reportAll(epoch: number, revision: number): Promise<void> {
    for (let segment = 0; segment < segmentCount; segment += 1)
      await this.#say(idOf(segment, 0), reportOf(segment, 0, members(segment, 0), epoch, revision));
  }

  async #say(id: string, message: FromNode): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(message));
    await this.#control.hub.receive(id, await readReport(chunks(bytes)));
  }
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function reportOf(
  segment: number,
  leader: number,
  others: readonly number[],
  epoch: number,
  revision: number,
): FromNode {
  const all = others.map((index) => listed(idOf(segment, index)));
  const channel = { number: 1, group: "239.192.0.1", port: 7402 };
  const counters = { junk: 0, replay: 3, signature: 0, seal: 0, flood: 0 };
  const tenure = { epoch, revision, leader: idOf(segment, leader), leadingMs: 1_000 };
  const report: SegmentReport = { ...tenure, channel, members: all, gone: [] };
  return { type: "segment", segment: nameOf(segment), report, counters, reach: "multicast" };
}

function keyOf(id: string): string {
  return Buffer.alloc(32, id).toString("base64");
}

function memory(): string {
  return format(process.memoryUsage.rss() / 2 ** 20);
}

if (values.database === undefined) {
  const columns = ["embedded", "PostgreSQL"].map((database) => {
    const args = [import.meta.filename, "--segments", values.segments, "--size", values.size, "--database", database];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as [string, string][];
  });
  const [embedded = [], server = []] = columns;
  const rows = embedded.map(([what, first], at) => [what, first, server[at]?.[1] ?? ""]);
  const title = `${format(nodeCount)} nodes in ${format(segmentCount)} segments`;
  console.log(`${machine()}\n\n${table([title, "embedded", "PostgreSQL"], rows)}`);
} else console.log(JSON.stringify(await measure(values.database)));
