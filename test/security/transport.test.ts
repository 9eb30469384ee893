import { createPrivateKey, generateKeyPairSync, randomBytes, webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { request as startRequest } from "node:https";
import { connect as connectTcp } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { MemoryPieces, recordingHost, simIo } from "distributary/testkit";
import { AssignmentSource } from "../../core/agent/delivery/assignment-source.ts";
import { readPublicKey } from "../../core/assignment/seal.ts";
import { openAuthority } from "../../core/control/authority.ts";
import { linkPaths } from "../../core/protocol/messages.ts";
import { readEnrolRequest } from "../../core/runtime/enrolment.ts";
import { LinkClient } from "../../core/runtime/link-client.ts";
import type { Credentials } from "../../core/runtime/link-client.ts";
import { x509 } from "../../core/runtime/x509.ts";
import http from "../../plugins/http/index.ts";
import type { HttpAnswer, PeerTransport } from "../../sdk/index.ts";
import { createAuthority, host, nodeIdentity, startPeer, temporaryDirectory } from "../core/runtime/trusted-peers.ts";

const refused = { code: "DIST_ERR_AUTH_REFUSED" };
const broken = { code: "DIST_ERR_TRANSFER_BROKEN" };
const never = new AbortController().signal;
const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function setUp() {
  const directory = join(temporaryDirectory(), "authority");
  const authority = await openAuthority(directory);
  const denied = new Set<string>();
  const control = await startPeer(await authority.controlIdentity(), { denied: (id) => denied.has(id) });
  const node = await startPeer(await nodeIdentity(authority, "node-1"));
  control.link.serve("/who", async ({ peerId }) => ({ status: 200, body: [Buffer.from(peerId)] }));
  return { authority, control, node, denied, authorityKey: readFileSync(join(directory, "authority.pem"), "utf8") };
}

function clientWith(credentials: Credentials): LinkClient {
  const client = new LinkClient(credentials);
  onTestFinished(() => client.close());
  return client;
}

/** A body without end, and how much of it was made. */
function endless() {
  const made = { bytes: 0 };
  const chunk = new Uint8Array(64 * 1024);
  async function* body(): AsyncGenerator<Uint8Array> {
    for (;;) {
      made.bytes += chunk.length;
      yield chunk;
    }
  }
  return { made, body };
}

interface Forged {
  /** PEM of the key that signs, and the certificate of whoever that is. */
  readonly signer: string;
  readonly issuer: string;
  readonly names?: readonly { readonly type: "url" | "dns" | "ip"; readonly value: string }[];
}

/** A certificate and its key, whoever signs it. */
async function forge({ signer, issuer, names = [] }: Forged) {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = keys.publicKey.export({ type: "spki", format: "der" });
  const pkcs8 = createPrivateKey(signer).export({ type: "pkcs8", format: "der" });
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=control",
    issuer: new x509.X509Certificate(issuer).subjectName,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 3_600_000),
    publicKey: await webcrypto.subtle.importKey("spki", spki, ecdsa, true, ["verify"]),
    signingKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, ecdsa, false, ["sign"]),
    signingAlgorithm: ecdsa,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...names])],
  });
  return {
    key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: `${certificate.toString("pem")}\n`,
  };
}

const controlName = { type: "url", value: "distributary://control" } as const;
const nodeName = { type: "url", value: "distributary://node/node-1" } as const;

