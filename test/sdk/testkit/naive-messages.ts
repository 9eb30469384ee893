import { createHash } from "node:crypto";

/** What can be wrong with it. */
export type Flaw =
  | "forgets the last piece"
  | "sends what everybody has"
  | "sends once for each member"
  | "sends each piece once"
  | "says that all are complete"
  | "forgets whom it left"
  | "gives no reason"
  | "waits for ever"
  | "waits until everything is there"
  | "announces only for a moment"
  | "does not hear the signal"
  | "does not look at the quorum"
  | "ends at the quorum"
  | "knows no limit"
  | "asks for the limit once"
  | "goes on announcing"
  | "goes on sending"
  | "takes damaged datagrams"
  | "takes another's session for its own"
  | "takes pieces in the order they come"
  | "says nothing of the end"
  | "says twice that it begins"
  | "waits for a silent leader"
  | "knows one group"
  | "brings more than the range"
  | "tells of what is not wanted"
  | "takes an assignment only once"
  | "does not leave"
  | "gives up after two rounds";

/** A session as it is announced. */
export interface Session {
  readonly session: number;
  readonly assignment: string;
  readonly group: string;
  readonly port: number;
  readonly from: number;
  readonly to: number;
  /** Where answers go. */
  readonly host: string;
  readonly answers: number;
}

export type Message = { readonly session: number } & (
  | { readonly type: "part"; readonly piece: number; readonly part: number; readonly parts: number }
  | { readonly type: "poll"; readonly round: number }
  | { readonly type: "over" }
  | {
      readonly type: "answer";
      readonly member: string;
      readonly round: number;
      readonly lacks: number;
      readonly first: readonly number[];
    }
);

/** After so long without a word the other side is taken for gone. */
export const silenceMs = 1_500;

export function encode(message: Message, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const head = Buffer.from(JSON.stringify(message));
  const body = Buffer.concat([Uint8Array.of(head.length >> 8, head.length), head, payload]);
  return Buffer.concat([checkOf(body), body]);
}

export function decode(bytes: Uint8Array, isChecked: boolean): { message: Message; payload: Uint8Array } | undefined {
  const body = Buffer.from(bytes.subarray(4));
  if (isChecked && !checkOf(body).equals(bytes.subarray(0, 4))) return undefined;
  const end = 2 + body.readUInt16BE(0);
  return { message: JSON.parse(body.toString("utf8", 2, end)) as Message, payload: body.subarray(end) };
}

function checkOf(body: Uint8Array): Buffer {
  return createHash("sha256").update(body).digest().subarray(0, 4);
}
