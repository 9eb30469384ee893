import { randomBytes, randomInt } from "node:crypto";
import type { Random } from "../../sdk/index.ts";

/** Chance from the operating system, fit for keys. */
export const realRandom: Random = { bytes: (count) => randomBytes(count), below: (limit) => randomInt(limit) };
