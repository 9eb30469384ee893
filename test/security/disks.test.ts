import { expect, it } from "vitest";
import type { Disk } from "../../sdk/index.ts";
import { systemError } from "../../sdk/testkit/sim/locate.ts";
import { SiteTrial, emptyDisk, inHalves, overlay, overlayFile, seen } from "../core/agent/site-trial.ts";

type Call = keyof Disk | "write";

/** Which calls fail, and how, from one moment on until somebody sees to it. */
const troubles: Record<string, { readonly code: string; readonly calls: readonly Call[] }> = {
  "whose user has used up what he may": { code: "EDQUOT", calls: ["write", "open", "makeDirectory", "symlink"] },
  "without inodes": { code: "ENOSPC", calls: ["open", "makeDirectory", "symlink"] },
  "that is full": { code: "ENOSPC", calls: ["write", "open", "makeDirectory", "symlink", "link", "rename"] },
  "that was mounted read-only by its kernel": {
    code: "EROFS",
    calls: [
      ...(["write", "open", "makeDirectory", "symlink", "link", "rename", "unlink", "removeDirectory"] as const),
      ...(["chmod", "setMtime"] as const),
    ],
  },
  "that can be read no more and takes nothing either": {
    code: "EIO",
    calls: ["write", "open", "makeDirectory", "symlink", "link", "rename", "unlink", "list", "readLink", "sync"],
  },
};

/** Calls still to succeed; what fails from then on. */
interface Trouble {
  left: number;
  readonly code: string;
  readonly calls: readonly Call[];
}

/** A disk of which calls fail as `trouble` says. */
function troubled(disk: Disk, trouble: Trouble): Disk {
  const meet = (call: Call, path: string) => {
    if (!trouble.calls.includes(call)) return;
    trouble.left -= 1;
    if (trouble.left < 0) throw systemError(trouble.code, call, path);
  };
  const guarded =
    <Name extends "list" | "readLink" | "makeDirectory" | "link" | "symlink" | "rename" | "unlink" | "removeDirectory">(
      name: Name,
    ) =>
    (...args: Parameters<Disk[Name]>): ReturnType<Disk[Name]> => {
      meet(name, args[0]);
      return (disk[name] as (...given: unknown[]) => ReturnType<Disk[Name]>)(...args);
    };
  return overlay(disk, {
    list: guarded("list"),
    readLink: guarded("readLink"),
    makeDirectory: guarded("makeDirectory"),
    link: guarded("link"),
    symlink: guarded("symlink"),
    rename: guarded("rename"),
    unlink: guarded("unlink"),
    removeDirectory: guarded("removeDirectory"),
    chmod(path, mode) {
      meet("chmod", path);
      disk.chmod(path, mode);
    },
    setMtime(path, mtimeMs) {
      meet("setMtime", path);
      disk.setMtime(path, mtimeMs);
    },
    sync(path) {
      meet("sync", path);
      disk.sync(path);
    },
    open(path, how) {
      if (how !== "read") meet("open", path);
      const file = disk.open(path, how);
      return overlayFile(file, {
        write(bytes) {
          meet("write", path);
          file.write(bytes);
        },
      });
    },
  });
}

it.each(Object.entries(troubles))(
  "SEC-35: a disk %s, whenever that begins, leaves what is live, is reported, and takes the next publish when it is well",
  async (_, { code, calls }) => {
    let failures = 0;
    for (let count = 0, isOver = false; !isOver; count += 1) {
      const trouble: Trouble = { left: Infinity, code, calls };
      const trial = new SiteTrial(emptyDisk(), { view: (disk) => troubled(inHalves(disk), trouble) });
      await trial.publish(1, 1, 0);
      trouble.left = count;
      const problem: unknown = await trial.publish(2, 3, 1).then(
        () => undefined,
        (error: unknown) => error,
      );
      isOver = trouble.left >= 0;
      expect([1, 2], `call ${count}`).toContain(seen(trial.disk));
      if (problem !== undefined) {
        failures += 1;
        expect(problem, `call ${count}`).toMatchObject({ code });
      }
      // Nothing is asked of the disk meanwhile, nor does it matter if it is.
      if (!isOver) expect(() => trial.releases.state).not.toThrow();
      trouble.left = Infinity;
      trial.releases.recover();
      await trial.publish(3, 10, seen(trial.disk));
      expect(seen(trial.disk), `call ${count}`).toBe(3);
      expect(trial.releases.state.damage, `call ${count}`).toBeUndefined();
    }
    expect(failures).toBeGreaterThan(10);
  },
);
