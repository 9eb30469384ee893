import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { PGlite } from "@electric-sql/pglite";
import { NodeFS } from "@electric-sql/pglite/nodefs";
import { realDisk } from "../../runtime/disk.ts";

/** How bytes and names become durable; both throw if that failed. */
export interface Syncs {
  /** Blocks until a file's bytes or a directory's names are durable. */
  now(path: string): void;
  /** Resolves when a file's bytes are durable. */
  soon(path: string): Promise<void>;
  /** Blocks until a directory and all below it are durable. */
  tree(path: string): void;
}

/** The operating system's. */
export const kernelSyncs: Syncs = {
  now: (path) => realDisk.sync(path),
  tree: (path) => realDisk.syncTree(path),
  async soon(path) {
    await using handle = await open(path, process.platform === "win32" ? "r+" : "r");
    await handle.datasync();
  },
};

type EngineOptions = Awaited<ReturnType<NodeFS["init"]>>["emscriptenOpts"];

interface Node {
  readonly name: string;
}

interface Stream {
  readonly node: Node;
}

/** What is used of Emscripten's file system on Node's `fs`. */
interface Nodefs {
  realPath(node: Node): string;
  /** Turns Node's errors into error numbers for the engine. */
  tryFSOperation<T>(operation: () => T): T;
  readonly node_ops: {
    mknod(parent: Node, name: string, ...rest: unknown[]): unknown;
    rename(node: Node, toDirectory: Node, name: string): unknown;
    unlink(parent: Node, name: string): unknown;
    rmdir(parent: Node, name: string): unknown;
    setattr(node: Node, attributes: { readonly size?: number }): unknown;
  };
  readonly stream_ops: {
    write(stream: Stream, bytes: Uint8Array, offset: number, length: number, position: number): number;
    setattr(stream: Stream, attributes: { readonly size?: number }): unknown;
    fsync?(stream: Stream): number;
  };
}

/**
 * PGlite's directory on disk, all of it durable when it is opened, with the `fsync` that PGlite leaves out: PostgreSQL
 * itself then says what must be durable and when, as it does on any server.
 *
 * Only the write-ahead log's sync at a commit is put off, so that commits share one and the event loop is not held up:
 * the engine goes on at once, `durable` resolves when it has happened. Nothing that the engine writes after that may
 * overtake it, so any change of another file completes what was put off first.
 */
export class DurableFiles extends NodeFS {
  readonly #syncs: Syncs;
  /** What was changed since it was opened, whether durable by now or not. */
  readonly #changed = new Set<string>();
  /** Directories whose names changed since they were made durable. */
  readonly #changedDirectories = new Set<string>();
  /** Log files whose sync was put off, with the number of the last request. */
  readonly #waiting = new Map<string, number>();
  #calls = 0;
  #requests = 0;
  #done = 0;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;
  #logBytes = 0;

  constructor(directory: string, syncs: Syncs = kernelSyncs) {
    super(directory);
    this.#syncs = syncs;
  }

  /** How often the engine has called `fsync`, for whatever file. */
  get calls(): number {
    return this.#calls;
  }

  /** Rises with each sync of the log that the engine asks for. */
  get requests(): number {
    return this.#requests;
  }

  /** Bytes written to the log since this was last set to 0. */
  get logBytes(): number {
    return this.#logBytes;
  }

  set logBytes(count: number) {
    this.#logBytes = count;
  }

  /** The first sync that failed, or what was given to `stop`. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** From now on every write is refused and nothing becomes durable. */
  stop(error: Error): void {
    this.#failure ??= error;
  }

