import { checkPath, nameFromBytes } from "distributary/sdk";

/** Why a buffer is not an assignment. */
export class Refusal extends Error {}

/** One CBOR map whose keys are all taken, each as what it must be. */
export class Fields {
  readonly #fields: Map<unknown, unknown>;
  readonly #name: string;

  constructor(value: unknown, name: string) {
    demand(value instanceof Map, `its ${name} is no map`);
    this.#fields = value;
    this.#name = name;
  }

  has(key: string): boolean {
    return this.#fields.has(key);
  }

  take(key: string): unknown {
    const value = this.#fields.get(key);
    demand(value !== undefined, `${this.#name}: '${key}' is missing`);
    this.#fields.delete(key);
    return value;
  }

  /** Everything must have been taken: a key nobody knows may be meant to restrict something. */
  end(): void {
    demand(this.#fields.size === 0, `${this.#name}: nobody knows '${[...this.#fields.keys()].join("', '")}'`);
  }

  whole(key: string, least = 0): number {
    const value = whole(this.take(key), key);
    demand(value >= least, `${this.#name}: '${key}' is ${value}`);
    return value;
  }

  integer(key: string): number {
    const value = this.take(key);
    demand(Number.isSafeInteger(value), `${this.#name}: '${key}' is no whole number`);
    return value as number;
  }

  mode(): number {
    const mode = this.whole("mode");
    demand(mode <= 0o777, `mode ${mode.toString(8)}`);
    return mode;
  }

  text(key: string): string {
    return text(this.take(key), key);
  }

  /** The name of a site or a group. */
  name(key: string): string {
    const name = this.text(key);
    demand(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name), `${this.#name}: '${key}' is no name`);
    return name;
  }

  hash(key: string): string {
    const hash = this.text(key);
    demand(/^[0-9a-f]{64}$/.test(hash), `${this.#name}: '${key}' is no hash`);
    return hash;
  }

  path(key: string): string {
    return path(this.take(key), key);
  }

  bytes(key: string): Uint8Array {
    const value = this.take(key);
    demand(value instanceof Uint8Array, `${this.#name}: '${key}' is not bytes`);
    return value as Uint8Array;
  }

  list(key: string): readonly unknown[] {
    const value = this.take(key);
    demand(Array.isArray(value), `${this.#name}: '${key}' is no list`);
    return value as unknown[];
  }

  texts(key: string, most: number): readonly string[] {
    const list = this.list(key);
    demand(list.length <= most, `${this.#name}: '${key}' is too long`);
    return list.map((each) => text(each, key));
  }

  paths(key: string): readonly string[] {
    return this.list(key).map((each) => path(each, key));
  }

  parameters(key: string): Readonly<Record<string, string | number | boolean>> {
    const value = this.take(key);
    demand(value instanceof Map, `'${key}' is no map`);
    const allowed = ["string", "number", "boolean"];
    demand(
      [...value].every(([name, each]) => typeof name === "string" && allowed.includes(typeof each)),
      `'${key}' holds something else than texts and numbers`,
    );
    return Object.fromEntries(value) as Readonly<Record<string, string | number | boolean>>;
  }

  oneOf<const Value extends string>(key: string, values: readonly Value[]): Value {
    const value = this.text(key) as Value;
    demand(values.includes(value), `${this.#name}: '${key}' is '${value}'`);
    return value;
  }
}

function path(value: unknown, key: string): string {
  const name = value instanceof Uint8Array ? nameFromBytes(value) : text(value, key);
  checkPath(name);
  return name;
}

function text(value: unknown, key: string): string {
  const name = value instanceof Uint8Array ? nameFromBytes(value) : value;
  demand(typeof name === "string", `'${key}' is no text`);
  return name as string;
}

/** The value, if it is a whole number from 0. */
export function whole(value: unknown, key: string): number {
  demand(Number.isSafeInteger(value) && (value as number) >= 0, `'${key}' is no whole number`);
  return value as number;
}

/** Throws a refusal unless the condition holds. */
export function demand(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Refusal(problem);
}
