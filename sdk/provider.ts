import type { Cipher } from "./cipher.ts";
import type { Compressor } from "./compressor.ts";
import type { DeltaEngine } from "./delta.ts";
import type { Interpreter } from "./interpreter.ts";
import type { Priority } from "./priority.ts";
import type { Transport } from "./transport.ts";

/** What a process is: the one that plans, or one that carries out. */
export type Role = "control" | "agent";

/** What can be provided under a name that stands in configuration or on the wire. */
export interface ProviderKinds {
  readonly deltas: DeltaEngine;
  readonly compressors: Compressor;
  readonly ciphers: Cipher;
  readonly transports: Transport;
  readonly priorities: Priority;
  readonly interpreters: Interpreter;
}

/** The name of a registry. */
export type ProviderKind = keyof ProviderKinds;
