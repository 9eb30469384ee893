import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { routes } from "../../../core/control/api/routes.ts";
import { includesRole, roles } from "../../../core/control/accounts.ts";
import type { AccountRole } from "../../../core/control/accounts.ts";
import { Trial } from "./trial.ts";

const plugin = join(import.meta.dirname, "../../system/plugins/greeter.ts");
const nobody = "5f0c2f3e-0000-4000-8000-000000000000";

/** A path of the route under which nothing is. */
const pathOf = (path: string) =>
  path.replace("/v1/accounts/:account", "/v1/accounts/nobody").replaceAll(/:\w+/g, nobody);
const named = routes.map((route) => [`${route.method} ${route.path}`, route] as const);

describe("the API", () => {
  let trial: Trial;
  const call = async (method: string, path: string, token?: string, body?: unknown) => {
    const response = await trial.api(method, path, token, body);
    const isStream = response.headers.get("content-type") === "text/event-stream";
    const answer = isStream ? {} : ((await response.json()) as Record<string, unknown>);
    if (isStream) await response.body?.cancel();
    return { status: response.status, code: answer["code"], answer };
  };

  beforeAll(async () => {
    trial = await Trial.start("embedded", [{ use: plugin, options: { secret: "very secret" } }]);
  });
  afterAll(() => trial[Symbol.asyncDispose]());

  describe.each(named)("%s", (_, { method, path, role: least, body: schema }) => {
    const body = method === "GET" ? undefined : {};

    it.each([
      ["no token", undefined],
      ["a garbage token", "garbage"],
      ["a token of the right form that nobody has", `dsta_${"A".repeat(32)}`],
    ])("is refused with %s", async (_title, token) => {
      expect(await call(method, pathOf(path), token, body)).toMatchObject({ status: 401, code: "DIST_ERR_API_LOGIN" });
    });

    it.each(roles)(`says to a %s what the table says`, async (role: AccountRole) => {
      const { status, code } = await call(method, pathOf(path), await trial.token(role), body);
      if (includesRole(role, least)) {
        expect([200, 400, 404]).toContain(status);
        expect(code).not.toBe("DIST_ERR_API_ROUTE");
      } else expect({ status, code }).toEqual({ status: 403, code: "DIST_ERR_API_ROLE" });
    });

    const isOpen = method === "GET" && schema === undefined;
    const bad: [string, unknown][] = isOpen
      ? [["an unknown query", "?unknown=1"]]
      : method === "GET"
        ? [
            ["an unknown query", "?unknown=1"],
            ["a number that is none", "?limit=many"],
            ["a number too large", "?limit=99999999999999999999"],
          ]
        : [
            ["an unknown key", { unknown: 1 }],
            ["a prototype", '{"__proto__":{"role":"admin"}}'],
            ["a constructor", '{"constructor":{"prototype":{"role":"admin"}}}'],
            ["a list", []],
            ["null", "null"],
            ["a text", '"text"'],
            ["no JSON", "{"],
            ["JSON that is very deep", `${"[".repeat(200_000)}${"]".repeat(200_000)}`],
            ["more than 4 MiB", JSON.stringify({ site: "x".repeat(5 << 20) })],
          ];
    it.each(bad)("refuses %s and says why", async (_title, given) => {
      const isQuery = method === "GET";
      const result = await call(
        method,
        pathOf(path) + (isQuery ? String(given) : ""),
        await trial.token("admin"),
        isQuery ? undefined : given,
      );
      expect(result).toMatchObject({ status: 400, code: "DIST_ERR_API_REQUEST" });
      expect(JSON.stringify(result.answer)).not.toMatch(/\.ts:|node_modules/);
    });
  });

  it("knows no other path and no other method", async () => {
    const token = await trial.token("admin");
    for (const [method, path] of [
      ["GET", "/"],
      ["GET", "/v1/nothing"],
      ["PATCH", "/v1/status"],
      ["DELETE", "/v1/declaration"],
      ["GET", "/v1/../etc/passwd"],
      ["GET", "/v1/jobs/%2e%2e"],
    ] as const) {
      expect(await call(method, path, token)).toMatchObject({ status: 404 });
    }
  });

  it("refuses values of the wrong type, one by one", async () => {
    const token = await trial.token("admin");
    const wrong: object[] = [
      { kind: "publish" },
      { kind: "explode", site: "www" },
      { kind: "publish", site: 5 },
      { kind: "publish", site: "www", allowEmpty: "yes" },
      { kind: "restore", site: "www", version: 1.5 },
      { kind: "restore", site: "www", version: -1 },
      { kind: "restore", site: "www", version: 2 ** 53 },
      { kind: "replicate", site: "www", nodes: [{}] },
    ];
    for (const body of wrong)
      expect(await call("POST", "/v1/jobs", token, body)).toMatchObject({ status: 400, code: "DIST_ERR_API_REQUEST" });
    expect(await call("POST", "/v1/jobs", token, { kind: "publish", site: "' or 1=1 --" })).toMatchObject({
      status: 404,
      code: "DIST_ERR_SITE_UNKNOWN",
    });
    expect(await call("GET", "/v1/jobs?site=' or 1=1 --", token)).toMatchObject({ status: 200, answer: [] });
  });

  it("refuses names that are none in a declaration", async () => {
    const token = await trial.token("admin");
    for (const name of ["..", "A", "a/b", "constructor~", ""]) {
      expect(await call("PUT", "/v1/declaration", token, { groups: { [name]: { nodes: [] } } })).toMatchObject({
        status: 400,
      });
    }
    expect(await call("PUT", "/v1/declaration", token, '{"groups":{"__proto__":{"nodes":["a"]}}}')).toMatchObject({
      status: 400,
    });
  });

  it("says nothing of what went wrong inside, but under which number the log tells it", async () => {
    const before = trial.log.entries.length;
    const { status, answer } = await call("GET", "/v1/plugins/greeter/fail", await trial.token("viewer"));
    expect({ status, answer }).toMatchObject({
      status: 500,
      answer: { code: "DIST_ERR_UNEXPECTED", message: "control failed; its log says more" },
    });
    expect(JSON.stringify(answer)).not.toContain("secret");
    const told = trial.log.entries.slice(before).map(({ fields }) => JSON.stringify(fields));
    expect(told.some((text) => text.includes(String(answer["request"])))).toBe(true);
  });

  it("mounts what plugins answer, for the role they name", async () => {
    expect(await call("GET", "/v1/plugins/greeter/hello")).toMatchObject({ status: 401 });
    expect(await call("GET", "/v1/plugins/greeter/hello", await trial.token("viewer"))).toMatchObject({ status: 403 });
    expect(await call("GET", "/v1/plugins/greeter/hello", await trial.token("operator"))).toMatchObject({
      status: 200,
      answer: { hello: "world" },
    });
    expect(await call("POST", "/v1/plugins/greeter/echo", await trial.token("operator"), { said: 1 })).toMatchObject({
      answer: { heard: { said: 1 } },
    });
  });

  it("describes every route in OpenAPI, with its parameters", async () => {
    const { answer } = await call("GET", "/v1/openapi.json", await trial.token("viewer"));
    const paths = answer["paths"] as Record<
      string,
      Record<string, { parameters: { name: string; in: string }[]; responses: object; requestBody?: object }>
    >;
    expect(answer["openapi"]).toBe("3.1.0");
    for (const { method, path, body } of routes) {
      const operation = paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
      const inPath = operation?.parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
      expect(inPath, path).toEqual([...path.matchAll(/:(\w+)/g)].map(([, name]) => name));
      expect(operation?.responses).toHaveProperty("200");
      if (body !== undefined && method !== "GET") expect(operation?.requestBody).toBeDefined();
    }
    const count = Object.values(paths).flatMap((operations) => Object.keys(operations)).length;
    expect(count).toBeGreaterThanOrEqual(routes.length);
    const references = [...JSON.stringify(answer).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, reference = ""]) =>
      reference.split("/"),
    );
    for (const steps of references)
      expect(steps.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], answer)).toBeDefined();
  });

  it("tells events as they happen", async () => {
    const stop = new AbortController();
    const headers = { authorization: `Bearer ${await trial.token("viewer")}` };
    const response = await fetch(`${trial.apiUrl}/v1/events`, { headers, signal: stop.signal });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body ?? []) {
      if (text === "") trial.control.events.emit({ type: "site", site: "blog\n\ndata: forged", liveVersion: 7 });
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.includes("data: ")) break;
    }
    stop.abort();
    const data = text
      .split("\n\n")
      .filter((block) => block.startsWith("data: "))
      .map((block) => JSON.parse(block.slice(6)) as object);
    expect(data).toEqual([{ type: "site", site: "blog\n\ndata: forged", liveVersion: 7 }]);
  });

  it("forgets a token that expired, and those of an account that is removed", async () => {
    const admin = await trial.token("admin");
    await call("PUT", "/v1/accounts/short", admin, { role: "viewer" });
    const make = async (body: object) =>
      String((await call("POST", "/v1/accounts/short/tokens", admin, body)).answer["token"]);
    const [expired, good] = [await make({ life: "1ms" }), await make({ label: "a build server" })];
    expect(await call("GET", "/v1/status", expired)).toMatchObject({ status: 401 });
    expect(await call("GET", "/v1/status", good)).toMatchObject({ status: 200 });
    expect(await call("DELETE", "/v1/accounts/short", admin)).toMatchObject({ status: 200 });
    expect(await call("GET", "/v1/status", good)).toMatchObject({ status: 401 });
    expect(await call("DELETE", "/v1/accounts/short", admin)).toMatchObject({
      status: 404,
      code: "DIST_ERR_ACCOUNT_UNKNOWN",
    });
  });
});
