import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { noiseChunks, writeFile } from "../made-up-files.ts";
import { Lan } from "../system/lan/lan.ts";
import type { Program } from "../system/program.ts";
import { until } from "./measuring.ts";

/** What is sent to how many, and over what. */
export interface Cell {
  readonly receivers: number;
  /** Hosts behind them that get nothing; none if absent. */
  readonly guests?: number;
  readonly mebibytes: number;
  /** The share of frames to each receiver that is lost. */
  readonly loss: number;
  /** Of every link, in each direction; as much as the machine can if absent. */
  readonly megabits?: number;
}

/** Something that brings a file from one host to others. */
export interface Contender {
  readonly name: string;
  /** How many times the file has to pass the sender's link. */
  copies(receivers: number): number;
  /** Starts what runs before there is anything to send. What it gives sends. */
  prepare(trial: Trial): Promise<() => Sending>;
  /** The files in a receiver's directory that, joined, are its copy. */
  copy(cell: Cell): readonly string[];
}

/** Moments of a sending; they reject if it does not work out. */
export interface Sending {
  /** A receiver has its copy: for each of them. */
  readonly copied: readonly Promise<unknown>[];
  /** The sender knows, and sends nothing more. */
  readonly ended: Promise<unknown>;
}

/** What it took. */
export interface Run {
  /** Until the last receiver had its copy. */
  readonly seconds: number;
  /** What left the sender's device until it knew, in sizes of the file. */
  readonly sent: number;
  /** User and system time of the sender's processes, and of all receivers' together, in seconds. */
  readonly senderCpu: number;
  readonly receiversCpu: number;
}

export const sender = 0;
/** In memory, so that disks do not matter to anybody. */
const memory = "/dev/shm";
const ticksPerSecond = 100;
const flushMs = 5_000;
const settlingMs = 1_000;

/** A LAN with a file on its first host, and others that have nothing yet. */
export class Trial implements AsyncDisposable {
  readonly cell: Cell;
  readonly lan: Lan;
  readonly receivers: readonly number[];
  readonly source: string;
  readonly #directory = mkdtempSync(join(memory, "distributary-multicast-"));
  readonly #deferred = new AsyncDisposableStack();
  readonly #programs = new Map<number, Program[]>();

  constructor(cell: Cell) {
    const { receivers, guests = 0, megabits, loss, mebibytes } = cell;
    this.cell = cell;
    this.lan = Lan.up({ hosts: 1 + receivers + guests, ...(megabits === undefined ? {} : { megabits }) });
    // One more copy for the switch to make of everything.
    this.lan.unplug("control");
    this.receivers = this.lan.hosts.slice(1, 1 + receivers);
    if (loss > 0) this.lan.loss(loss, ...this.receivers);
    for (const host of this.lan.hosts) mkdirSync(this.directory(host));
    for (const host of this.lan.hosts) this.#leaveNamesAlone(host);
    this.source = join(this.directory(sender), "file");
    writeFile(this.source, noiseChunks("multicast", mebibytes * 2 ** 20));
  }

  /** What is on a host. */
  directory(host: number): string {
    return join(this.#directory, `${host}`);
  }

  /** Starts a program that runs on. */
  start(host: number, ...command: readonly string[]): Program {
    const program = this.lan.run(host, command, { cwd: this.directory(host) });
    this.#programs.set(host, [...(this.#programs.get(host) ?? []), program]);
    return program;
  }

  /** Runs a program to its end. Rejects if it fails. */
  async run(host: number, ...command: readonly string[]): Promise<void> {
    // The shell stays, because the kernel tells only of processes that are there how long their children worked.
    const script = '"$@" >&2; echo "it ended with $?" >&2; exec sleep 100000';
    const shell = this.start(host, "sh", "-c", script, "sh", ...command);
    const { msg } = await shell.says("it ended with ");
    if (msg !== "it ended with 0") throw new Error(`${command[0]}: ${shell.errors.slice(-2_000)}`);
  }

  /** Sends, and looks at what that took; undefined if not everybody had a copy in time. */
  async measure(contender: Contender): Promise<Run | undefined> {
    const send = await contender.prepare(this);
    const cpuSeconds = (hosts: readonly number[]) =>
      hosts.flatMap((host) => this.#programs.get(host) ?? []).reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0);
    const look = () => [this.lan.sentBytes(sender), cpuSeconds([sender]), cpuSeconds(this.receivers)] as const;
    const [bytesBefore, senderBefore, receiversBefore] = look();
    const startedAt = performance.now();
    const { copied, ended } = send();
    const limitMs = this.#limitMs(contender);
    const all = Promise.all(copied);
    // What a receiver said may be read a little later than what the sender said.
    const tooLate = ended.then(() => setTimeout(settlingMs)).then(() => Promise.reject(new Error("somebody was left")));
    if (!(await inTime(Promise.race([all, tooLate]), limitMs))) return undefined;
    const seconds = (performance.now() - startedAt) / 1_000;
    if (!(await inTime(ended, limitMs))) return undefined;
    const [bytes, senderCpu, receiversCpu] = look();
    if (!(await this.#isEverywhere(contender))) return undefined;
    return {
      seconds,
      sent: (bytes - bytesBefore) / (this.cell.mebibytes * 2 ** 20),
      senderCpu: senderCpu - senderBefore,
      receiversCpu: receiversCpu - receiversBefore,
    };
  }

  /** Done before the LAN is taken down with all that runs there. */
  defer(work: () => Promise<void>): void {
    this.#deferred.defer(work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deferred[Symbol.asyncDispose]();
    await this.lan[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true });
  }

  /** Nobody here knows names: without a way out, looking one up fails at once instead of in seconds. */
  #leaveNamesAlone(host: number): void {
    const routes = "ip route add 224.0.0.0/4 dev eth0 && ip route delete default";
    const [ip, ...args] = this.lan.on(host, "sh", "-c", routes);
    execFileSync(ip, args);
  }

  /** Five times what the link needs for it, and a quarter of a minute to find each other. */
  #limitMs(contender: Contender): number {
    const { receivers, mebibytes, megabits = 400 } = this.cell;
    return 15_000 + (5 * contender.copies(receivers) * mebibytes * 2 ** 23) / (megabits * 1_000);
  }

  /** Whether every receiver has a copy. Throws if one has something else. */
  async #isEverywhere(contender: Contender): Promise<boolean> {
    const source = readFileSync(this.source);
    for (const host of this.receivers) {
      const parts = contender.copy(this.cell).map((file) => join(this.directory(host), file));
      const length = () => parts.reduce((sum, part) => sum + (statSync(part, { throwIfNoEntry: false })?.size ?? 0), 0);
      // Whoever has told its sender that it has everything may still be writing.
      const flushed = until(() => length() === source.length, 2 * flushMs);
      if (!(await inTime(flushed, flushMs))) return false;
      if (!Buffer.concat(parts.map((part) => readFileSync(part))).equals(source))
        throw new Error(`${contender.name}: host ${host} has something else`);
    }
    return true;
  }
}

/** Whether work is done before the limit. What fails is said. */
async function inTime(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  const limit = new AbortController();
  const fail = (error: unknown) => {
    if (!limit.signal.aborted) console.error(error);
    return false;
  };
  const isDone = work.then(() => true, fail);
  const isLate = setTimeout(limitMs, false, { signal: limit.signal }).catch(() => isDone);
  return Promise.race([isDone, isLate]).finally(() => limit.abort());
}

/** Of a process and of its children that ended. */
function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may hold anything, come state, parent and nine more.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
}
