import type { Io } from "distributary/sdk";
import type { Kernel } from "../kernel/kernel.ts";
import type { FromNode, SiteState } from "../protocol/messages.ts";
import type { Endpoint } from "../protocol/segment/messages.ts";
import { hostFacts } from "./host-facts.ts";

/** What a node is, as it greets control. */
export interface Greeter {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly segment?: string;
  readonly location?: string;
  readonly directory: string;
  /** Where other nodes reach it, if they can. */
  readonly serves?: Endpoint;
  readonly kernel: Kernel;
}

/** A node's first words on a stream. `bootId` is new at every start of the agent. */
export function hello(io: Io, greeter: Greeter, bootId: string, sites: readonly SiteState[]): FromNode {
  const { name, labels, segment, location, kernel, directory, serves } = greeter;
  const providers = Object.entries(kernel.registries).map(([kind, registry]) => [kind, registry.names()]);
  return {
    ...{ type: "hello", bootId, name, labels },
    ...(segment === undefined ? {} : { segment }),
    ...(location === undefined ? {} : { location }),
    ...(serves === undefined ? {} : { serves }),
    ...hostFacts(io, directory),
    providers: Object.fromEntries(providers),
    sites,
  };
}
