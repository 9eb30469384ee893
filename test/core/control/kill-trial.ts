import { existsSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { JobRequest } from "../../../core/control/jobs/job-request.ts";
import type { Schema } from "../../../core/control/store/schema.ts";
import { realDisk } from "../../../core/runtime/disk.ts";
import { realIo } from "../../../core/runtime/io.ts";
import { Fuse } from "./fuse.ts";
import type { KillPoint } from "./fuse.ts";
import { Embedded, Server, openKilledStore } from "./killed-store.ts";
import type { Survivor } from "./killed-store.ts";
import { Trial } from "./trial.ts";
import type { Database } from "./trial.ts";
import { Wire } from "./wire.ts";

export const nodes: readonly string[] = ["a", "b"];

/** What control has recorded of a site, and which releases are live on its nodes. */
export interface Recorded {
  readonly site: Schema["site"];
  readonly jobs: readonly Schema["job"][];
  readonly assignments: readonly Schema["assignment"][];
  readonly live: Readonly<Record<string, string>>;
}

export interface KilledRun {
  /** The statement; undefined if the job and all that follows from it were over before. */
  readonly killedAt: string | undefined;
  /** The statement at which the next control was killed as well. */
  readonly killedAgainAt: string | undefined;
  /** The job, if it was accepted before the kill. */
  readonly accepted: string | undefined;
  readonly before: Recorded;
  /** When a control was there again that lives on, and could not reach its nodes yet. */
  readonly again: Recorded;
  /** When the job had ended, and all that follows from it. */
  readonly after: Recorded;
}

/**
 * A control that can be killed at a statement, and nodes that it reaches by a wire. A dead control changes nothing:
 * statements and files end with its fuse, and what goes over the network with its wires.
 */
export class KillTrial implements AsyncDisposable {
  readonly trial: Trial;
  readonly #database: Survivor;
  readonly #link: Wire;
  readonly #ids: string[] = [];
  #fuse = new Fuse(() => {});

  private constructor(trial: Trial, database: Survivor, link: Wire) {
    [this.trial, this.#database, this.#link] = [trial, database, link];
  }

  /** With nodes that are connected. */
  static async start(database: Database, declared: object): Promise<KillTrial> {
    const trial = await Trial.start(database);
    // What every control's planning thread loads.
    process.env["NODE_COMPILE_CACHE"] ??= join(trial.directory, "compiled");
    await trial.declare(declared);
    await trial.stopControl();
    const { data, database: url } = trial;
    const survivor = url === undefined ? await Embedded.open(join(data, "database")) : await Server.at(url);
    const killed = new KillTrial(trial, survivor, await Wire.lay());
    trial.agentPort = killed.#link.port;
    await killed.#startControl();
    killed.#connect();
    for (const name of nodes) {
      await trial.startAgent(name);
      killed.#ids.push(await trial.nodeId(name));
    }
    return killed;
  }

  /** A new control on what the one before left; nodes do not reach it yet. */
  async #startControl(point?: KillPoint): Promise<void> {
    const fuse = new Fuse(() => {
      this.#link.cut();
      this.#database.cut();
    });
    this.#fuse = fuse;
    if (point !== undefined) fuse.light(point);
    this.trial.options = {
      // Nodes come by the wire.
      link: { host: "127.0.0.1", port: 0 },
      openStore: (options) => openKilledStore(this.#database, fuse, options),
    };
    this.trial.io = { ...realIo, disk: fuse.disk(realDisk) };
    await this.trial.startControl();
  }

  #connect(): void {
    this.#link.mend(this.trial.control.linkPort);
  }

  /** Runs a job to its end; resolves with all statements of it and of what follows. */
  async runWhole(request: JobRequest): Promise<readonly string[]> {
    await this.#fuse.quiet();
    this.#fuse.answered = [];
    const ended = this.trial.event((event) => event.type === "job" && isOver(event.state));
    await this.trial.control.ask(request, "test");
    await ended;
    await this.#looked();
    return this.#fuse.answered;
  }

  /**
   * Asks for a job with control killed at a point of it, and, if there is a second point, the next control at that one,
   * counted from its start. In the end a control lives, the job has ended, and there is nothing more to do.
   */
  run(request: JobRequest, point: KillPoint, next?: KillPoint): Promise<KilledRun> {
    const late = `a ${request.kind} is not over a minute after control was killed at ${JSON.stringify({ point, next })}`;
    return within(60_000, this.#run(request, point, next), late);
  }

  async #run(request: JobRequest, point: KillPoint, next: KillPoint | undefined): Promise<KilledRun> {
    await this.#fuse.quiet();
    const before = await this.#record(request.site);
    const run = { before, killedAgainAt: undefined, ...(await this.#kill(request, point)) };
    if (run.killedAt === undefined) {
      const after = await this.#record(request.site);
      return { ...run, again: after, after };
    }
    const killedAgainAt = next === undefined ? undefined : await this.#killAgain(next);
    await this.#startControl();
    const again = await this.#record(request.site);
    this.#connect();
    const isNew = ({ id }: { readonly id: string }) => before.jobs.every((job) => job.id !== id);
    const job = again.jobs.find(isNew) ?? (await this.trial.control.ask(request, "test"));
    await this.#settle(job.id);
    return { ...run, killedAgainAt, again, after: await this.#record(request.site) };
  }

  async #kill(request: JobRequest, point: KillPoint) {
    const fuse = this.#fuse;
    const ended = this.trial.event((event) => event.type === "job" && isOver(event.state));
    fuse.light(point);
    const asked = this.trial.control.ask(request, "test").then(
      ({ id }) => id,
      (error: unknown) => {
        if (!fuse.isBlown) throw error;
        return undefined;
      },
    );
    const over = asked.then(() => ended).then(() => this.#looked());
    const killedAt = await Promise.race([fuse.blown, over]);
    fuse.putOut();
    if (killedAt !== undefined) await this.#bury();
    return { killedAt, accepted: await asked };
  }

  /** Kills the next control as well: at that point, or when the clock strikes before. */
  async #killAgain(point: KillPoint): Promise<string> {
    const started = this.#startControl(point);
    const fuse = this.#fuse;
    const struck = started.then(() => {
      if (!fuse.isBlown) this.#connect();
      return fuse.struck();
    });
    await Promise.race([fuse.blown, struck]).catch((error: unknown) => fuse.isBlown || Promise.reject(error));
    if (!fuse.isBlown) fuse.blow("the clock");
    await started.catch(() => {});
    await this.#bury();
    return fuse.blown;
  }

  /** Ends what is left of a control that was killed: its threads, its lock. Nothing of it is saved. */
  async #bury(): Promise<void> {
    await this.trial.stopControl();
    await this.#database.recover();
  }

  async #record(site: string): Promise<Recorded> {
    const { db } = this.trial.control;
    const [row, jobs, assignments] = await Promise.all([
      db.selectFrom("site").selectAll().where("name", "=", site).executeTakeFirstOrThrow(),
      db.selectFrom("job").selectAll().where("site", "=", site).orderBy("asked_at").execute(),
      db.selectFrom("assignment").selectAll().where("site", "=", site).orderBy("serial").execute(),
    ]);
    const live = nodes.map((node): [string, string] => {
      const pointer = this.trial.live(node, site);
      return [node, existsSync(pointer) ? readlinkSync(pointer) : "nothing"];
    });
    return { site: row, jobs, assignments, live: Object.fromEntries(live) };
  }

  /** Resolves when the job has ended, the nodes are connected, and there is nothing more to do. */
  async #settle(job: string): Promise<void> {
    const { control } = this.trial;
    const ended = this.trial.event((event) => event.type === "job" && event.job === job && isOver(event.state));
    const row = await control.db.selectFrom("job").select("state").where("id", "=", job).executeTakeFirst();
    if (!isOver(row?.state ?? "")) await ended;
    for (const id of this.#ids) {
      const connected = this.trial.event((event) => event.type === "node" && event.node === id && event.connected);
      if (!control.hub.isConnected(id)) await connected;
    }
    await this.#looked();
  }

  /** Resolves when control has looked, as the last thing after a job, whether nodes lack anything. */
  async #looked(): Promise<undefined> {
    await this.#fuse.until((answered) => {
      const end = answered.findLastIndex((sql) => /^update "job" .*"ended_at"/.test(sql));
      return answered.slice(end + 1).some((sql) => /^select "id" from "job" where "site"/.test(sql));
    });
    await this.#fuse.quiet();
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.trial[Symbol.asyncDispose]();
    await this.#link[Symbol.asyncDispose]();
    await this.#database[Symbol.asyncDispose]();
  }
}

/** What `work` resolves with, or an error that says what is late. */
async function within<T>(ms: number, work: Promise<T>, late: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(late)), ms);
  return Promise.race([work, promise]).finally(() => clearTimeout(timer));
}

function isOver(state: string): boolean {
  return state !== "" && !["queued", "running"].includes(state);
}
