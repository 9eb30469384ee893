import { DistributaryError } from "distributary/sdk";
import type {
  CliCommand,
  Contributions,
  Host,
  Log,
  Migration,
  ProviderKind,
  ProviderKinds,
  Route,
} from "distributary/sdk";
import { failure } from "distributary/sdk";
import { facadesFor } from "./hooks.ts";
import type { Hooks } from "./hooks.ts";
import { namePattern } from "./registry.ts";
import type { Registry } from "./registry.ts";

export type Registries = { readonly [Kind in ProviderKind]: Registry<ProviderKinds[Kind]> };

/** What plugins gave besides providers; keys are `<plugin id>/<name>`. */
export interface Extensions {
  readonly routes: Map<string, Route>;
  readonly commands: Map<string, CliCommand>;
  readonly migrations: Map<string, Migration>;
}

export interface HostParts {
  readonly hooks: Hooks;
  readonly registries: Registries;
  readonly extensions: Extensions;
  readonly log: Log;
  /** Takes a registration, made when all of the plugin's are known. Throws DIST_ERR_KERNEL_FROZEN after its `setup`. */
  register(what: string, make: () => void): void;
  defer(dispose: () => void | Promise<void>): void;
}

/** Makes the one object through which a plugin reaches Distributary. */
export function createHost(id: string, parts: HostParts): Host {
  const provide = <Kind extends ProviderKind>(kind: Kind): Contributions<ProviderKinds[Kind]> => ({
    add(name, provider) {
      parts.register(`${kind} ${name}`, () => {
        parts.registries[kind].add(name, provider, id);
        parts.hooks.providerRegistered.call(kind, name, id);
      });
    },
  });
  const extend = <T>(what: keyof Extensions, target: Map<string, T>): Contributions<T> => ({
    add(name, contribution) {
      parts.register(`${what} ${name}`, () => {
        const kind = what.slice(0, -1);
        if (!namePattern.test(name)) throw failure("DIST_ERR_PROVIDER_NAME", { plugin: id, name, kind });
        const path = `${id}/${name}`;
        if (target.has(path)) throw failure("DIST_ERR_PROVIDER_DUPLICATE", { kind, name, first: id, second: id });
        target.set(path, contribution);
      });
    },
  });
  const prefix = id.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
  return Object.freeze({
    id,
    hooks: facadesFor(parts.hooks, id, parts.register),
    deltas: provide("deltas"),
    compressors: provide("compressors"),
    ciphers: provide("ciphers"),
    transports: provide("transports"),
    priorities: provide("priorities"),
    interpreters: provide("interpreters"),
    routes: extend("routes", parts.extensions.routes),
    commands: extend("commands", parts.extensions.commands),
    migrations: extend("migrations", parts.extensions.migrations),
    log: parts.log,
    error: (what: string, message: string, traits = {}) =>
      new DistributaryError(`${prefix}_ERR_${what}`, message, traits),
    defer: parts.defer,
  });
}
