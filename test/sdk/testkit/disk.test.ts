import { describe, expect, it } from "vitest";
import type { Disk } from "../../../sdk/index.ts";
import { diskKit, testDisk } from "../../../sdk/testkit/disk.ts";
import { failedCases } from "../../../sdk/testkit/kit.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";

function rooted(disk: Disk, privileged: boolean) {
  disk.makeDirectory("/root");
  return { disk, root: "/root", privileged };
}

testDisk("a simulated disk", () => rooted(new SimDisk(), false));
testDisk("a simulated disk of root", () => rooted(new SimDisk({ privileged: true }), true));

class FollowingDisk extends SimDisk {
  override chmod(path: string, mode: number): void {
    const target = this.stat(path)?.type === "symlink" ? this.readLink(path) : undefined;
    super.chmod(target === undefined ? path : path.replace(/[^/]*$/, target), mode);
  }
}

class OverwritingDisk extends SimDisk {
  override open(path: string, how: "read" | "create" | "append") {
    if (how === "create" && this.stat(path)?.type === "file") this.unlink(path);
    return super.open(path, how);
  }
}

class TextDisk extends SimDisk {
  override list(path: string) {
    return super.list(path).map((name) => name.toWellFormed());
  }
}

class SecondsDisk extends SimDisk {
  override setMtime(path: string, mtimeMs: number): void {
    super.setMtime(path, Math.floor(mtimeMs / 1_000) * 1_000);
  }
}

class UnsortedDisk extends SimDisk {
  override list(path: string) {
    return super.list(path).reverse();
  }
}

class ReplacingDisk extends SimDisk {
  override rename(from: string, to: string): void {
    if (from !== to && this.stat(to)?.type === "directory") {
      for (const name of this.list(to)) this.unlink(`${to}/${name}`);
    }
    super.rename(from, to);
  }
}

const saboteurs: readonly (readonly [string, () => Disk, string])[] = [
  ["follows a link to change a mode", () => new FollowingDisk(), "follows links on the way, never the one at the end"],
  ["creates over what is there", () => new OverwritingDisk(), "creates a file only where there is nothing"],
  [
    "loses bytes that are no text",
    () => new TextDisk(),
    "holds every name that a file system can hold, and lists them in order",
  ],
  [
    "keeps times to the second",
    () => new SecondsDisk(),
    "keeps times to the millisecond, of files, directories and links, also before 1970 and after 2038",
  ],
  [
    "lists names in another order",
    () => new UnsortedDisk(),
    "holds every name that a file system can hold, and lists them in order",
  ],
  ["renames over a full directory", () => new ReplacingDisk(), "replaces by rename only what allows it"],
  [
    "folds names",
    () => new SimDisk({ fold: (name) => name.normalize("NFC") }),
    "holds every name that a file system can hold, and lists them in order",
  ],
];

describe("the kit of disks", () => {
  for (const [title, create, expected] of saboteurs) {
    it(`rejects one that ${title}`, async () => {
      expect(await failedCases(diskKit, () => rooted(create(), false))).toContain(expected);
    });
  }
});
