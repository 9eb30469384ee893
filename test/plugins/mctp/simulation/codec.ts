import { decodeAnnouncement, encodeAnnouncement } from "../../../../plugins/mctp/wire/announcement.ts";
import {
  decodeWord,
  encodeWord,
  frameHeadBytes,
  readBlock,
  readEmission,
  readHead,
  writeFrameHead,
} from "../../../../plugins/mctp/wire/datagram.ts";
import type { MctpMessage } from "./world.ts";

/** The first byte says which of the two channels it is for; a frame carries a byte of content. */
const onChannel = { announcement: 1, datagram: 2 };

/** A message as it travels. */
export function asBytes(message: MctpMessage): MctpMessage {
  switch (message.type) {
    case "announcement":
      return joined(onChannel.announcement, encodeAnnouncement(message.sessions));
    case "word":
      return joined(onChannel.datagram, encodeWord(message.session, message.word));
    case "frame": {
      const bytes = new Uint8Array(frameHeadBytes + 1);
      writeFrameHead(bytes, 0, { ...message, sizeBytes: bytes.length });
      bytes[frameHeadBytes] = message.content;
      return joined(onChannel.datagram, bytes);
    }
    default:
      return message;
  }
}

/** Throws if that is none: nothing else is sent here. */
export function fromBytes(bytes: Uint8Array): MctpMessage {
  const rest = bytes.subarray(1);
  if (bytes[0] === onChannel.announcement) {
    const sessions = decodeAnnouncement(rest);
    if (sessions !== undefined) return { type: "announcement", sessions };
  } else {
    const head = readHead(rest, 0, rest.length);
    if (head?.sizeBytes !== rest.length) throw new Error(`${rest.length} bytes, and not as many as said`);
    const { session, index, pass } = head;
    if (pass > 0) {
      const [block, emission] = [readBlock(rest, 0), readEmission(rest, 0)];
      return { type: "frame", session, index, pass, block, emission, content: rest[frameHeadBytes] ?? 0 };
    }
    const word = decodeWord(head, rest);
    if (word !== undefined) return { type: "word", session, word };
  }
  throw new Error(`nothing can be made of ${Buffer.from(bytes).toString("hex")}`);
}

function joined(channel: number, bytes: Uint8Array): MctpMessage {
  return { type: "bytes", bytes: Uint8Array.of(channel, ...bytes) };
}
