import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { migrate } from "../../../../core/control/store/migrate.ts";
import { migrations } from "../../../../core/control/store/migrations/index.ts";
import { openStore } from "../../../../core/control/store/open-store.ts";
import { embeddedDataDirectory } from "../../../embedded.ts";
import { testDatabaseUrl } from "../../../postgres.ts";
import { quietLog } from "./quiet-log.ts";

const places = {
  embedded: async () => ({ directory: await embeddedDataDirectory() }),
  server: async () => ({ directory: mkdtempSync(join(tmpdir(), "distributary-data-")), url: await testDatabaseUrl() }),
};

/** What the step adds, taken away again. */
const before = [
  "drop table segment",
  "drop table segment_key",
  "drop table segment_part",
  "alter table node drop column segment, drop column labels_json, drop column member_json",
  "alter table join_token drop column segment, drop column labels_json",
  "delete from migration where name = '0002-segments'",
];

test.each(Object.entries(places))(
  "nodes keep their labels when segments come, in the %s database",
  async (_, prepare) => {
    const place = await prepare();
    const { db, close } = await openStore({ ...place, log: quietLog(), pluginMigrations: {} });
    for (const statement of before) await sql.raw(statement).execute(db);
    const labels = { tier: "web", odd: "'\"\ud800" };
    const facts = [{ name: "a", labels }, { name: "b" }];
    for (const each of facts) {
      const row = sql`(${each.name}, ${each.name}, 'active', ${JSON.stringify(each)}, 1)`;
      await sql`insert into node (id, name, state, facts_json, enrolled_at) values ${row}`.execute(db);
    }
    expect(await migrate(db, migrations)).toEqual(["0002-segments"]);
    const rows = await db.selectFrom("node").select(["name", "segment", "labels_json"]).orderBy("name").execute();
    expect(rows).toEqual([
      { name: "a", segment: "default", labels_json: JSON.stringify(labels) },
      { name: "b", segment: "default", labels_json: "{}" },
    ]);
    await close();
    rmSync(place.directory, { recursive: true });
  },
);
