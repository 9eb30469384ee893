/**
 * A process that commits 1, 2, 3, … to the store of a directory, or of a directory and a server, and says which are
 * confirmed, until it is killed.
 */
import { sql } from "kysely";
import { openStore } from "../../../../core/control/store/open-store.ts";
import { quietLog } from "./quiet-log.ts";

const pluginMigrations = { "test/0001": { up: ["create table number (value integer primary key)"] } };
const [directory = "", url] = process.argv.slice(2);
const place = { directory, ...(url === undefined ? {} : { url }) };
const { db } = await openStore({ ...place, log: quietLog(), pluginMigrations });
const query = sql<{ top: number; n: number }>`select coalesce(max(value), 0) as top, count(*) as n from number`;
const { rows } = await query.execute(db);
const { top, n } = rows[0] ?? { top: 0, n: 0 };
if (top !== n) throw new Error(`${top} is there, but only ${n} of those up to it`);
process.stdout.write(`found ${top}\n`);
for (let value = top + 1; ; value += 1) {
  await sql`insert into number values (${value})`.execute(db);
  process.stdout.write(`confirmed ${value}\n`);
}
