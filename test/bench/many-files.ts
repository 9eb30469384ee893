import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BenchFleet } from "./bench-fleet.ts";
import { noiseChunks, writeFile, writeFiles } from "../made-up-files.ts";

const [fileCount = 100_000, sizeBytes = 10_240, rounds = 3] = process.argv.slice(2).map(Number);
const only = process.argv[5];
await using fleet = await BenchFleet.start((directory) => {
  const [many, one] = [join(directory, "many"), join(directory, "one")];
  if (only !== "one") writeFiles(many, fileCount, sizeBytes);
  mkdirSync(one);
  if (only !== "many") writeFile(join(one, "all.bin"), noiseChunks("one", fileCount * sizeBytes));
  return Object.fromEntries(
    Array.from({ length: rounds }, (_, r) => [
      [`many-${r}`, many],
      [`one-${r}`, one],
    ]).flat(),
  );
});
for (let round = 0; round < rounds; round += 1)
  for (const site of ["one", "many"]) {
    if (only !== undefined && only !== site) continue;
    const job = await fleet.publish(`${site}-${round}`);
    console.log(
      site,
      JSON.stringify(Object.fromEntries(Object.entries(job.phaseMs).map(([k, v]) => [k, Math.round(v)]))),
      fleet.memory("VmHWM"),
      fleet.cpu(),
    );
  }
