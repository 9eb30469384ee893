import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { machine } from "./measuring.ts";
import { mctp } from "./multicast-mctp.ts";
import { http, isInstalled, rsync, udpcast, uftp } from "./multicast-peers.ts";
import { tablesOf } from "./multicast-tables.ts";
import type { Outcome } from "./multicast-tables.ts";
import { Trial } from "./multicast-trial.ts";
import type { Cell, Contender } from "./multicast-trial.ts";

/*
 * One file from a host of a LAN to all others, until the last of them has it: plugin `mctp` in turns with uftp and
 * udpcast (Debian's packages of these names), with parallel HTTP (nginx and curl) and with an rsync loop. Needs root.
 *
 *   node test/bench/multicast.ts [--cells link,large] [--receivers 4,8] [--losses 0,0.01] [--rounds 3]
 *     [--only 'mctp;uftp'] [--runs FILE]
 *
 * Cells are those of `grids`; `all` takes hours.
 * Runs are added to those in the file, and the tables are of all it has; with `--rounds 0` nothing is run.
 */

interface Grid {
  readonly megabits?: number;
  readonly receivers: readonly number[];
  readonly mebibytes: readonly number[];
}

const grids: Readonly<Record<string, readonly Grid[]>> = {
  small: [{ megabits: 100, receivers: [4], mebibytes: [25] }],
  /** Where the link and not the two cores is the limit. */
  link: [
    { megabits: 100, receivers: [4, 8], mebibytes: [25] },
    { megabits: 50, receivers: [16], mebibytes: [25] },
  ],
  single: [{ megabits: 100, receivers: [1], mebibytes: [25] }],
  large: [
    { megabits: 100, receivers: [4, 8], mebibytes: [100] },
    { megabits: 50, receivers: [16], mebibytes: [100] },
  ],
  tiny: [
    { megabits: 100, receivers: [1, 4, 8], mebibytes: [1] },
    { megabits: 50, receivers: [16], mebibytes: [1] },
  ],
  gigabit: [{ megabits: 1_000, receivers: [1, 4, 8, 16], mebibytes: [100] }],
  unshaped: [{ receivers: [1, 4, 8, 16], mebibytes: [100] }],
};

const { values } = parseArgs({
  options: {
    cells: { type: "string", default: "small" },
    losses: { type: "string", default: "0,0.01,0.05,0.1" },
    rounds: { type: "string", default: "3" },
    receivers: { type: "string", default: "" },
    only: { type: "string", default: "" },
    runs: { type: "string", default: "" },
  },
});
/** Longer than this at the speed of its link. */
const longSeconds = 30;
const losses = values.losses.split(",").map(Number);
const names = values.cells === "all" ? Object.keys(grids) : values.cells.split(",");
const only = values.only.split(";");

/** Run if they are named. */
const variants = [
  mctp({ variant: "from 20 Mbit/s", options: () => ({ startMbit: 20 }) }),
  mctp({ variant: "a datagram a call", isPlain: true }),
  mctp({ variant: "no parity", options: ({ megabits = 100 }) => ({ startMbit: megabits, repair: "plain" }) }),
];
const all: readonly Contender[] = [
  mctp(),
  ...(isInstalled("uftp") ? [uftp(), uftp({ cipher: "aes256-gcm" })] : []),
  ...(isInstalled("udp-sender") ? [udpcast()] : []),
  http,
  rsync,
];
const contenders = values.only === "" ? all : [...all, ...variants].filter(({ name }) => only.includes(name));

function cellsOf({ megabits, receivers, mebibytes }: Grid): Cell[] {
  const rate = megabits === undefined ? {} : { megabits };
  const counts = receivers.filter(
    (count) => values.receivers === "" || values.receivers.split(",").includes(`${count}`),
  );
  return mebibytes.flatMap((size) =>
    counts.flatMap((count) => losses.map((loss) => ({ ...rate, receivers: count, mebibytes: size, loss }))),
  );
}

async function runOnce(cell: Cell, contender: Contender): Promise<Outcome> {
  await using trial = new Trial(cell);
  return { cell, contender: contender.name, run: await trial.measure(contender) };
}

/** What takes minutes is done once. */
function roundsOf(cell: Cell, contender: Contender): number {
  const { megabits = 1_000, mebibytes, receivers } = cell;
  return (contender.copies(receivers) * mebibytes * 8) / megabits > longSeconds ? 1 : Number(values.rounds);
}

const earlier = existsSync(values.runs) ? readFileSync(values.runs, "utf8").trim().split("\n") : [];
const outcomes = earlier.filter((line) => line !== "").map((line) => JSON.parse(line) as Outcome);
for (const cell of names.flatMap((name) => grids[name] ?? []).flatMap(cellsOf)) {
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const contender of contenders.filter((one) => round < roundsOf(cell, one))) {
      const outcome = await runOnce(cell, contender);
      outcomes.push(outcome);
      console.error(JSON.stringify(outcome));
      if (values.runs !== "") appendFileSync(values.runs, `${JSON.stringify(outcome)}\n`);
    }
  }
}
console.log(`${machine()}\n\n${tablesOf(outcomes)}`);
