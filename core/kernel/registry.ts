import { failure } from "distributary/sdk";

interface Provided<T> {
  readonly provider: T;
  readonly plugin: string;
}

/** Names of plugins and of what they contribute. */
export const namePattern = /^[a-z0-9]+(-[a-z0-9]+)*$/;

/** Providers of one kind by name. Names are unique, and unknown ones are answered with those there are. */
export class Registry<T> {
  readonly #kind: string;
  readonly #provided = new Map<string, Provided<T>>();

  /** `kind` as in messages: "compressor". */
  constructor(kind: string) {
    this.#kind = kind;
  }

  add(name: string, provider: T, plugin: string): void {
    if (!namePattern.test(name)) throw failure("DIST_ERR_PROVIDER_NAME", { plugin, name, kind: this.#kind });
    const first = this.#provided.get(name)?.plugin;
    if (first !== undefined) {
      throw failure("DIST_ERR_PROVIDER_DUPLICATE", { kind: this.#kind, name, first, second: plugin });
    }
    this.#provided.set(name, { provider, plugin });
  }

  /** Throws DIST_ERR_PROVIDER_UNKNOWN for a name that nobody provides. */
  get(name: string): T {
    const provided = this.#provided.get(name);
    if (provided === undefined) {
      throw failure("DIST_ERR_PROVIDER_UNKNOWN", { kind: this.#kind, name, known: this.names().join(", ") || "none" });
    }
    return provided.provider;
  }

  has(name: string): boolean {
    return this.#provided.has(name);
  }

  names(): string[] {
    return [...this.#provided.keys()].sort();
  }

  /** Name, provider and the plugin it came from, sorted by name. */
  *entries(): Iterable<{ name: string; provider: T; plugin: string }> {
    for (const name of this.names()) {
      const provided = this.#provided.get(name);
      if (provided !== undefined) yield { name, ...provided };
    }
  }
}
