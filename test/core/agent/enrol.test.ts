import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { EnrolOptions } from "../../../core/agent/enrol.ts";
import { enrol, loadIdentity, renewalTime, renewIdentity } from "../../../core/agent/enrol.ts";
import type { Authority } from "../../../core/control/authority.ts";
import { createJoinToken, hashSecret, secretMatches } from "../../../core/control/join-token.ts";
import { jsonAnswer, readEnrolRequest, readRenewRequest } from "../../../core/runtime/enrolment.ts";
import type { EnrolAnswer, EnrolRequest } from "../../../core/runtime/enrolment.ts";
import { failure } from "../../../sdk/index.ts";
import { createAuthority, host, nodeIdentity, startPeer, temporaryDirectory } from "../runtime/trusted-peers.ts";
import type { TrustedPeer } from "../runtime/trusted-peers.ts";

/** Lets in whoever has the token, as control does, and notes who asked. */
function serveEnrolment(
  peer: TrustedPeer,
  authority: Authority,
  tokenHash: string,
  change: (answer: EnrolAnswer) => Partial<EnrolAnswer> = () => ({}),
): EnrolRequest[] {
  const asked: EnrolRequest[] = [];
  peer.link.serve("/enrol", async ({ body }) => {
    const request = await readEnrolRequest(body);
    asked.push(request);
    if (!secretMatches(request.secret, tokenHash)) throw failure("DIST_ERR_AUTH_TOKEN", { problem: "it is unknown" });
    const { certificate, signingKey } = authority;
    const answer = { id: "node-1", certificate: "", authority: certificate, signingKey };
    const whole = { ...answer, certificate: await authority.issue(request.csr, { id: "node-1" }) };
    return jsonAnswer({ ...whole, ...change(whole) });
  });
  peer.link.serve("/renew", async ({ body, peerId }) =>
    jsonAnswer({ certificate: await authority.issue((await readRenewRequest(body)).csr, { id: peerId }) }),
  );
  return asked;
}

async function setUp(change?: Parameters<typeof serveEnrolment>[3]) {
  const authority = await createAuthority();
  const control = await startPeer(await authority.controlIdentity());
  const { text: token, secret } = createJoinToken(authority.fingerprint);
  const asked = serveEnrolment(control, authority, hashSecret(secret), change);
  const directory = temporaryDirectory();
  const join = (at: { host: string; port: number }, withToken = token, more: Partial<EnrolOptions> = {}) =>
    enrol({ control: { host: at.host, port: at.port }, token: withToken, name: "web-1", directory, ...more });
  return { authority, control, token, secret, asked, directory, join };
}

