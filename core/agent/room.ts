import { dirname } from "node:path";
import type { Disk } from "distributary/sdk";
import type { FromControl, FromNode } from "../protocol/messages.ts";
import type { SitePermission } from "./accept.ts";

/**
 * Answers whether this node may take what control would send, and has room for it (CM-5). `makeRoom` is called where
 * there is too little: it deletes what is only kept to save time.
 */
export function answerRoom(
  disk: Disk,
  { job, diskBytes, entryCount }: Extract<FromControl, { type: "ask" }>,
  { directory, maxBytes, maxEntries }: SitePermission,
  makeRoom: () => void,
): FromNode {
  const refuse = (reason: string): FromNode => ({ type: "room", job, able: false, reason });
  if (directory === undefined) return refuse("its own policy does not allow the site");
  if (diskBytes > maxBytes) return refuse(`its own policy allows ${maxBytes} bytes, ${diskBytes} are needed`);
  if (entryCount > maxEntries) return refuse(`its own policy allows ${maxEntries} entries, there are ${entryCount}`);
  const place = existing(disk, directory);
  if (diskBytes > disk.space(place).freeBytes) makeRoom();
  const { freeBytes } = disk.space(place);
  if (diskBytes > freeBytes) return refuse(`it has ${freeBytes} bytes free, ${diskBytes} are needed`);
  return { type: "room", job, able: true };
}

/** The directory itself, or the nearest one above it that is there. */
function existing(disk: Disk, directory: string): string {
  return disk.stat(directory) === undefined ? existing(disk, dirname(directory)) : directory;
}
