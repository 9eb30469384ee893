import { isGlob } from "./glob.ts";
import { parseBytes, parseDuration } from "./units.ts";

/** A host and a port; the host is empty for all interfaces. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const hostPattern = /^(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?)?$/;

/** Reads `host:port`, `:port` or `[::1]:port` (the brackets are not part of the host). Throws RangeError otherwise. */
export function parseAddress(text: string): Address {
  const [, host, digits] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || !hostPattern.test(host) || Number(digits) > 65_535)
    throw new RangeError(`'${text}' is no address`);
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port: Number(digits) };
}

/** Whether `text` is a name: 1 to 63 lower case letters, digits and hyphens, with no hyphen at either end. */
export function isName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}

interface Format {
  /** What a value must be, as in "must be a duration like 30s". */
  readonly wanted: string;
  accepts(text: string): boolean;
}

/** The formats of strings that options may have; `secret` is no text but a reference, see `secret.ts`. */
export const formats = {
  duration: {
    wanted: "a duration like 250ms, 30s, 5m, 12h or 7d",
    accepts: (text) => succeeds(() => parseDuration(text)),
  },
  bytes: { wanted: "a size like 512, 64 KiB or 10 GiB", accepts: (text) => succeeds(() => parseBytes(text)) },
  name: { wanted: "a name of at most 63 lower-case letters, digits and hyphens", accepts: isName },
  address: {
    wanted: "an address like 127.0.0.1:7400, example.org:7400 or :7400",
    accepts: (text) => succeeds(() => parseAddress(text)),
  },
  glob: {
    wanted:
      "a pattern like `docs/**` of `*`, `**`, `?`, `[a-z]` and up to 100 `{a,b}`, and `\\` before `(`, `)` and `!`",
    accepts: isGlob,
  },
  path: { wanted: "a path", accepts: (text) => text !== "" && text.length <= 4096 && !text.includes("\0") },
} as const satisfies Record<string, Format>;

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
