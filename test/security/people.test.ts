import { writeFileSync } from "node:fs";
import { webcrypto, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { enrol, loadIdentity, renewIdentity } from "../../core/agent/enrol.ts";
import { runControl } from "../../core/control/run-control.ts";
import { linkPaths } from "../../core/protocol/messages.ts";
import { createCertificateRequest } from "../../core/runtime/certificate-request.ts";
import type { EnrolAnswer } from "../../core/runtime/enrolment.ts";
import { realIo } from "../../core/runtime/io.ts";
import { parseJoinToken } from "../../core/runtime/join-token.ts";
import { LinkClient } from "../../core/runtime/link-client.ts";
import type { Credentials } from "../../core/runtime/link-client.ts";
import { receiveBytes } from "../../core/runtime/link-limits.ts";
import { x509 } from "../../core/runtime/x509.ts";
import { Trial } from "../core/control/trial.ts";
import { createAuthority, host, startPeer, temporaryDirectory } from "../core/runtime/trusted-peers.ts";

const refusedToken = { code: "DIST_ERR_AUTH_TOKEN" };
const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const minute = 60_000;

let trial: Trial;

beforeAll(async () => {
  trial = await Trial.start("embedded");
  await trial.declare({
    groups: { web: { nodes: ["a", "b"] }, other: { nodes: ["c"] } },
    sites: { www: { staging: "./staging/www", group: "web", policy: { quorum: "1", encrypt: "aes-256-gcm" } } },
  });
  for (const name of ["a", "b", "c"]) await trial.startAgent(name);
});
afterAll(() => trial[Symbol.asyncDispose]());

const control = () => ({ id: "control", host, port: trial.control.linkPort });

async function token(options: { lifeMs?: number; nodeName?: string } = {}): Promise<string> {
  return (await trial.control.enrolment.createToken({ uses: 1, lifeMs: minute, by: "test", ...options })).text;
}

const enrolAs = (text: string, name: string, to = control()) =>
  enrol({ control: to, token: text, name, directory: temporaryDirectory() });

async function request(
  credentials: Credentials,
  path: string,
  body?: string,
): Promise<{ status: number; text: string }> {
  const client = new LinkClient(credentials);
  onTestFinished(() => client.close());
  const post = body === undefined ? {} : { method: "POST" as const, body: Buffer.from(body) };
  const answer = await client.request(control(), path, post);
  return { status: answer.status, text: Buffer.from(await receiveBytes(answer.body, 1 << 20)).toString() };
}

function identityOf(name: string) {
  const identity = loadIdentity(join(trial.directory, "agents", name));
  if (identity === undefined) throw new Error(`${name} is not enrolled`);
  return identity;
}

const report = (name: string, message: object) => request(identityOf(name), linkPaths.report, JSON.stringify(message));

describe("a node that is a member of something else", () => {
  let job: string;

  beforeAll(async () => {
    writeFileSync(join(trial.staging("www"), "index.html"), "not for everybody\n");
    job = (await trial.control.ask({ kind: "publish", site: "www", commit: "manual" }, "test")).id;
    await trial.inPhase(job, "holding");
  });
  afterAll(() => trial.control.jobs.abort(job, "test").then(() => trial.ended(job)));

  it("SEC-18: gets neither command buffer, key nor pieces of an assignment that is not for it", async () => {
    const [update] = await trial.control.assignments.ofJob(job);
    const id = update?.id ?? "";
    const paths = [linkPaths.buffer + id, linkPaths.key + id, `/pieces/${id}/0-1`];
    for (const path of paths) {
      expect((await request(identityOf("a"), path)).status, path).toBe(200);
      expect(await request(identityOf("c"), path), path).not.toMatchObject({ status: 200 });
    }
    const odd = [
      `${id}/`,
      `${id}?x`,
      id.toUpperCase(),
      `../${id}`,
      "..%2f..%2fauthority%2fauthority.pem",
      "../../authority/authority.pem",
      "",
      "%00",
    ];
    for (const each of odd) {
      for (const prefix of [linkPaths.buffer, linkPaths.key, "/pieces/"]) {
        expect([400, 404], prefix + each).toContain((await request(identityOf("a"), prefix + each)).status);
      }
    }
  });

  it("SEC-6: has no say in a job that is not its own, nor for other nodes", async () => {
    const tree = "ab".repeat(32);
    const state = { site: "www", lastSerial: 99, live: { serial: 99, version: 99, tree } };
    for (const message of [
      { type: "failed", job, code: "X", reason: "mine" },
      { type: "switched", job, state },
      { type: "prepared", job, state },
      { type: "room", job, able: false },
    ]) {
      expect((await report("c", message)).status).toBe(204);
    }
    const before = await trial.job(job);
    expect(before).toMatchObject({ state: "running", phase: "holding" });
    expect((await trial.control.hub.states("www")).get(await trial.nodeId("a"))?.live?.version).not.toBe(99);
    expect(trial.control.hub.isConnected(await trial.nodeId("a"))).toBe(true);
  });

  it("SEC-46: says nothing that control would not understand", async () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    const bad = [
      "",
      "null",
      "[]",
      "{",
      deep,
      '{"type":"__proto__"}',
      '{"type":"constructor"}',
      '{"type":"welcome"}',
      `{"type":"failed","job":${deep}}`,
    ];
    const about = (rest: string) => `{"type":"progress","job":"x","doneBytes":1,"totalBytes":1${rest}}`;
    const odd = [
      ',"__proto__":{"a":1}',
      ',"doneBytes":-1',
      ',"doneBytes":"1"',
      ',"doneBytes":0.5',
      ',"doneBytes":1e999',
      ',"unknown":1',
    ].map(about);
    for (const body of [...bad, ...odd]) {
      expect(await request(identityOf("a"), linkPaths.report, body), body.slice(0, 80)).toMatchObject({ status: 413 });
    }
    expect(await trial.job(job)).toMatchObject({ phase: "holding" });
  });
});

