import { format, median, table } from "./measuring.ts";
import type { Cell, Run } from "./multicast-trial.ts";

/** A run of a contender; none if not everybody had a copy in time. */
export interface Outcome {
  readonly cell: Cell;
  readonly contender: string;
  readonly run?: Run | undefined;
}

/** A table for each link, count of receivers and size: a row for each contender, a column for each loss. */
export function tablesOf(outcomes: readonly Outcome[]): string {
  const groups = Map.groupBy(outcomes, ({ cell }) => captionOf(cell));
  return [...groups].map(([caption, group]) => `${caption}\n\n${tableOf(group)}`).join("\n\n");
}

function captionOf({ megabits, receivers, mebibytes }: Cell): string {
  const link = megabits === undefined ? "unshaped" : `${format(megabits)} Mbit/s`;
  return `**${mebibytes} MiB, ${receivers} ${receivers === 1 ? "receiver" : "receivers"}, ${link}**`;
}

function tableOf(outcomes: readonly Outcome[]): string {
  const losses = [...new Set(outcomes.map(({ cell }) => cell.loss))].sort((a, b) => a - b);
  const ends = [...new Set([losses.at(0) ?? 0, losses.at(-1) ?? 0])];
  const rows = [...Map.groupBy(outcomes, ({ contender }) => contender)].map(([contender, its]) => {
    const at = (loss: number) => its.filter(({ cell }) => cell.loss === loss);
    return [contender, ...losses.map((loss) => courseOf(at(loss))), ...ends.map((loss) => cpuOf(at(loss)))];
  });
  const percent = (loss: number) => `${format(loss * 100)} %`;
  return table(["", ...losses.map(percent), ...ends.map((loss) => `CPU s at ${percent(loss)}`)], rows);
}

/** Median of the seconds, all between which they were, and what was sent. */
function courseOf(outcomes: readonly Outcome[]): string {
  if (outcomes.length === 0) return "";
  const runs = runsOf(outcomes);
  const failures = outcomes.length - runs.length;
  if (runs.length === 0) return `never (${failures})`;
  const seconds = runs.map((run) => run.seconds);
  const spread = runs.length === 1 ? "" : ` (${[Math.min(...seconds), Math.max(...seconds)].map(inSeconds).join("–")})`;
  const course = `${inSeconds(median(seconds))}${spread} · ${format(median(runs.map((run) => run.sent)), 3)}`;
  return failures === 0 ? course : `${course}, ${failures} of ${outcomes.length} never`;
}

/** Of the sender, and of all receivers together. */
function cpuOf(outcomes: readonly Outcome[]): string {
  const runs = runsOf(outcomes);
  if (runs.length === 0) return "";
  const [sender, receivers] = [runs.map((run) => run.senderCpu), runs.map((run) => run.receiversCpu)].map(median);
  return `${inSeconds(sender ?? 0)} + ${inSeconds(receivers ?? 0)}`;
}

function runsOf(outcomes: readonly Outcome[]): Run[] {
  return outcomes.flatMap(({ run }) => run ?? []);
}

function inSeconds(seconds: number): string {
  return format(seconds, seconds < 10 ? 2 : 1);
}
