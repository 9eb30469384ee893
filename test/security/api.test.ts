import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { includesRole, roles } from "../../core/control/accounts.ts";
import { routes } from "../../core/control/api/routes.ts";
import { printError } from "../../core/cli/terminal/print-error.ts";
import { formatTable } from "../../core/cli/terminal/table.ts";
import { failure, printable } from "../../sdk/index.ts";
import { Trial } from "../core/control/trial.ts";

let trial: Trial;

beforeAll(async () => {
  trial = await Trial.start("embedded");
  await trial.declare({
    groups: { web: { nodes: ["a"] } },
    sites: { www: { staging: "./staging/www", group: "web" } },
  });
});
afterAll(() => trial[Symbol.asyncDispose]());

const pathOf = (path: string) => path.replaceAll(/:\w+/g, "nothing-of-that-name");
const named = routes.map((route) => [`${route.method} ${route.path}`, route] as const);
const isChange = ({ method }: { method: string }) => method !== "GET";

async function statusOf(method: string, path: string, headers: Record<string, string>, body?: string): Promise<number> {
  const response = await fetch(trial.apiUrl + path, { method, headers, ...(body === undefined ? {} : { body }) });
  await response.body?.cancel();
  return response.status;
}

/** What the server says to these bytes until it closes. */
function raw(text: string): Promise<string> {
  const { port } = new URL(trial.apiUrl);
  const socket = connect(Number(port), "127.0.0.1", () => socket.write(text));
  return new Promise((resolve) => {
    let answer = "";
    socket.on("data", (bytes) => (answer += bytes.toString()));
    socket.on("error", () => undefined);
    socket.once("close", () => resolve(answer));
  });
}

const statusesIn = (answer: string) => [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));

