import { failure } from "./errors.ts";
import type { Pointer } from "./interpreter.ts";
import type { Disk } from "./io.ts";
import { printable, refusePath } from "./path.ts";

/** How a site's directory says which release is live and which is the backup. */
export interface ReleasePointers {
  /** `releases/<name>`; undefined for nothing. Throws DIST_ERR_POINTER_FOREIGN for what is no pointer. */
  read(disk: Disk, site: string, pointer: Pointer): string | undefined;
  /** Moves a pointer in one step that is durable on return; throws with the pointer where it was. */
  move(disk: Disk, site: string, pointer: Pointer, release: string | undefined): void;
}

/** A relative symbolic link `<site>/live`, replaced by renaming another one over it. */
export const symlinkPointers: ReleasePointers = pointers({
  name: (pointer) => pointer,
  type: "symlink",
  read: (disk, path) => disk.readLink(path),
  write: (disk, path, release) => disk.symlink(release, path),
  retries: false,
});

/** A small file `<site>/live.json`, replaced by renaming another one over it; tried again while it is held open. */
export const filePointers: ReleasePointers = pointers({
  name: (pointer) => `${pointer}.json`,
  type: "file",
  read: readPointerFile,
  write: writePointerFile,
  retries: true,
});

interface PointerKind {
  readonly type: "symlink" | "file";
  readonly retries: boolean;
  name(pointer: Pointer): string;
  /** The release named by what is at `path`; undefined if it names none. */
  read(disk: Disk, path: string): string | undefined;
  /** Makes one at `path`, where there is nothing. */
  write(disk: Disk, path: string, release: string): void;
}

function pointers(kind: PointerKind): ReleasePointers {
  const attempt = kind.retries ? patiently : (act: () => void) => act();

  function read(disk: Disk, site: string, pointer: Pointer): string | undefined {
    const path = `${site}/${kind.name(pointer)}`;
    const type = disk.stat(path)?.type;
    if (type === undefined) return undefined;
    if (type !== kind.type) throw foreign(path, `it is a ${type}`);
    const release = kind.read(disk, path);
    if (release === undefined || !isRelease(release)) throw foreign(path, `it names '${printable(release ?? "")}'`);
    return release;
  }

  function place(disk: Disk, site: string, pointer: Pointer, release: string | undefined): void {
    const path = `${site}/${kind.name(pointer)}`;
    if (release === undefined) return attempt(() => disk.unlink(path));
    const next = `${site}/.${kind.name(pointer)}.next`;
    if (disk.stat(next) !== undefined) disk.unlink(next);
    kind.write(disk, next, release);
    attempt(() => disk.rename(next, path));
  }

  return {
    read,
    move(disk, site, pointer, release) {
      if (release !== undefined && !isRelease(release)) {
        throw foreign(`${site}/${pointer}`, `'${printable(release)}' is no release`);
      }
      const before = read(disk, site, pointer);
      try {
        if (release !== before) place(disk, site, pointer, release);
        // Also where nothing moved: a move before a crash may not be durable yet.
        disk.sync(site);
      } catch (error) {
        if (read(disk, site, pointer) !== before) place(disk, site, pointer, before);
        throw error;
      }
    },
  };
}

function isRelease(release: string): boolean {
  return /^releases\/[^/]+$/s.test(release) && refusePath(release) === undefined;
}

function foreign(path: string, problem: string) {
  return failure("DIST_ERR_POINTER_FOREIGN", { path: printable(path), problem });
}

const longestPointerFile = 64 * 1024;

function readPointerFile(disk: Disk, path: string): string | undefined {
  const bytes = new Uint8Array(longestPointerFile);
  const file = disk.open(path, "read");
  let text: string;
  try {
    text = Buffer.from(bytes.subarray(0, file.read(bytes, 0))).toString("utf8");
  } finally {
    file.close();
  }
  try {
    const content: unknown = JSON.parse(text);
    if (typeof content !== "object" || content === null || !("release" in content)) return undefined;
    return typeof content.release === "string" ? content.release : undefined;
  } catch (error) {
    throw failure("DIST_ERR_POINTER_FOREIGN", { path: printable(path), problem: "it is not JSON" }, { cause: error });
  }
}

function writePointerFile(disk: Disk, path: string, release: string): void {
  const file = disk.open(path, "create");
  try {
    file.write(Buffer.from(`${JSON.stringify({ release })}\n`, "utf8"));
    file.sync();
  } finally {
    file.close();
  }
}

const busy = new Set(["EPERM", "EACCES", "EBUSY"]);
const mostTries = 8;

/** Windows replaces no file that a scanner or reader holds open: tries for a quarter of a second, then gives up. */
function patiently(act: () => void): void {
  for (let tries = 1; ; tries += 1) {
    try {
      return act();
    } catch (error) {
      if (tries === mostTries || !busy.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 ** tries);
    }
  }
}
