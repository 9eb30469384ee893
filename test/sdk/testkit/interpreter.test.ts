import { describe, expect, it } from "vitest";
import { fileTree, removeTree } from "../../../sdk/index.ts";
import type { Command, Disk, FileTreeRules, Interpreter, Work } from "../../../sdk/index.ts";
import { failedCases } from "../../../sdk/testkit/kit.ts";
import { interpreterKit } from "../../../sdk/testkit/interpreter.ts";

const rules: FileTreeRules = { keeps: { modes: true, symlinks: true }, pointer: "symlink" };
const honest = fileTree(rules);

function overriding(changes: Partial<Disk>): ProxyHandler<Disk> {
  return {
    get(target, key) {
      const own = changes[key as keyof Disk];
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  };
}

/** The same interpreter on a disk some of whose calls do something else. */
function onDisk(change: (disk: Disk) => Partial<Disk>, from: Interpreter = honest): Interpreter {
  const changed = (disk: Disk): Disk => {
    const changes = change(disk);
    return new Proxy(disk, overriding(changes));
  };
  return {
    ...from,
    build: (work, io, signal) => from.build(work, { ...io, disk: changed(io.disk) }, signal),
    renew: async (work, old, io, signal) =>
      (await from.renew?.(work, old, { ...io, disk: changed(io.disk) }, signal)) ?? [],
    seal: (directory, release, io, ...rest) =>
      from.seal(directory, release, { ...io, disk: changed(io.disk) }, ...rest),
    point: (site, pointer, release, io) => from.point(site, pointer, release, { ...io, disk: changed(io.disk) }),
  };
}

function withCommands(work: Work, commands: readonly Command[]): Work {
  return { ...work, commands: () => commands };
}

function isDirectory(disk: Disk, path: string): boolean {
  return disk.stat(path)?.type === "directory";
}

/** Carries out commands one by one, without looking. */
function naive(work: Work, { disk }: { readonly disk: Disk }): void {
  const at = (path: string) => `${work.directory}/${path}`;
  for (const entry of work.base?.entries() ?? []) {
    if (entry.type === "directory") disk.makeDirectory(at(entry.path));
    else disk.link(`${work.base?.directory}/${entry.path}`, at(entry.path));
  }
  for (const command of work.commands()) {
    if (command.kind === "remove" && isDirectory(disk, at(command.path))) disk.removeDirectory(at(command.path));
    else if (command.kind === "remove") disk.unlink(at(command.path));
    else if (command.kind === "symlink") disk.symlink(command.target, at(command.path));
    else if (command.kind === "directory") disk.makeDirectory(at(command.path), command.mode);
    else if (command.kind === "file") {
      if (disk.stat(at(command.path)) !== undefined) disk.unlink(at(command.path));
      const file = disk.open(at(command.path), "create");
      for (const chunk of work.content(command)) file.write(chunk);
      file.close();
    }
  }
}

const renew = async (...[work, old, io, signal]: Parameters<NonNullable<Interpreter["renew"]>>) =>
  (await honest.renew?.(work, old, io, signal)) ?? [];

const saboteurs: readonly (readonly [string, Interpreter, string])[] = [
  [
    "takes an old release for the base",
    {
      ...honest,
      async renew(work, _, io, signal) {
        const base = [...(work.base?.entries() ?? [])];
        return renew(work, base, io, signal);
      },
    },
    "makes a release of an older release",
  ],
  [
    "forgets which directories of an old release it changed",
    { ...honest, renew: async (...work) => (await renew(...work)).filter((path) => path.includes(".css")) },
    "tells what of an old release is to be made durable",
  ],
  [
    "writes into files that others share",
    {
      ...honest,
      async renew(work, old, io, signal) {
        for (const entry of old) {
          if (entry.type === "file") io.disk.open(`${work.directory}/${entry.path}`, "append").write(Buffer.from("x"));
        }
        return renew(work, old, io, signal);
      },
    },
    "makes a release of the base itself",
  ],
  [
    "swallows what it did not expect in an old release",
    {
      ...honest,
      async renew(work, old, io, signal) {
        const removeDirectory = (path: string) => removeTree(io.disk, path);
        return renew(work, old, { ...io, disk: new Proxy(io.disk, overriding({ removeDirectory })) }, signal);
      },
    },
    "gives up where the old release is not what it was",
  ],
  [
    "does not sync files",
    onDisk(() => ({ syncTree: () => {} })),
    "seals a release so that it survives a loss of power, whole",
  ],
  [
    "does not sync the directory of releases",
    onDisk((disk) => ({ sync: (path) => (path.endsWith("/releases") ? undefined : disk.sync(path)) })),
    "seals a release so that it survives a loss of power, whole",
  ],
  [
    "names a release before it is durable",
    {
      ...honest,
      seal(directory, release, { disk }) {
        disk.rename(directory, release);
        disk.syncTree(release);
        disk.sync(release.slice(0, release.lastIndexOf("/")));
      },
    },
    "gives a release its name only when all of it is durable",
  ],
  [
    "takes a failed sync for none",
    onDisk((disk) => ({
      syncTree(path) {
        try {
          disk.syncTree(path);
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
          disk.syncTree(path);
        }
      },
    })),
    "does not say that a release is sealed when a sync failed",
  ],
  [
    "does not sync after a pointer moved",
    onDisk((disk) => ({ sync: (path) => (path.endsWith("/site") ? undefined : disk.sync(path)) })),
    "moves a pointer from releases/1 to releases/2 at once and for good, whatever crashes",
  ],
  [
    "thinks that a pointer which is there is durable",
    {
      ...honest,
      point(site, pointer, release, io) {
        if (honest.pointed(site, pointer, io) !== release) honest.point(site, pointer, release, io);
      },
    },
    "moves a pointer from releases/1 to releases/2 at once and for good, whatever crashes",
  ],
  [
    "removes a pointer before it makes the new one",
    onDisk((disk) => ({
      rename(from, to) {
        if (disk.stat(to)?.type === "symlink") disk.unlink(to);
        disk.rename(from, to);
      },
    })),
    "shows readers the old or the new release at every moment of a move",
  ],
  [
    "leaves a pointer moved when it could not be synced",
    {
      ...honest,
      point(site, pointer, release, { disk }) {
        if (release === undefined) {
          return disk.stat(`${site}/${pointer}`) === undefined ? undefined : disk.unlink(`${site}/${pointer}`);
        }
        if (disk.stat(`${site}/next`) !== undefined) disk.unlink(`${site}/next`);
        disk.symlink(release, `${site}/next`);
        disk.rename(`${site}/next`, `${site}/${pointer}`);
        disk.sync(site);
      },
    },
    "leaves a pointer where it was when the disk failed, and can move it later",
  ],
  [
    "changes modes of files that the base shares",
    {
      ...honest,
      async build(work, io, signal) {
        const commands = [...work.commands()];
        await honest.build(
          withCommands(
            work,
            commands.filter(({ kind }) => kind !== "attributes"),
          ),
          io,
          signal,
        );
        for (const command of commands) {
          if (command.kind === "attributes") io.disk.chmod(`${work.directory}/${command.path}`, command.mode);
        }
      },
    },
    "changes attributes of files",
  ],
  [
    "writes into files that the base shares",
    onDisk((disk) => ({
      open(path, how) {
        const name = path.slice(path.lastIndexOf("/") + 1);
        if (how !== "create" || name !== "index.html") return disk.open(path, how);
        disk.link(path.replace("/.building/", "/1/"), path);
        return disk.open(path, "append");
      },
    })),
    "replaces files",
  ],
  [
    "writes through links, and whatever else comes",
    { ...honest, build: naive },
    "refuses a way through a link, of the base or of its own, and touches nothing outside",
  ],
  [
    "follows paths out of the directory",
    { ...honest, build: naive },
    "refuses paths that are not inside, and touches nothing outside",
  ],
  [
    "forgets modes of directories",
    onDisk((disk) => ({ chmod: (path, mode) => (isDirectory(disk, path) ? undefined : disk.chmod(path, mode)) })),
    "changes attributes of directories",
  ],
  [
    "gives directories their modes at once",
    onDisk((disk) => ({ makeDirectory: (path) => disk.makeDirectory(path, path.endsWith("sealed") ? 0o555 : 0o700) })),
    "fills a directory in which the owner may not write",
  ],
  [
    "forgets modes of files",
    onDisk((disk) => ({ chmod: (path, mode) => (isDirectory(disk, path) ? disk.chmod(path, mode) : undefined) })),
    "makes new files, with exactly their modes and times",
  ],
  ["forgets times", onDisk(() => ({ setMtime: () => {} })), "makes new files, with exactly their modes and times"],
  [
    "does not notice a full disk",
    onDisk((disk) => ({
      open(path, how) {
        const file = disk.open(path, how);
        const write = (bytes: Uint8Array) => {
          try {
            file.write(bytes);
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          }
        };
        return {
          write,
          stat: () => file.stat(),
          read: (into, at) => file.read(into, at),
          sync: () => file.sync(),
          close: () => file.close(),
        };
      },
    })),
    "does not say that a release is made when the disk failed",
  ],
  [
    "does not stop",
    { ...honest, build: (work, io) => honest.build(work, io, new AbortController().signal) },
    "stops when it is told to, before and between chunks",
  ],
  [
    "keeps chunks instead of writing them",
    {
      ...honest,
      build: (work, io, signal) =>
        honest.build({ ...work, content: (command) => [...work.content(command)] }, io, signal),
    },
    "makes new files, with exactly their modes and times",
  ],
  [
    "refuses when it has begun",
    {
      ...honest,
      build(work, io, signal) {
        io.disk.makeDirectory(`${work.directory}/begun`);
        io.disk.removeDirectory(`${work.directory}/begun`);
        return honest.build(work, io, signal);
      },
    },
    "writes nothing at all when the last command is refused",
  ],
  [
    "copies from what commands made",
    {
      ...honest,
      build(work, io, signal) {
        const commands = [...work.commands()];
        const copies = new Set(commands.flatMap((command) => (command.kind === "copy" ? command.from : [])));
        const kept = commands.filter(
          (command) => !("path" in command && command.kind === "remove" && copies.has(command.path)),
        );
        return honest.build(withCommands(work, kept), io, signal);
      },
    },
    "copies what the base had, although it is removed or replaced",
  ],
  [
    "ignores what the host refuses",
    { ...fileTree(rules), refuse: (path) => (/con/i.test(path) ? "a device" : undefined) },
    "refuses on the whole path what `refuse` refuses, without writing",
  ],
];

describe("the kit of interpreters", () => {
  it("passes an honest one", async () => {
    expect(await failedCases(interpreterKit, () => ({ interpreter: honest }))).toEqual([]);
  });

  for (const [title, interpreter, expected] of saboteurs) {
    it(`rejects one that ${title}`, async () => {
      const kit = { ...interpreterKit, cases: interpreterKit.cases.filter((one) => one.title === expected) };
      expect(await failedCases(kit, () => ({ interpreter }))).toEqual([expected]);
    });
  }
});
