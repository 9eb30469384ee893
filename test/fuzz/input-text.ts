import { isUtf8 } from "node:buffer";

/** An input as JSON: bytes as `{ "utf8": … }` or `{ "hex": … }`, numbers that JSON has not as `{ "number": "NaN" }`. */
export function inputText(input: unknown): string {
  return JSON.stringify(toPlain(input));
}

/** The input that `inputText` wrote; people may write bytes that come many times as `{ "hex": …, "times": 1000 }`. */
export function readInput(plain: unknown): unknown {
  if (Array.isArray(plain)) return plain.map(readInput);
  if (typeof plain !== "object" || plain === null) return plain;
  const keys = Object.keys(plain).join();
  const { utf8 = "", hex = "", times = 1, number } = plain as Written;
  if (keys === "utf8") return Buffer.from(utf8);
  if (keys === "hex" || keys === "hex,times") return Buffer.from(hex.repeat(times), "hex");
  if (keys === "number" && typeof number === "string") return Number(number);
  return Object.fromEntries(Object.entries(plain).map(([name, inner]) => [name, readInput(inner)]));
}

interface Written {
  readonly utf8?: string;
  readonly hex?: string;
  readonly times?: number;
  readonly number?: string;
}

function toPlain(input: unknown): unknown {
  if (input instanceof Uint8Array) {
    const bytes = Buffer.from(input);
    return isUtf8(bytes) ? { utf8: bytes.toString() } : { hex: bytes.toString("hex") };
  }
  if (Array.isArray(input)) return input.map(toPlain);
  if (typeof input === "number" && (!Number.isFinite(input) || Object.is(input, -0))) {
    return { number: Object.is(input, -0) ? "-0" : String(input) };
  }
  if (typeof input !== "object" || input === null) return input;
  return Object.fromEntries(Object.entries(input).map(([name, inner]) => [name, toPlain(inner)]));
}
