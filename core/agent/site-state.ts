import type { ReleaseState, SiteState } from "../protocol/messages.ts";
import type { JournalRecord } from "./journal.ts";

/** What a journal amounts to. */
export interface Ledger {
  /** Releases that were prepared, by serial. */
  readonly releases: ReadonlyMap<number, ReleaseState>;
  readonly live?: ReleaseState;
  readonly backup?: ReleaseState;
  /** A switch that was begun and not finished. */
  readonly unfinished?: Extract<JournalRecord, { type: "switching" }>;
  /** The switch after which nobody was told yet. */
  readonly unserved?: number;
  /** The highest serial carried out or prepared. */
  readonly lastSerial: number;
}

/** Follows a journal from its beginning. */
export function followJournal(records: readonly JournalRecord[]): Ledger {
  const releases = new Map<number, ReleaseState>();
  let live: ReleaseState | undefined;
  let backup: ReleaseState | undefined;
  let unfinished: Ledger["unfinished"];
  let unserved: number | undefined;
  let lastSerial = 0;
  for (const record of records) {
    lastSerial = Math.max(lastSerial, record.type === "prepared" ? record.release.serial : record.serial);
    if (record.type === "prepared") releases.set(record.release.serial, record.release);
    else if (record.type === "switching") unfinished = record;
    else if (record.type === "served") unserved = undefined;
    else if (unfinished !== undefined) {
      [live, backup] = [unfinished.to, unfinished.backup];
      unserved = live === undefined ? undefined : record.serial;
      unfinished = undefined;
    }
  }
  return {
    releases,
    lastSerial,
    ...(live === undefined ? {} : { live }),
    ...(backup === undefined ? {} : { backup }),
    ...(unfinished === undefined ? {} : { unfinished }),
    ...(unserved === undefined ? {} : { unserved }),
  };
}

/** Control takes at most so much: a path in it may be thousands of characters long. */
const longestDamage = 1_000;

/** The newest prepared release that is neither live nor backup, as it is told to control. */
export function siteState(site: string, ledger: Ledger, damage?: string): SiteState {
  const { live, backup, lastSerial } = ledger;
  const waiting = [...ledger.releases.values()].filter(({ serial }) => serial !== live?.serial && serial !== backup?.serial);
  const prepared = waiting.sort((a, b) => b.serial - a.serial)[0];
  return {
    site,
    lastSerial,
    ...(live === undefined ? {} : { live }),
    ...(backup === undefined ? {} : { backup }),
    ...(prepared !== undefined && prepared.serial > (live?.serial ?? 0) ? { prepared } : {}),
    ...(damage === undefined ? {} : { damage: damage.slice(0, longestDamage) }),
  };
}
