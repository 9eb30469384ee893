import type { Target } from "../fuzz.ts";
import { apiTargets } from "./api.ts";
import { assignmentTargets } from "./assignments.ts";
import { auditTargets } from "./audit.ts";
import { channelTargets } from "./channel.ts";
import { configTargets } from "./config.ts";
import { confinementTargets } from "./confinement.ts";
import { contentTargets } from "./content.ts";
import { fileTargets } from "./files.ts";
import { identityTargets } from "./identities.ts";
import { linkTargets } from "./link.ts";
import { multicastTargets } from "./multicast.ts";
import { nameTargets } from "./names.ts";
import { providerTargets } from "./providers.ts";

/** Every parser of what comes from outside or lies on a disk. */
export const targets: readonly Target[] = [
  ...contentTargets,
  ...nameTargets,
  ...assignmentTargets,
  ...fileTargets,
  ...providerTargets,
  ...configTargets,
  ...identityTargets,
  ...linkTargets,
  ...apiTargets,
  ...auditTargets,
  ...confinementTargets,
  ...channelTargets,
  ...multicastTargets,
];
