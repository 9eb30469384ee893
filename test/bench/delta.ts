/**
 * Measures the delta engine `rsync` beside `rsync --only-write-batch` and `zstd --patch-from`, in turns, and writes
 * results/delta.md: node test/bench/delta.ts [--rounds 5] [--corpora DIR] [PAIR ...].
 * Needs rsync, zstd and what corpora.sh needs.
 */
import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  fstatSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { cpus, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { constants, zstdCompressSync } from "node:zlib";
import type { Content, DeltaEngine } from "distributary/sdk";
import { recordingHost } from "distributary/testkit";
import rsync from "../../plugins/rsync/index.ts";
import { format, median, version } from "./measuring.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    corpora: { type: "string", default: join(tmpdir(), "distributary-corpora") },
  },
});
const pairs = [
  "text-typescript",
  "bin-node",
  "wasm-sqljs",
  "png-emojisheet",
  "tree-tabler",
  "tree-mui",
  "tree-caniuse",
  "tgz-tabler",
  "syn-scatter",
  "syn-insdel",
  "syn-headinsert",
  "syn-appendlog",
  "syn-identical",
  "syn-different",
].filter((pair) => positionals.length === 0 || positionals.includes(pair));

const blockBytes = 0x40_0000;
const level3 = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

interface OpenContent extends Content, Disposable {}

function open(path: string): OpenContent {
  const file = openSync(path, "r");
  const buffer = new Uint8Array(0x10_0000);
  return {
    sizeBytes: fstatSync(file).size,
    read(offset, length) {
      const bytes = length > buffer.length ? new Uint8Array(length) : buffer.subarray(0, length);
      for (let at = 0; at < length;) at += readSync(file, bytes, at, length - at, offset + at);
      return bytes;
    },
    [Symbol.dispose]: () => closeSync(file),
  };
}

/** Milliseconds that an action takes. */
function timed(action: () => void): number {
  const begin = performance.now();
  action();
  return performance.now() - begin;
}

/** Encodes and compresses in blocks as the core does; gives the delta back. */
function describe(engine: DeltaEngine, base: Content, target: Content): { delta: Buffer; compressedBytes: number } {
  const chunks: Buffer[] = [];
  for (const chunk of engine.encode(base, target)) chunks.push(Buffer.from(chunk));
  const delta = Buffer.concat(chunks);
  let compressedBytes = 0;
  for (let at = 0; at < delta.length; at += blockBytes)
    compressedBytes += zstdCompressSync(delta.subarray(at, at + blockBytes), level3).length;
  return { delta, compressedBytes };
}

function* blocks(delta: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < delta.length; at += blockBytes) yield delta.subarray(at, at + blockBytes);
}

function assertMakes(engine: DeltaEngine, base: Content, delta: Buffer, target: Content): void {
  let at = 0;
  for (const chunk of engine.decode(base, blocks(delta), target.sizeBytes)) {
    const wanted = target.read(at, chunk.length);
    if (Buffer.compare(chunk, wanted) !== 0) throw new Error(`the target is wrong after byte ${at}`);
    at += chunk.length;
  }
}

function geometricMean(numbers: readonly number[]): number {
  return Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length);
}

interface Result {
  readonly pair: string;
  readonly targetBytes: number;
  readonly bytes: number;
  readonly rsyncBytes: number;
  readonly zstdBytes: number;
  readonly firstMs: number;
  readonly encodeMs: number;
  readonly rsyncMs: number;
  readonly zstdMs: number;
  readonly applyMs: number;
}

