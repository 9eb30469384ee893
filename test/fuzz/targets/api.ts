import { Agent, createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { compileSchema } from "../../../config/validate.ts";
import { routes } from "../../../core/control/api/routes.ts";
import { Client } from "../../../core/cli/client.ts";
import { isFailure } from "../../../sdk/index.ts";
import type { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { Trial } from "../../core/control/trial.ts";
import { defineTarget } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateOften, mutateText, mutateValue, pick } from "../mutations.ts";

const declaration = {
  groups: { web: { nodes: ["a"] }, edge: { match: { labels: { tier: "edge" } } } },
  policies: { careful: { quorum: "80%", compress: [{ types: ["*"], use: "zstd" }], retry: "5m" } },
  sites: { www: { staging: "/srv/staging", group: "web", exclude: ["*.tmp"], ownPolicy: { delta: "whole" } } },
};
/** A good body of each route that takes one; a good query of a GET. */
const bodies: Readonly<Record<string, object>> = {
  "GET /v1/jobs": { limit: 10, site: "www" },
  "GET /v1/audit": { limit: 10 },
  "POST /v1/jobs": {
    kind: "publish",
    site: "www",
    allowEmpty: true,
    commit: "manual",
    version: 3,
    nodes: ["a"],
    label: "x",
  },
  "PUT /v1/declaration": declaration,
  "POST /v1/join-tokens": { node: "web-1", uses: 3, life: "1h" },
  "PUT /v1/accounts/:account": { role: "viewer" },
  "POST /v1/accounts/:account/tokens": { life: "30d", label: "laptop" },
};
const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;
const withBody = routes.filter((route) => nameOf(route) in bodies);

interface Given {
  readonly route: string;
  readonly value: unknown;
}

/** Bodies and queries, against the schema of their route. */
const apiBody = defineTarget({
  name: "api-body",
  isRefusal: (error) => error === refused,
  open: () => ({
    make(random): Given {
      const route = nameOf(pick(random, withBody));
      const value = mutateOften<unknown>(bodies[route], random, mutateValue);
      // As it comes out of JSON.
      return { route, value: JSON.parse(JSON.stringify(value ?? null)) as unknown };
    },
    feed({ route, value }) {
      const schema = routes.find((each) => nameOf(each) === route)?.body;
      if (schema === undefined) throw new Error(`${route} has no body`);
      const before = JSON.stringify(value);
      const checked = compileSchema(schema)(value);
      if (JSON.stringify(value) !== before) throw new Error("it was changed");
      if (!checked.ok && checked.problems.some(({ message }) => message === "")) throw new Error("it does not say why");
      if (!checked.ok) throw refused;
    },
  }),
});
const refused = new Error("refused with words");

interface Request {
  readonly method: string;
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

/** The API as it is reached over HTTP, by somebody who may do everything. */
const api = defineTarget({
  name: "api",
  // Each is a request, and most look into the database.
  testCases: 10_000,
  isRefusal: (error) => error === refused,
  async open() {
    const trial = await Trial.start("embedded");
    await trial.declare({
      groups: { web: { nodes: ["a"] } },
      sites: { www: { staging: "./staging/www", group: "web" } },
    });
    const token = await trial.token("admin");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const asked = routes.filter(({ path }) => path !== "/v1/events");
    // The audit is read from its beginning each time, and a declaration is many rows.
    const light = asked.filter(({ path }) => path !== "/v1/audit" && path !== "/v1/declaration");
    return {
      make: (random) => mutateRequest(pick(random, random.below(4) === 0 ? asked : light), random),
      async feed(request) {
        const { status, text } = await answerOf(`${trial.apiUrl}${request.path}`, request, token, agent);
        if (status >= 500)
          throw new Error(`it answers ${status}: ${text}; ${JSON.stringify(trial.log.entries.at(-1))}`);
        const answer: unknown = JSON.parse(text);
        if (status < 400) return;
        const { code } = answer as { code?: unknown };
        if (typeof code !== "string" || !code.startsWith("DIST_ERR_")) throw new Error(`it answers ${status}: ${text}`);
        throw refused;
      },
      async close() {
        agent.destroy();
        await trial[Symbol.asyncDispose]();
      },
    };
  },
});

const names = [..."www nothing a%2f..%2fb .. %00 %ff %F0%9F%98%80 constructor a;b".split(" "), "a b", "x".repeat(400)];
const queries = [
  ..."?limit=1 ?limit=1e3 ?limit=-1 ?limit=999999999999999 ?limit[]=1 ?site=www&site=x ?site=%00".split(" "),
  ..."?__proto__=1 ?% ?a=b&".split(" "),
];
const texts = [
  ...["null", "[]", "{", "1e999", '{"__proto__":{}}', '{"constructor":{"prototype":{}}}', '{"a":1,"a":2}'],
  ...["[".repeat(5_000), '"\\u0000"', '{"life":"150119987579m"}'],
];

function mutateRequest(route: { method: string; path: string }, random: SimRandom): Request {
  const filled = route.path.replaceAll(/:\w+/g, () => pick(random, names));
  const changed = random.below(4) === 0 ? mutateText(filled, random) : filled;
  const good = bodies[nameOf(route)] ?? {};
  const changedGood = random.below(4) === 0 ? good : mutateOften<unknown>(good, random, mutateValue);
  const value = JSON.stringify(changedGood) ?? "";
  const query = random.below(4) === 0 ? pick(random, queries) : route.method === "GET" ? queryOf(changedGood) : "";
  const kind = random.below(8);
  const body = kind === 0 ? pick(random, texts) : kind === 1 ? mutateText(value, random) : value;
  return {
    method: random.below(16) === 0 ? pick(random, ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) : route.method,
    // What may stand in the first line of a request.
    path: `/${(changed + query).slice(1).replaceAll(/[^\x21-\x7e]/g, inHex)}`,
    type:
      random.below(16) === 0
        ? pick(random, ["text/plain", "application/json; charset=x", "application/json5", ""])
        : "application/json",
    body,
  };
}

function inHex(letter: string): string {
  return `%${(letter.charCodeAt(0) & 0xff).toString(16).padStart(2, "0")}`;
}

function queryOf(value: unknown): string {
  const entries = Object.entries(typeof value === "object" && value !== null ? value : {});
  return `?${new URLSearchParams(entries.map(([name, each]): [string, string] => [name, String(each)])).toString()}`;
}

function answerOf(url: string, { method, type, body }: Request, token: string, agent: Agent) {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const headers = {
    authorization: `Bearer ${token}`,
    ...(method === "GET" ? {} : { "content-type": type, "content-length": Buffer.byteLength(body) }),
  };
  const { hostname, port } = new URL(url.slice(0, url.indexOf("/", 8)));
  const call = httpRequest(
    { hostname, port, path: url.slice(url.indexOf("/", 8)), method, headers, agent },
    (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => void chunks.push(chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
      response.on("error", reject);
    },
  );
  call.on("error", reject);
  call.end(method === "GET" ? undefined : body);
  return promise;
}

interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** What the command line gets to hear, of control or of whoever else answers there. */
const apiAnswer = defineTarget({
  name: "api-answer",
  // Each is a request.
  testCases: 10_000,
  isRefusal: (error) => isFailure(error) && typeof error.code === "string" && typeof error.message === "string",
  async open() {
    let answer: Answer = { status: 200, body: new Uint8Array() };
    const server = createServer((_, response) => void response.writeHead(answer.status).end(answer.body));
    await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const { port } = server.address() as AddressInfo;
    const client = new Client(`http://127.0.0.1:${port}`, "token");
    const good = {
      code: "DIST_ERR_SITE_UNKNOWN",
      message: "there is no site",
      hint: "h",
      request: "1",
      retryable: true,
    };
    return {
      make(random): Answer {
        const body = Buffer.from(JSON.stringify(mutateOften<unknown>(good, random, mutateValue)));
        const status = pick(random, [200, 200, 201, 400, 404, 500, 503]);
        return { status, body: random.below(2) === 0 ? body : mutateOften<Uint8Array>(body, random, mutateBytes) };
      },
      async feed(given) {
        answer = given;
        await client.get("/v1/status");
      },
      close: () => void server.close(),
    };
  },
});

export const apiTargets: readonly Target[] = [apiBody, api, apiAnswer];
