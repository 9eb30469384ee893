import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { includesRole, roles } from "../../core/control/accounts.ts";
import { routes } from "../../core/control/api/routes.ts";
import { Trial } from "../core/control/trial.ts";

/** A plugin with a route for each role and method; each says that it was reached. */
const plugin = `
  const methods = ["GET", "POST"];
  export default {
    name: "guarded", api: 1, roles: ["control"],
    setup({ routes }) {
      for (const role of ${JSON.stringify(roles)})
        for (const method of methods)
          routes.add(role + "-" + method.toLowerCase(), { method, role, description: "x", answer: async () => ({ reached: true }) });
    },
  };
`;

let directory: string;
let trial: Trial;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "distributary-plugins-"));
  writeFileSync(join(directory, "guarded.mjs"), plugin);
  trial = await Trial.start("embedded", [{ use: join(directory, "guarded.mjs") }]);
});
afterAll(async () => {
  await trial[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

async function statusOf(method: string, path: string, headers: Record<string, string>, body?: string): Promise<number> {
  const response = await fetch(trial.apiUrl + path, { method, headers, ...(body === undefined ? {} : { body }) });
  await response.body?.cancel();
  return response.status;
}
const bearer = async (role: (typeof roles)[number]) => ({ authorization: `Bearer ${await trial.token(role)}` });
const json = { "content-type": "application/json" };
const overrides = [
  { "x-http-method-override": "GET" },
  { "x-http-method": "GET" },
  { "x-method-override": "GET" },
  { "x-original-method": "GET", "x-original-url": "/v1/status", "x-rewrite-url": "/v1/status" },
];

describe("SEC-44: a route of a plugin", () => {
  const table = roles.flatMap((role) => (["GET", "POST"] as const).map((method) => [method, role] as const));

  it.each(table)("%s for %ss is there for those, and for nobody else", async (method, least) => {
    const path = `/v1/plugins/guarded/${least}-${method.toLowerCase()}`;
    const body = method === "POST" ? "{}" : undefined;
    for (const headers of [{}, { authorization: "Bearer x" }, { cookie: "session=x" }, ...overrides]) {
      expect(await statusOf(method, path, { ...json, ...headers }, body), JSON.stringify(headers)).toBe(401);
    }
    for (const role of roles) {
      const headers = { ...json, ...(await bearer(role)) };
      expect(await statusOf(method, path, headers, body), role).toBe(includesRole(role, least) ? 200 : 403);
      for (const override of overrides) {
        const status = await statusOf(method, path, { ...headers, ...override }, body);
        expect(status, `${role} ${JSON.stringify(override)}`).toBe(includesRole(role, least) ? 200 : 403);
      }
      const other = method === "GET" ? "POST" : "GET";
      expect(await statusOf(other, path, headers, other === "POST" ? "{}" : undefined), role).toBe(404);
    }
  });

  it("that does not exist is not there, under whatever name", async () => {
    const headers = await bearer("admin");
    for (const name of ["", "none", "../guarded/admin-get", "guarded/admin-get/", "__proto__", "constructor"]) {
      expect([401, 404], name).toContain(await statusOf("GET", `/v1/plugins/${name}`, {}));
      expect(await statusOf("GET", `/v1/plugins/${name}`, headers), name).toBe(404);
    }
  });
});

describe("SEC-44: every route", () => {
  const pathOf = (path: string) => path.replaceAll(/:\w+/g, "nothing-of-that-name");
  const named = routes.map((route) => [`${route.method} ${route.path}`, route] as const);

  it.each(named)(
    "%s by HEAD, or any other method, is no way around the table",
    async (_, { method, path, role: least }) => {
      const others = ["HEAD", "OPTIONS", "PATCH", "PUT", "DELETE", "POST"].filter((other) => other !== method);
      const methods = routes.filter((route) => route.path === path).map((route) => route.method as string);
      const isThere = new Set(methods.includes("GET") && method !== "GET" ? [...methods, "HEAD"] : methods);
      for (const other of others.filter((each) => !isThere.has(each))) {
        expect([401, 404], other).toContain(await statusOf(other, pathOf(path), {}));
        for (const role of roles.filter((each) => !includesRole(each, least))) {
          expect([403, 404], `${other} ${role}`).toContain(await statusOf(other, pathOf(path), await bearer(role)));
        }
      }
    },
  );

  it.each(named.filter(([, { method, path }]) => method !== "POST" && !path.endsWith("/events")))(
    "%s is there for who may, so that the refusals mean something",
    async (_, { method, path, role }) => {
      const headers = { ...json, ...(await bearer(role)) };
      const status = await statusOf(method, pathOf(path), headers, method === "GET" ? undefined : '{"role":"viewer"}');
      expect([200, 400, 404]).toContain(status);
    },
  );

  it("asks for a token from whatever page it is called, and lets no page read the answer", async () => {
    for (const origin of ["https://elsewhere.example", "null", trial.apiUrl]) {
      for (const headers of [{}, await bearer("admin")]) {
        const response = await fetch(`${trial.apiUrl}/v1/status`, {
          headers: { ...headers, origin, host: "elsewhere.example" },
        });
        expect(response.status, origin).toBe("authorization" in headers ? 200 : 401);
        expect([...response.headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
        expect(response.headers.get("set-cookie")).toBeNull();
      }
    }
  });
});

describe("SEC-44: a stream of events", () => {
  /** A stream for an account of its own, and what came of it. */
  async function opened(name: string, lifeMs?: number) {
    await trial.control.accounts.put(name, "viewer");
    const token = await trial.control.accounts.createToken(name, "", lifeMs);
    const response = await fetch(`${trial.apiUrl}/v1/events`, { headers: { authorization: `Bearer ${token}` } });
    let heard = "";
    const ended = (async () => {
      for await (const chunk of response.body ?? []) heard += Buffer.from(chunk as Uint8Array).toString();
    })().catch(() => undefined);
    return { ended, heard: () => heard };
  }
  const say = (name: string) => trial.control.events.emit({ type: "node", node: "n", name, connected: true });

  it("ends when its reader's account is gone, before another event is sent", async () => {
    const stream = await opened("leaver");
    say("before");
    await expect.poll(stream.heard).toContain("before");
    await trial.control.accounts.remove("leaver");
    say("secret");
    await stream.ended;
    expect(stream.heard()).not.toContain("secret");
  });

  it("goes on for others, whatever becomes of accounts", async () => {
    const stream = await opened("stayer");
    await trial.control.accounts.put("somebody-else", "viewer");
    await trial.control.accounts.remove("somebody-else");
    say("after");
    await expect.poll(stream.heard).toContain("after");
    await trial.control.accounts.remove("stayer");
    say("end");
    await stream.ended;
  });

  it("ends when its token has expired, at the next beat", { timeout: 40_000 }, async () => {
    const stream = await opened("short", 2_000);
    say("first");
    await expect.poll(stream.heard).toContain("first");
    await stream.ended;
  });
});

it.each([
  "__proto__=1",
  "__proto__[role]=admin",
  "constructor=1",
  "limit=9007199254740993",
  "limit=1e3",
  "limit=-1",
  "limit=0",
  "limit=1001",
  "limit=NaN",
  "limit=1&limit=2",
  "site=a&site=b",
  "site[]=a",
  "site=%00",
  `site=${"x".repeat(64)}`,
  "unknown=1",
])("SEC-46: a query '%s' is refused", async (query) => {
  expect(await statusOf("GET", `/v1/jobs?${query}`, await bearer("admin"))).toBe(400);
});