function measure(pair: string, scratch: string): Result {
  const [oldPath, newPath] = [join(values.corpora, pair, "old"), join(values.corpora, pair, "new")];
  const [copy, batch, patch] = [join(scratch, "copy"), join(scratch, "batch"), join(scratch, "patch")];
  using base = open(oldPath);
  using target = open(newPath);
  const engine = recordingHost(rsync).deltas.get("rsync");
  const times = { encode: [] as number[], rsync: [] as number[], zstd: [] as number[], apply: [] as number[] };
  let result: ReturnType<typeof describe> = { delta: Buffer.alloc(0), compressedBytes: 0 };
  copyFileSync(oldPath, copy);
  for (let round = 0; round < Number(values.rounds); round++) {
    times.encode.push(timed(() => (result = describe(engine, base, target))));
    const rsyncArgs = ["-t", "--no-whole-file", "--ignore-times", `--only-write-batch=${batch}`, newPath, copy];
    times.rsync.push(timed(() => execFileSync("rsync", rsyncArgs)));
    const from = `--patch-from=${oldPath}`;
    const zstdArgs = ["-q", "-f", "-3", "--single-thread", "--long=31", from, newPath, "-o", patch];
    times.zstd.push(timed(() => execFileSync("zstd", zstdArgs)));
    times.apply.push(
      timed(() => {
        for (const chunk of engine.decode(base, blocks(result.delta), target.sizeBytes)) void chunk;
      }),
    );
  }
  assertMakes(engine, base, result.delta, target);
  return {
    pair,
    targetBytes: target.sizeBytes,
    bytes: result.compressedBytes,
    rsyncBytes: statSync(batch).size,
    zstdBytes: statSync(patch).size,
    firstMs: times.encode[0] ?? Number.NaN,
    encodeMs: median(times.encode),
    rsyncMs: median(times.rsync),
    zstdMs: median(times.zstd),
    applyMs: median(times.apply),
  };
}

function table(results: readonly Result[]): string {
  const rows = results.map((it) => [
    it.pair,
    format(it.targetBytes),
    format(it.bytes),
    format(it.rsyncBytes),
    format(it.zstdBytes),
    format(it.bytes / it.zstdBytes, 3),
    format(it.firstMs),
    format(it.encodeMs),
    format(it.rsyncMs),
    format(it.zstdMs),
    `${format(it.rsyncMs / it.encodeMs, 1)} ×`,
    format(it.targetBytes / 1000 / it.applyMs),
  ]);
  const head = [
    "pair",
    "new bytes",
    "ours",
    "rsync batch",
    "patch-from -3",
    "ours ÷ patch-from",
    "first ms",
    "ms",
    "rsync ms",
    "zstd ms",
    "faster than rsync",
    "apply MB/s",
  ];
  const rule = head.map((_, index) => (index === 0 ? "---" : "--:"));
  return [head, rule, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function report(results: readonly Result[]): string {
  const bytes = results.map((it) => it.bytes / it.zstdBytes);
  const speed = results.map((it) => it.rsyncMs / it.encodeMs);
  const first = results.map((it) => it.rsyncMs / it.firstMs);
  return `# Delta engine

Made by \`node test/bench/delta.ts\` on ${new Date().toISOString().slice(0, 10)}; ${cpus()[0]?.model.trim()}, \
${cpus().length} cores, Node ${process.version}, ${version("rsync")}, ${version("zstd")}.

Medians of ${values.rounds} rounds; in a round each program has its turn. Ours is one thread: encode, then zstd \
level 3 in blocks of 4 MiB. "First" is the first round, which gets its memory from the system. The others are the whole program:
\`rsync --no-whole-file --only-write-batch\` on local files, \`zstd -3 --single-thread --long=31 --patch-from\`.

${table(results)}

Geometric means: ${format(geometricMean(speed), 2)} × faster than rsync \
(${format(geometricMean(first), 2)} × in the first round), \
${format(geometricMean(bytes), 3)} × the bytes of patch-from \
(at most ${format(Math.max(...bytes), 3)} ×). \
Slowest apply: ${format(Math.min(...results.map((it) => it.targetBytes / 1000 / it.applyMs)))} MB/s.
`;
}

const here = import.meta.dirname;
const path = `${dirname(process.execPath)}${delimiter}${process.env["PATH"]}`;
execFileSync(join(here, "corpora.sh"), [values.corpora], { stdio: "inherit", env: { ...process.env, PATH: path } });
const scratch = mkdtempSync(join(tmpdir(), "distributary-bench-"));
try {
  const results = pairs.map((pair) => {
    const result = measure(pair, scratch);
    console.log(table([result]).split("\n")[2]);
    return result;
  });
  console.log(`\n${report(results)}`);
  if (positionals.length === 0) writeFileSync(join(here, "results", "delta.md"), report(results));
} finally {
  rmSync(scratch, { recursive: true });
}