it("SEC-39: a second control on the same data directory does not start", async () => {
  const { directory, data, log } = trial;
  const address = { host: "127.0.0.1", port: 0 };
  const second = runControl(
    { directory: data, link: address, api: address, plugins: [], pluginDirectory: directory, log },
    realIo,
  );
  await expect(second).rejects.toMatchObject({ code: "DIST_ERR_STORE_LOCKED" });
  expect((await trial.api("GET", "/v1/status", await trial.token("viewer"))).status).toBe(200);
});

describe("SEC-40: a join token", () => {
  it("lets in one node, however many ask at once", async () => {
    const text = await token();
    const asked = await Promise.allSettled(Array.from({ length: 8 }, (_, index) => enrolAs(text, `once-${index}`)));
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const each of asked) if (each.status === "rejected") expect(each.reason).toMatchObject(refusedToken);
  });

  it("that expired lets nobody in", async () => {
    await expect(enrolAs(await token({ lifeMs: -1 }), "late")).rejects.toMatchObject(refusedToken);
  });

  it("cannot be guessed: who asks hears the same of a wrong secret as of a wrong id, and uses nothing up", async () => {
    const text = await token();
    const [form, id, , pin] = text.split(".");
    const guesses = Array.from({ length: 5 }, (_, index) => String(index).padStart(32, "0"));
    const heard = new Set<string>();
    for (const guess of guesses) {
      for (const guessed of [id, guess.slice(16)]) {
        const problem = await enrolAs([form, guessed, guess, pin].join("."), "guess").catch(
          (error: Error) => error.message,
        );
        heard.add(String(problem));
      }
    }
    expect([...heard]).toEqual([expect.stringContaining("nobody issued it")]);
    expect(await enrolAs(text, "not-guessed")).toMatchObject({ id: expect.any(String) as string });
  });

  it("for one name gives no other, and none that is taken", async () => {
    const { id } = await enrolAs(await token({ nodeName: "web-9" }), "admin");
    const row = await trial.control.db.selectFrom("node").select("name").where("id", "=", id).executeTakeFirst();
    expect(row).toEqual({ name: "web-9" });
    await expect(enrolAs(await token({ nodeName: "a" }), "b")).rejects.toMatchObject(refusedToken);
    await expect(enrolAs(await token(), "a")).rejects.toMatchObject(refusedToken);
  });

  it("is not told to somebody in the middle who has an authority of his own", async () => {
    const text = await token();
    const authority = await createAuthority();
    const rogue = await startPeer(await authority.controlIdentity());
    let told = "";
    rogue.link.serve("/enrol", async ({ body }) => {
      told += Buffer.from(await receiveBytes(body, 1 << 16)).toString();
      return { status: 200, body: [] };
    });
    await expect(enrolAs(text, "victim", { ...rogue, id: "control" })).rejects.toMatchObject({
      code: "DIST_ERR_AUTH_PIN",
    });
    expect(told).toBe("");
    const [form, id, secret] = text.split(".");
    const repinned = [form, id, secret, authority.fingerprint].join(".");
    await expect(enrolAs(repinned, "victim")).rejects.toMatchObject({ code: "DIST_ERR_AUTH_PIN" });
    expect(await enrolAs(text, "no-victim")).toBeDefined();
  });
});

