import { failure } from "../../../sdk/index.ts";
import { isNodeId } from "../identity.ts";

/** How far a sender was heard, to be kept until this member starts the next time. */
export interface SeenMark {
  readonly sender: string;
  readonly bootId: string;
  readonly bootSequence: number;
  /** The highest sequence number of what it signed, and of what it did not. */
  readonly signed: number;
  readonly unsigned: number;
  /** The newest segment key that it used. */
  readonly epoch: number;
  readonly recordIssuedAt: number;
}

/** How far each sender was heard. */
export type SeenMarks = readonly SeenMark[];

/** Most senders that are remembered, as many as a segment has members. */
export const mostSenders = 4_096;

/** Marks that were kept as JSON. Throws DIST_ERR_CHANNEL_MARKS on anything that `marks` of a channel does not give. */
export function readMarks(value: unknown): SeenMarks {
  if (!Array.isArray(value) || value.length > mostSenders || !value.every(isMark))
    throw failure("DIST_ERR_CHANNEL_MARKS", {});
  if (new Set(value.map(({ sender }) => sender)).size < value.length) throw failure("DIST_ERR_CHANNEL_MARKS", {});
  return value;
}

function isMark(value: unknown): value is SeenMark {
  if (typeof value !== "object" || value === null) return false;
  const { sender, bootId, ...rest } = value as SeenMark;
  const { bootSequence, signed, unsigned, epoch, recordIssuedAt, ...unknown } = rest;
  const numbers: readonly unknown[] = [bootSequence, signed, unsigned, epoch, recordIssuedAt];
  const areCounts = numbers.every((each) => Number.isSafeInteger(each) && (each as number) >= 0);
  const isBoot = typeof bootId === "string" && /^[0-9a-f]{32}$/.test(bootId);
  const isSender = typeof sender === "string" && isNodeId(sender);
  return isSender && isBoot && areCounts && Object.keys(unknown).length === 0;
}
