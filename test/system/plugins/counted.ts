import { definePlugin } from "distributary/sdk";
import type { Http, PieceStore } from "distributary/sdk";
import { fetchPieces } from "../../../plugins/http/fetch.ts";

/**
 * A transport that asks for one piece at a time over HTTP, says for which, and, having stored `haltAfter` of them,
 * halts once until it is given up, so that a test can interrupt a transfer at a known piece.
 */
export default definePlugin({
  name: "counted",
  api: 1,
  options: {
    type: "object",
    properties: { haltAfter: { type: "integer", minimum: 0, default: 0, description: "0: never." } },
  },
  setup({ transports, log }, { haltAfter }) {
    let [stored, hasHalted] = [0, false];
    transports.add("counted", {
      reach: "peer",
      // Control's own http answers.
      serve: () => ({ [Symbol.dispose]() {} }),
      fetch(io, source, range, into, signal) {
        const http: Http = {
          serve: (prefix, answer) => io.http.serve(prefix, answer),
          async request(peer, path, options) {
            if (haltAfter > 0 && stored >= haltAfter && !hasHalted) {
              hasHalted = true;
              log.info({ stored }, "transfer halted");
              await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));
            }
            log.info({ piece: Number(/(\d+)-\d+$/.exec(path)?.[1]) }, "asked for a piece");
            return io.http.request(peer, path, options);
          },
        };
        return fetchPieces(
          http,
          source,
          range,
          counting(into, () => (stored += 1)),
          signal,
          1,
        );
      },
    });
  },
});

function counting(store: PieceStore, count: () => void): PieceStore {
  const { assignment, sizeBytes, pieceBytes, pieceCount } = store;
  return {
    ...{ assignment, sizeBytes, pieceBytes, pieceCount },
    has: (index) => store.has(index),
    read: (index) => store.read(index),
    write(index, bytes) {
      store.write(index, bytes);
      count();
    },
  };
}
