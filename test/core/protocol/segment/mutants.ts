import type { SegmentMember } from "../../../../core/protocol/segment/member.ts";
import { importMutant } from "../../../mutant.ts";
import type { Mutant } from "../../../mutant.ts";
import type { CreateMember } from "./protocol.ts";

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

const folder = new URL("../../../../core/protocol/segment/", import.meta.url);

/** The machine with one change; throws if its source has no such place, or more than one. */
export async function loadMutant(mutant: Mutant): Promise<CreateMember> {
  const module = await importMutant<{ readonly SegmentMember: typeof SegmentMember }>(folder, "member", mutant);
  return (options) => new module.SegmentMember(options);
}
