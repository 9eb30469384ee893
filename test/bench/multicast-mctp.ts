import { join } from "node:path";
import type { LogEntry } from "../system/program.ts";
import type { NodeOptions } from "./multicast-node.ts";
import { sender } from "./multicast-trial.ts";
import type { Cell, Contender, Trial } from "./multicast-trial.ts";

const program = join(import.meta.dirname, "multicast-node.ts");

/** What may be varied. */
export interface MctpOptions {
  /** Behind the name. */
  readonly variant?: string;
  /** Of the plugin. */
  readonly options?: (cell: Cell) => Readonly<Record<string, unknown>>;
  readonly isPlain?: boolean;
  /** Where the leader and one member leave a CPU profile; none if absent. */
  readonly profiles?: string;
}

/** Plugin `mctp`, a process for the leader and one for each member, all of them there before the sending begins. */
export function mctp({ variant, options = startAtLink, isPlain = false, profiles }: MctpOptions = {}): Contender {
  return {
    name: variant === undefined ? "mctp" : `mctp, ${variant}`,
    copies: () => 1,
    copy: ({ mebibytes }) => Array.from({ length: mebibytes }, (_, index) => `pieces/${index}`),
    async prepare(trial) {
      const start = async (host: number) => {
        const isProfiled = profiles !== undefined && host <= 1;
        const flags = isProfiled ? ["--cpu-prof", `--cpu-prof-dir=${profiles}`] : [];
        const node = JSON.stringify({ ...nodeOf(trial, host), isPlain, options: options(trial.cell) });
        const started = trial.start(host, process.execPath, ...flags, program, node);
        await started.says("joined");
        return started;
      };
      const members = await Promise.all(trial.receivers.map(start));
      const leader = await start(sender);
      if (profiles !== undefined) {
        trial.defer(async () => void (await Promise.all([leader, ...members].map((node) => node.kill("SIGTERM")))));
      }
      return () => {
        process.kill(leader.pid, "SIGUSR2");
        return {
          copied: members.map((member) => member.says("complete")),
          ended: leader.says("delivered").then(refuseLeft),
        };
      };
    },
  };
}

function refuseLeft({ left, counters }: LogEntry): void {
  console.error(JSON.stringify(counters));
  if ((left as unknown[]).length > 0) throw new Error(`mctp: ${JSON.stringify(left)}`);
}

/** It is told what the link carries, as the others are. */
function startAtLink({ megabits }: Cell): Readonly<Record<string, unknown>> {
  return megabits === undefined ? {} : { startMbit: megabits };
}

function nodeOf(trial: Trial, host: number): Omit<NodeOptions, "isPlain" | "options"> {
  return {
    self: idOf(host),
    address: trial.lan.address(host),
    source: trial.source,
    directory: trial.directory(host),
    members: host === sender ? trial.receivers.map(idOf) : [],
  };
}

function idOf(host: number): string {
  return `n${host}`;
}
