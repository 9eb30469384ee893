import type { unwrap } from "../../../../plugins/mctp/wire/datagram.ts";
import type { Receiver } from "../../../../plugins/mctp/receive/receiver.ts";
import type { Sender } from "../../../../plugins/mctp/send/sender.ts";
import { importMutant } from "../../../mutant.ts";
import type { Mutant } from "../../../mutant.ts";
import { machines } from "./machines.ts";
import type { Machines } from "./machines.ts";

/** Wrong machines, by what they do. */
export const mutants: Readonly<Record<string, Mutant>> = {
  "forgets what is on its way": { file: "demands", from: "demand.sent - demand.sentAfter(seen)", to: "demand.sent" },
  "repeats one frame of parity": { file: "demands", from: "demand.next = demand.after(index + count);", to: "" },
  "charges nobody": { file: "demands", from: "this.#charges[member] = (this.#charges[member] ?? 0) + frames;", to: "" },
  "sends what was wanted one by one for ever": { file: "demands", from: "singles.wanted.delete(index + at);", to: "" },
  "hears no lack of single frames": {
    file: "demands",
    from: "wanted.set(index, by ===",
    to: "wanted.size === -1 && wanted.set(index, by ===",
  },
  "asks the wrong list": { file: "participants", from: "(listed ? open : others)", to: "(listed ? others : open)" },
  "takes everybody for complete": {
    file: "participants",
    from: 'report.isComplete ? "complete" : "lacking"',
    to: '"complete"',
  },
  "forgets to name who was left": { file: "sender", from: 'this.#participants.in("left").map(', to: "[].map(" },
  "asks nobody": { file: "sender", from: "this.#ask(this.#participants.asks());", to: "" },
  "counts no tries": { file: "tries", from: "this.count >= mostTries", to: "false" },
  "tries while data is on its way": {
    file: "sender",
    from: "if (this.#first.isWaiting) this.#tries.renew(now);",
    to: "",
  },
  "sends in vain for ever": {
    file: "sender",
    from: "else if (this.#emitted > leastInVain",
    to: "else if (false && this.#emitted > leastInVain",
  },
  "waits for more than the quorum": { file: "sender", from: "now - this.#quorumAt > quorumGraceMs", to: "now < 0" },
  "sends in spite of a backlog": {
    file: "pacing",
    from: "if (this.backlogBytes > mostBacklogBytes) return 0;",
    to: "",
  },
  "does not wait for who has something": {
    file: "sender",
    from: "if (isGathering && (hasMore || isMisled))",
    to: "if (isGathering)",
  },
  "sends all that is there": {
    file: "first-pass",
    from: "this.#lacking?.[range.from] === 0",
    to: "this.#lacking === null",
  },
  "ignores the policy": {
    file: "rate",
    from: "this.#mostBytesPerSecond = Math.min(bytesPerSecond,",
    to: "Math.min(bytesPerSecond,",
  },
  "takes any block for whole": {
    file: "receiver",
    from: "if (open.count === open.sources)",
    to: "if (open.count >= open.sources - 1)",
  },
  "keeps any number of blocks": {
    file: "receiver",
    from: "if (this.#open.size >= this.#options.mostOpen) return undefined;",
    to: "",
  },
  "lets a block that failed be": { file: "receiver", from: "block += 1) this.#forget(block);", to: "block += 1);" },
  "says once that it is complete": { file: "receiver", from: "isAsked(event.asks, this.#hash)", to: "false" },
  "all report at the same moment": {
    file: "receiver",
    from: "this.#reportAt = now + this.#chance.next() * this.#options.reportMs;",
    to: "this.#reportAt = now + this.#options.reportMs;",
  },
  "waits for a dead leader": {
    file: "silence",
    from: "if (now - this.#heardAt < silenceMs) return false;",
    to: "return false;",
  },
  "does not hear the end": { file: "receiver", from: 'this.#end("the leader has ended the session");', to: "" },
  "does not hear that it is dismissed": { file: "receiver", from: "this.#dismissal = event.reason;", to: "{}" },
  "keeps what it has to itself": { file: "receiver", from: "this.#hadSomething = this.#doneCount > 0;", to: "" },
  "sends faster than it may": { file: "pacing", from: "this.#credit -= frames * this.#wireBytes;", to: "" },
  "keeps a frame twice": {
    file: "open-block",
    from: "if (((this.#has[index >> 3] as number) & bit) !== 0) return undefined;",
    to: "",
  },
  "asks for what it has": {
    file: "open-block",
    from: "this.holds[row] === none) missing",
    to: "this.holds[row] !== none) missing",
  },
  "takes an old frame for a new one": { file: "datagram", from: ">= half ? 2 ** 24 : 0", to: ">= half ? 0 : 0" },
};

const folder = new URL("../../../../plugins/mctp/", import.meta.url);

/** The machines with one change; throws if the source has no such place, or more than one. */
export async function loadMutant(mutant: Mutant): Promise<Machines> {
  if (mutant.file === "datagram")
    return {
      ...machines,
      ...(await importMutant<{ readonly unwrap: typeof unwrap }>(folder, "wire/datagram", mutant)),
    };
  const sender = await importMutant<{ readonly Sender: typeof Sender }>(folder, "send/sender", mutant);
  const receiver = await importMutant<{ readonly Receiver: typeof Receiver }>(folder, "receive/receiver", mutant);
  return { ...machines, Sender: sender.Sender, Receiver: receiver.Receiver };
}
