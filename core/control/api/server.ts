import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { fastify } from "fastify";
import type { FastifyReply, FastifyRequest } from "fastify";
import { DistributaryError, failure, isFailure } from "distributary/sdk";
import type { ObjectSchema, Schema } from "distributary/sdk";
import { compileSchema } from "../../../config/validate.ts";
import { linkLimits } from "../../runtime/link-limits.ts";
import { includesRole } from "../accounts.ts";
import type { Accounts, Caller } from "../accounts.ts";
import type { Control } from "../control.ts";
import type { ApiRoute } from "./route.ts";
import { routes } from "./routes.ts";

const longestBody = 4 << 20;
const noBody: ObjectSchema = { type: "object", properties: {} };

/**
 * Control's HTTP API: every request names its account by a bearer token, and the table of routes says what that may do.
 */
export async function serveApi(
  control: Control,
  host: string,
  port: number,
  patienceMs: number = linkLimits.patienceMs,
): Promise<{ port: number } & AsyncDisposable> {
  const app = fastify({
    bodyLimit: longestBody,
    genReqId: () => randomUUID(),
    http: { connectionsCheckingInterval: 1_000, headersTimeout: Math.min(linkLimits.headersMs, patienceMs) },
    requestTimeout: patienceMs,
    connectionTimeout: patienceMs,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 300 },
    // A path that cannot be decoded never gets as far as to a handler.
    frameworkErrors: (error, request, reply) => sendError(control, error, request, reply),
  });
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.path,
      handler: (request, reply) => handle(control, route, request, reply),
    });
  }
  app.all("/v1/plugins/*", (request, reply) => handle(control, pluginRoute(control, request), request, reply));
  app.setNotFoundHandler((request) => {
    throw failure("DIST_ERR_API_ROUTE", { method: request.method, path: request.url });
  });
  app.setErrorHandler((error: unknown, request, reply) => sendError(control, error, request, reply));
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw failure(
      "DIST_ERR_API_PORT",
      { address: `${host}:${port}`, problem: (error as Error).message },
      { cause: error },
    );
  }
  const address = app.server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return { port: bound, [Symbol.asyncDispose]: () => app.close() };
}

/** What the plugins of the present generation answer, below their own paths. */
function pluginRoute(control: Control, request: FastifyRequest): ApiRoute {
  const path = (request.params as { "*": string })["*"];
  const route = control.kernel.extensions.routes.get(path);
  if (route === undefined || route.method !== request.method) {
    throw failure("DIST_ERR_API_ROUTE", { method: request.method, path: request.url });
  }
  const { method, role, description: summary } = route;
  return {
    method,
    path: `/v1/plugins/${path}`,
    role,
    summary,
    answer: ({ body, signal }) => route.answer(body, signal),
  };
}

async function handle(
  control: Control,
  route: ApiRoute,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const caller = await authorize(control, route, request);
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  const body = readBody(route, request);
  const answer = route.answer({
    control,
    caller,
    params: request.params as Record<string, string>,
    body,
    signal: gone.signal,
  });
  if (!(Symbol.asyncIterator in answer)) return reply.send((await answer) ?? {});
  reply.hijack();
  const mayStill = () => authorize(control, route, request);
  await sendEvents(reply.raw, whileWelcome(control.accounts, answer, mayStill), mayStill, gone.signal);
  return reply;
}

/** Who asks, if that one may. Throws DIST_ERR_API_LOGIN or DIST_ERR_API_ROLE. */
async function authorize(control: Control, route: ApiRoute, request: FastifyRequest): Promise<Caller> {
  const caller = await authenticate(control, request);
  if (includesRole(caller.role, route.role)) return caller;
  throw failure("DIST_ERR_API_ROLE", { account: caller.name, role: caller.role, least: route.role });
}

function isRefusal(error: unknown): boolean {
  return isFailure(error, "DIST_ERR_API_LOGIN") || isFailure(error, "DIST_ERR_API_ROLE");
}

