import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * A directory for a benchmark, on a file system of its own: a sync waits for nothing that others wrote, and what is in
 * it goes at once. That takes root; without, it is a directory like any other.
 */
export class OwnDisk implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "distributary-bench-"));
  readonly #isMounted: boolean = process.getuid?.() === 0;

  constructor(gibibytes: number) {
    if (!this.#isMounted) return;
    const image = `${this.path}.img`;
    writeFileSync(image, "");
    truncateSync(image, gibibytes * 2 ** 30);
    run("mkfs.ext4", "-q", "-F", "-E", "nodiscard", image);
    const device = run("losetup", "--find", "--show", "--direct-io=on", image).trim();
    // The kernel writes no empty inodes in the background meanwhile.
    run("mount", "-o", "noinit_itable", device, this.path);
    // From now on both go with the mount.
    run("losetup", "--detach", device);
    rmSync(image);
  }

  [Symbol.dispose](): void {
    if (this.#isMounted) run("umount", this.path);
    rmSync(this.path, { recursive: true });
  }
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8" });
}
