import type { Command, FileCommand } from "./command.ts";
import type { Entry } from "./entry.ts";
import type { Io } from "./io.ts";

/** A release being made. */
export interface Work {
  readonly site: string;
  /** Absolute path of an empty directory to fill. */
  readonly directory: string;
  /** What the commands start from; never to be changed. Absent: from nothing. */
  readonly base?: {
    readonly directory: string;
    /** What it held when it was made, in the order of manifests. Somebody may have changed it since. */
    entries(): Iterable<Entry>;
  };
  /** In the order to carry them out. May be asked for more than once. */
  commands(): Iterable<Command>;
  /** The bytes of a file, once each and in the order of the commands. A chunk is valid until the next is asked for. */
  content(command: FileCommand): Iterable<Uint8Array>;
}

/** `live` is what is served, `backup` what was served before it. */
export type Pointer = "live" | "backup";

/**
 * Brings assignments into effect on one kind of host. The core has checked signature, hashes, paths and the node's own
 * policy before it calls, keeps the journal, verifies the tree that was built, and calls again after a crash:
 *
 * `build` or `renew` → (core verifies) → `seal` → … → `point` (backup, live) → `serve`
 *
 * A site is a directory: releases lie in `<site>/releases/<name>`, pointers wherever the interpreter keeps them.
 * Nothing that a pointer names is ever changed. A call that throws leaves the pointers as they were.
 * `fileTree()` makes a whole interpreter for hosts with files; most plugins start from it and replace what differs.
 */
export interface Interpreter {
  /** What the host's file system can keep; the core verifies only that. */
  readonly keeps: { readonly modes: boolean; readonly symlinks: boolean };
  /** Kinds of extension commands it carries out; an assignment with another one is refused. */
  readonly extensions?: readonly string[];
  /** Why it cannot be used on this host; undefined if it can. */
  probe?(io: Io): string | undefined;
  /** Why this host cannot have an entry of that path; undefined if it can. Asked before anything is written. */
  refuse?(path: string): string | undefined;
  /** Makes `work.directory` the base changed by the commands. After a crash it is called again, with an empty one. */
  build(work: Work, io: Io, signal: AbortSignal): void | Promise<void>;
  /**
   * The same release in less time: `work.directory` is not empty but holds an older release, `old`, that nobody needs
   * any more. It becomes what `build` would make. Files may have other names elsewhere, so none is ever opened for
   * writing. Resolves with the absolute paths of the files and directories below that are not durable yet. Throws if
   * anything is not as `old` says; the core then has `build` begin anew. Absent: it always does.
   */
  renew?(work: Work, old: Iterable<Entry>, io: Io, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Makes everything below `directory` durable (only `changed`, if given: the rest is), then gives it the absolute path
   * `release`, beside it, in one durable step.
   */
  seal(directory: string, release: string, io: Io, changed?: readonly string[]): void;
  /**
   * Makes a pointer name a release (as `releases/<name>`), or nothing, in one durable step that readers never see half
   * done.
   */
  point(site: string, pointer: Pointer, release: string | undefined, io: Io): void;
  /** What a pointer names; undefined for nothing. */
  pointed(site: string, pointer: Pointer, io: Io): string | undefined;
  /** Called after `live` moved, with its absolute path, and again after a crash: tell who keeps the old one open. */
  serve?(site: string, release: string, io: Io, signal: AbortSignal): Promise<void>;
}
