import type { Millis } from "./machine.ts";

/**
 * Everything a plugin or a shell may touch outside itself. The real one is made by the running program,
 * the simulated one by the testkit; code that only uses an `Io` runs in both.
 */
export interface Io {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly udp: Udp;
  readonly http: Http;
  readonly exec: Exec;
}

/** Time, and waiting for it. */
export interface Clock {
  /** Monotonic; only differences mean something. */
  now(): Millis;
  /** Milliseconds since 1970 in UTC. May jump; for schedules, expiry and log text only. */
  wallTime(): Millis;
  /** Resolves at `moment` (of `now`), or rejects with the signal's reason. */
  until(moment: Millis, signal?: AbortSignal): Promise<void>;
}

/** Chance: unpredictable in production, repeatable in a simulation. */
export interface Random {
  bytes(count: number): Uint8Array;
  /** A whole number from 0 to `limit - 1`; `limit` is at most 2³². */
  below(limit: number): number;
}

/** What a name in a file system stands for; `other` is a device, pipe or socket. */
export type FileType = "file" | "directory" | "symlink" | "other";

/** What a file system knows of a file besides its names and bytes. */
export interface FileStat {
  readonly type: FileType;
  readonly sizeBytes: number;
  /** Permission bits with set-uid, set-gid and sticky: 0 … 0o7777. */
  readonly mode: number;
  /** Whole milliseconds, rounded down. */
  readonly mtimeMs: number;
  /** Whole milliseconds, rounded down. */
  readonly ctimeMs: number;
  readonly uid: number;
  readonly gid: number;
  /** Same device and inode: same file. */
  readonly device: number;
  readonly inode: number;
  readonly links: number;
}

/**
 * A file system. Calls are synchronous, because on small files that is several times faster than promises;
 * long work belongs in a worker thread. No call follows a symbolic link in the last component unless it says so.
 *
 * Paths are strings. Bytes of a name that are not UTF-8 appear as the lone surrogates U+DC80 … U+DCFF
 * (one for each byte) and are written back as those bytes, so every name a file system can hold survives.
 *
 * Errors are Node's own (`code` is `ENOENT`, `EEXIST`, `ENOSPC`, …). What was written is durable only after
 * `sync`: of the file for its bytes, of the directory for its names.
 */
export interface Disk {
  /** Undefined if there is nothing. */
  stat(path: string): FileStat | undefined;
  /** Names in a directory, without `.` and `..`, in the order of `Array.sort`. */
  list(path: string): string[];
  /**
   * Keeps hold of a directory: what is done below the `path` it gives is done in that directory, whatever is put in its
   * place or in that of those above it meanwhile. ENOTDIR or ELOOP for anything else, so nobody who may rename things
   * there can lead a program that goes down step by step elsewhere. Only Linux has it; elsewhere `path` is the name.
   */
  hold(path: string): HeldDirectory;
  readLink(path: string): string;
  /** `read` an existing file, `create` a new one (EEXIST if something is there), or `append` to one, made if absent. */
  open(path: string, how: "read" | "create" | "append"): OpenFile;
  makeDirectory(path: string, mode?: number): void;
  /** Gives the file at `existing` a second name. */
  link(existing: string, path: string): void;
  symlink(target: string, path: string): void;
  /** Replaces what is at `to` at once, if both are of a kind that allows it. */
  rename(from: string, to: string): void;
  unlink(path: string): void;
  removeDirectory(path: string): void;
  /** Directories and files only; EINVAL or ELOOP for a symbolic link. */
  chmod(path: string, mode: number): void;
  chown(path: string, uid: number, gid: number): void;
  setMtime(path: string, mtimeMs: number): void;
  /** Makes a file's bytes, or a directory's names, durable. After an error discard the file, do not sync it again. */
  sync(path: string): void;
  /** Makes a directory and everything below it durable, in whatever way is fastest here. */
  syncTree(path: string): void;
  /** Space for an unprivileged user on the file system that holds `path`. */
  space(path: string): { freeBytes: number; totalBytes: number };
}

/** A directory that stays the same one until it is let go of. */
export interface HeldDirectory extends Disposable {
  readonly path: string;
}

/** A file that was opened; to be closed, also after an error. */
export interface OpenFile {
  stat(): FileStat;
  /** Fills `into` from `position`; returns how many bytes there were, less only at the end of the file. */
  read(into: Uint8Array, position: number): number;
  /** Writes all of `bytes` at the end (`append`) or after what was written before. */
  write(bytes: Uint8Array): void;
  sync(): void;
  close(): void;
}

/** A datagram that was received, and from where. */
export interface Datagram {
  readonly bytes: Uint8Array;
  readonly address: string;
  readonly port: number;
}

/** Datagrams: unordered, lost and doubled as networks do. */
export interface Udp {
  /** Port 0 means any free one. `groups` are multicast addresses to join on `interfaceAddress`. */
  bind(options: {
    port: number;
    address?: string;
    groups?: readonly string[];
    interfaceAddress?: string;
    ttl?: number;
    /**
     * What one sender sent at once, in datagrams of the same length but for the last, may come as one, where the system
     * can do that: whoever asks for it splits it again.
     */
    joined?: boolean;
    receive(datagram: Datagram): void;
  }): Promise<UdpSocket>;
}

/** A bound socket, which receives until disposed. */
export interface UdpSocket extends AsyncDisposable {
  readonly port: number;
  send(bytes: Uint8Array, address: string, port: number): void;
  /**
   * Sends datagrams of `each` bytes, but for the last which may be shorter, that stand one behind the other: in as few
   * calls as the system can. Like those of `send`, the bytes are not to be changed afterwards.
   */
  sendMany(bytes: Uint8Array, each: number, address: string, port: number): void;
  /** How much of what was sent waits in this process, because the system takes no more at the moment. */
  readonly waitingBytes: number;
  /**
   * Whether the system takes several datagrams of `sendMany` in one call, or gives several in one to a socket that is
   * `joined`. It is found out at the first `sendMany`, or before `bind` returns, and ends if the network refuses.
   */
  readonly isFast: boolean;
}

/** A role that takes part in distribution, and where it can be reached. */
export interface Peer {
  /** `control`, or the id in a node's certificate. */
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

/** A request from a peer. */
export interface HttpRequest {
  readonly method: string;
  /** With the query, beginning with the prefix under which it is served. */
  readonly path: string;
  /** Whose certificate the request came with. */
  readonly peerId: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

/** An answer to a request; its body is read once. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** HTTP between enrolled peers: mutually authenticated, no redirects, names and certificates checked by the core. */
export interface Http {
  /** Answers requests whose path begins with `prefix`, until disposed. */
  serve(prefix: string, answer: (request: HttpRequest) => Promise<HttpAnswer>): Disposable;
  /**
   * A body that comes more slowly than 4 KiB a second breaks off; one that is `endless` and comes as things happen only
   * if nothing comes for a minute.
   */
  request(
    peer: Peer,
    path: string,
    options?: { method?: string; body?: Uint8Array; signal?: AbortSignal; endless?: boolean },
  ): Promise<HttpAnswer>;
}

/**
 * Runs a program without a shell and resolves when it has ended, whatever its exit code.
 * Rejects with DIST_ERR_EXEC_FAILED if it cannot be started or was stopped by `signal` or after `timeoutMs` (60,000 if
 * absent).
 */
export type Exec = (
  file: string,
  args: readonly string[],
  options?: { signal?: AbortSignal; timeoutMs?: number; cwd?: string; env?: Readonly<Record<string, string>> },
) => Promise<{ code: number; stdout: string; stderr: string }>;
