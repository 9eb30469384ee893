import { createCipheriv, createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Bytes that look like chance, the same for the same seed. */
export function noise(seed: string): (length: number) => Buffer {
  const cipher = createCipheriv("aes-256-ctr", createHash("sha256").update(seed).digest(), Buffer.alloc(16));
  return (length) => cipher.update(Buffer.alloc(length));
}

/** Writes a file of chunks. */
export function writeFile(path: string, content: Iterable<Uint8Array>): void {
  const file = openSync(path, "w");
  for (const chunk of content) for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
  closeSync(file);
}

/** That many bytes of noise, in chunks of 1 MiB. */
export function* noiseChunks(seed: string, sizeBytes: number): Generator<Buffer> {
  const next = noise(seed);
  for (let left = sizeBytes; left > 0; left -= 0x10_0000) yield next(Math.min(left, 0x10_0000));
}

/** Files of noise, a hundred in each directory. */
export function writeFiles(directory: string, count: number, sizeBytes: number): void {
  const next = noise(directory);
  for (let index = 0; index < count; index += 1) {
    const folder = join(directory, `d${Math.floor(index / 100)}`);
    if (index % 100 === 0) mkdirSync(folder, { recursive: true });
    writeFile(join(folder, `file-${index}.html`), [next(sizeBytes)]);
  }
}
