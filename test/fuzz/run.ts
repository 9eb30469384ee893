import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";
import { targets } from "./targets/index.ts";

/*
 * npm run fuzz -- [cases] [target] [first]
 *
 * Runs cases `first`, `first + 1`, … of a target, or of all of them; 10,000,000 from the first if nothing is said. The
 * tests run the first 100,000, so a long run may begin behind them.
 */
const [cases = "10000000", name, first = "0"] = parseArgs({ allowPositionals: true }).positionals;
const chosen = targets.filter((target) => name === undefined || target.name === name);
if (chosen.length === 0)
  throw new Error(`there is no '${name}'; there are ${targets.map((each) => each.name).join(", ")}`);

for (const target of chosen) {
  const began = performance.now();
  try {
    const { accepted, refused, slowestMs, grownBytes } = await fuzz(target, {
      cases: Number(cases),
      first: Number(first),
    });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    const cost = `${seconds} s, slowest ${slowestMs.toFixed(1)} ms, ${grownBytes >> 20} MiB more`;
    console.log(`${target.name}: ${accepted} taken, ${refused} refused, ${cost}`);
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
