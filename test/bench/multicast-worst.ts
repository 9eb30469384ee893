import { setTimeout } from "node:timers/promises";
import { format, machine, median, table } from "./measuring.ts";
import { mctp } from "./multicast-mctp.ts";
import { isInstalled, uftp } from "./multicast-peers.ts";
import { Trial } from "./multicast-trial.ts";
import type { Contender } from "./multicast-trial.ts";

/*
 * What one receiver that loses 30 % costs the others, who lose 1 %: 25 MiB to four over 100 Mbit/s, beside the same with
 * none of that kind. Needs root.
 *
 *   node test/bench/multicast-worst.ts [rounds]
 */

const [rounds = 5] = process.argv.slice(2).map(Number);
const cell = { receivers: 4, mebibytes: 25, loss: 0.01, megabits: 100 };
const losses = { alike: 0.01, worst: 0.3 };
const limitMs = 20_000;

interface Moments {
  /** When all but the worst had a copy, in seconds. */
  readonly others: number;
  /** When the worst one had; infinite if it was given up. */
  readonly worst: number;
}

async function run(contender: Contender, loss: number): Promise<Moments> {
  await using trial = new Trial(cell);
  const send = await contender.prepare(trial);
  trial.lan.loss(loss, trial.receivers.at(-1) ?? 0);
  const startedAt = performance.now();
  const { copied, ended } = send();
  // What a receiver said is read a moment after what the sender said.
  const over = Promise.race([ended.catch(() => undefined).then(() => setTimeout(500)), setTimeout(limitMs)]);
  const secondsUntil = (all: readonly Promise<unknown>[]) =>
    Promise.race([Promise.all(all).then(() => (performance.now() - startedAt) / 1_000), over.then(() => Infinity)]);
  // A contender that knows only of the end of all has its one moment for both.
  const others = copied.length === 1 ? copied : copied.slice(0, -1);
  const [othersSeconds, worstSeconds] = await Promise.all([others, copied.slice(-1)].map(secondsUntil));
  return { others: othersSeconds ?? Infinity, worst: worstSeconds ?? Infinity };
}

const contenders = [mctp(), ...(isInstalled("uftp") ? [uftp()] : [])];
const results = new Map(contenders.map(({ name }) => [name, { alike: [] as Moments[], worst: [] as Moments[] }]));
for (let round = 0; round < rounds; round += 1) {
  for (const contender of contenders) {
    for (const kind of ["alike", "worst"] as const) {
      const moments = await run(contender, losses[kind]);
      console.error(contender.name, kind, JSON.stringify(moments));
      results.get(contender.name)?.[kind].push(moments);
    }
  }
}

const seconds = (value: number) => (Number.isFinite(value) ? format(value, 2) : "never");
const rows = [...results].map(([name, { alike, worst }]) => {
  const before = median(alike.map(({ others }) => others));
  const after = median(worst.map(({ others }) => others));
  const last = median(worst.map((moments) => moments.worst));
  return [name, seconds(before), seconds(after), `${format((after / before - 1) * 100, 1)} %`, seconds(last)];
});
console.log(`${machine()}, median of ${rounds}\n`);
console.log(table(["", "all lose 1 %, s", "one loses 30 %: the others, s", "costs them", "the worst one, s"], rows));
