import assert from "node:assert/strict";
import type { Disk, OpenFile } from "../io.ts";
import { runKit } from "./kit.ts";
import type { Case, Kit } from "./kit.ts";

export interface DiskSubject {
  readonly disk: Disk;
  /** Absolute path of an empty directory on it. */
  readonly root: string;
  /** Whether the user may ignore modes, as root. */
  readonly privileged: boolean;
}

const text = (content: string) => new Uint8Array(Buffer.from(content, "utf8"));

/** Puts a new file there, with one write. */
export function writeFile(disk: Disk, path: string, content: string | Uint8Array): void {
  const file = disk.open(path, "create");
  try {
    file.write(typeof content === "string" ? text(content) : content);
  } finally {
    file.close();
  }
}

/** All bytes of a file. */
export function readFile(disk: Disk, path: string): Uint8Array {
  const file = disk.open(path, "read");
  try {
    const bytes = new Uint8Array(file.stat().sizeBytes);
    return bytes.subarray(0, file.read(bytes, 0));
  } finally {
    file.close();
  }
}

const readText = (disk: Disk, path: string) => Buffer.from(readFile(disk, path)).toString("utf8");

function throwsCode(code: string | readonly string[], act: () => unknown): void {
  assert.throws(act, (error: NodeJS.ErrnoException) => {
    assert.ok([code].flat().includes(error.code ?? ""), `${error.code} instead of ${code}: ${error.message}`);
    return true;
  });
}

function withFile(file: OpenFile, use: (file: OpenFile) => void): void {
  try {
    use(file);
  } finally {
    file.close();
  }
}

const oddNames = ["a\nb", " ", "-rf", "\\", "é", "e\u0301", "😀", "\ufffd", "\udcff\udc80", "x\udce9y", "n".repeat(255), "é".repeat(127), "\u0001"];

