import { readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import type { SegmentMember } from "../../../../core/protocol/segment/member.ts";
import type { CreateMember } from "./protocol.ts";

/** One change of the machine: in which file, what, and what instead. */
export interface Mutant {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** Wrong machines, by what they do. */
export const mutants: Readonly<Record<string, Mutant>> = {
  "steps down at a lone claim": {
    file: "election",
    from: "      this.leading.reassert(message.at, this.#epoch, now);\n",
    to: "      this.#stepDown(now);\n",
  },
  "obeys a leader that does not hear it": {
    file: "election",
    from: "if (isAhead || !hearsMe || epoch < this.#epoch)",
    to: "if (isAhead || epoch < this.#epoch)",
  },
  "goes back to an older epoch": {
    file: "election",
    from: "else if (message.epoch >= this.#epoch) this.#follow(",
    to: "else if (message.epoch >= 0) this.#follow(",
  },
  "does not store its epoch": { file: "election", from: "    this.#self.remember({ epoch });\n", to: "" },
  "forgets its epoch when it restarts": {
    file: "election",
    from: "this.#epoch = self.memory.epoch;",
    to: "this.#epoch = 0;",
  },
  "begins no newer epoch when somebody knows one": {
    file: "election",
    from: '    this.#act(beyond + 1);\n    this.#go("outdone");\n',
    to: "",
  },
  "leads in the epoch it knows already": {
    file: "election",
    from: "    this.#act(this.#epoch + 1);\n    this.#lastLeader",
    to: "    this.#lastLeader",
  },
  "goes on leading when it may not any more": {
    file: "election",
    from: "    if (!this.#self.eligible) this.stepDown(now);\n",
    to: "",
  },
  "never answers another leader": {
    file: "election",
    from: "return this.leading.challenge(from, at, this.#epoch, now);",
    to: "return;",
  },
  "claims though it may not lead": { file: "candidacy", from: "    if (!eligible) return;\n", to: "" },
  "concedes for ever": {
    file: "candidacy",
    from: "this.deadline = now + voteMs[1] + answerMs;",
    to: "this.deadline = Infinity;",
  },
  "waits for better claims for ever": {
    file: "candidacy",
    from: "this.deadline = now + this.#self.draws.between(this.#self.timings.voteMs);",
    to: "this.deadline = Infinity;",
  },
  "says once that it leads": {
    file: "leading",
    from: "this.#aliveAt = now + periodMs;",
    to: "this.#aliveAt = Infinity;",
  },
  "never gives a leader up": {
    file: "leader-watch",
    from: "if (now - this.#heardAt >= this.patienceMs) return true;",
    to: "",
  },
  "never distrusts a leader that does not hear it": {
    file: "registration",
    from: "return this.#election.distrust(now);",
    to: "return;",
  },
  "never drops a silent member": {
    file: "roll",
    from: "if (now >= missedAt && entry.askedCount >= asksBeforeDrop) this.#drop",
    to: "if (entry.askedCount === Infinity) this.#drop",
  },
  "forgets which channel it was on": { file: "channels", from: "    this.#self.remember({ channel });\n", to: "" },
  "takes the higher address for the better": {
    file: "candidate",
    from: "one.id < other.id : byAddress < 0;",
    to: "one.id < other.id : byAddress > 0;",
  },
  "takes the lower priority for the better": {
    file: "candidate",
    from: "return one.priority > other.priority;",
    to: "return one.priority < other.priority;",
  },
  "takes itself for better than its equals": {
    file: "candidate",
    from: "return byAddress === 0 ? one.id < other.id : byAddress < 0;",
    to: "return true;",
  },
  "says lost without asking others": {
    file: "suspicion",
    from: "    if (this.#round === rounds) return true;\n",
    to: "    return true;\n",
  },
  "tells control nothing when its epoch changes": {
    file: "member",
    from: "if (isLeading && epoch !== this.#epoch) this.#roll.ask(now);",
    to: "",
  },
};

/** The machine with one change; throws if its source has no such place, or more than one. */
export async function loadMutant(mutant: Mutant): Promise<CreateMember> {
  const module = (await import(moduleOf("member", mutant, new Map()))) as {
    readonly SegmentMember: typeof SegmentMember;
  };
  return (options) => new module.SegmentMember(options);
}

/** A file of the machine as a module of its own, with what it imports. */
function moduleOf(file: string, mutant: Mutant, made: Map<string, string>): string {
  const known = made.get(file);
  if (known !== undefined) return known;
  const source = readFileSync(new URL(`../../../../core/protocol/segment/${file}.ts`, import.meta.url), "utf8");
  const code = stripTypeScriptTypes(file === mutant.file ? changed(source, mutant) : source, { mode: "strip" });
  const linked = code.replace(/from "\.\/([\w-]+)\.ts"/g, (_, imported: string) => {
    return `from "${moduleOf(imported, mutant, made)}"`;
  });
  const url = `data:text/javascript,${encodeURIComponent(linked)}`;
  made.set(file, url);
  return url;
}

function changed(source: string, { file, from, to }: Mutant): string {
  const parts = source.split(from);
  if (parts.length !== 2) throw new Error(`'${from}' stands in ${file}.ts ${parts.length - 1} times`);
  return parts.join(to);
}
