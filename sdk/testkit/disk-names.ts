import assert from "node:assert/strict";
import { readText, text, throwsCode, withFile, writeFile } from "./disk-subject.ts";
import type { DiskSubject } from "./disk-subject.ts";
import type { Case } from "./kit.ts";

/** Of modes, times, names and links. */
export const diskNameCases: Case<DiskSubject>[] = [
  {
    title: "holds a directory, by which its names are reached, and nothing else",
    check(create) {
      const { disk, root } = create();
      disk.makeDirectory(`${root}/d`, 0o700);
      writeFile(disk, `${root}/d/x`, "x");
      disk.symlink("d", `${root}/link`);
      {
        using held = disk.hold(`${root}/d`);
        assert.deepEqual(disk.list(held.path), ["x"]);
        assert.equal(disk.stat(`${held.path}/x`)?.inode, disk.stat(`${root}/d/x`)?.inode);
        disk.makeDirectory(`${held.path}/e`, 0o700);
        using below = disk.hold(`${held.path}/e`);
        disk.rename(`${held.path}/x`, `${below.path}/y`);
        assert.equal(readText(disk, `${root}/d/e/y`), "x");
      }
      for (const [path, code] of [
        ["link", "ENOTDIR"],
        ["d/e/y", "ENOTDIR"],
        ["nothing", "ENOENT"],
      ] as const)
        throwsCode(code, () => disk.hold(`${root}/${path}`));
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
      assert.ok(
        stat !== undefined && stat.mtimeMs > 1e12 && stat.ctimeMs >= before,
        "a link's time is not its target's",
      );
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
          () => disk.open(`${closed}/new`, "create"),
          () => disk.unlink(file),
          () => disk.makeDirectory(`${closed}/new`),
          () => disk.rename(file, `${root}/moved`),
          () => disk.symlink("x", `${closed}/new`),
          () => disk.open(file, "read"),
          () => disk.open(file, "append"),
          () => disk.link(`${root}/closed/file`, `${closed}/new`),
          () => disk.rename(closed, `${root}/../moved`),
        ])
          throwsCode(["EACCES", "EPERM"], act);
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
      assert.deepEqual(
        disk.list(`${root}/tree`).map((name) => disk.stat(`${root}/tree/${name}`)),
        before,
      );
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
