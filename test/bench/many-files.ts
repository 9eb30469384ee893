import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { noiseChunks, writeFile, writeFiles } from "../made-up-files.ts";
import { BenchFleet } from "./bench-fleet.ts";
import { format, machine, median, table, timed } from "./measuring.ts";

/*
 * Many small files beside one file of as many bytes, each brought to a node that has nothing: from control's order to
 * the node's word that the release is fetched, built, verified and synced. In turns with `rsync -a` of the same trees
 * on the same disk, and `sync`.
 *
 *   node test/bench/many-files.ts [files] [bytes in each] [rounds]
 */

const [fileCount = 100_000, sizeBytes = 10_240, rounds = 3] = process.argv.slice(2).map(Number);
const shapes = ["one", "many"] as const;
type Shape = (typeof shapes)[number];

const gibibytes = Math.ceil((1.5 * (4 + 6 * rounds) * fileCount * sizeBytes) / 2 ** 30) + 4;
await using fleet = await BenchFleet.start(gibibytes, (directory) => {
  for (const shape of shapes) mkdirSync(join(directory, shape));
  writeFile(join(directory, "one", "all.bin"), noiseChunks("one", fileCount * sizeBytes));
  writeFiles(join(directory, "many"), fileCount, sizeBytes);
  // Each round has sites of its own, so that none begins with anything.
  const sites = Array.from({ length: rounds }, (_, round) =>
    shapes.map((shape) => [`${shape}-${round}`, join(directory, shape)] as const),
  );
  return Object.fromEntries(sites.flat());
});

const measured = () => ({ one: [] as number[], many: [] as number[] });
const [prepare, processor, rsync] = [measured(), measured(), measured()];
const sync = () => execFileSync("sync", ["-f", fleet.directory]);

async function round(shape: Shape, number: number): Promise<void> {
  sync();
  const before = fleet.agentSeconds();
  const { phaseMs } = await fleet.publish(`${shape}-${number}`);
  prepare[shape].push(phaseMs["preparing"] ?? Number.NaN);
  processor[shape].push((fleet.agentSeconds() - before) * 1000);
  sync();
  const copy = join(fleet.directory, `rsync-${shape}-${number}`);
  const time = await timed(() => {
    execFileSync("rsync", ["-a", `${join(fleet.directory, shape)}/`, `${copy}/`]);
    sync();
  });
  rsync[shape].push(time);
}

for (let number = 0; number < rounds; number += 1) for (const shape of shapes) await round(shape, number);

const startedAt = performance.now();
const { phaseMs: again } = await fleet.publish("many-0");
const againMs = performance.now() - startedAt;

const row = (name: string, { one, many }: ReturnType<typeof measured>) => {
  const [few, all] = [median(one), median(many)];
  const rate = (ms: number) => format((fileCount * sizeBytes) / 1e3 / ms);
  return [name, format(few), rate(few), format(all), rate(all), `${format((100 * few) / all)} %`];
};
console.log(
  `${machine("rsync")}, ${format(fileCount)} files of ${format(sizeBytes)} bytes and one of ` +
    `${format(fileCount * sizeBytes)}, ${rounds} rounds\n`,
);
console.log(
  table(
    ["medians", "one file, ms", "MB/s", "many, ms", "MB/s", "throughput of many"],
    [
      row("prepared on a node, synced", prepare),
      row("`rsync -a`, `sync`", rsync),
      row("processor time of the agent", processor),
    ],
  ),
);
console.log(
  `\nThe many published again, with nothing changed: ${format(againMs)} ms, ${format(again["scanning"] ?? 0)} of them the scan.`,
);