describe("SEC-41: a request to sign", () => {
  async function certified(csr: string, name = "csr"): Promise<{ status: number; text: string }> {
    const { id: tokenId, secret } = parseJoinToken(await token());
    return request({ authority: identityOf("a").authority }, "/enrol", JSON.stringify({ tokenId, secret, name, csr }));
  }

  it("gets the names that control gives, whatever it asks for, and is no authority", async () => {
    const keys = (await webcrypto.subtle.generateKey(ecdsa, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
    const wanted = [
      new x509.SubjectAlternativeNameExtension([
        { type: "url", value: "distributary://control" },
        { type: "ip", value: "10.0.0.1" },
      ]),
      new x509.BasicConstraintsExtension(true, 5, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ];
    const csr = await x509.Pkcs10CertificateRequestGenerator.create({
      name: "CN=admin",
      keys,
      signingAlgorithm: ecdsa,
      extensions: wanted,
    });
    const { status, text } = await certified(csr.toString("pem"));
    expect(status).toBe(200);
    const { id, certificate } = JSON.parse(text) as EnrolAnswer;
    const given = new X509Certificate(certificate);
    expect([given.subject, given.subjectAltName, given.ca]).toEqual([
      `CN=${id}`,
      `URI:distributary://node/${id}`,
      false,
    ]);
  });

  it("with a key of another kind, another's key, or that is none, is refused and uses nothing up", async () => {
    const { csr } = await createCertificateRequest();
    const bytes = Buffer.from(csr.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
    bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1;
    const pem = (base64: string) => `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----`;
    const curve = { ...ecdsa, namedCurve: "P-384" };
    const keys = (await webcrypto.subtle.generateKey(curve, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
    const other = await x509.Pkcs10CertificateRequestGenerator.create({ name: "CN=x", keys, signingAlgorithm: curve });
    for (const bad of [
      pem(bytes.toString("base64")),
      other.toString("pem"),
      pem("AAAA"),
      "none",
      `${csr}${"x".repeat(20_000)}`,
    ]) {
      expect((await certified(bad, "bad")).status, bad.slice(0, 60)).toBe(400);
    }
    expect(await trial.control.db.selectFrom("node").select("id").where("name", "=", "bad").execute()).toEqual([]);
  });

  it("of a node that renews is for that node only", async () => {
    const identity = identityOf("c");
    const link = new LinkClient(identity);
    onTestFinished(() => link.close());
    const renewed = await renewIdentity(identity, {
      http: { serve: () => ({ [Symbol.dispose]() {} }), request: link.request.bind(link) },
      control: control(),
      directory: temporaryDirectory(),
    });
    expect(new X509Certificate(renewed.certificate).subjectAltName).toBe(`URI:distributary://node/${identity.id}`);
  });
});

it("SEC-42: a node that was revoked has lost its stream, every request and its certificate at once", async () => {
  const identity = identityOf("b");
  const disconnected = trial.event((event) => event.type === "node" && event.node === identity.id && !event.connected);
  const response = await trial.api("DELETE", "/v1/nodes/b", await trial.token("admin"));
  expect(response.status).toBe(200);
  await disconnected;
  for (const path of [linkPaths.stream, linkPaths.report, linkPaths.renew, "/pieces/", "/enrol"]) {
    await expect(request(identity, path, "{}"), path).rejects.toMatchObject({ code: "DIST_ERR_AUTH_REFUSED" });
  }
  expect(trial.control.hub.isConnected(identity.id)).toBe(false);
});
