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
  /** Serials of releases that were live at some time. */
  readonly wasLive: ReadonlySet<number>;
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
  const wasLive = new Set<number>();
  let lastSerial = 0;
  for (const record of records) {
    lastSerial = Math.max(lastSerial, record.type === "prepared" ? record.release.serial : record.serial);
    if (record.type === "prepared") {
      releases.set(record.release.serial, record.release);
      if (record.wasLive === true) wasLive.add(record.release.serial);
    } else if (record.type === "switching") unfinished = record;
    else if (record.type === "served") unserved = undefined;
    else if (unfinished !== undefined) {
      [live, backup] = [unfinished.to, unfinished.backup];
      if (live !== undefined) wasLive.add(live.serial);
      unserved = live === undefined ? undefined : record.serial;
      unfinished = undefined;
    }
  }
  return {
    releases,
    wasLive,
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
  const waiting = [...ledger.releases.values()].filter(
    ({ serial }) => serial !== live?.serial && serial !== backup?.serial,
  );
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

/**
 * Releases that stay: live, backup, any prepared since, and of others that were live the newest, so that there are
 * `keepReleases` in all. One that failed or was given up takes nobody's place.
 */
export function serialsToKeep({ live, backup, releases, wasLive }: Ledger, keepReleases: number): Set<number> {
  if (live === undefined) return new Set();
  const pointed = new Set([live.serial, (backup ?? live).serial]);
  const serials = [...releases.keys()].sort((a, b) => b - a);
  const prepared = serials.filter((serial) => serial > live.serial && !wasLive.has(serial));
  const former = serials.filter((serial) => wasLive.has(serial) && !pointed.has(serial)).slice(0, keepReleases - 2);
  return new Set([...pointed, ...prepared, ...former]);
}

/** The shortest journal that amounts to the same, but knows of no other releases than these. */
export function recordsOf(
  { live, backup, releases, wasLive, lastSerial, unserved }: Ledger,
  kept: ReadonlySet<number>,
): JournalRecord[] {
  const prepared = [...releases.values()].filter(({ serial }) => kept.has(serial));
  const served: JournalRecord[] = unserved === undefined ? [{ type: "served", serial: lastSerial }] : [];
  return [
    ...prepared.map((release): JournalRecord => ({
      type: "prepared",
      release,
      id: "",
      wasLive: wasLive.has(release.serial),
    })),
    {
      type: "switching",
      serial: lastSerial,
      ...(live === undefined ? {} : { to: live }),
      ...(backup === undefined ? {} : { backup }),
    },
    { type: "switched", serial: lastSerial },
    ...served,
  ];
}

/** A release of that tree: preferably of that version, otherwise the newest. */
export function findRelease({ releases }: Ledger, tree: string, version?: number): ReleaseState | undefined {
  const fitting = [...releases.values()].filter((release) => release.tree === tree);
  return fitting.findLast((release) => release.version === version) ?? fitting.at(-1);
}
