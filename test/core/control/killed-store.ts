import { cpSync, rmSync } from "node:fs";
import { Kysely } from "kysely";
import type { Dialect } from "kysely";
import { migrate } from "../../../core/control/store/migrate.ts";
import { migrations } from "../../../core/control/store/migrations/index.ts";
import type { Store, StoreOptions } from "../../../core/control/store/open-store.ts";
import { PgliteDialect } from "../../../core/control/store/pglite-dialect.ts";
import { openEngine } from "../../../core/control/store/pglite-engine.ts";
import type { Engine } from "../../../core/control/store/pglite-engine.ts";
import { createPostgresDialect } from "../../../core/control/store/postgres-dialect.ts";
import type { Schema } from "../../../core/control/store/schema.ts";
import type { Fuse } from "./fuse.ts";
import { Wire } from "./wire.ts";

/** A database that goes on when its control is killed. */
export interface Survivor extends AsyncDisposable {
  /** For the next control. */
  dialect(): Dialect;
  /** Takes it from a control that is killed at this moment. */
  cut(): void;
  /** Lets what the killed one had begun come to nothing, as it does by itself. */
  recover(): Promise<void>;
}

/** Opens it for a control whose life ends with a fuse. */
export async function openKilledStore(survivor: Survivor, fuse: Fuse, options: StoreOptions): Promise<Store> {
  const db = new Kysely<Schema>({ dialect: fuse.dialect(survivor.dialect()) });
  const close = () => db.destroy();
  await migrate(db, migrations, options.pluginMigrations).catch((error: unknown) =>
    close().then(() => Promise.reject(error)),
  );
  return { db, dump: async () => undefined, tidy: async () => {}, close, [Symbol.asyncDispose]: close };
}

/** How many recoveries of the embedded database there are to one that starts it anew. */
const startsAnewEvery = 10;

/**
 * The embedded database. It dies with its control; but to start it anew takes longer than all the rest, and that it
 * brings back what was confirmed is tested elsewhere. So most times only the session ends, and what it had begun is
 * rolled back; now and then its files are copied as they are, and another one starts with those.
 */
export class Embedded implements Survivor {
  #directory: string;
  #engine: Engine;
  #recoveries = 0;

  private constructor(directory: string, engine: Engine) {
    [this.#directory, this.#engine] = [directory, engine];
  }

  static async open(directory: string): Promise<Embedded> {
    return new Embedded(directory, await openEngine(directory));
  }

  dialect(): Dialect {
    return new PgliteDialect(this.#engine);
  }

  cut(): void {}

  async recover(): Promise<void> {
    this.#recoveries += 1;
    if (this.#recoveries % startsAnewEvery === 0) await this.#startAnew();
    else await this.#engine.postgres.exec("rollback; select pg_advisory_unlock_all()");
  }

  async #startAnew(): Promise<void> {
    const image = `${this.#directory}-${this.#recoveries}`;
    cpSync(this.#directory, image, { recursive: true });
    await this[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true });
    [this.#directory, this.#engine] = [image, await openEngine(image)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#engine.postgres.closed) await this.#engine.postgres.close();
  }
}

/** A PostgreSQL server, at the end of a wire. */
export class Server implements Survivor {
  readonly #wire: Wire;
  readonly #url: URL;

  private constructor(wire: Wire, url: URL) {
    [this.#wire, this.#url] = [wire, url];
  }

  static async at(url: string): Promise<Server> {
    const server = new Server(await Wire.lay(), new URL(url));
    await server.recover();
    return server;
  }

  dialect(): Dialect {
    const { port } = this.#wire;
    return createPostgresDialect(Object.assign(new URL(this.#url), { port }).href);
  }

  cut(): void {
    this.#wire.cut();
  }

  async recover(): Promise<void> {
    this.#wire.mend(Number(this.#url.port));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#wire[Symbol.asyncDispose]();
  }
}
