import type { Millis } from "../../../sdk/machine.ts";

/** The tables of control's database. Moments are milliseconds since 1970 in `bigint` columns, read as numbers. */
export interface Schema {
  setting: { name: string; value: string; changed_at: Millis };
}
