import type { Http, HttpAnswer, HttpRequest, PieceRange, PieceStore } from "distributary/sdk";
import { countHeader, parsePath, prefix } from "./request-path.ts";

/** Answers with the pieces asked for, up to the first that is not there. */
export function servePieces(
  http: Http,
  find: (assignment: string, peerId: string) => PieceStore | undefined,
): Disposable {
  return http.serve(prefix, async ({ method, path, peerId }: HttpRequest): Promise<HttpAnswer> => {
    if (method !== "GET") return refuse(405, "only GET");
    const asked = parsePath(path);
    if (asked === undefined) return refuse(400, "not /pieces/<assignment>/<from>-<to>");
    const store = find(asked.assignment, peerId);
    if (store === undefined) return refuse(404, "no such assignment");
    const there = whatIsThere(store, asked.range);
    const headers = {
      "content-type": "application/octet-stream",
      "content-length": String(bytesOf(store, there)),
      [countHeader]: String(there.to - there.from),
    };
    return { status: 200, headers, body: read(store, there) };
  });
}

function whatIsThere(store: PieceStore, { from, to }: PieceRange): PieceRange {
  let end = from;
  while (end < Math.min(to, store.pieceCount) && store.has(end)) end += 1;
  return { from, to: end };
}

function bytesOf({ pieceBytes, sizeBytes }: PieceStore, { from, to }: PieceRange): number {
  return from === to ? 0 : Math.min(to * pieceBytes, sizeBytes) - from * pieceBytes;
}

/** Reads a piece only when the one before is on its way. If one cannot be read, the connection breaks there. */
async function* read(store: PieceStore, { from, to }: PieceRange): AsyncGenerator<Uint8Array> {
  for (let index = from; index < to; index += 1) yield store.read(index);
}

function refuse(status: number, text: string): HttpAnswer {
  return { status, headers: { "content-type": "text/plain" }, body: [Buffer.from(`${text}\n`)] };
}