describe("SEC-23: a body without end", () => {
  it("from control is left at the size that was announced", async () => {
    const { authority, control, node } = await setUp();
    const { made, body } = endless();
    control.link.serve(linkPaths.buffer, async () => ({ status: 200, body: body() }));
    const source = new AssignmentSource(simIo({ http: node.link }), control, readPublicKey(authority.signingKey));
    const notice = { id: "ab".repeat(32), site: "www", serial: 1, sizeBytes: 100_000, transports: [] };
    await expect(source.assignment(notice, never)).rejects.toMatchObject(broken);
    expect(made.bytes).toBeLessThan(32 << 20);
  });

  it("from a stranger who says it is a request to enrol is left after 64 KiB", async () => {
    const { authority, control } = await setUp();
    let read = 0;
    control.link.serve("/enrol", async ({ body }) => {
      const counted = (async function* () {
        for await (const chunk of body) {
          read += chunk.length;
          yield chunk;
        }
      })();
      await readEnrolRequest(counted);
      return { status: 200, body: [] };
    });
    const options = {
      host,
      port: control.port,
      path: "/enrol",
      method: "POST",
      ca: authority.certificate,
      agent: false,
      servername: "",
    };
    const call = startRequest({ ...options, checkServerIdentity: () => undefined });
    const ended = new Promise<number | undefined>((resolve) => {
      call.once("response", ({ statusCode }) => resolve(statusCode));
      call.once("error", () => resolve(undefined));
    });
    const write = (): void =>
      void call.write(Buffer.alloc(64 * 1024, 32), (error) => (error == null ? write() : undefined));
    write();
    expect([413, undefined]).toContain(await ended);
    call.destroy();
    expect(read).toBeLessThan(256 * 1024);
  });

  it("from a peer that was asked for pieces is left after those", async () => {
    const { control, node } = await setUp();
    const { made, body } = endless();
    const { fetch } = recordingHost(http).transports.get("http") as PeerTransport;
    const pieces = Array.from({ length: 4 }, (_, index) => Buffer.alloc(1_024, index));
    const answers: [string, HttpAnswer][] = [
      ["too many", { status: 200, headers: { "distributary-pieces": "5" }, body: body() }],
      ["half a piece", { status: 200, headers: { "distributary-pieces": "0.5" }, body: body() }],
      ["fewer than none", { status: 200, headers: { "distributary-pieces": "-1" }, body: body() }],
      ["2^53", { status: 200, headers: { "distributary-pieces": "9007199254740993" }, body: body() }],
      ["no number", { status: 200, body: body() }],
      ["four, and goes on", { status: 200, headers: { "distributary-pieces": "4" }, body: body() }],
      ["another status", { status: 206, headers: { "distributary-pieces": "4" }, body: body() }],
    ];
    let answer = answers[0]?.[1];
    control.link.serve("/pieces/", async () => answer ?? { status: 404, body: [] });
    for (const [title, given] of answers) {
      answer = given;
      const into = new MemoryPieces(Buffer.concat(pieces), 1_024, () => false);
      await expect(
        fetch(simIo({ http: node.link }), control, { from: 0, to: 4 }, into, never),
        title,
      ).rejects.toMatchObject(broken);
      expect(
        [0, 1, 2, 3].filter((index) => into.has(index)),
        title,
      ).toHaveLength(title.startsWith("four") ? 1 : 0);
    }
    expect(made.bytes).toBeLessThan(64 << 20);
  });
});

