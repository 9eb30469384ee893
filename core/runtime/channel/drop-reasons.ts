/** Why a datagram is dropped. */
export const dropReasons = [
  /** No datagram of a segment, or made by somebody without its key. */
  "junk",
  /** Sealed with a key that does not open any more, or not yet. */
  "key",
  /** This member's own, come back by multicast. */
  "own",
  /** Of another boot of its sender than the latest one. */
  "boot",
  /** Taken before, or so old that nobody knows. */
  "replay",
  /** More than its sender may send. */
  "flood",
  /** Changed after it was sealed. */
  "seal",
  /** Without a record of its sender that control signed for this segment, or with an older one than was seen. */
  "record",
  /** Not signed by its sender, though it has to be. */
  "signature",
  /** Its content is no message. */
  "message",
  /** It claims more than control attests of its sender. */
  "priority",
  /** Made by somebody else with this member's own identity. */
  "twin",
  /** There is no room for one more sender. */
  "senders",
] as const;

export type DropReason = (typeof dropReasons)[number];
