import { electionArrows } from "../../../../core/protocol/segment/election-arrows.ts";

/** The states of the election and the arrows between them, as a Mermaid figure. */
export function drawElection(): string {
  const nameOf = (state: string) => state.replaceAll(" ", "_");
  const states = [...new Set(Object.values(electionArrows).flatMap(({ from, to }) => [...from, to]))];
  const arrows = Object.entries(electionArrows).flatMap(([name, arrow]) =>
    arrow.from.map((from) => `  ${nameOf(from)} --> ${nameOf(arrow.to)}: ${name}`),
  );
  const rows = Object.entries(electionArrows).map(([name, arrow]) => {
    const does = "does" in arrow ? arrow.does : "";
    return `| ${name} | ${arrow.from.join(", ")} | ${arrow.on} | ${does} | ${arrow.to} |`;
  });
  return [
    "```mermaid",
    "stateDiagram-v2",
    "  [*] --> leader_unknown",
    ...states.map((state) => `  ${nameOf(state)}: ${state}`),
    ...arrows,
    "```",
    "",
    "| arrow | in state | on | does | to |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}