  /** Resolves when the log is durable up to `request` (of `requests`); rejects if a sync failed. */
  async durable(request: number): Promise<void> {
    while (this.#done < request && this.#failure === undefined) {
      this.#running ??= this.#syncWaiting().finally(() => {
        this.#running = undefined;
      });
      await this.#running;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #syncWaiting(): Promise<void> {
    const round = [...this.#waiting];
    const upTo = this.#requests;
    try {
      await Promise.all(round.map(([path]) => this.#syncs.soon(path)));
    } catch (error) {
      this.stop(asError(error));
      return;
    }
    for (const [path, request] of round) if (this.#waiting.get(path) === request) this.#waiting.delete(path);
    this.#done = Math.max(this.#done, upTo);
  }

  /** Completes what was put off. */
  #catchUp(): void {
    this.#refuseAfterFailure();
    for (const path of this.#waiting.keys()) this.#sync(path);
    this.#waiting.clear();
    this.#done = this.#requests;
  }

  /** Makes a file and the names that lead to it durable. */
  #sync(path: string): void {
    try {
      this.#syncs.now(path);
      this.#changedDirectories.delete(path);
      for (let above = dirname(path); above.length >= this.rootDir.length; above = dirname(above)) {
        if (this.#changedDirectories.delete(above)) this.#syncs.now(above);
        if (above === this.rootDir) break;
      }
    } catch (error) {
      this.stop(asError(error));
      throw error;
    }
  }

  #refuseAfterFailure(): void {
    if (this.#failure !== undefined) throw Object.assign(new Error("a sync failed before"), { code: "EIO" });
  }

  override async init(engine: PGlite, options: EngineOptions): Promise<{ emscriptenOpts: EngineOptions }> {
    const { emscriptenOpts } = await super.init(engine, options);
    const watch = ({ NODEFS }: { NODEFS: unknown }) => this.#watch(NODEFS as Nodefs);
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), watch] } };
  }

  #watch(files: Nodefs): void {
    const { node_ops: nodes, stream_ops: streams } = files;
    const { mknod, rename, unlink, rmdir, setattr } = nodes;
    const { write, setattr: setStream } = streams;
    const isLog = (path: string) => dirname(path).endsWith("/pg_wal") && /^[0-9A-F]{24}$/.test(basename(path));
    const inOrder = () => files.tryFSOperation(() => this.#catchUp());
    const namesChanged = (directory: string) => {
      this.#changed.add(directory);
      this.#changedDirectories.add(directory);
    };

    streams.fsync = (stream) => {
      this.#calls += 1;
      const path = files.realPath(stream.node);
      // After a crash the engine asks for every file there is.
      if (!this.#changed.has(path)) return 0;
      if (isLog(path) && !this.#changedDirectories.has(dirname(path))) {
        this.#requests += 1;
        this.#waiting.set(path, this.#requests);
      } else {
        files.tryFSOperation(() => {
          this.#catchUp();
          this.#sync(path);
        });
      }
      return 0;
    };
    streams.write = (stream, bytes, offset, length, position) => {
      const path = files.realPath(stream.node);
      this.#changed.add(path);
      if (isLog(path)) {
        files.tryFSOperation(() => this.#refuseAfterFailure());
        this.#logBytes += length;
      } else inOrder();
      return write(stream, bytes, offset, length, position);
    };
    streams.setattr = (stream, attributes) => {
      inOrder();
      this.#changed.add(files.realPath(stream.node));
      return setStream(stream, attributes);
    };
    nodes.setattr = (node, attributes) => {
      if (attributes.size !== undefined) inOrder();
      this.#changed.add(files.realPath(node));
      return setattr(node, attributes);
    };
    nodes.mknod = (parent, name, ...rest) => {
      const directory = files.realPath(parent);
      this.#changed.add(join(directory, name));
      namesChanged(directory);
      return mknod(parent, name, ...rest);
    };
    nodes.rename = (node, toDirectory, name) => {
      inOrder();
      const from = files.realPath(node);
      const to = files.realPath(toDirectory);
      if (this.#changed.delete(from)) this.#changed.add(join(to, name));
      namesChanged(dirname(from));
      namesChanged(to);
      return rename(node, toDirectory, name);
    };
    nodes.unlink = (parent, name) => {
      inOrder();
      namesChanged(files.realPath(parent));
      return unlink(parent, name);
    };
    nodes.rmdir = (parent, name) => {
      inOrder();
      namesChanged(files.realPath(parent));
      return rmdir(parent, name);
    };
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