/** The same events, until accounts have changed in such a way that their reader may not have them any more. */
async function* whileWelcome(
  accounts: Accounts,
  events: AsyncIterable<object>,
  mayStill: () => Promise<unknown>,
): AsyncIterable<object> {
  let seen = accounts.changes;
  for await (const event of events) {
    if (accounts.changes !== seen) await mayStill();
    seen = accounts.changes;
    yield event;
  }
}

async function authenticate(control: Control, request: FastifyRequest): Promise<Caller> {
  const { authorization } = request.headers;
  const secret = /^Bearer (\S{1,200})$/.exec(authorization ?? "")?.[1];
  if (secret === undefined) throw failure("DIST_ERR_API_LOGIN", { problem: "the request has none" });
  const caller = await control.accounts.caller(secret);
  if (caller === undefined) throw failure("DIST_ERR_API_LOGIN", { problem: "it is unknown or expired" });
  return caller;
}

function readBody(route: ApiRoute, request: FastifyRequest): never {
  const isPlugin = route.path.startsWith("/v1/plugins/");
  if (isPlugin) return (request.body ?? request.query) as never;
  const schema = route.body ?? noBody;
  const given =
    route.method === "GET"
      ? fromQuery(schema, request.query as Record<string, unknown>)
      : request.body === undefined
        ? {}
        : request.body;
  const checked = compileSchema(schema)(given);
  // No database can hold a NUL in a text.
  if (checked.ok && JSON.stringify([request.params, checked.value]).includes("\\u0000")) {
    throw failure("DIST_ERR_API_REQUEST", { problem: "a text holds a NUL" });
  }
  if (checked.ok) return checked.value as never;
  const problem = checked.problems
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")} ${message}`))
    .join("; ");
  throw failure("DIST_ERR_API_REQUEST", { problem });
}

/** A query holds only texts; those that the schema wants as numbers become numbers. */
function fromQuery(schema: ObjectSchema, query: Record<string, unknown>): Record<string, unknown> {
  const read = (property: Schema | undefined, value: unknown) =>
    property?.type === "integer" && typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return Object.fromEntries(Object.entries(query).map(([name, value]) => [name, read(schema.properties[name], value)]));
}

/** Writes events as they come (WHATWG, server-sent events), until the reader goes away or may not read any more. */
async function sendEvents(
  response: ServerResponse,
  events: AsyncIterable<object>,
  mayStill: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": connected\n\n");
  const beat = setInterval(() => {
    response.write(": beat\n\n");
    // A database that is away for a while says nothing about the reader.
    void mayStill().catch((error: unknown) => isRefusal(error) && response.destroy());
  }, 15_000);
  try {
    for await (const event of events) {
      if (!response.write(`data: ${JSON.stringify(event)}\n\n`)) await once(response, "drain", { signal });
    }
  } catch (error) {
    if (!signal.aborted && !isRefusal(error)) throw error;
  } finally {
    clearInterval(beat);
    response.end();
  }
}

/** Callers see what they can act on; what went wrong inside is in the log, under the same request id. */
function sendError(control: Control, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = error instanceof DistributaryError ? error : fromFastify(error);
  if (known !== undefined && known.status < 500) return reply.status(known.status).send(bodyOf(known));
  control.log.error(
    { request: request.id, path: request.url, error: (error as Error).stack ?? String(error) },
    "a request failed",
  );
  if (known?.retryable === true) return reply.status(503).send(bodyOf(known));
  const code = known?.code ?? "DIST_ERR_UNEXPECTED";
  return reply.status(500).send({ code, message: "control failed; its log says more", request: request.id });
}

function fromFastify(error: unknown): DistributaryError | undefined {
  const { statusCode, message } = error as { statusCode?: number; message: string };
  if (statusCode === undefined || statusCode >= 500) return undefined;
  return failure("DIST_ERR_API_REQUEST", { problem: message });
}

function bodyOf({ code, message, hint, retryable }: DistributaryError): object {
  return { code, message, retryable, ...(hint === undefined ? {} : { hint }) };
}
