/** Conformance kits: what every provider of a kind must keep, to run against a plugin's own. */
export { cipherKit, testCipher } from "./cipher.ts";
export type { CipherVector } from "./cipher.ts";
export { compressorKit, testCompressor } from "./compressor.ts";
export { compressorInThreadsKit, testCompressorInThreads } from "./compressor-in-threads.ts";
export type { CompressorModule } from "./compressor-in-threads.ts";
export { failedCases, runKit } from "./kit.ts";
export type { Case, Kit } from "./kit.ts";
export { pluginKit, testPlugin } from "./plugin.ts";
export type { PluginSubject } from "./plugin.ts";
export { priorityKit, testPriority } from "./priority.ts";
export { RecordingHost, recordingHost } from "./recording-host.ts";
export { readOptions } from "./read-options.ts";
export { noiseBytes, sequence, textBytes, withBitFlipped } from "./sample-bytes.ts";
