import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { format, machine, median, table } from "./measuring.ts";
import { mctp } from "./multicast-mctp.ts";
import { Trial, sender } from "./multicast-trial.ts";

/*
 * A TCP stream and a session of `mctp` that meet on a link of 100 Mbit/s, and how much each gets of it. Needs
 * root.
 *
 *   node test/bench/multicast-fairness.ts [rounds] [Mbit/s with which the session begins]
 */

const [rounds = 3, startMbit = 100] = process.argv.slice(2).map(Number);
const megabits = 100;
const aloneMs = 4_000;
/** Both look for their shares. */
const settlingMs = 2_000;
const togetherMs = 16_000;
/** So much that the session does not end before. */
const mebibytes = 300;
/** A TCP segment carries 1,448 bytes in a frame of 1,514. */
const frameShare = 1_514 / 1_448;
const program = join(import.meta.dirname, "tcp-stream.ts");

interface Meeting {
  readonly name: string;
  readonly members: number;
  /** Where the stream comes from and goes to; the host behind the members is none. */
  readonly from: number;
  readonly to: number;
}

const meetings: readonly Meeting[] = [
  { name: "the only member's link", members: 1, from: 2, to: 1 },
  { name: "one of four members' links", members: 4, from: 5, to: 1 },
  { name: "the leader's link", members: 4, from: sender, to: 5 },
];

/** Of the link, in Mbit/s. */
interface Shares {
  readonly before: number;
  readonly beside: number;
  readonly session: number;
}

async function run({ members, from, to }: Meeting): Promise<Shares> {
  await using trial = new Trial({ receivers: members, mebibytes, loss: 0, megabits, guests: 1 });
  const send = await mctp({ options: () => ({ startMbit }) }).prepare(trial);
  const taker = trial.start(to, process.execPath, program, "take");
  await taker.says("taking");
  trial.start(from, process.execPath, program, "give", trial.lan.address(to));
  const streamBytes = () => Number(taker.log.findLast(({ msg }) => msg === "taken")?.["bytes"] ?? 0) * frameShare;
  /** What the stream and the session got in a span. */
  const during = async (spanMs: number): Promise<readonly [number, number]> => {
    const [stream, all, startedAt] = [streamBytes(), trial.lan.sentBytes(sender), performance.now()];
    await setTimeout(spanMs);
    const rate = (bytes: number) => (bytes * 8) / 1_000 / (performance.now() - startedAt);
    const streamRate = rate(streamBytes() - stream);
    return [streamRate, rate(trial.lan.sentBytes(sender) - all) - (from === sender ? streamRate : 0)];
  };
  await setTimeout(settlingMs);
  const [before] = await during(aloneMs);
  const { copied, ended } = send();
  // The LAN is taken down in the midst of it.
  for (const moment of [...copied, ended]) moment.catch(() => undefined);
  await setTimeout(settlingMs);
  const course: (readonly [number, number])[] = [];
  while (course.length * 1_000 < togetherMs) course.push(await during(1_000));
  console.error(course.map((shares) => shares.map((share) => format(share)).join(":")).join(" "));
  const [beside, session] = [0, 1].map(
    (at) => course.reduce((sum, shares) => sum + (shares[at] ?? 0), 0) / course.length,
  );
  return { before, beside: beside ?? 0, session: session ?? 0 };
}

const results = new Map(meetings.map((meeting) => [meeting, [] as Shares[]]));
for (let round = 0; round < rounds; round += 1) {
  for (const [meeting, shares] of results) {
    shares.push(await run(meeting));
    console.error(meeting.name, JSON.stringify(shares.at(-1)));
  }
}

const rows = [...results].map(([{ name }, shares]) => {
  const columns = (["before", "beside", "session"] as const).map((key) => shares.map((share) => share[key]));
  const middles = columns.map(
    (values) => `${format(median(values))} (${format(Math.min(...values))}–${format(Math.max(...values))})`,
  );
  return [name, ...middles];
});
console.log(`${machine()}, median of ${rounds}\n`);
console.log(table(["they meet on", "TCP alone, Mbit/s", "TCP beside a session", "the session"], rows));