const cases: Case<DiskSubject>[] = [
  {
    title: "holds every name that a file system can hold, and lists them in order",
    check(create) {
      const { disk, root } = create();
      for (const name of oddNames) writeFile(disk, `${root}/${name}`, name.toWellFormed());
      disk.makeDirectory(`${root}/d\udc80`);
      writeFile(disk, `${root}/d\udc80/\ud800\udf00`, "");
      assert.deepEqual(disk.list(root), [...oddNames, "d\udc80"].sort());
      assert.deepEqual(disk.list(`${root}/d\udc80`), ["\ud800\udf00"]);
      for (const name of oddNames) assert.equal(readText(disk, `${root}/${name}`), name.toWellFormed());
      for (const name of oddNames) disk.unlink(`${root}/${name}`);
      assert.deepEqual(disk.list(root), ["d\udc80"]);
    },
  },
  {
    title: "refuses names longer than 255 bytes and paths with a NUL",
    check(create) {
      const { disk, root } = create();
      throwsCode("ENAMETOOLONG", () => disk.open(`${root}/${"n".repeat(256)}`, "create"));
      throwsCode("ENAMETOOLONG", () => disk.makeDirectory(`${root}/${"é".repeat(128)}`));
      throwsCode("ENAMETOOLONG", () => disk.stat(`${root}/${"a/".repeat(2100)}`));
      throwsCode("ERR_INVALID_ARG_VALUE", () => disk.open(`${root}/a\0b`, "create"));
      assert.deepEqual(disk.list(root), []);
    },
  },
  {
    title: "says of what is not there that it is undefined, and ENOENT to the rest",
    check(create) {
      const { disk, root } = create();
      const nothing = `${root}/nothing`;
      writeFile(disk, `${root}/file`, "");
      assert.equal(disk.stat(nothing), undefined);
      assert.equal(disk.stat(`${nothing}/below`), undefined);
      assert.equal(disk.stat(`${root}/file/below`), undefined);
      for (const act of [
        () => disk.list(nothing), () => disk.readLink(nothing), () => disk.open(nothing, "read"), () => disk.unlink(nothing),
        () => disk.open(`${nothing}/x`, "create"), () => disk.open(`${nothing}/x`, "append"), () => disk.makeDirectory(`${nothing}/x`),
        () => disk.link(nothing, `${root}/x`), () => disk.symlink("a", `${nothing}/x`), () => disk.rename(nothing, `${root}/x`),
        () => disk.rename(`${root}/file`, `${nothing}/x`), () => disk.removeDirectory(nothing), () => disk.chmod(nothing, 0),
        () => disk.chown(nothing, 0, 0), () => disk.setMtime(nothing, 0), () => disk.sync(nothing), () => disk.syncTree(nothing),
        () => disk.symlink("", `${root}/x`), () => disk.stat("") ?? disk.list(""),
      ]) throwsCode("ENOENT", act);
      for (const act of [
        () => disk.list(`${root}/file`), () => disk.open(`${root}/file/x`, "create"), () => disk.open(`${root}/file/x`, "read"),
        () => disk.makeDirectory(`${root}/file/x`), () => disk.removeDirectory(`${root}/file`), () => disk.unlink(`${root}/file/x`),
      ]) throwsCode("ENOTDIR", act);
    },
  },
  {
    title: "creates a file only where there is nothing",
    check(create) {
      const { disk, root } = create();
      writeFile(disk, `${root}/file`, "kept");
      disk.makeDirectory(`${root}/directory`);
      disk.symlink("nowhere", `${root}/link`);
      for (const name of ["file", "directory", "link"]) {
        throwsCode("EEXIST", () => disk.open(`${root}/${name}`, "create"));
        throwsCode("EEXIST", () => disk.makeDirectory(`${root}/${name}`));
        throwsCode("EEXIST", () => disk.symlink("x", `${root}/${name}`));
        throwsCode("EEXIST", () => disk.link(`${root}/file`, `${root}/${name}`));
      }
      assert.equal(readText(disk, `${root}/file`), "kept");
      assert.deepEqual(disk.list(root), ["directory", "file", "link"]);
    },
  },
  {
    title: "writes one piece after the other, and appends at the end",
    check(create) {
      const { disk, root } = create();
      const path = `${root}/file`;
      withFile(disk.open(path, "create"), (file) => {
        file.write(text("one "));
        file.write(text(""));
        file.write(text("two "));
        assert.equal(file.stat().sizeBytes, 8);
        throwsCode("EBADF", () => file.read(new Uint8Array(1), 0));
        file.sync();
      });
      withFile(disk.open(path, "append"), (file) => withFile(disk.open(path, "append"), (other) => {
        file.write(text("three "));
        other.write(text("four "));
        file.write(text("five"));
      }));
      withFile(disk.open(`${root}/made`, "append"), (file) => file.write(text("new")));
      assert.equal(readText(disk, path), "one two three four five");
      assert.equal(readText(disk, `${root}/made`), "new");
    },
  },
  {
    title: "reads from any position up to the end",
    check(create) {
      const { disk, root } = create();
      writeFile(disk, `${root}/file`, "0123456789");
      withFile(disk.open(`${root}/file`, "read"), (file) => {
        const into = new Uint8Array(4);
        assert.equal(file.read(into, 3), 4);
        assert.equal(Buffer.from(into).toString(), "3456");
        assert.equal(file.read(into, 8), 2);
        assert.equal(Buffer.from(into).toString(), "8956");
        assert.equal(file.read(into, 10), 0);
        assert.equal(file.read(into, 1e6), 0);
        throwsCode("EBADF", () => file.write(text("x")));
      });
      withFile(disk.open(root, "read"), (directory) => throwsCode("EISDIR", () => directory.read(new Uint8Array(1), 0)));
      throwsCode("EISDIR", () => disk.open(root, "append"));
    },
  },
  {
    title: "refuses every use of a file after it was closed",
    check(create) {
      const { disk, root } = create();
      const file = disk.open(`${root}/file`, "create");
      file.close();
      const other = disk.open(`${root}/other`, "create");
      for (const use of [() => file.write(text("x")), () => file.stat(), () => file.sync(), () => file.close()]) assert.throws(use);
      other.write(text("still open"));
      other.close();
      assert.equal(disk.stat(`${root}/file`)?.sizeBytes, 0);
    },
  },
  {
    title: "gives new files mode 0600, directories what is asked for, and changes both exactly",
    check(create) {
      const { disk, root } = create();
      writeFile(disk, `${root}/file`, "");
      disk.makeDirectory(`${root}/usual`);
      disk.makeDirectory(`${root}/closed`, 0o500);
      const mode = (name: string) => disk.stat(`${root}/${name}`)?.mode;
      assert.deepEqual(["file", "usual", "closed"].map(mode), [0o600, 0o700, 0o500]);
      for (const wanted of [0, 0o777, 0o444, 0o4711, 0o1777, 0o200]) {
        for (const name of ["file", "usual"]) {
          disk.chmod(`${root}/${name}`, wanted);
          assert.equal(mode(name), wanted);
        }
      }
      disk.chmod(`${root}/usual`, 0o700);
    },
  },
  {
    title: "keeps times to the millisecond, of files, directories and links, also before 1970 and after 2038",
    check(create) {
      const { disk, root } = create();
      writeFile(disk, `${root}/file`, "x");
      disk.makeDirectory(`${root}/directory`);
      disk.symlink("file", `${root}/link`);
      const before = disk.stat(`${root}/file`)?.ctimeMs ?? Infinity;
      for (const moment of [0, 1, 999, 1_700_000_000_123, 1_700_000_000_999, 4_294_967_296_007, -1, -1_500]) {
        for (const name of ["directory", "link"]) {
          disk.setMtime(`${root}/${name}`, moment);
          assert.equal(disk.stat(`${root}/${name}`)?.mtimeMs, moment);
        }
      }
      const stat = disk.stat(`${root}/file`);
      assert.ok(stat !== undefined && stat.mtimeMs > 1e12 && stat.ctimeMs >= before, "a link's time is not its target's");
      assert.equal(stat.sizeBytes, 1);
    },
  },
  {
    title: "gives a file several names that share everything",
    check(create) {
      const { disk, root } = create();
      writeFile(disk, `${root}/a`, "one");
      disk.link(`${root}/a`, `${root}/b`);
      assert.deepEqual(disk.stat(`${root}/a`), disk.stat(`${root}/b`));
      assert.equal(disk.stat(`${root}/a`)?.links, 2);
      disk.chmod(`${root}/b`, 0o640);
      withFile(disk.open(`${root}/b`, "append"), (file) => file.write(text(" two")));
      assert.equal(disk.stat(`${root}/a`)?.mode, 0o640);
      disk.rename(`${root}/a`, `${root}/b`);
      assert.deepEqual(disk.list(root), ["a", "b"], "a rename between two names of one file does nothing");
      disk.unlink(`${root}/a`);
      assert.equal(readText(disk, `${root}/b`), "one two");
      assert.equal(disk.stat(`${root}/b`)?.links, 1);
      throwsCode("EPERM", () => disk.link(root, `${root}/c`));
    },
  },
  {
    title: "follows links on the way, never the one at the end",
    check(create) {
      const { disk, root } = create();
      disk.makeDirectory(`${root}/directory`);
      writeFile(disk, `${root}/directory/file`, "inside");
      disk.symlink("directory", `${root}/link`);
      disk.symlink(`${root}/link/./../link`, `${root}/far`);
      disk.symlink("directory/file", `${root}/to-file`);
      assert.equal(readText(disk, `${root}/link/file`), "inside");
      assert.equal(readText(disk, `${root}/far/file`), "inside");
      assert.equal(disk.readLink(`${root}/far`), `${root}/link/./../link`);
      assert.equal(disk.stat(`${root}/link`)?.type, "symlink");
      assert.equal(disk.stat(`${root}/link`)?.sizeBytes, 9);
      throwsCode("ELOOP", () => disk.open(`${root}/to-file`, "read"));
      throwsCode("ELOOP", () => disk.open(`${root}/to-file`, "append"));
      throwsCode("ELOOP", () => disk.chmod(`${root}/to-file`, 0o600));
      throwsCode("ELOOP", () => disk.sync(`${root}/link`));
      throwsCode("ELOOP", () => disk.syncTree(`${root}/link`));
      throwsCode("ENOTDIR", () => disk.list(`${root}/link`));
      throwsCode("ENOTDIR", () => disk.removeDirectory(`${root}/link`));
      throwsCode("EINVAL", () => disk.readLink(`${root}/directory`));
      disk.link(`${root}/to-file`, `${root}/same-link`);
      assert.equal(disk.readLink(`${root}/same-link`), "directory/file");
      disk.unlink(`${root}/link`);
      disk.rename(`${root}/to-file`, `${root}/link`);
      assert.equal(disk.readLink(`${root}/link`), "directory/file");
      assert.deepEqual(disk.list(`${root}/directory`), ["file"]);
      disk.symlink("round", `${root}/round`);
      throwsCode("ELOOP", () => disk.open(`${root}/round/x`, "create"));
      disk.symlink("\udcff\n", `${root}/odd`);
      assert.equal(disk.readLink(`${root}/odd`), "\udcff\n");
    },
  },
  {
    title: "replaces by rename only what allows it",
    check(create) {
      const { disk, root } = create();
      for (const name of ["empty", "full", "source"]) disk.makeDirectory(`${root}/${name}`);
      writeFile(disk, `${root}/full/x`, "");
      writeFile(disk, `${root}/source/y`, "");
      writeFile(disk, `${root}/new`, "new");
      writeFile(disk, `${root}/old`, "old");
      disk.symlink("old", `${root}/link`);
      throwsCode(["ENOTEMPTY", "EEXIST"], () => disk.rename(`${root}/source`, `${root}/full`));
      throwsCode("ENOTDIR", () => disk.rename(`${root}/source`, `${root}/old`));
      throwsCode("ENOTDIR", () => disk.rename(`${root}/source`, `${root}/link`));
      throwsCode("EISDIR", () => disk.rename(`${root}/new`, `${root}/empty`));
      throwsCode("EISDIR", () => disk.rename(`${root}/link`, `${root}/empty`));
      throwsCode("EINVAL", () => disk.rename(`${root}/source`, `${root}/source/below`));
      throwsCode("ENOTEMPTY", () => disk.removeDirectory(`${root}/full`));
      throwsCode("EISDIR", () => disk.unlink(`${root}/full`));
      disk.rename(`${root}/source`, `${root}/empty`);
      assert.deepEqual(disk.list(`${root}/empty`), ["y"]);
      disk.rename(`${root}/new`, `${root}/link`);
      assert.equal(readText(disk, `${root}/link`), "new");
      disk.rename(`${root}/link`, `${root}/old`);
      assert.equal(readText(disk, `${root}/old`), "new");
      disk.rename(`${root}/old`, `${root}/old`);
      disk.rename(`${root}/empty`, `${root}/empty`);
      assert.deepEqual(disk.list(root), ["empty", "full", "old"]);
    },
  },
  {
    title: "keeps an unlinked file for those who have it open",
    check(create) {
      const { disk, root } = create();
      writeFile(disk, `${root}/file`, "still here");
      withFile(disk.open(`${root}/file`, "read"), (file) => {
        disk.unlink(`${root}/file`);
        assert.equal(file.stat().links, 0);
        const bytes = new Uint8Array(10);
        assert.equal(file.read(bytes, 0), 10);
        assert.equal(Buffer.from(bytes).toString(), "still here");
      });
      assert.deepEqual(disk.list(root), []);
    },
  },
  {
    title: "lets an owner without rights change modes and nothing else",
    check(create) {
      const { disk, root, privileged } = create();
      disk.makeDirectory(`${root}/closed`);
      writeFile(disk, `${root}/closed/file`, "x");
      disk.chmod(`${root}/closed/file`, 0);
      disk.chmod(`${root}/closed`, 0o500);
      if (!privileged) {
        const { closed, file } = { closed: `${root}/closed`, file: `${root}/closed/file` };
        for (const act of [
          () => disk.open(`${closed}/new`, "create"), () => disk.unlink(file), () => disk.makeDirectory(`${closed}/new`),
          () => disk.rename(file, `${root}/moved`), () => disk.symlink("x", `${closed}/new`), () => disk.open(file, "read"),
          () => disk.open(file, "append"), () => disk.link(`${root}/closed/file`, `${closed}/new`), () => disk.rename(closed, `${root}/../moved`),
        ]) throwsCode(["EACCES", "EPERM"], act);
        disk.chmod(closed, 0);
        throwsCode("EACCES", () => disk.list(closed));
        throwsCode("EACCES", () => disk.stat(file));
      }
      disk.chmod(`${root}/closed`, 0o700);
      disk.chmod(`${root}/closed/file`, 0o600);
      assert.equal(readText(disk, `${root}/closed/file`), "x");
    },
  },
  {
    title: "syncs files, directories and trees without changing them",
    check(create) {
      const { disk, root } = create();
      disk.makeDirectory(`${root}/tree`);
      for (let count = 0; count < 150; count += 1) writeFile(disk, `${root}/tree/${count}`, "x".repeat(count));
      disk.symlink("nowhere", `${root}/tree/link`);
      disk.makeDirectory(`${root}/tree/\udcfe`);
      writeFile(disk, `${root}/tree/\udcfe/write-only`, "x");
      disk.chmod(`${root}/tree/\udcfe/write-only`, 0o200);
      const before = disk.list(`${root}/tree`).map((name) => disk.stat(`${root}/tree/${name}`));
      disk.sync(`${root}/tree/149`);
      disk.sync(`${root}/tree`);
      disk.syncTree(`${root}/tree/\udcfe`);
      disk.syncTree(`${root}/tree/149`);
      disk.syncTree(`${root}/tree`);
      assert.deepEqual(disk.list(`${root}/tree`).map((name) => disk.stat(`${root}/tree/${name}`)), before);
    },
  },
  {
    title: "knows how much space there is",
    check(create) {
      const { disk, root } = create();
      const { freeBytes, totalBytes } = disk.space(root);
      assert.ok(freeBytes > 0 && freeBytes <= totalBytes && Number.isInteger(freeBytes));
    },
  },
];

/** What a disk keeps, real or simulated. */
export const diskKit: Kit<DiskSubject> = { name: "disk", cases };

/** Runs `diskKit` with vitest; `create` makes a new empty directory for each case. */
export function testDisk(name: string, create: () => DiskSubject): void {
  runKit(diskKit, name, create);
}
