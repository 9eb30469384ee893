/**
 * Measures the arithmetic of multicast, parity and tags, in turns with what one would take of npm, or of Node, instead:
 * node test/bench/parity.ts [rounds]. Prints the tables of results/parity.md. All run in one thread, but for
 * @ronomon/reed-solomon, which hands each call to a thread of its pool. Needs the npm
 * registry, and what node-gyp needs.
 */
import { execFileSync } from "node:child_process";
import { createCipheriv, createDecipheriv, createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noiseBytes } from "distributary/testkit";
import { FrameField } from "../../plugins/mctp/field.ts";
import { format, inTurns, machine, median, table } from "./measuring.ts";

const [rounds = 15] = process.argv.slice(2).map(Number);
const peers = { wasm: "@subspace/reed-solomon-erasure.wasm@0.2.5", native: "@ronomon/reed-solomon@6.0.0" };

/** What is used of a package without types that Node finds: all in WebAssembly, with its own copy of what it works on. */
interface WasmPeer {
  encode(frames: Uint8Array, sourceCount: number, parityCount: number): number;
  reconstruct(frames: Uint8Array, sourceCount: number, parityCount: number, isThere: readonly boolean[]): number;
}

/** An addon in C, for at most 24 source and 6 parity frames, whose size is a multiple of 8. */
interface NativePeer {
  create(sourceCount: number, parityCount: number): object;
  encode(
    context: object,
    haves: number,
    wants: number,
    ...rest: [Buffer, number, number, Buffer, number, number, (error?: Error) => void]
  ): void;
}

const directory = mkdtempSync(join(tmpdir(), "distributary-bench-"));
process.once("exit", () => rmSync(directory, { recursive: true, force: true }));

function installPeers(): { readonly wasm: WasmPeer; readonly native: NativePeer } {
  const install = ["install", "--no-audit", "--no-fund", "--prefix", directory];
  execFileSync("npm", [...install, ...Object.values(peers)], { stdio: ["ignore", "ignore", "inherit"] });
  const require = createRequire(join(directory, "peers"));
  const { ReedSolomonErasure } = require("@subspace/reed-solomon-erasure.wasm") as {
    ReedSolomonErasure: { fromBytes(bytes: Uint8Array): WasmPeer };
  };
  const module = require.resolve("@subspace/reed-solomon-erasure.wasm/dist/reed_solomon_erasure_bg.wasm");
  return {
    wasm: ReedSolomonErasure.fromBytes(readFileSync(module)),
    native: require("@ronomon/reed-solomon") as NativePeer,
  };
}

const { wasm, native } = installPeers();
const field = new FrameField();

function repeat(times: number, work: (turn: number) => unknown): () => void {
  return () => {
    for (let turn = 0; turn < times; turn += 1) work(turn);
  };
}

/** Median milliseconds of one time, after one round that is not counted. */
async function medians<Name extends string>(
  times: number,
  works: Readonly<Record<Name, () => unknown>>,
): Promise<Record<Name, number>> {
  await inTurns(1, works);
  const measured = await inTurns(rounds, works);
  return Object.fromEntries(
    Object.entries<number[]>(measured).map(([name, all]) => [name, median(all) / times]),
  ) as Record<Name, number>;
}

/** A block of noise, in the field and as the peer wants it: with room for the parity behind it. */
function makeBlock(sourceCount: number, parityCount: number, frameBytes: number) {
  const bytes = noiseBytes(sourceCount * frameBytes, sourceCount);
  const block = field.allocate(bytes.length);
  const parity = field.allocate(parityCount * frameBytes);
  field.bytes.set(bytes, block);
  const frames = new Uint8Array((sourceCount + parityCount) * frameBytes);
  frames.set(bytes);
  const encode = () => {
    for (let index = 0; index < parityCount; index += 1) {
      field.parity(block, sourceCount, frameBytes, sourceCount + index, parity + index * frameBytes);
    }
  };
  return { bytes, block, parity, frames, encode };
}

/** Source bytes times parity frames in so many milliseconds, as GB/s, and parity frames a second. */
function rates(sourceCount: number, parityCount: number, frameBytes: number, ms: number): string[] {
  const gigabytes = (sourceCount * parityCount * frameBytes) / ms / 1e6;
  return [format(gigabytes, 2), format((parityCount / ms) * 1_000)];
}

async function encoding(sourceCount: number, parityCount: number, frameBytes: number): Promise<string[][]> {
  const times = 20;
  const { frames, encode } = makeBlock(sourceCount, parityCount, frameBytes);
  const ms = await medians(times, {
    own: repeat(times, encode),
    peer: repeat(times, () => wasm.encode(frames, sourceCount, parityCount)),
  });
  const what = `${sourceCount} + ${parityCount} frames of ${format(frameBytes)} B`;
  return [
    [`${what}: mctp`, ...rates(sourceCount, parityCount, frameBytes, ms.own)],
    [`${what}: ${peers.wasm}`, ...rates(sourceCount, parityCount, frameBytes, ms.peer)],
  ];
}

