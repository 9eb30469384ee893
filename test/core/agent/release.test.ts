import { describe, expect, it } from "vitest";
import { failure, removeTree } from "../../../sdk/index.ts";
import type { Interpreter } from "../../../sdk/index.ts";
import { SiteFiles } from "../../../core/agent/site-files.ts";
import type { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { writeFile } from "../../../sdk/testkit/disk-subject.ts";
import {
  emptyDisk,
  hashOfVersion,
  manifestOf,
  overlay,
  posix,
  seen,
  site,
  SiteTrial,
  treeOf,
  updateTo,
} from "./site-trial.ts";
import type { TrialOptions } from "./site-trial.ts";

const signal = new AbortController().signal;

async function published(options: TrialOptions = {}): Promise<SiteTrial> {
  const trial = new SiteTrial(emptyDisk(), options);
  await trial.publish(1, 1, 0);
  await trial.publish(2, 3, 1);
  return trial;
}

/** The same site under an agent that was started again. */
function restarted({ disk }: SiteTrial, options: TrialOptions = {}): SiteTrial {
  const trial = new SiteTrial(disk.afterKill(), options);
  trial.releases.recover();
  return trial;
}

describe("a site on a node", () => {
  it("has nothing at first, and makes nothing by looking", () => {
    const trial = new SiteTrial(emptyDisk());
    trial.releases.recover();
    expect(trial.releases.state).toEqual({ site: "shop", lastSerial: 0 });
    expect(trial.disk.list("/srv")).toEqual([]);
  });

  it("holds a prepared release beside what is live, which stays as it is", async () => {
    const trial = new SiteTrial(emptyDisk());
    await trial.publish(1, 1, 0);
    const state = await trial.prepare(2, 3, 1);
    expect(state).toMatchObject({
      live: { version: 1, serial: 1 },
      prepared: { version: 2, serial: 3 },
      lastSerial: 3,
    });
    expect(seen(trial.disk)).toBe(1);
  });

  it("switches to what is prepared, and keeps what was live as the backup", async () => {
    const { disk, releases } = await published();
    expect(releases.state).toMatchObject({
      live: { version: 2, tree: hashOfVersion(2) },
      backup: { version: 1 },
      lastSerial: 4,
    });
    expect(releases.state.prepared).toBeUndefined();
    expect([seen(disk), seen(disk, "backup")]).toEqual([2, 1]);
  });

  it("shares the files that did not change with the release before", async () => {
    const { disk } = await published();
    const [one, two] = ["0000000001", "0000000003"].map((name) =>
      disk.stat(`${site}/releases/${name}/assets/logo-\udcff.svg`),
    );
    expect(two?.inode).toBe(one?.inode);
  });

  it("does nothing twice", async () => {
    const trial = await published();
    await trial.prepare(3, 5, 2);
    const operations = trial.disk.operations;
    const prepared = await trial.prepare(3, 5, 2);
    expect(trial.disk.operations).toBe(operations);
    const switched = await trial.switchTo(3, 6);
    const after = trial.disk.operations;
    expect(await trial.switchTo(3, 6)).toEqual(switched);
    expect(trial.disk.operations).toBe(after);
    expect(prepared.prepared?.version).toBe(3);
    const removed = trial.remove(7);
    const gone = trial.disk.operations;
    expect(trial.remove(7)).toEqual(removed);
    expect(trial.disk.operations).toBe(gone);
  });

  it("notes the serial of an order that changes nothing, so that no older one is followed", async () => {
    const trial = await published();
    await trial.switchTo(2, 9);
    expect(restarted(trial).releases.state.lastSerial).toBe(9);
  });

  it("goes back to the version before, byte by byte, and forward again", async () => {
    const trial = await published();
    await trial.switchTo(1, 5, "rollback");
    expect([seen(trial.disk), seen(trial.disk, "backup")]).toEqual([1, 2]);
    await trial.switchTo(2, 6, "rollback");
    expect([seen(trial.disk), seen(trial.disk, "backup")]).toEqual([2, 1]);
  });

  it("can be taken away, and published again", async () => {
    const trial = await published();
    expect(trial.remove(5).live).toBeUndefined();
    expect(trial.disk.list(`${site}/releases`)).toEqual([]);
    expect(trial.disk.list(site).sort()).toEqual([".dst", "releases"]);
    const again = restarted(trial);
    expect(again.releases.state).toEqual({ site: "shop", lastSerial: 5 });
    await again.publish(3, 6, 0);
    expect(seen(again.disk)).toBe(3);
  });

  it("deletes a prepared release that is not to be committed, and nothing else", async () => {
    const trial = await published();
    await trial.prepare(3, 5, 2);
    for (const serial of [1, 3, 77]) trial.releases.forget(serial);
    expect(trial.releases.state).toMatchObject({
      live: { version: 2 },
      backup: { version: 1 },
      prepared: { version: 3 },
    });
    trial.releases.forget(5);
    expect(trial.disk.list(`${site}/releases`)).toEqual(["0000000001", "0000000003"]);
    expect(restarted(trial).releases.state.prepared).toBeUndefined();
  });

  it.for([
    [2, ["0000000005", "0000000007"]],
    [3, ["0000000003", "0000000005", "0000000007"]],
  ] as const)("keeps %i releases", async ([keepReleases, kept]) => {
    const trial = new SiteTrial(emptyDisk(), { keepReleases });
    for (const version of [1, 2, 3, 4]) await trial.publish(version, version * 2 - 1, version - 1);
    expect(trial.disk.list(`${site}/releases`)).toEqual([".spare", ...kept]);
    expect(trial.disk.list(`${site}/.dst/manifests`)).toEqual([".spare", ...kept]);
    expect(restarted(trial).disk.list(`${site}/releases`)).toEqual(kept);
  });

  it("does not pile up what was rolled back", async () => {
    const trial = await published();
    for (let serial = 5; serial < 45; serial += 4) {
      await trial.publish(3, serial, 2);
      await trial.switchTo(2, serial + 2, "rollback");
      trial.releases.collect();
      const releases = trial.disk.list(`${site}/releases`).filter((name) => name !== ".spare");
      expect(releases).toHaveLength(2);
    }
  });

  it("keeps its journal short, also where no release ever goes", async () => {
    const trial = await published();
    for (let count = 0; count < 200; count += 1) {
      await trial.switchTo(1 + (count % 2), 5 + count, "rollback");
      trial.releases.collect();
      expect(trial.disk.stat(`${site}/.dst/journal`)?.sizeBytes).toBeLessThan(64 * 1024);
    }
    expect(restarted(trial).releases.state).toEqual(trial.releases.state);
  });

  it("keeps a release for a while after it was live, for those who still read it", async () => {
    const trial = new SiteTrial(emptyDisk(), { graceMs: 5_000 });
    for (const version of [1, 2, 3]) await trial.publish(version, version * 2 - 1, version - 1);
    expect(trial.disk.list(`${site}/releases`)).toEqual(["0000000001", "0000000003", "0000000005"]);
    await trial.clock.advance(5_000);
    await trial.publish(4, 7, 3);
    expect(trial.disk.list(`${site}/releases`)).toEqual([".spare", "0000000005", "0000000007"]);
    const again = restarted(trial, { graceMs: 5_000 });
    await again.publish(3, 9, 4);
    expect(again.disk.list(`${site}/releases`)).toEqual(["0000000005", "0000000007", "0000000009"]);
  });
});

describe("a release that nobody wants any more", () => {
  /** Version 3 is live, 2 the backup, 1 the spare. */
  async function withSpare(options: TrialOptions = {}): Promise<SiteTrial> {
    const trial = await published(options);
    await trial.publish(3, 5, 2);
    return trial;
  }

  it("is made into the next one", async () => {
    const { renew = async () => [] } = posix;
    const built: string[] = [];
    const note = (how: string) => void built.push(how);
    const interpreter: Interpreter = {
      ...posix,
      build: (...work) => (note("built"), posix.build(...work)),
      renew: (...work) => (note("renewed"), renew(...work)),
    };
    const trial = await withSpare({ interpreter });
    await trial.publish(4, 7, 3);
    expect(built).toEqual(["built", "built", "built", "renewed"]);
    expect([seen(trial.disk), seen(trial.disk, "backup")]).toEqual([4, 3]);
  });

  it("is deleted by those whose interpreter makes nothing of it", async () => {
    const { renew: _, ...interpreter } = posix;
    const trial = await withSpare({ interpreter });
    expect(trial.disk.list(`${site}/releases`)).toEqual(["0000000003", "0000000005"]);
  });

  it.for([
    ["lost a file", (disk: SimDisk) => disk.unlink(`${site}/releases/.spare/index.html`)],
    ["got a file", (disk: SimDisk) => writeFile(disk, `${site}/releases/.spare/closed`, "a stray file")],
    ["lost its manifest", (disk: SimDisk) => disk.unlink(`${site}/.dst/manifests/.spare`)],
    ["went away", (disk: SimDisk) => removeTree(disk, `${site}/releases/.spare`)],
  ] as const)("is passed over if it %s", async ([, harm]) => {
    const trial = await withSpare();
    harm(trial.disk);
    await trial.publish(4, 7, 3);
    expect(seen(trial.disk)).toBe(4);
    expect(trial.releases.state.damage).toBeUndefined();
    expect(trial.disk.list(`${site}/releases`)).toEqual([".spare", "0000000005", "0000000007"]);
  });

  it("gives way where there is too little room, or the site goes", async () => {
    for (const leave of [(trial: SiteTrial) => trial.releases.dropSpare(), (trial: SiteTrial) => trial.remove(9)]) {
      const trial = await withSpare();
      leave(trial);
      expect(trial.disk.list(`${site}/releases`)).not.toContain(".spare");
      expect(trial.disk.list(`${site}/.dst/manifests`)).not.toContain(".spare");
    }
  });
});

describe("an update that cannot be made", () => {
  const refused = async (trial: SiteTrial, act: () => Promise<unknown>, code: string) => {
    const before = trial.disk.list(`${site}/releases`);
    await expect(act()).rejects.toMatchObject({ code });
    expect(trial.disk.list(`${site}/releases`)).toEqual(before);
    expect(seen(trial.disk)).toBe(2);
    await trial.publish(3, 50, 2);
    expect(seen(trial.disk)).toBe(3);
  };

  it("is refused if it starts from what is not here", async () => {
    const trial = await published();
    await refused(trial, () => trial.prepare(4, 5, 3), "DIST_ERR_ASSIGNMENT_BASE");
  });

  it("is refused if a switch names what is not here", async () => {
    const trial = await published();
    await refused(trial, () => trial.switchTo(4, 5), "DIST_ERR_ASSIGNMENT_BASE");
  });

  it("leaves nothing behind when it is told to stop", async () => {
    const trial = await published();
    const stopped = AbortSignal.abort(failure("DIST_ERR_TRANSFER_BROKEN", { peer: "control", problem: "it stops" }));
    const open = () => ({ read: () => [], [Symbol.dispose]: () => {} });
    await refused(trial, () => trial.releases.prepare([updateTo(3, 5, 2)], open, stopped), "DIST_ERR_TRANSFER_BROKEN");
  });

  it("is refused if the files are not what was signed", async () => {
    const trial = await published();
    const open = () => ({ read: () => [Buffer.from("something else")], [Symbol.dispose]: () => {} });
    await refused(trial, () => trial.releases.prepare([updateTo(3, 5, 2)], open, signal), "DIST_ERR_ASSIGNMENT_RESULT");
  });
});

describe("a live release that somebody changed", () => {
  const logo = `${site}/releases/0000000001/assets/logo-\udcff.svg`;
  const index = `${site}/releases/0000000001/index.html`;

  async function changed(path: string): Promise<SiteTrial> {
    const trial = new SiteTrial(emptyDisk());
    await trial.publish(1, 1, 0);
    trial.disk.unlink(path);
    writeFile(trial.disk, path, "<h1>me!</h1>");
    return trial;
  }

  it("is noticed when the agent starts", async () => {
    const again = restarted(await changed(index));
    expect(again.releases.state.damage).toContain("index.html");
    await again.publish(3, 7, 0);
    expect(again.releases.state.damage).toBeUndefined();
  });

  it("is no base for an update that would keep what was changed", async () => {
    const trial = await changed(logo);
    await expect(trial.prepare(2, 3, 1)).rejects.toMatchObject({ code: "DIST_ERR_ASSIGNMENT_BASE" });
    expect(trial.releases.state.damage).toContain("logo");
    expect(trial.disk.list(`${site}/releases`)).toEqual(["0000000001"]);
    await trial.publish(3, 7, 0);
    expect(seen(trial.disk)).toBe(3);
    expect(trial.releases.state.damage).toBeUndefined();
  });

  it("is healed by an update that brings all of it anew", async () => {
    const trial = await changed(index);
    await trial.publish(2, 3, 1);
    expect(seen(trial.disk)).toBe(2);
  });
});

describe("a site's directory", () => {
  it.for(["", "/releases", "/.dst", "/.dst/manifests"])(
    "'%s' in which others may write is not worked in",
    async (name) => {
      const trial = await published();
      trial.disk.chmod(site + name, 0o775);
      expect(() => restarted(trial)).toThrow(expect.objectContaining({ code: "DIST_ERR_SITE_SHARED" }));
      trial.disk.chmod(site + name, 0o755);
      expect(restarted(trial).releases.state.live?.version).toBe(2);
    },
  );
});

describe("whoever serves the site", () => {
  const record = () => {
    const told: string[] = [];
    return { told, options: { afterSwitch: async (release: string) => void told.push(release) } };
  };

  it("is told after each switch, and again only if that was cut off", async () => {
    const { told, options } = record();
    const trial = await published(options);
    expect(told).toEqual([`${site}/releases/0000000001`, `${site}/releases/0000000003`]);
    const again = restarted(trial, options);
    await again.releases.serveAgain(signal);
    expect(told).toHaveLength(2);
  });

  it("is told after a crash that came between the switch and that", async () => {
    const { told, options } = record();
    const trial = new SiteTrial(emptyDisk(), options);
    await trial.prepare(1, 1, 0);
    const cut = new SiteTrial(trial.disk, { afterSwitch: () => Promise.reject(new Error("the power goes")) });
    cut.releases.recover();
    await expect(cut.switchTo(1, 2)).rejects.toThrow("the power goes");
    for (const disk of [cut.disk.afterKill(), cut.disk.afterPowerLoss("strict", new SimRandom(3))]) {
      told.length = 0;
      const again = new SiteTrial(disk, options);
      again.releases.recover();
      expect(again.releases.state.live?.version).toBe(1);
      for (let times = 0; times < 2; times += 1) await again.releases.serveAgain(signal);
      expect(told).toEqual([`${site}/releases/0000000001`]);
    }
  });

  it("is told by the same order sent again, if it could not be told the first time", async () => {
    let isDown = true;
    const told: string[] = [];
    const afterSwitch = async (release: string) => {
      if (isDown) throw failure("DIST_ERR_SERVE_FAILED", { site: "shop", problem: "it is down" });
      told.push(release);
    };
    const trial = new SiteTrial(emptyDisk(), { afterSwitch });
    await trial.prepare(1, 1, 0);
    await expect(trial.switchTo(1, 2)).rejects.toMatchObject({ code: "DIST_ERR_SERVE_FAILED" });
    expect(trial.releases.state.live?.version).toBe(1);
    isDown = false;
    await trial.switchTo(1, 2);
    expect(told).toEqual([`${site}/releases/0000000001`]);
  });
});

describe("a disk that stays broken", () => {
  it("is reported as damage, and the site goes on when it works again", async () => {
    const trial = await published();
    let isBroken = false;
    const view: TrialOptions["view"] = (disk) =>
      overlay(disk, {
        rename(from, to) {
          if (isBroken) throw Object.assign(new Error("EIO: rename"), { code: "EIO" });
          disk.rename(from, to);
        },
      });
    const broken = restarted(trial, { view });
    await broken.prepare(3, 5, 2);
    isBroken = true;
    await expect(broken.switchTo(3, 6)).rejects.toMatchObject({ code: "EIO" });
    expect(broken.releases.state.damage).toContain("could not be recovered");
    expect(seen(broken.disk)).toBe(2);
    await expect(broken.switchTo(3, 6)).rejects.toMatchObject({ code: "EIO" });
    isBroken = false;
    await broken.switchTo(3, 6);
    expect(seen(broken.disk)).toBe(3);
    expect(broken.releases.state.damage).toBeUndefined();
  });
});

it("a release's manifest is the tree that was published", async () => {
  const { releases, disk } = await published();
  const { live } = releases.state;
  expect(live && new SiteFiles(disk, site).manifest(live)).toEqual(manifestOf(treeOf(2)));
});
