import { isDeepStrictEqual } from "node:util";
import { Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import type { Driver } from "kysely";
import { Audit } from "../../../core/control/audit.ts";
import { Ledger } from "../../../core/control/store/ledger.ts";
import type { Schema } from "../../../core/control/store/schema.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { defineTarget } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateList, mutateOften } from "../mutations.ts";

type Row = Schema["audit"];

/** A database in which these rows stand, whatever it is asked; what is added to it comes behind them. */
function databaseOf(rows: () => unknown[]): Kysely<Schema> {
  const connection = {
    executeQuery: async <R>({ parameters, sql }: { readonly parameters: readonly unknown[]; readonly sql: string }) => {
      const columns = /^insert into "audit" \(([^)]*)\)/.exec(sql)?.[1]?.replaceAll(/[" ]/g, "").split(",");
      if (columns !== undefined) rows().push(Object.fromEntries(columns.map((name, at) => [name, parameters[at]])));
      const found = sql.includes("desc") ? rows().toReversed() : rows();
      return { rows: (sql.includes("limit") ? found.slice(0, Number(parameters.at(-1))) : found) as R[] };
    },
    streamQuery: () => {
      throw new Error("nothing is streamed");
    },
  };
  const nothing = async () => {};
  const driver: Driver = {
    ...{ init: nothing, destroy: nothing, releaseConnection: nothing, acquireConnection: async () => connection },
    ...{ beginTransaction: nothing, commitTransaction: nothing, rollbackTransaction: nothing },
  };
  return new Kysely({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

/** What somebody with the rights of the database may have done to the audit. */
const audit = defineTarget({
  name: "audit",
  // Each is a whole chain.
  testCases: 20_000,
  isRefusal: (error) => error === noticed,
  async open() {
    let rows: unknown[] = [];
    const witness = new Ledger("/audit", new SimDisk());
    const kept = new Audit(
      databaseOf(() => rows),
      witness,
    );
    for (const name of ["www", "blog", "shop", "docs"]) await kept.record("ann", "site.commit", name, { version: 3 });
    const good = rows as readonly Row[];
    return {
      make: (random) => mutateOften<readonly unknown[]>(good, random, mutateList).filter(isRow),
      async feed(changed) {
        rows = [...changed];
        await kept.read(10);
        if ((await kept.verify()) !== undefined) throw noticed;
        if (!isDeepStrictEqual(rows, good)) throw new Error("a change went unnoticed");
      },
      close: () => witness[Symbol.asyncDispose](),
    };
  },
});
const noticed = new Error("the change was noticed");

/** Whether its columns have the types they have in a database. */
function isRow(value: unknown): value is Row {
  if (typeof value !== "object" || value === null) return false;
  const { number, at, ...texts } = value as Row;
  const areTexts = Object.values(texts).every((text) => typeof text === "string");
  return Number.isSafeInteger(number) && Number.isSafeInteger(at) && areTexts && Object.keys(texts).length === 5;
}

export const auditTargets: readonly Target[] = [audit];
