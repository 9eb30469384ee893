/** Thrown for a value that is larger or deeper than any configuration is. */
export class TooMuch extends Error {
  override readonly name = "TooMuch";
}

export const mostValues = 200_000;
export const deepest = 64;

/** A copy of plain values in which nothing is shared. Throws TooMuch beyond 200,000 values or 64 levels. */
export function plainCopy(value: unknown): unknown {
  let count = 0;
  const copy = (item: unknown, depth: number): unknown => {
    count += 1;
    if (count > mostValues) throw new TooMuch(`holds more than ${mostValues} values`);
    if (depth > deepest) throw new TooMuch(`is nested more than ${deepest} levels deep`);
    if (Array.isArray(item)) return item.map((inner) => copy(inner, depth + 1));
    if (typeof item !== "object" || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [key, copy(inner, depth + 1)]));
  };
  return copy(value, 0);
}

/** Freezes a value and everything in it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}

/** Whether a value is a mapping, not a list or nothing. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
