import { failure } from "./errors.ts";

const longestPath = 4096;
const longestComponent = 255;
const deepestPath = 256;

/**
 * Why `path` cannot name something inside a tree; undefined if it can. Allowed is every name a file system can hold:
 * components of 1 to 255 bytes without NUL that are neither `.` nor `..`, at most 256 deep and 4,096 bytes long.
 */
export function refusePath(path: string): string | undefined {
  if (path === "") return "it is empty";
  if (path.startsWith("/")) return "it is absolute";
  if (isLonger(path, longestPath)) return `it is longer than ${longestPath} bytes`;
  if (path.includes("\0")) return "it holds a NUL";
  let depth = 0;
  for (let [start, end] = [0, 0]; start <= path.length; start = end + 1) {
    end = path.indexOf("/", start);
    if (end === -1) end = path.length;
    const component = path.slice(start, end);
    if (component === "") return "it has an empty component";
    if (component === "." || component === "..") return `it has a component '${component}'`;
    if (isLonger(component, longestComponent)) return `it has a component longer than ${longestComponent} bytes`;
    depth += 1;
  }
  return depth > deepestPath ? `it is deeper than ${deepestPath} directories` : undefined;
}

/** Whether a name has more bytes than `limit`; of a short one no byte need be counted, as a unit takes 3 at most. */
function isLonger(name: string, limit: number): boolean {
  return name.length > limit || (name.length * 3 > limit && nameBytes(name).length > limit);
}

/** Throws DIST_ERR_PATH_INVALID for a path that `refusePath` refuses. */
export function checkPath(path: string): void {
  const reason = refusePath(path);
  if (reason !== undefined) throw failure("DIST_ERR_PATH_INVALID", { path: printable(path), reason });
}

/**
 * Why a symbolic link at `path` may not point to `target`; undefined if it stays inside the tree. A `..` behind a name
 * is refused too: the name may itself be a link, and where `..` leads from there cannot be told from the text.
 */
export function refuseTarget(path: string, target: string): string | undefined {
  if (target === "" || target.includes("\0") || target.length > longestPath) return "its target is no path";
  if (target.startsWith("/")) return `its target '${printable(target)}' is absolute`;
  const components = target.split("/").filter((component) => component !== "" && component !== ".");
  const climbs = components.findIndex((component) => component !== "..");
  const named = climbs === -1 ? [] : components.slice(climbs);
  if (named.includes("..")) return `its target '${printable(target)}' goes up behind a name`;
  const depth = path.split("/").length - 1;
  return components.length - named.length > depth ? `its target '${printable(target)}' leaves the site` : undefined;
}

/**
 * The bytes of a name as a file system holds it. The lone surrogates U+DC80 … U+DCFF stand for bytes that
 * are not UTF-8 (the convention of Python's PEP 383).
 */
export function nameBytes(name: string): Uint8Array {
  if (name.isWellFormed()) return Buffer.from(name, "utf8");
  const chunks: Uint8Array[] = [];
  for (const character of name) {
    const code = character.codePointAt(0) ?? 0;
    chunks.push(code >= 0xdc80 && code <= 0xdcff ? Uint8Array.of(code - 0xdc00) : Buffer.from(character, "utf8"));
  }
  return Buffer.concat(chunks);
}

/** The name that `nameBytes` turns into these bytes. */
export function nameFromBytes(bytes: Uint8Array): string {
  const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  // Stands for what is not UTF-8, and for itself.
  return name.includes("\ufffd") ? fromBrokenUtf8(bytes) : name;
}

function fromBrokenUtf8(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let name = "";
  for (let at = 0; at < buffer.length;) {
    const start = at;
    for (let length = 1; length > 0; at += length) length = characterBytes(buffer, at);
    if (at > start) name += buffer.toString("utf8", start, at);
    for (; at < buffer.length && characterBytes(buffer, at) === 0; at += 1)
      name += String.fromCharCode(0xdc00 + (buffer[at] ?? 0));
  }
  return name;
}

/** How many bytes the character has that begins at `at` (The Unicode Standard, table 3-7); 0 if none does. */
function characterBytes(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first === undefined || (first > 0x7f && first < 0xc2) || first > 0xf4) return 0;
  if (first < 0x80) return 1;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const second = bytes[at + 1] ?? 0;
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let next = at + 2; next < at + length; next += 1) if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

/**
 * The order of manifests: siblings by UTF-16 code units, and everything in a directory right behind it,
 * as a walk through sorted directories meets them.
 */
export function comparePaths(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x !== y) return x === slash ? -1 : y === slash ? 1 : x - y;
  }
  return a.length - b.length;
}

const slash = "/".charCodeAt(0);

/** A name safe to show: control characters, line ends and bytes that are not text appear as escapes. */
export function printable(name: string): string {
  return name.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });
}
