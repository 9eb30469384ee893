import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import type { Rollout } from "../../../core/protocol/rollout.ts";
import type { CreateRollout } from "./rollout-script.ts";

const source = readFileSync(new URL("../../../core/protocol/rollout.ts", import.meta.url), "utf8");

/** Wrong machines: what to replace in the right one, by what it then does. */
export const mutants: Readonly<Record<string, readonly [from: string, to: string]>> = {
  "orders a commit below the quorum": [
    "if (count >= this.#policy.quorum && count > 0) return true;",
    "if (count > 0) return true;",
  ],
  "does not look at the quorum again when somebody says commit": [
    'if (this.#reaches(this.#in("prepared").length, "prepared")) this.#order();',
    "this.#order();",
  ],
  "does not wait for somebody to say commit": [
    "    if (this.#approved) return this.#order();",
    "    return this.#order();",
  ],
  "forgets an approval that came early": [
    "        this.#approved = true;\n",
    '        this.#approved = this.#phase === "holding";\n',
  ],
  "tells nodes to switch before the commit is ordered": [
    '    this.#effects.push({ type: "order", nodes });',
    '    this.#effects.push({ type: "order", nodes });\n    for (const node of nodes) this.#tellToSwitch(node);',
  ],
  "tells a node to switch that is not prepared": [
    'this.#in(this.#needsPreparing ? "prepared" : "able")',
    'this.#in("prepared").concat(this.#in("able"), this.#in("preparing"))',
  ],
  "tells whoever says prepared to switch": [
    'if (this.#advance(event.node, ["preparing"], "prepared") && this.#phase === "switching")\n',
    'this.#advance(event.node, ["preparing"], "prepared"); if (this.#phase === "switching")\n',
  ],
  "forgets a node that is prepared while others switch": [
    ' && this.#phase === "switching")\n          this.#tellToSwitch(event.node);',
    ");",
  ],
  "sends to nodes that are away": [
    'if (this.#nodes.get(node)?.connected === true) this.#effects.push({ type: "switch", node });',
    'this.#effects.push({ type: "switch", node });',
  ],
  "does not tell a node again that comes back": [
    '    else if (state.stage === "switching") this.#effects.push({ type: "switch", node });',
    "",
  ],
  "waits for slow nodes for ever": [
    'this.#enter("preparing", now + this.#policy.prepareMs);',
    'this.#enter("preparing", Infinity);',
  ],
  "wants to be woken in the past": [
    'else if (this.#phase === "switching" && (late || ',
    'else if (this.#phase === "switching" && (',
  ],
  "can be aborted after the commit": [
    '    if (this.#phase === "ordering" || this.#phase === "switching") return;\n    this.#end("cancelled", reason);',
    '    this.#end("cancelled", reason);',
  ],
  "goes on after an abort": [
    '    this.#end("cancelled", reason);',
    '    if (this.#phase !== "holding") this.#end("cancelled", reason);',
  ],
  "ends twice": ['if (this.#phase !== "ended") this.#take(event, now);', "this.#take(event, now);"],
  "leaves nodes out of its account": [
    'for (const node of [...this.#in("switching"), ...this.#in("preparing")]) this.#fail(node, "did not answer in time");',
    "",
  ],
  "says done with too few": ["if (switched < this.#policy.quorum)\n", "if (switched === 0)\n"],
  "does not record a phase before what follows from it": [
    '    this.#effects.push({ type: "record", phase });\n',
    '    if (phase !== "ordering") this.#effects.push({ type: "record", phase });\n',
  ],
  "asks nodes again that are able": [
    '(state.stage === "away" || state.stage === "asked")',
    '(state.stage === "away" || state.stage === "asked" || state.stage === "able")',
  ],
  "goes on when it cannot reach the quorum": ["return this.#isHopeless() || ![", "return !["],
};

/** The machine with one change; throws if the source has no such place, or more than one. */
export async function loadMutant([from, to]: readonly [string, string]): Promise<CreateRollout> {
  const parts = source.split(from);
  if (parts.length !== 2) throw new Error(`'${from}' stands in rollout.ts ${parts.length - 1} times`);
  const code = stripTypeScriptTypes(parts.join(to), { mode: "strip" });
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    readonly Rollout: new (...options: Parameters<CreateRollout>) => Rollout;
  };
  return (...options) => new module.Rollout(...options);
}
