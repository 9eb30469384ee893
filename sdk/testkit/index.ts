/** Conformance kits: what every provider of a kind must keep, to run against a plugin's own. */
export { cipherKit, testCipher } from "./cipher.ts";
export type { CipherVector } from "./cipher.ts";
export { compressorInThreadsKit, testCompressorInThreads } from "./compressor-in-threads.ts";
export type { CompressorModule } from "./compressor-in-threads.ts";
export { compressorKit, testCompressor } from "./compressor.ts";
export { deltaKit, testDelta } from "./delta.ts";
export type { DiskSubject } from "./disk-subject.ts";
export { diskKit, testDisk } from "./disk.ts";
export type { InterpreterSubject } from "./interpreter-site.ts";
export { interpreterKit, interpreterOnDiskKit, testInterpreter, testInterpreterOnDisk } from "./interpreter.ts";
export { faultyUdp } from "./faulty-udp.ts";
export { failedCases, runKit } from "./kit.ts";
export type { Case, Kit } from "./kit.ts";
export type { MembersTransportSubject } from "./members-case.ts";
export { membersScene, simulatedScene } from "./members-scene.ts";
export type { MembersEnd, MembersScene, SceneParts, SegmentEnds } from "./members-scene.ts";
export { membersTransportKit, testMembersTransport } from "./members-transport.ts";
export { MemoryPieces } from "./memory-pieces.ts";
export { pluginKit, testPlugin } from "./plugin.ts";
export type { PluginSubject } from "./plugin.ts";
export { priorityKit, testPriority } from "./priority.ts";
export { readOptions } from "./read-options.ts";
export { RecordingHost, recordingHost } from "./recording-host.ts";
export { noiseBytes, sequence, textBytes, withBitFlipped } from "./sample-bytes.ts";
export { SimClock } from "./sim/clock.ts";
export { Killed } from "./sim/disk-faults.ts";
export type { DiskFault } from "./sim/disk-faults.ts";
export type { PowerProfile } from "./sim/disk-journal.ts";
export { SimDisk } from "./sim/disk.ts";
export type { SimDiskOptions } from "./sim/disk.ts";
export { SimNetwork } from "./sim/http.ts";
export { simIo } from "./sim/io.ts";
export { LanFaults } from "./sim/lan-faults.ts";
export type { Arrival } from "./sim/lan-faults.ts";
export { passTime } from "./sim/pass-time.ts";
export { SimRandom } from "./sim/random.ts";
export { SimLan } from "./sim/udp.ts";
export type { SimLanOptions } from "./sim/udp.ts";
export { drawFaults, faultKinds } from "./sim/world/draw-faults.ts";
export type { FaultSpan } from "./sim/world/draw-faults.ts";
export type { Fault, LinkFault, NodeFault } from "./sim/world/faults.ts";
export { placeOf } from "./sim/world/lan.ts";
export type { Way } from "./sim/world/links.ts";
export type {
  GroupPlace,
  Place,
  SimMachine,
  SimNode,
  StartMachine,
  WorldEffect,
  WorldEvent,
} from "./sim/world/machine-in-world.ts";
export type { Watcher } from "./sim/world/node-runner.ts";
export { readRun, writeRun } from "./sim/world/run-file.ts";
export type { Bounds, Operation, RunFile, WorldSpec } from "./sim/world/run-file.ts";
export { shrink } from "./sim/world/shrink.ts";
export { isDeterministic, simulate } from "./sim/world/simulate.ts";
export type { Checker, Outcome, Protocol } from "./sim/world/simulate.ts";
export { Trace } from "./sim/world/trace.ts";
export type { Turn } from "./sim/world/turns.ts";
export { Violation } from "./sim/world/violation.ts";
export { World } from "./sim/world/world.ts";
export { StrictContent, collect, passingChunks } from "./strict-content.ts";
export { testTransport, transportKit } from "./transport.ts";
export type { TransportEnds, TransportSubject } from "./transport.ts";
