import { tryOut } from "../plugins/mctp/simulation/trial.ts";
import { format, machine, table } from "./measuring.ts";

/*
 * A delivery of 100 MiB at 100 Mbit to more members than one machine can hold, in the simulator: the real machines of
 * plugin `mctp`, without sealing, sockets and disks. Each member loses frames by itself, and reports and announcements
 * get lost as well.
 *
 *   node test/bench/multicast-scale.ts [receivers…]
 */

const sizeBytes = 100 * 1_048_576;
const bytesPerSecond = 100_000_000 / 8;
const given = process.argv.slice(2).map(Number);
const cells = [
  ...[10, 100].flatMap((receivers) => [0, 10, 50, 100].map((lossPermille) => ({ receivers, lossPermille }))),
  ...[0, 10].map((lossPermille) => ({ receivers: 1_000, lossPermille })),
].filter(({ receivers }) => given.length === 0 || given.includes(receivers));

const head = [
  "receivers, loss",
  "s until all have it",
  "of line rate",
  "sent ÷ size",
  "most reports in 100 ms",
  "left",
];
const rows = cells.map(({ receivers, lossPermille }) => {
  const began = performance.now();
  const { violation, completeMs, share, mostReports, delivered } = tryOut({ receivers, lossPermille, sizeBytes });
  if (violation !== undefined) throw new Error(violation);
  const seconds = Math.max(...completeMs.values()) / 1_000;
  console.error(
    `${receivers} at ${lossPermille / 10} %: ${format((performance.now() - began) / 1_000)} s of this machine`,
  );
  return [
    `${format(receivers)}, ${lossPermille / 10} %`,
    format(seconds, 2),
    format(sizeBytes / bytesPerSecond / seconds, 3),
    format(share, 3),
    format(mostReports),
    format(delivered[0]?.left.length ?? receivers),
  ];
});
console.log(`${machine()}\n\n${table(head, rows)}`);
