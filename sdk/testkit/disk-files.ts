import assert from "node:assert/strict";
import { readText, text, throwsCode, withFile, writeFile } from "./disk-subject.ts";
import type { DiskSubject } from "./disk-subject.ts";
import type { Case } from "./kit.ts";

const oddNames = [
  "a\nb",
  " ",
  "-rf",
  "\\",
  "é",
  "e\u0301",
  "😀",
  "\ufffd",
  "\udcff\udc80",
  "x\udce9y",
  "n".repeat(255),
  "é".repeat(127),
  "\u0001",
];

/** Of files and what is in them. */
export const diskFileCases: Case<DiskSubject>[] = [
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
        () => disk.list(nothing),
        () => disk.readLink(nothing),
        () => disk.open(nothing, "read"),
        () => disk.unlink(nothing),
        () => disk.open(`${nothing}/x`, "create"),
        () => disk.open(`${nothing}/x`, "append"),
        () => disk.makeDirectory(`${nothing}/x`),
        () => disk.link(nothing, `${root}/x`),
        () => disk.symlink("a", `${nothing}/x`),
        () => disk.rename(nothing, `${root}/x`),
        () => disk.rename(`${root}/file`, `${nothing}/x`),
        () => disk.removeDirectory(nothing),
        () => disk.chmod(nothing, 0),
        () => disk.chown(nothing, 0, 0),
        () => disk.setMtime(nothing, 0),
        () => disk.sync(nothing),
        () => disk.syncTree(nothing),
        () => disk.symlink("", `${root}/x`),
        () => disk.stat("") ?? disk.list(""),
      ])
        throwsCode("ENOENT", act);
      for (const act of [
        () => disk.list(`${root}/file`),
        () => disk.open(`${root}/file/x`, "create"),
        () => disk.open(`${root}/file/x`, "read"),
        () => disk.makeDirectory(`${root}/file/x`),
        () => disk.removeDirectory(`${root}/file`),
        () => disk.unlink(`${root}/file/x`),
      ])
        throwsCode("ENOTDIR", act);
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
      withFile(disk.open(path, "append"), (file) =>
        withFile(disk.open(path, "append"), (other) => {
          file.write(text("three "));
          other.write(text("four "));
          file.write(text("five"));
        }),
      );
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
      withFile(disk.open(root, "read"), (directory) =>
        throwsCode("EISDIR", () => directory.read(new Uint8Array(1), 0)),
      );
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
      for (const use of [() => file.write(text("x")), () => file.stat(), () => file.sync(), () => file.close()]) {
        assert.throws(use);
      }
      other.write(text("still open"));
      other.close();
      assert.equal(disk.stat(`${root}/file`)?.sizeBytes, 0);
    },
  },
];
