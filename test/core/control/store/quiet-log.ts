import type { Log } from "../../../../sdk/plugin.ts";

export interface Entry {
  readonly level: keyof Log;
  readonly fields: object;
  readonly text: string;
}

/** A log that keeps its entries instead of writing them. */
export function quietLog(): Log & { readonly entries: Entry[] } {
  const entries: Entry[] = [];
  const keep = (level: keyof Log) => (fields: object, text: string) => void entries.push({ level, fields, text });
  return { entries, debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
}