describe("a node that enrols", () => {
  it("gets the identity that control gives it, and finds it again", async () => {
    const { authority, asked, control, directory, join } = await setUp();
    const identity = await join(control);
    const { certificate, signingKey } = authority;
    expect(identity).toMatchObject({ id: "node-1", authority: certificate, signingKey });
    expect(asked.map(({ name }) => name)).toEqual(["web-1"]);
    expect(loadIdentity(directory)).toEqual(identity);
  });

  it("asks for its segment and its labels, which control may give it or not", async () => {
    const { asked, control, join, token } = await setUp();
    await join(control, token, { segment: "hall-1", labels: { tier: "web" } });
    await join(control);
    expect(asked.map(({ segment, labels }) => ({ segment, labels }))).toEqual([
      { segment: "hall-1", labels: { tier: "web" } },
      // By the loopback no network is reached that could have a name.
      { segment: undefined, labels: {} },
    ]);
  });

  it("is let in by its new identity", async () => {
    const { control, join } = await setUp();
    const node = await startPeer(await join(control));
    control.link.serve("/who", ({ peerId }) => Promise.resolve({ status: 200, body: [Buffer.from(peerId)] }));
    const { body } = await node.link.request(control, "/who");
    expect((await Array.fromAsync(body)).join("")).toBe("node-1");
  });

  it("keeps its identity where only its owner can read, and nothing beside it", async () => {
    const { control, directory, join: enrolNode } = await setUp();
    await enrolNode(control);
    const kept = join(directory, "identity");
    expect(readdirSync(kept)).toEqual(["identity.json"]);
    expect(statSync(kept).mode & 0o777).toBe(0o700);
    expect(statSync(join(kept, "identity.json")).mode & 0o777).toBe(0o600);
  });

  it("never sends its key", async () => {
    const { asked, control, join } = await setUp();
    await join(control);
    expect(JSON.stringify(asked)).not.toContain("PRIVATE");
  });

  it("is told that its token is refused, and has no identity", async () => {
    const { authority, control, directory, join } = await setUp();
    const { text } = createJoinToken(authority.fingerprint);
    await expect(join(control, text)).rejects.toMatchObject({ code: "DIST_ERR_AUTH_TOKEN" });
    expect(loadIdentity(directory)).toBeUndefined();
  });

  it("is told that nobody answers, which is worth another try", async () => {
    const { control, join } = await setUp();
    await control.link.close();
    await expect(join(control)).rejects.toMatchObject({ code: "DIST_ERR_TRANSFER_BROKEN", retryable: true });
  });

  it.each<[string, (answer: EnrolAnswer) => Partial<EnrolAnswer>]>([
    ["another id", () => ({ id: "node-2" })],
    ["the id of control", () => ({ id: "control" })],
    ["no signing key", () => ({ signingKey: "none" })],
    ["the authority as signing key", ({ authority }) => ({ signingKey: authority })],
    ["the authority's certificate as its own", ({ authority }) => ({ certificate: authority })],
  ])("refuses an answer with %s", async (_, change) => {
    const { control, directory, join } = await setUp(change);
    await expect(join(control)).rejects.toMatchObject({ code: "DIST_ERR_AUTH_REQUEST" });
    expect(loadIdentity(directory)).toBeUndefined();
  });
});

