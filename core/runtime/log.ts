import { destination, pino } from "pino";
import type { Logger } from "pino";
import { isFailure } from "../../sdk/errors.ts";
import type { Log } from "../../sdk/plugin.ts";

/** A log from which others are made that add fields of their own to every entry. */
export interface ProcessLog extends Log {
  child(fields: object): ProcessLog;
}

export interface LogOptions {
  /** What is below is not written. */
  readonly level: "debug" | "info" | "warn" | "error" | "silent";
  /** Lines for people instead of JSON. */
  readonly pretty?: boolean;
}

/**
 * Writes to standard error, one line an entry, at once, so that nothing is lost in a crash. Values of fields whose name
 * says secret, and passwords in URLs, are replaced at any depth; no control character reaches the terminal.
 */
export function createLog({ level, pretty = false }: LogOptions): ProcessLog {
  const standardError = destination({ fd: 2, sync: true });
  const write = (line: string) => standardError.write(escapeControls(pretty ? forPeople(line) : line));
  return wrap(pino({ level, base: null, serializers: { err: (fields: unknown) => fields } }, { write }), {});
}

function wrap(logger: Logger, inherited: object): ProcessLog {
  const entry = (name: keyof Log) => (fields: object, text: string) => {
    if (logger.isLevelEnabled(name)) logger[name](clean({ ...inherited, ...fields }, 0), text);
  };
  return {
    debug: entry("debug"),
    info: entry("info"),
    warn: entry("warn"),
    error: entry("error"),
    child: (fields) => wrap(logger, { ...inherited, ...fields }),
  };
}

const secretName = /pass(word|phrase)|secret|token|authorization|cookie|credential|private_?key|api_?key/i;
const urlPassword = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi;
const deepest = 6;

/** A copy that JSON can hold, without secrets. */
function clean(value: unknown, depth: number): unknown {
  if (typeof value === "string") return value.replace(urlPassword, "$1:***@");
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > deepest) return "…";
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Error) return clean(describe(value), depth);
  if (value instanceof Map) return clean(Object.fromEntries(value), depth);
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => clean(item, depth + 1));
  const show = (name: string, inner: unknown) => (secretName.test(name) ? "***" : clean(inner, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, show(name, inner)]));
}

function describe(error: Error): object {
  const { name, message, stack, cause } = error;
  const code = "code" in error ? error.code : undefined;
  if (isFailure(error)) return { code, message, hint: error.hint, cause };
  return { name, code, message, stack, cause };
}

/**
 * The same text with escapes of JSON for what a terminal obeys, but for line ends and tabs, and for marks of direction,
 * which fool readers. Text that is JSON means the same afterwards.
 */
export function escapeControls(text: string): string {
  return text.replace(/[\0-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (mark) => {
    return `\\u${mark.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** `12:34:56.789 WARN  text  name=value …` */
function forPeople(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as { level: number; time: number; msg?: string };
  const moment = new Date(time).toISOString().slice(11, 23);
  const name = (pino.levels.labels[level] ?? String(level)).toUpperCase().padEnd(5);
  const text = JSON.stringify(msg ?? "")
    .slice(1, -1)
    .replaceAll('\\"', '"');
  const show = (key: string, value: unknown) => `  ${JSON.stringify(key).slice(1, -1)}=${JSON.stringify(value)}`;
  const rest = Object.entries(fields).map(([key, value]) => show(key, value));
  return `${moment} ${name} ${text}${rest.join("")}\n`;
}
