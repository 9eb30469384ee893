import { describe, expect, it } from "vitest";
import type { Disk } from "../../../sdk/index.ts";
import { CrashLoop } from "./crash-loop.ts";
import { scenarios } from "./release-scenarios.ts";
import { emptyDisk, inHalves, overlay, overlayFile, posix } from "./site-trial.ts";
import type { TrialOptions } from "./site-trial.ts";

/** Moments at which a crash or an error was tried: operation and what was left, and of recoveries both. */
let points = 0;

describe.each(scenarios)("SEC-36: $title", (scenario) => {
  const loop = (options?: TrialOptions) => CrashLoop.prepare(scenario, emptyDisk(), options);

  it("survives a loss of power once it was acknowledged", async () => {
    await (await loop()).checkAcknowledged();
  });

  it("leaves one version live and whole when it is killed, or without power, at any operation on the disk", async () => {
    const crashes = await loop();
    await crashes.checkCrashes();
    expect(crashes.count).toBeGreaterThan(50);
    points += crashes.count;
  });

  it("is recovered by a recovery that is killed, or without power, at any operation itself", async () => {
    const crashes = await loop();
    await crashes.checkRecoveryCrashes();
    expect(crashes.count).toBeGreaterThan(500);
    points += crashes.count;
  });

  it.for(["EIO", "ENOSPC"] as const)(
    "leaves what is live alone when any operation fails with %s, and goes on",
    async (fault) => {
      const errors = await loop();
      await errors.checkErrors(fault);
      expect(errors.count).toBeGreaterThan(30);
      points += errors.count;
    },
  );
});

it("an agent went wrong at more than 10,000 points", () => {
  expect(points).toBeGreaterThan(10_000);
});

const without = (sync: "files" | "directories" | "everything", path: RegExp): NonNullable<TrialOptions["view"]> => {
  const isSpared = (at: string) => path.test(at);
  return (disk: Disk) =>
    overlay(inHalves(disk), {
      sync: (at) => (sync !== "files" && isSpared(at) ? undefined : disk.sync(at)),
      syncTree: (at) => (sync === "everything" && isSpared(at) ? undefined : disk.syncTree(at)),
      open(at, how) {
        const file = inHalves(disk).open(at, how);
        return sync !== "directories" && isSpared(at) ? overlayFile(file, { sync: () => {} }) : file;
      },
    });
};

const saboteurs: Readonly<Record<string, TrialOptions>> = {
  "syncs nothing": { view: without("everything", /./) },
  "says prepared before the release is durable": {
    interpreter: { ...posix, seal: (directory, release, { disk }) => disk.rename(directory, release) },
  },
  "syncs the files of a release and not its name": {
    interpreter: {
      ...posix,
      seal(directory, release, { disk }) {
        disk.syncTree(directory);
        disk.rename(directory, release);
      },
    },
  },
  "moves the live release away before it puts the next one there": {
    interpreter: {
      ...posix,
      point(directory, pointer, release, io) {
        if (release !== undefined) posix.point(directory, pointer, undefined, io);
        posix.point(directory, pointer, release, io);
      },
    },
  },
  "does not sync the pointer it moved": { view: without("directories", /^\/srv\/shop$/) },
  "does not sync its journal": { view: without("files", /journal/) },
  "does not sync the name of its journal": { view: without("directories", /\.dst$/) },
  "does not sync manifests": { view: without("everything", /manifests/) },
  "changes files of the live release in place": {
    interpreter: {
      ...posix,
      async build(work, io, signal) {
        await posix.build(work, io, signal);
        if (work.base !== undefined) io.disk.setMtime(`${work.base.directory}/index.html`, 5);
      },
    },
  },
};

describe("an agent that", () => {
  it.for(Object.entries(saboteurs))("%s is caught", async ([, options]) => {
    const caught: unknown[] = [];
    for (const scenario of scenarios) {
      const loop = await CrashLoop.prepare(scenario, emptyDisk(), options);
      await (async () => {
        await loop.checkAcknowledged();
        await loop.checkCrashes();
      })().catch((error: unknown) => caught.push(error));
      if (caught.length > 0) break;
    }
    expect(caught).not.toEqual([]);
  });
});