describe("SEC-44: a route", () => {
  it.each(named)(
    "%s: without a session, with a role that is not enough, or with a wrong kind of proof, is refused",
    async (_, route) => {
      const { method, role: least } = route;
      const path = pathOf(route.path);
      const token = await trial.token("admin");
      const body = isChange(route) ? "{}" : undefined;
      const json = { "content-type": "application/json" };
      const proofs: Record<string, string>[] = [
        {},
        { cookie: `token=${token}; session=${token}` },
        { authorization: token },
        { authorization: `Basic ${Buffer.from(`admin:${token}`).toString("base64")}` },
        { authorization: `Bearer ${token}x` },
        { authorization: `Bearer ${token.slice(0, -1)}` },
        { authorization: "Bearer ' or 1=1 --" },
        { "x-api-key": token, "x-forwarded-user": "admin" },
      ];
      for (const proof of proofs)
        expect(await statusOf(method, path, { ...json, ...proof }, body), JSON.stringify(proof)).toBe(401);
      expect(await statusOf(method, `${path}?token=${token}&access_token=${token}`, json, body)).toBe(401);
      for (const role of roles.filter((each) => !includesRole(each, least))) {
        const proof = {
          authorization: `Bearer ${await trial.token(role)}`,
          "x-http-method-override": "GET",
          "x-original-url": "/v1/status",
        };
        expect(await statusOf(method, path, { ...json, ...proof }, body), role).toBe(403);
      }
    },
  );

  it("that changes anything is for operators at least, and those about people for admins", () => {
    for (const { method, path, role } of routes) {
      if (method !== "GET") expect(role, path).not.toBe("viewer");
      if (/account|token|audit/.test(path)) expect(role, path).toBe("admin");
    }
  });

  it("under another spelling is not there, or asks for a token all the same", async () => {
    const spellings = [
      "//v1/status",
      "/V1/status",
      "/v1/status/",
      "/v1/status;x",
      "/v1/%73tatus",
      "/v1/./status",
      "/v1/status%00",
      "/v1/status%2f",
      "/v1//status",
      "/v1/jobs/../status",
      "http://x/v1/status",
    ];
    for (const path of spellings) {
      const [status] = statusesIn(await raw(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`));
      expect([400, 401, 404], path).toContain(status);
    }
  });

  it("does not take a form, or a page's text, for a request", async () => {
    const authorization = `Bearer ${await trial.token("operator")}`;
    const body = '{"kind":"publish","site":"www"}';
    const before = await trial.control.db.selectFrom("job").select("id").execute();
    for (const type of ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"]) {
      expect(
        await statusOf(
          "POST",
          "/v1/jobs",
          { authorization, "content-type": type, origin: "https://elsewhere.example" },
          body,
        ),
        type,
      ).toBe(400);
    }
    expect(await trial.control.db.selectFrom("job").select("id").execute()).toEqual(before);
    const preflight = await fetch(`${trial.apiUrl}/v1/jobs`, {
      method: "OPTIONS",
      headers: { origin: "https://elsewhere.example", "access-control-request-method": "POST" },
    });
    expect([preflight.ok, preflight.headers.get("access-control-allow-origin")]).toEqual([false, null]);
  });

  it("is not reached behind a request that means two things", async () => {
    const token = await trial.token("admin");
    const hidden = `DELETE /v1/accounts/the-viewer HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`;
    const start = `POST /v1/jobs HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\n`;
    const smuggled = [
      `${start}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
      `${start}content-length: 0\r\ncontent-length: 4\r\n\r\n${hidden}`,
      `${start}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
      `${start}transfer-encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`,
      `${start}content-length: +0\r\n\r\n${hidden}`,
      `${start}transfer-encoding: chunked\r\n\r\n1;\n\r\nx\r\n0\r\n\r\n${hidden}`,
    ];
    await trial.token("viewer");
    for (const text of smuggled) {
      const statuses = statusesIn(await raw(text));
      expect(
        statuses.filter((status) => status === 200),
        text,
      ).toEqual([]);
      expect(statuses[0]).toBe(400);
    }
    const accounts = (await trial.control.accounts.list()).map(({ name }) => name);
    expect(accounts).toContain("the-viewer");
  });

  it("knows no token that expired, or of an account that is gone", async () => {
    const { accounts } = trial.control;
    await accounts.put("for-a-while", "admin");
    const [late, good] = [
      await accounts.createToken("for-a-while", "", -1),
      await accounts.createToken("for-a-while", ""),
    ];
    const status = (token: string) => statusOf("GET", "/v1/status", { authorization: `Bearer ${token}` });
    expect([await status(late), await status(good)]).toEqual([401, 200]);
    await accounts.put("for-a-while", "viewer");
    expect(await statusOf("GET", "/v1/accounts", { authorization: `Bearer ${good}` })).toBe(403);
    await accounts.remove("for-a-while");
    expect(await status(good)).toBe(401);
    await accounts.put("for-a-while", "admin");
    expect(await status(good)).toBe(401);
  });
});

describe("SEC-45: text of others", () => {
  const nasty = [
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "a\r\nb: forged",
    "\x9b31m",
    "\u2028next",
    "\u202egnp.exe",
    "\x00\x08\x7f",
  ];

  it.each(nasty)("like %j does not reach the terminal as it is", (text) => {
    const controls = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
    expect(printable(text)).not.toMatch(controls);
    const table = formatTable(
      [{ title: "node" }, { title: "why" }],
      [
        [text, text],
        [`x${text}`, 1],
      ],
      200,
    );
    expect(table.split("\n")).toHaveLength(3);
    expect(table.replaceAll("\n", "")).not.toMatch(controls);
    const written: string[] = [];
    const terminal = {
      write: () => {},
      writeError: (line: string) => void written.push(line),
      isInteractive: true,
      columns: 80,
      rows: 24,
    };
    printError(failure("DIST_ERR_JOB_UNKNOWN", { job: text }), terminal);
    printError(new Error(text), terminal);
    expect(written.join("").replaceAll("\n", "")).not.toMatch(controls);
  });

  it("is sent as JSON, never as a page", async () => {
    const html = "<script>alert(1)</script>";
    const token = await trial.token("admin");
    for (const path of [
      `/v1/jobs/${encodeURIComponent(html)}`,
      `/${encodeURIComponent(html)}`,
      "/v1/jobs/%zz",
      `/v1/jobs?${encodeURIComponent(html)}=1`,
    ]) {
      const response = await trial.api("GET", path, token);
      expect(response.headers.get("content-type"), path).toMatch(/^application\/json/);
      expect(response.status).toBeGreaterThanOrEqual(400);
    }
  });

  it("is one event on the stream, whatever lines it holds", async () => {
    const stop = new AbortController();
    const headers = { authorization: `Bearer ${await trial.token("viewer")}` };
    const response = await fetch(`${trial.apiUrl}/v1/events`, { headers, signal: stop.signal });
    trial.control.events.emit({ type: "node", node: "n", name: "x\n\ndata: {}\n\n", connected: true });
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      if (text.includes("data: ") && text.endsWith("\n\n")) break;
    }
    stop.abort();
    expect(text.match(/^data: /gm)).toHaveLength(1);
  });
});

describe("SEC-46: a request", () => {
  const injections = [
    "' or 1=1 --",
    "'; drop table audit; --",
    "\\' or 1=1",
    "1) union select secret_hash from api_token --",
    "%",
    "_",
    "$1",
    "null",
  ];

  it.each(injections)("with %j for a name or an id finds nothing, and breaks nothing", async (text) => {
    const token = await trial.token("admin");
    const name = encodeURIComponent(text);
    expect(await (await trial.api("GET", `/v1/jobs?site=${name}`, token)).json()).toEqual([]);
    const asked: [string, string, unknown?][] = [
      ["GET", `/v1/jobs/${name}`],
      ["GET", `/v1/sites/${name}/versions`],
      ["GET", `/v1/sites/${name}/snapshots`],
      ["POST", `/v1/sites/${name}/commit`, {}],
      ["POST", `/v1/jobs/${name}/abort`, {}],
      ["DELETE", `/v1/nodes/${name}`],
      ["DELETE", `/v1/accounts/${name}`],
      ["POST", `/v1/accounts/${name}/tokens`, {}],
      ["POST", "/v1/jobs", { kind: "publish", site: text }],
      ["POST", "/v1/jobs", { kind: "restore", site: "www", checkpoint: text }],
      ["POST", "/v1/jobs", { kind: "replicate", site: "www", nodes: [text] }],
    ];
    for (const [method, path, body] of asked)
      expect((await trial.api(method, path, token, body)).status, `${method} ${path}`).toBe(404);
    expect(await trial.control.audit.verify()).toBeUndefined();
  });

  it("with a number beyond 2^53 is refused, not rounded", async () => {
    const token = await trial.token("operator");
    for (const version of ["9007199254740993", "1e300", "1e999", "-9007199254740993"]) {
      const body = `{"kind":"rollback","site":"www","version":${version}}`;
      expect((await trial.api("POST", "/v1/jobs", token, body)).status, version).toBe(400);
    }
  });

  it.each(named.filter(([, route]) => isChange(route)))(
    "%s with JSON that does harm elsewhere is refused, or nothing",
    async (_, { method, path }) => {
      const token = await trial.token("admin");
      const bad = [
        '{"__proto__":{"role":"admin"}}',
        '{"constructor":{"prototype":{"role":"admin"}}}',
        `${"[".repeat(200_000)}${"]".repeat(200_000)}`,
        `${'{"sites":'.repeat(100_000)}1${"}".repeat(100_000)}`,
        `{"a":${"9".repeat(400)}}`,
        '{"unknown":1}',
        `"${"x".repeat(5 << 20)}"`,
      ];
      for (const body of bad)
        expect((await trial.api(method, pathOf(path), token, body)).status, body.slice(0, 40)).toBe(400);
      expect(({} as Record<string, unknown>)["role"]).toBeUndefined();
    },
  );
});

describe("SEC-48: the audit", () => {
  it("has who changed what, and shows a chain that was changed, cut or reordered within", async () => {
    const { audit, db } = trial.control;
    const token = await trial.token("admin");
    await trial.api("PUT", "/v1/accounts/mallory", token, { role: "admin" });
    await trial.api("POST", "/v1/accounts/mallory/tokens", token, {});
    await trial.api("DELETE", "/v1/accounts/mallory", token);
    const [removed, given, put] = await audit.read(3);
    expect([put, given, removed].map((entry) => [entry?.who, entry?.action, entry?.object])).toEqual([
      ["the-admin", "account.put", "mallory"],
      ["the-admin", "account.token", "mallory"],
      ["the-admin", "account.remove", "mallory"],
    ]);
    const number = put?.number ?? 0;
    expect(await audit.verify()).toBeUndefined();
    await db.updateTable("audit").set({ who: "somebody" }).where("number", "=", number).execute();
    expect(await audit.verify()).toBe(number);
    await db.updateTable("audit").set({ who: "the-admin" }).where("number", "=", number).execute();
    expect(await audit.verify()).toBeUndefined();
    await db.deleteFrom("audit").where("number", "=", number).execute();
    expect(await audit.verify()).toBe(number + 1);
  });
});
