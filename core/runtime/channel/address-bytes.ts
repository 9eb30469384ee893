import { isIPv4, isIPv6 } from "node:net";

/** The 4 or 16 bytes of an IP address; undefined if it is none. One with a zone means something on its host only. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [head = "", tail] = text.split("::");
  const [first, last] = [groupsOf(head), groupsOf(tail ?? "")];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => 0);
  return Uint8Array.from([...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 0xff]));
}

/** The address as people and Node write it (RFC 5952); undefined if it is neither 4 nor 16 bytes. */
export function addressText(bytes: Uint8Array): string | undefined {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, at) => ((bytes[2 * at] ?? 0) << 8) | (bytes[2 * at + 1] ?? 0));
  if (groups.slice(0, 6).join() === "0,0,0,0,0,65535") return `::ffff:${bytes.subarray(12).join(".")}`;
  const text = groups.map((group) => group.toString(16)).join(":");
  const zeros = text.match(/\b0(:0)+\b/g) ?? [];
  const longest = zeros.reduce((best, each) => (each.length > best.length ? each : best), "");
  if (longest === "") return text;
  const at = ` ${text} `.search(new RegExp(`[ :]${longest}[ :]`));
  const [before, after] = [text.slice(0, at), text.slice(at + longest.length)];
  return `${before.replace(/:$/, "")}::${after.replace(/^:/, "")}`;
}

/** Whether datagrams to this address go to a group. */
export function isMulticast(bytes: Uint8Array): boolean {
  const [first = 0] = bytes;
  return bytes.length === 4 ? first >= 224 && first <= 239 : first === 0xff;
}

/** Whether the address can be one host's: no group, no broadcast and not "any". */
export function isHost(bytes: Uint8Array): boolean {
  const [first = 0] = bytes;
  return bytes.length === 4 ? first > 0 && first < 224 : first !== 0xff && bytes.some((byte) => byte !== 0);
}

function groupsOf(part: string): number[] {
  return part === ""
    ? []
    : part.split(":").flatMap((group) => (group.includes(".") ? dotted(group) : [parseInt(group, 16)]));
}

function dotted(text: string): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = text.split(".").map(Number);
  return [(a << 8) | b, (c << 8) | d];
}
