const msPer = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const bytesPer = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
} as const;

/** A moment so far ahead is still a whole number without loss. */
const longestMs = 2 ** 52;

/** Milliseconds of a duration like `250ms`, `30s`, `5m`, `12h`, `7d` or `1h30m`. Throws RangeError otherwise. */
export function parseDuration(text: string): number {
  const parts = [...text.matchAll(/(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)/g)];
  if (text === "" || parts.map(([part]) => part).join("") !== text) throw new RangeError(`'${text}' is no duration`);
  const ms = parts.reduce((sum, [, count, unit]) => sum + Number(count) * msPer[unit as keyof typeof msPer], 0);
  if (ms > longestMs) throw new RangeError(`'${text}' is too long`);
  return Math.round(ms);
}

/** Bytes of a size like `512`, `64 KiB` (powers of 1,024) or `10 GB` (powers of 1,000). Throws RangeError otherwise. */
export function parseBytes(text: string): number {
  const [, count, unit = "B"] = /^(\d{1,16}(?:\.\d{1,6})?) ?(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)?$/.exec(text) ?? [];
  if (count === undefined) throw new RangeError(`'${text}' is no size`);
  const bytes = Math.round(Number(count) * bytesPer[unit as keyof typeof bytesPer]);
  if (!Number.isSafeInteger(bytes)) throw new RangeError(`'${text}' is too large`);
  return bytes;
}

/** A size for people: `1.5 MiB`; at most one digit after the point, so not always exact. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
  let at = 0;
  // 1023.95 would round to "1024.0".
  while (at < units.length - 1 && Math.abs(bytes) / bytesPer[units[at] ?? "B"] >= 1023.95) at += 1;
  const unit = units[at] ?? "B";
  const count = bytes / bytesPer[unit];
  return `${Number.isInteger(count) ? count : count.toFixed(1)} ${unit}`;
}

/** A duration for people: `250ms`, `1.5s`, `2m5s`, `3h20m`, `2d4h`; the two largest units. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (Math.round(ms) < 1000) return `${Math.round(ms)}ms`;
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))}s`;
  const units = [
    ["d", msPer.d],
    ["h", msPer.h],
    ["m", msPer.m],
    ["s", msPer.s],
  ] as const;
  const first = units.findIndex(([, size]) => Math.round(ms / 1000) * 1000 >= size);
  const [large, small] = [units[first] ?? units[3], units[first + 1] ?? units[3]];
  const rounded = Math.round(ms / small[1]) * small[1];
  const rest = Math.round((rounded % large[1]) / small[1]);
  return `${Math.floor(rounded / large[1])}${large[0]}${rest === 0 ? "" : `${rest}${small[0]}`}`;
}
