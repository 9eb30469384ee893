import { failure } from "../../sdk/index.ts";

/** What strangers and peers can take of a link at most. */
export const linkLimits = {
  /** All headers of a request, in bytes. */
  headerBytes: 8 * 1024,
  /** The body of one request, in bytes. */
  bodyBytes: 64 * 1024 * 1024,
  /** Of 10,000 nodes each keeps one to control, and may use others to say something. */
  connections: 32_768,
  /** Connections without a certificate of the authority, which can only be there to enrol. */
  strangers: 64,
  handshakeMs: 5_000,
  headersMs: 10_000,
  /** From the first byte of a request to its last, and for every `paceBytes` of an answer, sent or taken. */
  patienceMs: 60_000,
  /** With `patienceMs` the slowest that a peer may be: about 4 KiB a second. */
  paceBytes: 256 * 1024,
  idleMs: 30_000,
  /** What is written ahead of a peer that reads, in bytes. */
  writeAheadBytes: 1024 * 1024,
} as const;

/** How long a peer may take for so much of an answer, if it may take `patienceMs` for `paceBytes`. */
export function timeFor(sizeBytes: number, patienceMs: number = linkLimits.patienceMs): number {
  return patienceMs * Math.max(1, sizeBytes / linkLimits.paceBytes);
}

/** The same bytes, until there are more than `limit`; then throws DIST_ERR_LINK_BODY. */
export async function* limitBytes(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const chunk of body) {
    count += chunk.length;
    if (count > limit) throw failure("DIST_ERR_LINK_BODY", { problem: `it is larger than ${limit} bytes` });
    yield chunk;
  }
}

/** All of a body at once. Throws DIST_ERR_LINK_BODY, having read no more, if it is longer than `limit` bytes. */
export async function receiveBytes(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  limit: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let count = 0;
  for await (const chunk of body) {
    count += chunk.length;
    if (count > limit) throw failure("DIST_ERR_LINK_BODY", { problem: `it is larger than ${limit} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
