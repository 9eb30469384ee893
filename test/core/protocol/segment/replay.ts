import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { SegmentEffect, SegmentEvent } from "../../../../core/protocol/segment/events.ts";
import { readRun, writeRun } from "../../../../sdk/testkit/sim/world/run-file.ts";
import { shrink } from "../../../../sdk/testkit/sim/world/shrink.ts";
import { simulate } from "../../../../sdk/testkit/sim/world/simulate.ts";
import { Trace } from "../../../../sdk/testkit/sim/world/trace.ts";
import { segmentProtocol } from "./protocol.ts";
import { drawRun } from "./runs.ts";
import type { MemberSettings, SegmentRun } from "./world.ts";

/*
 * node test/core/protocol/segment/replay.ts <run.json | seed> [--trace] [--lines 200] [--shrink run.min.json]
 *
 * Runs a segment as a file or a seed says, and tells what went wrong.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { trace: { type: "boolean" }, lines: { type: "string" }, shrink: { type: "string" } },
});
const [what = "0"] = positionals;
const protocol = segmentProtocol();
const given = /^\d+$/.test(what)
  ? drawRun(Number(what))
  : readRun<MemberSettings, SegmentEvent>(readFileSync(what, "utf8"));
const run = values.shrink === undefined ? given : shrunk(given);
if (values.shrink !== undefined) writeFileSync(values.shrink, writeRun(run));

const trace = new Trace<SegmentEvent, SegmentEffect>(Number(values.lines ?? 200));
const { hash, counts, violation } = simulate(run, protocol, ...(values.trace === true ? [trace] : []));
if (values.trace === true) console.log(trace.text);
console.log(`${run.world.nodes.length} nodes, ${run.faults.length} faults, ${JSON.stringify(counts)}, hash ${hash}`);
console.log(violation?.message ?? "nothing went wrong");
if (violation !== undefined) process.exitCode = 1;

/** The least of the run in which the same goes wrong. */
function shrunk(whole: SegmentRun): SegmentRun {
  const { violation: first } = simulate(whole, protocol);
  return first === undefined
    ? whole
    : shrink(whole, (part) => simulate(part, protocol).violation?.invariant === first.invariant);
}