/** The same within the limits of the native peer; its calls wait for each other, as those of a sender would. */
async function smallEncoding(frameBytes: number, times: number): Promise<string[][]> {
  const [sourceCount, parityCount] = [24, 6];
  const { bytes, frames, encode } = makeBlock(sourceCount, parityCount, frameBytes);
  const [source, parity] = [Buffer.from(bytes), Buffer.alloc(parityCount * frameBytes)];
  const context = native.create(sourceCount, parityCount);
  const [haves, wants] = [2 ** sourceCount - 1, (2 ** parityCount - 1) * 2 ** sourceCount];
  const encodeNative = () =>
    new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve());
      native.encode(context, haves, wants, source, 0, source.length, parity, 0, parity.length, end);
    });
  const ms = await medians(times, {
    own: repeat(times, encode),
    wasm: repeat(times, () => wasm.encode(frames, sourceCount, parityCount)),
    native: async () => {
      for (let turn = 0; turn < times; turn += 1) await encodeNative();
    },
  });
  const what = `${sourceCount} + ${parityCount} frames of ${format(frameBytes)} B`;
  const row = (name: string, taken: number) => [
    `${what}: ${name}`,
    ...rates(sourceCount, parityCount, frameBytes, taken),
  ];
  return [row("mctp", ms.own), row(peers.wasm, ms.wasm), row(peers.native, ms.native)];
}

/** The first `lostCount` source frames are lost; parity frames stand in their rows. Both are seen to restore them. */
async function restoring(sourceCount: number, lostCount: number, frameBytes: number): Promise<string[]> {
  const times = 20;
  const { bytes, block, parity, frames, encode } = makeBlock(sourceCount, lostCount, frameBytes);
  encode();
  wasm.encode(frames, sourceCount, lostCount);
  const lostBytes = lostCount * frameBytes;
  const holds = Array.from({ length: sourceCount }, (_, row) => (row < lostCount ? sourceCount + row : row));
  const isThere = Array.from({ length: sourceCount + lostCount }, (_, frame) => frame >= lostCount);
  const ms = await medians(times, {
    own: repeat(times, () => {
      field.bytes.copyWithin(block, parity, parity + lostBytes);
      field.restore(block, sourceCount, frameBytes, holds);
    }),
    peer: repeat(times, () => {
      frames.fill(0, 0, lostBytes);
      wasm.reconstruct(frames, sourceCount, lostCount, isThere);
    }),
  });
  for (const made of [field.bytes.subarray(block, block + bytes.length), frames.subarray(0, bytes.length)]) {
    if (Buffer.compare(made, bytes) !== 0) throw new Error("what was restored is not what was lost");
  }
  return [`${lostCount} of ${sourceCount}`, format(ms.own, 3), format(ms.peer, 3), format(ms.peer / ms.own, 1)];
}

/** A tag of a frame, beside the usual keyed hash, and beside opening it sealed. */
async function tagging(frameBytes: number): Promise<string[][]> {
  const times = 2_000;
  const [key, at] = [field.allocate(16), field.allocate(frameBytes)];
  const frame = noiseBytes(frameBytes);
  field.bytes.set(frame, at);
  const [secret, nonce] = [noiseBytes(32, 2), noiseBytes(12, 3)];
  const aead = "chacha20-poly1305";
  const seal = createCipheriv(aead, secret, nonce, { authTagLength: 16 });
  const sealed = Buffer.concat([seal.update(frame), seal.final()]);
  const sealTag = seal.getAuthTag();
  const open = () => {
    const decipher = createDecipheriv(aead, secret, nonce, { authTagLength: 16 });
    decipher.setAuthTag(sealTag);
    decipher.update(sealed);
    decipher.final();
  };
  const ms = await medians(times, {
    own: repeat(times, () => field.tag(key, at, frameBytes)),
    hmac: repeat(times, () => createHmac("sha256", secret).update(frame).digest()),
    open: repeat(times, open),
  });
  const row = (name: string, taken: number) => [name, format(taken * 1_000, 2), format(frameBytes / taken / 1e6, 2)];
  return [
    row("mctp, SipHash-2-4", ms.own),
    row("HMAC-SHA-256 of `node:crypto`", ms.hmac),
    row("opening with ChaCha20-Poly1305 of `node:crypto`", ms.open),
  ];
}

const frameBytes = 1_449;
console.log(`${machine()}, ${rounds} rounds, medians\n`);
const encoded = [
  ...(await encoding(128, 30, frameBytes)),
  ...(await encoding(181, 30, frameBytes)),
  ...(await smallEncoding(1_448, 200)),
  ...(await smallEncoding(65_536, 5)),
];
console.log(table(["parity", "multiply-add GB/s", "parity frames/s"], encoded) + "\n");
const restored: string[][] = [];
for (const count of [128, 181]) for (const lost of [2, 10, 30]) restored.push(await restoring(count, lost, frameBytes));
console.log(table(["lost frames made again", "mctp ms", `${peers.wasm} ms`, "ratio"], restored) + "\n");
console.log(table([`a tag of ${format(frameBytes)} B`, "µs", "GB/s"], await tagging(frameBytes)));
