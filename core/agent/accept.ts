import { failure, refusePortable } from "distributary/sdk";
import type { Command } from "distributary/sdk";
import type { KeyObject } from "node:crypto";
import type { Assignment } from "../assignment/assignment.ts";
import { decodeAssignment } from "../assignment/decode.ts";
import { openSeal } from "../assignment/seal.ts";
import type { SiteState } from "../protocol/messages.ts";

/** What this node lets control do to a site, from its own policy file. */
export interface SitePermission {
  /** Absolute path of the site's directory; undefined: this site may not be here. */
  readonly directory: string | undefined;
  readonly maxEntries: number;
  readonly maxBytes: number;
  readonly maxFileBytes: number;
  /** Kinds of extension commands that may be carried out. */
  readonly extensions: readonly string[];
  readonly names: "any" | "portable";
  readonly symlinks: "keep" | "refuse";
}

/** A serial this far ahead was not reached by counting. */
const longestJump = 2 ** 20;
/**
 * Nor was one beyond this, which an assignment a second reaches in 136 years. A site that is new here begins anywhere
 * below, and has numbers left whatever it began with.
 */
const highestFirst = 2 ** 32;

/** Reads a sealed assignment after its signature was checked. Throws before anything of it was believed. */
export function openAssignment(sealed: Uint8Array, publicKey: KeyObject): Assignment {
  return decodeAssignment(openSeal(sealed, publicKey));
}

/**
 * Decides whether this node carries an assignment out at all. Throws DIST_ERR_ASSIGNMENT_AUDIENCE, _EXPIRED or _SERIAL,
 * or DIST_ERR_POLICY_REFUSED, before anything is written.
 */
export function checkAssignment(
  { header, commands }: Assignment,
  node: string,
  state: SiteState,
  permission: SitePermission,
  wallTime: number,
): void {
  const { site, serial, audience, expiresAt } = header;
  if (!audience.nodes.includes(node)) throw failure("DIST_ERR_ASSIGNMENT_AUDIENCE", { site, serial, node });
  if (wallTime > expiresAt)
    throw failure("DIST_ERR_ASSIGNMENT_EXPIRED", { site, serial, expiresAt: new Date(expiresAt).toISOString() });
  const isPrepared = state.prepared?.serial === serial;
  const isGone = header.type === "remove" && state.live === undefined && serial === state.lastSerial;
  const isLive = state.live?.version === header.version && state.live.tree === header.result;
  const highest = state.lastSerial === 0 ? highestFirst : state.lastSerial + longestJump;
  if ((serial <= state.lastSerial && !isPrepared && !isLive && !isGone) || serial > highest) {
    throw failure("DIST_ERR_ASSIGNMENT_SERIAL", { site, serial, last: state.lastSerial });
  }
  const refuse = (reason: string) => failure("DIST_ERR_POLICY_REFUSED", { site, reason });
  if (permission.directory === undefined) throw refuse("the site may not be on this node");
  if (header.diskBytes > permission.maxBytes)
    throw refuse(`it needs ${header.diskBytes} bytes, ${permission.maxBytes} are allowed`);
  let count = 0;
  let sizeBytes = 0;
  for (const command of commands()) {
    count += 1;
    if (count > permission.maxEntries) throw refuse(`it has more than ${permission.maxEntries} commands`);
    if (command.kind === "file") sizeBytes += command.sizeBytes;
    const reason = refuseCommand(command, permission);
    if (reason !== undefined) throw refuse(reason);
  }
  if (sizeBytes > permission.maxBytes)
    throw refuse(`its files have ${sizeBytes} bytes, ${permission.maxBytes} are allowed`);
}

function refuseCommand(
  command: Command,
  { maxFileBytes, extensions, names, symlinks }: SitePermission,
): string | undefined {
  if (!("path" in command)) {
    return extensions.includes(command.kind) ? undefined : `commands of kind '${command.kind}' are not allowed`;
  }
  if (command.kind === "file" && command.sizeBytes > maxFileBytes) {
    return `'${command.path}' has ${command.sizeBytes} bytes, ${maxFileBytes} are allowed`;
  }
  if (command.kind === "symlink" && symlinks === "refuse") return `'${command.path}' is a symbolic link`;
  const reason = names === "portable" ? refusePortable(command.path) : undefined;
  return reason === undefined ? undefined : `'${command.path}': ${reason}`;
}

/** Throws unless the assignments are all sections of one update, in order, each naming the one before. */
export function checkChain(sections: readonly Assignment[]): void {
  const first = sections[0]?.header;
  for (const [index, { header }] of sections.entries()) {
    const follows =
      header.type === "update" &&
      header.section[0] === index + 1 &&
      header.section[1] === sections.length &&
      header.after === sections[index - 1]?.id &&
      header.base === first?.base &&
      header.result === first?.result &&
      header.version === first?.version;
    if (!follows)
      throw failure("DIST_ERR_ASSIGNMENT_FORMAT", {
        problem: `section ${index + 1} does not belong to the one before`,
      });
  }
}

/**
 * Throws DIST_ERR_POLICY_REFUSED if the sections of an update are together more than this node lets a site be: the data
 * that lies in the spool at the same time, the files, or the commands, which take one tree away and make another.
 */
export function checkTogether(sections: readonly Assignment[], { maxBytes, maxEntries }: SitePermission): void {
  const site = sections[0]?.header.site ?? "";
  const refuse = (reason: string) => failure("DIST_ERR_POLICY_REFUSED", { site, reason });
  const dataBytes = sections.reduce((sum, { header }) => sum + header.data.sizeBytes, 0);
  if (dataBytes > maxBytes) throw refuse(`its data has ${dataBytes} bytes, ${maxBytes} are allowed`);
  // The commands of each were counted when it was checked by itself.
  if (sections.length < 2) return;
  let [commandCount, fileBytes] = [0, 0];
  for (const { commands } of sections) {
    for (const command of commands()) {
      commandCount += 1;
      if (command.kind === "file") fileBytes += command.sizeBytes;
      if (commandCount > 2 * maxEntries) throw refuse(`its sections have more than ${2 * maxEntries} commands`);
      if (fileBytes > maxBytes) throw refuse(`its sections have files of more than ${maxBytes} bytes`);
    }
  }
}