describe("somebody between a node and control", () => {
  const pin = { code: "DIST_ERR_AUTH_PIN" };

  it("with an authority of its own is found out before the token is sent", async () => {
    const { join, secret } = await setUp();
    const other = await createAuthority();
    const impostor = await startPeer(await other.controlIdentity());
    const asked = serveEnrolment(impostor, other, hashSecret(secret));
    await expect(join(impostor)).rejects.toMatchObject(pin);
    expect(asked).toEqual([]);
  });

  it("who shows the real authority beside its own certificate is found out before the token is sent", async () => {
    const { authority, join, secret } = await setUp();
    const other = await createAuthority();
    const own = await other.controlIdentity();
    const impostor = await startPeer({ ...own, authority: other.certificate + authority.certificate });
    const asked = serveEnrolment(impostor, other, hashSecret(secret));
    await expect(join(impostor)).rejects.toMatchObject(pin);
    expect(asked).toEqual([]);
  });

  it("who lets the first connection through and takes the second is found out before the token is sent", async () => {
    const { control, join, secret } = await setUp();
    const other = await createAuthority();
    const impostor = await startPeer(await other.controlIdentity());
    const asked = serveEnrolment(impostor, other, hashSecret(secret));
    const ports = [control.port, impostor.port, impostor.port];
    const relay = createServer((socket) => {
      const onward = connect(ports.shift() ?? impostor.port, host);
      for (const end of [socket, onward]) end.on("error", () => end.destroy());
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((resolve) => relay.listen(0, host, resolve));
    onTestFinished(() => void relay.close());
    await expect(join({ host, port: (relay.address() as AddressInfo).port })).rejects.toMatchObject(pin);
    expect(asked).toEqual([]);
    expect(ports.length).toBeLessThan(2);
  });

  it("who is a node of the same authority is not control", async () => {
    const { authority, join, secret } = await setUp();
    const node = await startPeer(await nodeIdentity(authority, "node-7"));
    const asked = serveEnrolment(node, authority, hashSecret(secret));
    await expect(join(node)).rejects.toMatchObject(pin);
    expect(asked).toEqual([]);
  });
});

describe("an identity", () => {
  it("is due for renewal two thirds through its life", async () => {
    const { control, join } = await setUp();
    const identity = await join(control);
    const days = (renewalTime(identity) - Date.now()) / 86_400_000;
    expect(days).toBeGreaterThan(4.6);
    expect(days).toBeLessThan(4.7);
  });

  it("is renewed with a fresh key for the same id, and kept", async () => {
    const { control, directory, join } = await setUp();
    const identity = await join(control);
    const node = await startPeer(identity);
    const renewed = await renewIdentity(identity, { http: node.link, control, directory });
    expect(new X509Certificate(renewed.certificate).subjectAltName).toBe("URI:distributary://node/node-1");
    expect(renewed.key).not.toBe(identity.key);
    expect(loadIdentity(directory)).toEqual(renewed);
  });

  it("stays as it was if control does not renew it", async () => {
    const { authority, directory, join, control } = await setUp();
    const identity = await join(control);
    const node = await startPeer(identity);
    const silent = await startPeer(await authority.controlIdentity());
    await expect(renewIdentity(identity, { http: node.link, control: silent, directory })).rejects.toThrow("404");
    expect(loadIdentity(directory)).toEqual(identity);
  });

  it.each<[string, (text: string) => string]>([
    ["is empty", () => ""],
    ["was cut off", (text) => text.slice(0, 300)],
    ["is of somebody else", (text) => text.replace('"node-1"', '"node-2"')],
    ["lacks its key", (text) => text.replace('"key"', '"lock"')],
    ["is too large", (text) => text + " ".repeat(200_000)],
  ])("is refused if its file %s", async (_, damage) => {
    const { control, directory, join: enrolNode } = await setUp();
    await enrolNode(control);
    const path = join(directory, "identity", "identity.json");
    writeFileSync(path, damage(readFileSync(path, "utf8")));
    expect(() => loadIdentity(directory)).toThrow("cannot be used");
  });
});

describe("what control is asked", () => {
  const good = { tokenId: "t", secret: "s", name: "web-1", csr: "c" };

  it.each<[string, string]>([
    ["is no JSON", "{"],
    ["is no object", "[]"],
    ["is null", "null"],
    ["lacks something", JSON.stringify({ ...good, csr: undefined })],
    ["has something more", JSON.stringify({ ...good, role: "admin" })],
    ["has a number for a text", JSON.stringify({ ...good, secret: 1 })],
    ["has a name that is none", JSON.stringify({ ...good, name: "<script>" })],
    ["has a very long text", JSON.stringify({ ...good, csr: "x".repeat(20_000) })],
    ["names a segment that is none", JSON.stringify({ ...good, segment: "Hall 1" })],
    ["has labels that are none", JSON.stringify({ ...good, labels: ["tier"] })],
    ["has a label that is no text", JSON.stringify({ ...good, labels: { tier: 1 } })],
    ["has a label without a name", JSON.stringify({ ...good, labels: { "": "web" } })],
    ["has a very long label", JSON.stringify({ ...good, labels: { tier: "x".repeat(201) } })],
    ["has a NUL in a label", JSON.stringify({ ...good, labels: { tier: "a\0b" } })],
    [
      "has very many labels",
      JSON.stringify({ ...good, labels: Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`l${at}`, ""])) }),
    ],
    ["is nested very deep", `${"[".repeat(30_000)}${"]".repeat(30_000)}`],
  ])("is refused if it %s", async (_, text) => {
    await expect(readEnrolRequest([Buffer.from(text)])).rejects.toMatchObject({ code: "DIST_ERR_AUTH_REQUEST" });
  });

  it("is refused unread if it is very long", async () => {
    const body = Array.from({ length: 100 }, () => new Uint8Array(1_000));
    await expect(readEnrolRequest(body)).rejects.toMatchObject({ code: "DIST_ERR_LINK_BODY" });
  });
});