describe("SEC-42: a certificate", () => {
  const call = async (credentials: Credentials, to: { id: string; host: string; port: number }) =>
    clientWith(credentials).request(to, "/who");

  it("that has expired, or that was revoked, is refused", async () => {
    const { authority, control, node, denied } = await setUp();
    await expect(call(await nodeIdentity(authority, "node-1", -1 / 1_440), control)).rejects.toThrow(
      "CERT_HAS_EXPIRED",
    );
    denied.add("node-1");
    await expect(node.link.request(control, "/who")).rejects.toMatchObject(refused);
  });

  it("of another authority, of none, or one that this host trusts by itself, is refused on both sides", async () => {
    const { authority, control, node } = await setUp();
    const other = await createAuthority();
    const trusting = { ...(await nodeIdentity(other, "node-1")), authority: authority.certificate };
    await expect(call(trusting, control)).rejects.toMatchObject(refused);
    const impostor = await startPeer(await other.controlIdentity());
    await expect(node.link.request({ ...impostor, id: "control" }, "/who")).rejects.toMatchObject(refused);
    await expect(call({ authority: rootCertificates[0] ?? "" }, control)).rejects.toMatchObject(refused);
  });

  it.each<[string, readonly { type: "url" | "dns" | "ip"; value: string }[]]>([
    ["two names", [nodeName, controlName]],
    ["no name", []],
    ["the name of a host", [{ type: "dns", value: "control" }]],
    ["an address", [{ type: "ip", value: "127.0.0.1" }]],
    ["a name and more", [{ type: "url", value: "distributary://control/" }]],
    ["another scheme", [{ type: "url", value: "https://control" }]],
    ["control's name as that of a node", [{ type: "url", value: "distributary://node/control" }]],
    ["an empty name", [{ type: "url", value: "distributary://node/" }]],
    ["a name that holds another", [{ type: "url", value: "distributary://node/a, URI:distributary://control" }]],
  ])("of the authority itself with %s names nobody", async (_, names) => {
    const { authority, authorityKey, control, node } = await setUp();
    const forged = {
      ...(await forge({ signer: authorityKey, issuer: authority.certificate, names })),
      authority: authority.certificate,
    };
    await expect(call(forged, control)).rejects.toMatchObject(refused);
    const server = await startPeer({ ...forged, id: "control" });
    await expect(node.link.request(server, "/who")).rejects.toMatchObject(refused);
  });

  it("that a node signed with its own is worth nothing on either side", async () => {
    const { authority, control, node } = await setUp();
    const { key, certificate } = await nodeIdentity(authority, "node-2");
    const forged = await forge({ signer: key, issuer: certificate, names: [controlName] });
    const chain = { key: forged.key, certificate: forged.certificate + certificate, authority: authority.certificate };
    await expect(call(chain, control)).rejects.toMatchObject(refused);
    const server = await startPeer({ ...chain, id: "control" });
    await expect(node.link.request(server, "/who")).rejects.toThrow();
  });

  it("of a node is not that of control, nor that of another node", async () => {
    const { authority, node } = await setUp();
    const other = await startPeer(await nodeIdentity(authority, "node-2"));
    for (const id of ["control", "node-3"])
      await expect(node.link.request({ ...other, id }, "/who")).rejects.toMatchObject(refused);
  });

  it("is asked for by TLS 1.3 only", async () => {
    const { control } = await setUp();
    const socket = connectTls({ host, port: control.port, maxVersion: "TLSv1.2", rejectUnauthorized: false });
    const ended = new Promise((resolve) => socket.once("error", resolve).once("secureConnect", resolve));
    expect(await ended).toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
    socket.destroy();
  });
});

describe("SEC-43: an answer that leads elsewhere", () => {
  it.each([
    "http://169.254.169.254/latest",
    "https://localhost/",
    "file:///etc/passwd",
    "//other/elsewhere",
    "/elsewhere",
  ])("to %s is not followed", async (location) => {
    const { authority, control, node } = await setUp();
    let followed = 0;
    control.link.serve("/elsewhere", async () => ({ status: 200, body: [Buffer.from(String((followed += 1)))] }));
    control.link.serve(linkPaths.buffer, async () => ({ status: 302, headers: { location }, body: [] }));
    const source = new AssignmentSource(simIo({ http: node.link }), control, readPublicKey(authority.signingKey));
    const notice = { id: "ab".repeat(32), site: "www", serial: 1, sizeBytes: 100, transports: [] };
    await expect(source.assignment(notice, never)).rejects.toThrow("status 302");
    expect(followed).toBe(0);
  });
});

it("SEC-1: noise at the link's port, before and inside of TLS, leaves it answering", async () => {
  const { control, node } = await setUp();
  const noise = (isInside: boolean) => {
    const options = { host, port: control.port };
    const socket = isInside
      ? connectTls({ ...options, rejectUnauthorized: false, servername: "" })
      : connectTcp(options);
    socket.on("error", () => undefined).resume();
    socket.once(isInside ? "secureConnect" : "connect", () => socket.end(randomBytes(4_096)));
    return new Promise((resolve) => socket.once("close", resolve));
  };
  const before = process.memoryUsage().arrayBuffers;
  for (let round = 0; round < 10; round += 1) {
    await Promise.all(Array.from({ length: 20 }, (_, index) => noise(index % 2 === 0)));
  }
  expect((await node.link.request(control, "/who")).status).toBe(200);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
});
