import { errorCodes } from "./error-codes.ts";
import type { ErrorCode } from "./error-codes.ts";

/** The names between braces in a message, as an object's keys: `"no {kind} named '{name}'"` needs `kind` and `name`. */
export type Params<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? { readonly [Key in Name]: string | number } & Params<Rest>
  : unknown;

type TextsOf<Entry> = (Entry extends { readonly text: infer Text extends string } ? Params<Text> : unknown) &
  (Entry extends { readonly hint: infer Hint extends string } ? Params<Hint> : unknown);

/** What an error carries besides its message. */
export interface ErrorContext {
  /** What went wrong below. */
  readonly cause?: unknown;
  /** `file:line` for something written by a person. */
  readonly where?: string;
  /** The next step, if it differs from the usual one of the code. */
  readonly hint?: string;
}

/**
 * The one error class. Callers look at `code`, and at `retryable` to know whether the same call may succeed later;
 * people read `message` and `hint`.
 */
export class DistributaryError extends Error {
  readonly code: string;
  readonly retryable: boolean;
  /** The HTTP status an API answers with. */
  readonly status: number;
  readonly hint: string | undefined;
  readonly where: string | undefined;

  constructor(
    code: string,
    message: string,
    traits: ErrorContext & { readonly retryable?: boolean; readonly status?: number } = {},
  ) {
    super(message, "cause" in traits ? { cause: traits.cause } : undefined);
    this.name = "DistributaryError";
    this.code = code;
    this.retryable = traits.retryable ?? false;
    this.status = traits.status ?? 500;
    this.hint = traits.hint;
    this.where = traits.where;
  }

  /** `CODE  where  message`, and the hint on a line of its own. */
  describe(): string {
    const head = [this.code, this.where, this.message].filter((part) => part !== undefined).join("  ");
    return this.hint === undefined ? head : `${head}\n  hint: ${this.hint}`;
  }
}

/** Makes an error of the table in `error-codes.ts`; the compiler checks the parameters. */
export function failure<Code extends ErrorCode>(
  code: Code,
  params: TextsOf<(typeof errorCodes)[Code]>,
  context: ErrorContext = {},
): DistributaryError {
  const entry: { text: string; hint?: string; retryable?: boolean; status?: number } = errorCodes[code];
  const fill = (text: string) =>
    text.replace(/\{(\w+)\}/g, (_, name: string) => String((params as Record<string, unknown>)[name]));
  const hint = context.hint ?? (entry.hint === undefined ? undefined : fill(entry.hint));
  return new DistributaryError(code, fill(entry.text), {
    ...context,
    ...(hint === undefined ? {} : { hint }),
    retryable: entry.retryable ?? false,
    status: entry.status ?? 500,
  });
}

/** Whether `error` has this code. */
export function isFailure(error: unknown, code?: ErrorCode): error is DistributaryError {
  return error instanceof DistributaryError && (code === undefined || error.code === code);
}

/** Thrown in `setup` or `started`, or returned by a `probe`: not usable here, which is no failure. */
export class Skip extends Error {
  override readonly name = "Skip";
}

/** Says why a plugin cannot do its work on this host; `distributary plugins` shows the reason. */
export function skip(reason: string): Skip {
  return new Skip(reason);
}
