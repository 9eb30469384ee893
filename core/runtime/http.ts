import type { Http } from "../../sdk/index.ts";
import type { Identity } from "./identity.ts";
import { LinkClient } from "./link-client.ts";
import type { CallOptions } from "./link-client.ts";
import { LinkServer } from "./link-server.ts";
import type { ServeOptions } from "./link-server.ts";

/** This host's end of all HTTP between peers. */
export interface Link extends Http {
  /** Where it is served. */
  readonly port: number;
  /** Goes on with a renewed identity; connections that stand are kept. */
  use(identity: Identity): void;
  /** Ends everything within 2 s, whatever peers do. */
  close(): Promise<void>;
}

/**
 * `Http` over HTTPS: TLS 1.3, both sides with certificates of one authority, each checked to name the peer it should.
 * Whoever has none is answered at `/enrol` only. Throws DIST_ERR_LINK_PORT if the port cannot be had.
 */
export async function createLink(identity: Identity, options: ServeOptions & CallOptions): Promise<Link> {
  const server = new LinkServer(identity, options);
  const client = new LinkClient(identity, options);
  const port = await server.listen();
  return {
    port,
    serve: (prefix, answer) => server.serve(prefix, answer),
    request: (peer, path, call) => client.request(peer, path, call),
    use(renewed) {
      server.use(renewed);
      client.use(renewed);
    },
    async close() {
      client.close();
      await server.close();
    },
  };
}
