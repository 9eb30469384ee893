import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readRun, writeRun } from "../../../../sdk/testkit/sim/world/run-file.ts";
import { simulate } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { Trace } from "../../../../sdk/testkit/sim/world/trace.ts";
import { shrunk } from "./batch.ts";
import { mctpProtocol } from "./protocol.ts";
import { drawRun } from "./runs.ts";
import type { MctpEffect, MctpEvent, MemberSettings } from "./world.ts";

/*
 * node test/plugins/mctp/simulation/replay.ts <run.json | seed> [--trace] [--lines 200] [--shrink run.min.json]
 *
 * Plays a run as a file or a seed says, and tells what went wrong.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { trace: { type: "boolean" }, lines: { type: "string" }, shrink: { type: "string" } },
});
const [what = "0"] = positionals;
const given = /^\d+$/.test(what)
  ? drawRun(Number(what))
  : readRun<MemberSettings, MctpEvent>(readFileSync(what, "utf8"));
const run = values.shrink === undefined ? given : shrunk(given);
if (values.shrink !== undefined) writeFileSync(values.shrink, writeRun(run));

const trace = new Trace<MctpEvent, MctpEffect>(Number(values.lines ?? 200));
const { hash, counts, violation } = simulate(run, mctpProtocol(), ...(values.trace === true ? [trace] : []));
if (values.trace === true) console.log(trace.text);
console.log(`${run.world.nodes.length} nodes, ${run.faults.length} faults, ${JSON.stringify(counts)}, hash ${hash}`);
console.log(violation?.message ?? "nothing went wrong");
if (violation !== undefined) process.exitCode = 1;
