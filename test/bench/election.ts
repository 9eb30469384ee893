import { setTimeout } from "node:timers/promises";
import type { Contender, Reelection } from "./election-peers.ts";
import { Keepalived, Serf, isInstalled } from "./election-peers.ts";
import { AgentSegment } from "./election-segment.ts";
import { format, machine, median, table } from "./measuring.ts";

/*
 * How long nine hosts of a LAN are without a leader when theirs is killed, and how often they change it for nothing. In
 * turns with keepalived and serf (Debian's packages of these names), each in nine network namespaces; needs root.
 *
 *   node test/bench/election.ts [rounds] [rounds with usual timings] [quiet minutes]
 */

const [rounds = 30, usualRounds = rounds, quietMinutes = 10] = process.argv.slice(2).map(Number);
/** Every death falls into another moment between two signs of life. */
const phaseMs = 5_000;

const notInstalled = {
  keepalived: "by its documents 3 adverts and a skew, 3.6 s at most with the default of one a second",
  serf: "by the documents of memberlist 4 to 24 s",
};

async function inRounds(count: number, contenders: readonly Contender[]): Promise<Map<Contender, Reelection[]>> {
  const results = new Map<Contender, Reelection[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < count; round += 1) {
    for (const [contender, reelections] of results) {
      await setTimeout(Math.random() * phaseMs);
      reelections.push(await contender.reelect());
      console.error(round, contender.name, reelections.at(-1));
    }
  }
  return results;
}

function row({ name }: Contender, reelections: readonly Reelection[], changeCount: number): string[] {
  const first = reelections.map(({ firstMs }) => firstMs);
  const all = reelections.flatMap(({ allMs }) => allMs ?? []);
  const seconds = (times: readonly number[]) =>
    times.length === 0 ? ["", ""] : [median(times), Math.max(...times)].map((ms) => format(ms / 1_000, 2));
  return [name, `${reelections.length}`, ...seconds(first), ...seconds(all), `${changeCount}`];
}

await using stack = new AsyncDisposableStack();
const [fast, usual] = [stack.use(await AgentSegment.start("fast")), stack.use(await AgentSegment.start("usual"))];
const peers: Contender[] = [];
if (isInstalled("keepalived")) {
  for (const advertSeconds of [1, 0.5]) peers.push(stack.use(await Keepalived.start(advertSeconds)));
}
if (isInstalled("serf")) peers.push(stack.use(await Serf.start()));
const all = [fast, usual, ...peers];

const before = all.map((contender) => contender.changeCount());
await setTimeout(quietMinutes * 60_000);
const changes = all.map((contender, at) => contender.changeCount() - (before[at] ?? 0));

const results = new Map([...(await inRounds(rounds, [fast, ...peers])), ...(await inRounds(usualRounds, [usual]))]);
const rows = all.map((contender, at) => row(contender, results.get(contender) ?? [], changes[at] ?? 0));
const head = ["", "deaths", "another leads: median s", "worst s", "all know: median s", "worst s"];
console.log(`${machine()}, ${quietMinutes} quiet minutes\n`);
console.log(table([...head, "changes while quiet"], rows));
for (const [tool, documented] of Object.entries(notInstalled)) {
  if (!isInstalled(tool)) console.log(`\n${tool} is not installed: ${documented}`);
}
