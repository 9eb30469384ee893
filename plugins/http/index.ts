import { definePlugin } from "distributary/sdk";
import { fetchPieces } from "./fetch.ts";
import { servePieces } from "./serve.ts";

/** Brings pieces from peer to peer over the HTTP that all peers speak. */
export default definePlugin({
  name: "http",
  api: 1,
  description: "Brings pieces from peer to peer over HTTP with mutual TLS; needs nothing but a way to connect.",
  stability: "stable",
  options: {
    type: "object",
    properties: {
      piecesPerRequest: {
        type: "integer",
        minimum: 1,
        maximum: 4096,
        default: 64,
        description: "How many pieces are asked for at once. A source that lies costs at most so many.",
      },
    },
  },
  setup({ transports }, { piecesPerRequest }) {
    transports.add("http", {
      reach: "peer",
      serve: (io, find) => servePieces(io.http, find),
      fetch: (io, source, range, into, signal) => fetchPieces(io.http, source, range, into, signal, piecesPerRequest),
    });
  },
});
