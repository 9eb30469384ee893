import { createPublicKey, sign } from "node:crypto";
import { openAssignment } from "../../../core/agent/accept.ts";
import type { Part } from "../../../core/assignment/assignment.ts";
import { boundOf, packBlock } from "../../../core/assignment/blocks.ts";
import type { Sealing } from "../../../core/assignment/blocks.ts";
import { ContentReader } from "../../../core/assignment/content.ts";
import { decodeAssignment } from "../../../core/assignment/decode.ts";
import { encodeAssignment } from "../../../core/assignment/encode.ts";
import { sealAssignment } from "../../../core/assignment/seal.ts";
import { hashOf, hexHashOf } from "../../../core/content/hash.ts";
import { Kernel } from "../../../core/kernel/kernel.ts";
import { failure } from "../../../sdk/index.ts";
import type { Command } from "../../../sdk/index.ts";
import { noiseBytes, textBytes } from "../../../sdk/testkit/sample-bytes.ts";
import { simIo } from "../../../sdk/testkit/sim/io.ts";
import type { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { StrictContent, collect } from "../../../sdk/testkit/strict-content.ts";
import { commitHeader, everyCommand, fullHeader } from "../../core/assignment/sample.ts";
import { quietLog } from "../../core/control/store/quiet-log.ts";
import { dissect, mutateBuffer } from "../assignment-mutations.ts";
import { defineTarget, failsWith } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { signingKey } from "../signing-key.ts";
import { mutateBytes, mutateList, mutateOften, mutateValue, pick } from "../mutations.ts";

const whole = encodeAssignment(fullHeader, everyCommand);
const buffers = [whole, encodeAssignment(fullHeader, everyCommand.slice(2, 4)), encodeAssignment(commitHeader, [])];

/** The command buffer of a control that does not mean well, and has signed it. */
const assignment = defineTarget({
  name: "assignment",
  isRefusal: failsWith("DIST_ERR_ASSIGNMENT_FORMAT", "DIST_ERR_ASSIGNMENT_HASH", "DIST_ERR_PATH_INVALID"),
  open() {
    const samples = buffers.map(dissect);
    return {
      make: (random) => mutateBuffer(pick(random, samples), random),
      feed: (bytes) => [...decodeAssignment(bytes).commands()],
    };
  },
});

/** One of somebody else: only the signature is looked at. */
const seal = defineTarget({
  name: "seal",
  // A signature takes 0.1 ms to check.
  testCases: 10_000,
  isRefusal: failsWith("DIST_ERR_ASSIGNMENT_SIGNATURE"),
  answers: "all refused",
  open() {
    const publicKey = createPublicKey(signingKey);
    const sealed = Buffer.from(sealAssignment(whole, (bytes) => sign(null, bytes, signingKey)));
    return {
      make(random): Uint8Array {
        const changed = mutateOften<Uint8Array>(sealed, random, mutateBytes);
        return sealed.equals(changed) ? changed.subarray(1) : changed;
      },
      feed: (bytes) => openAssignment(bytes, publicKey),
    };
  },
});

const olds = { a: textBytes(3_000, 1), b: noiseBytes(2_000, 2) };
const news = [textBytes(2_900, 1), noiseBytes(2_100, 2), textBytes(500, 3), Buffer.of()];
/** Every engine, compressor and cipher. */
const ways = [
  ["rsync", "zstd", "aes-256-gcm"],
  ["whole", "none", "none"],
  ["rsync", "brotli", "none"],
  ["whole", "gzip", "chacha20-poly1305"],
] as const;
const key = Buffer.alloc(32, 7);
const io = simIo();

interface Update {
  readonly buffer: Uint8Array;
  readonly data: Uint8Array;
}

/** The data of an update: deltas in compressed and sealed blocks, of which control says how they are to be read. */
const parts = defineTarget({
  name: "parts",
  // Each is a whole update, made and read.
  testCases: 10_000,
  isRefusal: failsWith(
    ...(["DIST_ERR_ASSIGNMENT_FORMAT", "DIST_ERR_ASSIGNMENT_HASH", "DIST_ERR_ASSIGNMENT_KEY"] as const),
    ...(["DIST_ERR_PATH_INVALID", "DIST_ERR_PROVIDER_UNKNOWN", "DIST_ERR_DELTA_DAMAGED"] as const),
    ...(["DIST_ERR_COMPRESS_DAMAGED", "DIST_ERR_CIPHER_OPEN"] as const),
  ),
  async open() {
    const kernel = await Kernel.load({ directory: "/", role: "agent", log: quietLog() });
    const bound = boundOf(fullHeader.site, fullHeader.result);
    const sealing = (name: string): Sealing | undefined =>
      name === "none" ? undefined : { cipher: kernel.usable("ciphers", name, io), key, bound };
    const old = (paths: readonly string[]) => {
      const contents = paths.map((path) => (path === "a" || path === "b" ? olds[path] : undefined));
      if (contents.includes(undefined))
        throw failure("DIST_ERR_ASSIGNMENT_FORMAT", { problem: "the base has no such file" });
      return new StrictContent(Buffer.concat(contents as Uint8Array[]));
    };
    const stored: Uint8Array[] = [];
    const table = ways.map(([engineName, compressor, cipher], part): Part => {
      const base = engineName === "rsync" ? ["a", "b"] : [];
      const target = Buffer.concat(news);
      const delta = collect(kernel.usable("deltas", engineName, io).encode(old(base), new StrictContent(target)));
      const packer = compressor === "none" ? undefined : kernel.usable("compressors", compressor, io);
      const { bytes, compressed } = packBlock(delta, { part, block: 0, engine: engineName }, packer, sealing(cipher));
      const offset = stored.reduce((sum, { length }) => sum + length, 0);
      stored.push(Uint8Array.from(bytes));
      const sizes = { sizeBytes: target.length, deltaBytes: delta.length };
      return { offset, engine: engineName, base, ...sizes, compressor, cipher, blocks: [[bytes.length, compressed]] };
    });
    const commands = table.flatMap((_, part) =>
      news.map((bytes, at): Command => {
        const [hash, path] = [hexHashOf(bytes), `${part}-${at}`];
        return { kind: "file", path, mode: 0o644, mtimeMs: 0, sizeBytes: bytes.length, hash, part };
      }),
    );
    return {
      make(random): Update {
        const data = Buffer.concat(
          random.below(2) === 0
            ? stored
            : stored.map((each) => (random.below(3) === 0 ? mutateBytes(each, random) : each)),
        );
        const changed = random.below(3) === 0 ? mutateOften<unknown>(table, random, mutateEach) : table;
        const list = random.below(3) === 0 ? mutateOften<unknown>(commands, random, mutateEach) : commands;
        const header = {
          ...{ ...fullHeader, parts: changed as Part[] },
          data: { sizeBytes: data.length, pieceBytes: 1 << 20, pieceHashes: hashOf(data) },
        };
        return { buffer: encodeAssignment(header, list as Command[]), data };
      },
      feed({ buffer, data }) {
        const update = decodeAssignment(buffer);
        // As much as was signed arrives, whatever it is.
        const arrived = Buffer.alloc(update.header.data.sizeBytes);
        Buffer.from(data).copy(arrived);
        using reader = new ContentReader(update, {
          data: new StrictContent(arrived),
          base: (paths) => Object.assign(old(paths), { [Symbol.dispose]() {} }),
          engine: (name) => kernel.usable("deltas", name, io),
          compressor: (name) => kernel.usable("compressors", name, io),
          sealing,
        });
        for (const command of update.commands()) {
          if (command.kind === "file" && hexHashOf(collect(reader.read(command), command.sizeBytes)) !== command.hash)
            throw new Error(`'${command.path}' has another content`);
        }
      },
      close: () => kernel[Symbol.asyncDispose](),
    };
  },
});

/** Something in one of a list changed, or the list itself. */
function mutateEach(list: unknown, random: SimRandom): unknown {
  const values = list as readonly unknown[];
  if (random.below(4) === 0) return mutateList(values, random);
  const at = random.below(values.length);
  return values.map((value, index) => (index === at ? mutateValue(value, random) : value));
}

export const assignmentTargets: readonly Target[] = [assignment, seal, parts];
