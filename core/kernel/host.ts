import { DistributaryError } from "distributary/sdk";
import type { CliCommand, Contributions, Host, Log, Migration, ProviderKind, ProviderKinds, Route } from "distributary/sdk";
import { failure } from "distributary/sdk";
import { facadesFor } from "./hooks.ts";
import type { Hooks } from "./hooks.ts";
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
  isFrozen(): boolean;
  defer(dispose: () => void | Promise<void>): void;
}

/** Makes the one object through which a plugin reaches Distributary. */
export function createHost(id: string, parts: HostParts): Host {
  const refuseLate = (what: string) => {
    if (parts.isFrozen()) throw failure("DIST_ERR_KERNEL_FROZEN", { plugin: id, what });
  };
  const provide = <Kind extends ProviderKind>(kind: Kind): Contributions<ProviderKinds[Kind]> => ({
    add(name, provider) {
      refuseLate(`${kind} ${name}`);
      parts.registries[kind].add(name, provider, id);
      parts.hooks.providerRegistered.call(kind, name, id);
    },
  });
  const extend = <T>(what: keyof Extensions, target: Map<string, T>): Contributions<T> => ({
    add(name, contribution) {
      refuseLate(`${what} ${name}`);
      target.set(`${id}/${name}`, contribution);
    },
  });
  const prefix = id.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_");
  return Object.freeze({
    id,
    hooks: facadesFor(parts.hooks, id),
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
    error: (what: string, message: string, traits = {}) => new DistributaryError(`${prefix}_ERR_${what}`, message, traits),
    defer: parts.defer,
  });
}
