import { DistributaryError } from "distributary/sdk";
import type { Http, HttpAnswer, HttpRequest, Log } from "distributary/sdk";
import { fromHex } from "../content/hash.ts";
import { readSegmentRequest } from "../runtime/segment-grant.ts";
import { linkPaths } from "../protocol/messages.ts";
import type { FromControl } from "../protocol/messages.ts";
import type { Assignments } from "./assignments.ts";
import type { Enrolment } from "./enrolment.ts";
import { readReport } from "./node-report.ts";
import type { NodeHub, NodeStream } from "./node-hub.ts";
import type { Segments } from "./segments/segments.ts";

const json = { "content-type": "application/json" };
const pingMs = 5_000;
/** What may wait to be written to a node that does not read; then its stream is closed, and it comes again. */
const mostWaiting = 1_000;

/** What control answers nodes on the link. */
export function serveNodes(
  http: Http,
  parts: { hub: NodeHub; assignments: Assignments; enrolment: Enrolment; segments: Segments; log: Log },
): Disposable {
  const { hub, assignments, enrolment, segments, log } = parts;
  const served = new DisposableStack();
  const route = (prefix: string, answer: (request: HttpRequest) => Promise<HttpAnswer>) =>
    served.use(http.serve(prefix, (request) => answer(request).catch((error: unknown) => refuse(error, request, log))));

  route(linkPaths.enrol, (request) => enrolment.enrol(request));
  route(linkPaths.renew, (request) => enrolment.renew(request));
  route(linkPaths.stream, async ({ peerId, signal }) => {
    return { status: 200, headers: { "content-type": "application/x-ndjson" }, body: openStream(hub, peerId, signal) };
  });
  route(linkPaths.report, async ({ peerId, body }) => {
    await hub.receive(peerId, await readReport(body));
    return { status: 204, body: [] };
  });
  route(linkPaths.buffer, async ({ peerId, path }) => {
    const id = path.slice(linkPaths.buffer.length);
    if (!(await assignments.mayHave(id, peerId))) return notFound();
    return { status: 200, body: [assignments.sealed(id)] };
  });
  route(linkPaths.key, async ({ peerId, path }) => {
    const found = await assignments.forNode(path.slice(linkPaths.key.length), peerId);
    if (found === undefined || found.key === null) return notFound();
    return { status: 200, body: [fromHex(found.key)] };
  });
  route(linkPaths.segment, async ({ peerId, body }) => {
    const grant = await segments.grant(peerId, await readSegmentRequest(body));
    return { status: 200, headers: json, body: [Buffer.from(JSON.stringify(grant))] };
  });
  return served;
}

function notFound(): HttpAnswer {
  return { status: 404, body: [] };
}

function refuse(error: unknown, request: HttpRequest, log: Log): HttpAnswer {
  const known = error instanceof DistributaryError && error.status < 500;
  log.warn({ peer: request.peerId, path: request.path, error: (error as Error).message }, "request of a node refused");
  const text = known
    ? { code: error.code, message: error.message }
    : { code: "DIST_ERR_UNEXPECTED", message: "see control's log" };
  return { status: known ? error.status : 500, headers: json, body: [Buffer.from(JSON.stringify(text))] };
}

/** The lines of one node's stream: what `send` was given, and a ping when there was nothing. */
async function* openStream(hub: NodeHub, node: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const waiting: FromControl[] = [{ type: "welcome", node, control: "control" }];
  let isClosed = false;
  let wake = () => {};
  const stream: NodeStream = {
    send(message) {
      waiting.push(message);
      if (waiting.length > mostWaiting) isClosed = true;
      wake();
    },
    close() {
      isClosed = true;
      wake();
    },
  };
  const onAbort = () => stream.close();
  signal.addEventListener("abort", onAbort, { once: true });
  hub.open(node, stream);
  try {
    while (!isClosed) {
      for (const message of waiting.splice(0)) yield Buffer.from(`${JSON.stringify(message)}\n`);
      if (isClosed || waiting.length > 0) continue;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const timer = setTimeout(() => stream.send({ type: "ping" }), pingMs);
      await promise;
      clearTimeout(timer);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    hub.closed(node, stream);
  }
}
