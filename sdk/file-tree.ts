import { dirname } from "node:path";
import type { Interpreter } from "./interpreter.ts";
import type { Io } from "./io.ts";
import { ReleaseBuilder } from "./release-builder.ts";
import { filePointers, symlinkPointers } from "./release-pointer.ts";

/** In what hosts with files differ. */
export interface FileTreeRules {
  readonly keeps: Interpreter["keeps"];
  /** How a site names its releases: relative links `live` and `backup`, or files `live.json` and `backup.json`. */
  readonly pointer: "symlink" | "file";
  /** Why the host cannot have an entry of that path; undefined if it can. Without it, all that `refusePath` allows. */
  refuse?(path: string): string | undefined;
  /** Why it cannot be used on this host; undefined if it can. */
  probe?(io: Io): string | undefined;
}

/**
 * A whole interpreter for a host with files, which touches nothing but `io.disk`. Unchanged files of a release are
 * hard links to those of its base; changed ones are new files. Files may be shared, so nobody may write into a release.
 *
 * `build` and `renew` throw DIST_ERR_PATH_INVALID or DIST_ERR_COMMAND_REFUSED before they write anything,
 * DIST_ERR_PATH_COLLISION where the file system takes two names for one, the disk's errors, and the signal's reason.
 */
export function fileTree(rules: FileTreeRules): Interpreter {
  const pointers = rules.pointer === "symlink" ? symlinkPointers : filePointers;
  return {
    keeps: rules.keeps,
    ...(rules.refuse === undefined ? {} : { refuse: rules.refuse.bind(rules) }),
    ...(rules.probe === undefined ? {} : { probe: rules.probe.bind(rules) }),

    async build(work, io, signal) {
      await takeTurns(new ReleaseBuilder(work, io.disk, rules).build(), io, signal);
    },

    async renew(work, old, io, signal) {
      const builder = new ReleaseBuilder(work, io.disk, rules);
      await takeTurns(builder.renew(old), io, signal);
      return builder.changed;
    },

    seal(directory, release, { disk }, changed) {
      if (changed === undefined || changed.length >= manyPaths) disk.syncTree(directory);
      else for (const path of changed) disk.sync(path);
      disk.rename(directory, release);
      disk.sync(dirname(release));
      if (dirname(directory) !== dirname(release)) disk.sync(dirname(directory));
    },

    point: (site, pointer, release, io) => pointers.move(io.disk, site, pointer, release),
    pointed: (site, pointer, io) => pointers.read(io.disk, site, pointer),
  };
}

/** From how many paths on the whole tree is synced: see `Disk.syncTree`. */
const manyPaths = 100;

/** Milliseconds of work after which others get a turn, so that the agent stays alive and can be told to stop. */
const longestStretch = 25;

async function takeTurns(steps: Iterable<void>, { clock }: Io, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let rested = clock.now();
  for (const _ of steps) {
    signal.throwIfAborted();
    if (clock.now() - rested < longestStretch) continue;
    await clock.until(clock.now() + 1, signal);
    rested = clock.now();
  }
}
