import { failure } from "distributary/sdk";
import type { ProviderKind, Transport } from "distributary/sdk";
import type { Policy } from "../../config/schema.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Declaration } from "./catalog.ts";

/**
 * Throws DIST_ERR_PROVIDER_UNKNOWN for the first provider that a policy or a segment names and nobody provides, and
 * DIST_ERR_PROVIDER_UNUSABLE for a transport where only one of the other kind is of use.
 */
export function checkProviders({ registries }: Kernel, { policies, segments, sites }: Declaration): void {
  for (const { priority } of Object.values(segments)) registries.priorities.get(priority);
  const own = Object.values(sites).flatMap(({ policy }) => (typeof policy === "string" ? [] : [policy]));
  for (const policy of [...Object.values(policies), ...own]) {
    for (const [kind, name] of namedBy(policy)) if (name !== "none" && name !== "native") registries[kind].get(name);
    checkReach(registries, policy.transport, "peer");
    if (policy.segmentTransport !== "none") checkReach(registries, policy.segmentTransport, "members");
  }
}

function checkReach({ transports }: Kernel["registries"], name: string, reach: Transport["reach"]): void {
  if (transports.get(name).reach === reach) return;
  const reason = reach === "peer" ? "it cannot fetch from control" : "it reaches one node at a time, not all members";
  throw failure("DIST_ERR_PROVIDER_UNUSABLE", { kind: "transport", name, reason });
}

/** Every provider a policy names, by kind. `none` and `native` stand for no one in particular. */
function namedBy(policy: Policy): [ProviderKind, string][] {
  return [
    ["deltas", policy.delta],
    ...policy.compress.map(({ use }): [ProviderKind, string] => ["compressors", use]),
    ["ciphers", policy.encrypt],
    ["priorities", policy.priority],
    ["transports", policy.transport],
    ["transports", policy.segmentTransport],
    ["interpreters", policy.interpreter],
  ];
}
