import { expect, it } from "vitest";
import { readConfig } from "../../../config/load.ts";
import { checkProviders } from "../../../core/control/check-providers.ts";
import { Kernel } from "../../../core/kernel/kernel.ts";
import { quietLog } from "./store/quiet-log.ts";

const kernel = await Kernel.load({ directory: import.meta.dirname, log: quietLog() });

/** What is wrong with a policy; undefined for nothing. */
function problemOf(policy: object): string | undefined {
  try {
    const { config } = readConfig(JSON.stringify({ policies: { p: policy } }), "deployment.yaml");
    checkProviders(kernel, config);
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

it.each<[object, string | undefined]>([
  [{}, undefined],
  [{ segmentTransport: "none" }, undefined],
  [{ transport: "http", segmentTransport: "mctp" }, undefined],
  [{ segmentTransport: "pigeon" }, "DIST_ERR_PROVIDER_UNKNOWN"],
  [{ transport: "pigeon" }, "DIST_ERR_PROVIDER_UNKNOWN"],
  [{ transport: "mctp" }, "DIST_ERR_PROVIDER_UNUSABLE"],
  [{ segmentTransport: "http" }, "DIST_ERR_PROVIDER_UNUSABLE"],
])("a policy with %o is told %s before anything is declared", (policy, code) => expect(problemOf(policy)).toBe(code));
