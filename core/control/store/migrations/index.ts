import type { Migration } from "kysely/migration";
import { first } from "./0001-first.ts";
import { segments } from "./0002-segments.ts";

/**
 * Every step of the database's form since the beginning, in the order of their names. None is ever changed or removed.
 */
export const migrations: Readonly<Record<string, Migration>> = { "0001-first": first, "0002-segments": segments };
