import { setImmediate } from "node:timers/promises";
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult, TransactionSettings } from "kysely";
import type { Disk, OpenFile } from "../../../sdk/index.ts";

/** Where control is killed: before its n-th statement reaches the database, or when that is done but not answered. */
export interface KillPoint {
  readonly when: "before" | "after";
  readonly number: number;
  /** Only statements of this kind count. */
  readonly kind?: string;
}

/** What a statement does, and to which table: the same for all that differ in their values only. */
export function kindOf(sql: string): string {
  return sql.split(/ values | where | set |\(/, 1)[0] ?? "";
}

/** Whether anything can be different after a statement. */
export function changes(sql: string): boolean {
  return !/^(select|begin|rollback)\b/.test(sql);
}

/** Control looks every second for deferred jobs whose time has come. */
export function isByTheClock(sql: string): boolean {
  return sql.includes('"retry_at" <= ');
}

/** Control writes what it hears of segments beside whatever else it does. */
function isOfSegments(sql: string): boolean {
  return /\b(into|from|update) "segment(_key|_part)?"|"member_json" = /.test(sql);
}

/**
 * The life of one control, ended at a statement. From then on no statement of it reaches the database, none that was on
 * its way is answered, and it changes no file; `cut` takes everything else.
 */
export class Fuse {
  /** What was answered since it was lit, or since the beginning. */
  answered: string[] = [];
  readonly #cut: () => void;
  readonly #blown = Promise.withResolvers<string>();
  readonly #listeners = new Set<() => void>();
  #point: KillPoint | undefined;
  #count = 0;
  #underWay = 0;
  #isBlown = false;
  #hold: ((sql: string) => Promise<void> | undefined) | undefined;

  constructor(cut: () => void) {
    this.#cut = cut;
  }

  get isBlown(): boolean {
    return this.#isBlown;
  }

  /** Resolves with the statement it ended at. */
  get blown(): Promise<string> {
    return this.#blown.promise;
  }

  /** From now on statements count. */
  light(point: KillPoint): void {
    [this.#point, this.#count, this.answered] = [point, 0, []];
  }

  putOut(): void {
    this.#point = undefined;
  }

  blow(sql: string): void {
    this.#isBlown = true;
    this.#cut();
    this.#blown.resolve(sql);
  }

  /** Resolves when there is a statement that fits; it does not pass, nor any like it, until `release` is called. */
  async hold(fits: (sql: string) => boolean): Promise<{ release(): void }> {
    const [held, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    this.#hold = (sql) => {
      if (!fits(sql)) return undefined;
      held.resolve();
      return released.promise;
    };
    await held.promise;
    return {
      release: () => {
        this.#hold = undefined;
        released.resolve();
      },
    };
  }

  /** Resolves when statements were answered that fit. */
  async until(fits: (answered: readonly string[]) => boolean): Promise<void> {
    while (!fits(this.answered)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#listeners.add(resolve);
      await promise;
      this.#listeners.delete(resolve);
    }
  }

  /** Resolves at the next statement by the clock. */
  async struck(): Promise<undefined> {
    const since = this.answered.length;
    await this.until((answered) => answered.slice(since).some(isByTheClock));
    return undefined;
  }

  /** Resolves when no statement is under way, and none follows from the last. */
  async quiet(): Promise<void> {
    for (let turns = 0; turns < 10; turns += 1) {
      await setImmediate();
      if (this.#underWay > 0) turns = 0;
    }
  }

  /** The same dialect, on this fuse. */
  dialect(dialect: Dialect): Dialect {
    return {
      createDriver: () => new FusedDriver(dialect.createDriver(), this),
      createQueryCompiler: () => dialect.createQueryCompiler(),
      createAdapter: () => dialect.createAdapter(),
      createIntrospector: (db) => dialect.createIntrospector(db),
    };
  }

  /** The same disk, on this fuse. */
  disk(disk: Disk): Disk {
    return this.#guard(disk);
  }

  #guard<Target extends object>(target: Target): Target {
    return new Proxy(target, {
      get: (_, name) => {
        const call: unknown = Reflect.get(target, name);
        if (typeof call !== "function") return call;
        return (...args: unknown[]) => {
          if (name !== "close") this.refuseIfBlown();
          const result: unknown = Reflect.apply(call, target, args);
          return name === "open" ? this.#guard(result as OpenFile) : result;
        };
      },
    });
  }

  refuseIfBlown(): void {
    if (this.#isBlown) throw new Error("control was killed");
  }

  /** Lets a statement pass, unless it is the one to end at. */
  async pass<Answer>(sql: string, execute: () => Promise<Answer>): Promise<Answer> {
    await this.#hold?.(sql);
    this.#burn("before", sql);
    this.#underWay += 1;
    const answer = await execute().finally(() => {
      this.#underWay -= 1;
      this.refuseIfBlown();
    });
    this.#burn("after", sql);
    if (!isOfSegments(sql)) this.answered.push(sql);
    for (const wake of this.#listeners) wake();
    return answer;
  }

  #burn(when: KillPoint["when"], sql: string): void {
    this.refuseIfBlown();
    const point = this.#point;
    if (point?.when !== when || isByTheClock(sql) || isOfSegments(sql) || kindOf(sql) !== (point.kind ?? kindOf(sql)))
      return;
    this.#count += 1;
    if (this.#count === point.number) this.blow(sql);
    this.refuseIfBlown();
  }
}

/** A connection of Kysely's driver, with the real one behind it. */
class FusedConnection implements DatabaseConnection {
  readonly real: DatabaseConnection;
  readonly #fuse: Fuse;

  constructor(real: DatabaseConnection, fuse: Fuse) {
    this.real = real;
    this.#fuse = fuse;
  }

  executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    return this.#fuse.pass(query.sql, () => this.real.executeQuery<R>(query));
  }

  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query);
  }
}

/** A driver on a fuse. What is left of it when that has blown is not tidied up: a killed process does not either. */
class FusedDriver implements Driver {
  readonly #real: Driver;
  readonly #fuse: Fuse;

  constructor(real: Driver, fuse: Fuse) {
    this.#real = real;
    this.#fuse = fuse;
  }

  init(): Promise<void> {
    return this.#real.init();
  }

  async acquireConnection(): Promise<FusedConnection> {
    this.#fuse.refuseIfBlown();
    return new FusedConnection(await this.#real.acquireConnection(), this.#fuse);
  }

  beginTransaction({ real }: FusedConnection, settings: TransactionSettings): Promise<void> {
    return this.#fuse.pass("begin", () => this.#real.beginTransaction(real, settings));
  }

  commitTransaction({ real }: FusedConnection): Promise<void> {
    return this.#fuse.pass("commit", () => this.#real.commitTransaction(real));
  }

  rollbackTransaction({ real }: FusedConnection): Promise<void> {
    return this.#fuse.pass("rollback", () => this.#real.rollbackTransaction(real));
  }

  async releaseConnection({ real }: FusedConnection): Promise<void> {
    if (!this.#fuse.isBlown) await this.#real.releaseConnection(real);
  }

  async destroy(): Promise<void> {
    if (!this.#fuse.isBlown) await this.#real.destroy();
  }
}
