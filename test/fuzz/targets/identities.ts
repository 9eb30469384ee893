import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadIdentity } from "../../../core/agent/enrol.ts";
import { openAuthority } from "../../../core/control/authority.ts";
import type { Authority } from "../../../core/control/authority.ts";
import {
  readEnrolAnswer,
  readEnrolRequest,
  readRenewAnswer,
  readRenewRequest,
} from "../../../core/runtime/enrolment.ts";
import { idIn } from "../../../core/runtime/identity.ts";
import { formatJoinToken, parseJoinToken } from "../../../core/runtime/join-token.ts";
import { writeFile } from "../../../sdk/testkit/disk-subject.ts";
import { SimDisk } from "../../../sdk/testkit/sim/disk.ts";
import type { SimRandom } from "../../../sdk/testkit/sim/random.ts";
import { fromPem, mutateDer, mutatePem, readDer, toPem, writeDer } from "../der-mutations.ts";
import type { Der } from "../der-mutations.ts";
import { defineTarget, failsWith } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateOften, mutateText, mutateValue, pick } from "../mutations.ts";

const sample = (name: string) => readFileSync(join(import.meta.dirname, "../samples", name), "utf8");
/** What `openAuthority`, `createCertificateRequest` and `enrol` once made; always the same, so that cases are. */
const [authorityText, requestText, identityText] = [
  sample("authority.pem"),
  sample("request.pem"),
  sample("identity.json"),
];
const stored = JSON.parse(identityText) as Readonly<Record<"key" | "certificate" | "authority" | "signingKey", string>>;

/** An authority whose file holds this. */
function authorityOf(text: string): Promise<Authority> {
  const disk = new SimDisk();
  disk.makeDirectory("/authority");
  writeFile(disk, "/authority/authority.pem", text);
  disk.chmod("/authority/authority.pem", 0o600);
  return openAuthority("/authority", disk);
}

const joinToken = defineTarget({
  name: "join-token",
  isRefusal: failsWith("DIST_ERR_AUTH_TOKEN"),
  open() {
    const token = { id: "0123456789abcdef", secret: "ab".repeat(16), fingerprint: "5".repeat(64) };
    const text = formatJoinToken(token);
    return {
      make(random) {
        const changed = random.below(8) === 0 ? text : mutateOften(text, random, mutateText);
        return random.below(4) === 0 ? ` ${changed}\n` : changed;
      },
      feed(changed) {
        if (formatJoinToken(parseJoinToken(changed)) !== changed.trim()) throw new Error("it is read as another");
      },
    };
  },
});

/** Bodies of `/enrol` and `/renew`, of both sides. */
const enrolment = defineTarget({
  name: "enrolment",
  isRefusal: failsWith("DIST_ERR_AUTH_REQUEST", "DIST_ERR_LINK_BODY"),
  open() {
    const bodies: readonly object[] = [
      {
        tokenId: "0123456789abcdef",
        secret: "ab".repeat(16),
        name: "web-1",
        csr: "-----BEGIN CERTIFICATE REQUEST-----",
      },
      { csr: "-----BEGIN CERTIFICATE REQUEST-----" },
      { id: "6f1c", certificate: "x", authority: "y", signingKey: "z" },
      { certificate: "x" },
    ];
    const readers: readonly ((body: Iterable<Uint8Array>) => Promise<object>)[] = [
      ...[readEnrolRequest, readRenewRequest, readEnrolAnswer, readRenewAnswer],
    ];
    return {
      make(random): { readonly reader: number; readonly body: Uint8Array } {
        const reader = random.below(bodies.length);
        const value =
          random.below(8) === 0 ? bodies[reader] : mutateOften<unknown>(bodies[reader], random, mutateValue);
        const body = Buffer.from(JSON.stringify(value));
        return { reader, body: random.below(3) === 0 ? mutateBytes(body, random) : body };
      },
      async feed({ reader, body }) {
        const read = await readers[reader]?.([body.subarray(0, 7), body.subarray(7)]);
        if (Object.values(read ?? {}).some((text) => typeof text !== "string")) throw new Error("it holds no text");
      },
    };
  },
});

/** What a request to sign says of itself, signed with its own key whatever that is. */
function resigned(request: Der, key: KeyObject, random: SimRandom): Der {
  const [info, algorithm] = request.content as readonly [Der, Der];
  const changed = mutateOften(info, random, mutateDer);
  const signature = Buffer.concat([Buffer.of(0), sign("sha256", writeDer(changed), key)]);
  return { tag: request.tag, content: [changed, algorithm, { tag: 0x03, content: signature }] };
}

/** Requests to sign, of which nothing but the key is believed. */
const certificateRequest = defineTarget({
  name: "certificate-request",
  // Each is verified, and a good one is answered with a certificate.
  testCases: 10_000,
  isRefusal: failsWith("DIST_ERR_AUTH_REQUEST"),
  async open() {
    const authority = await authorityOf(authorityText);
    const request = readDer(fromPem(requestText));
    const ownKey = createPrivateKey(stored.key);
    return {
      make: (random) =>
        random.below(2) === 0
          ? mutatePem(requestText, random)
          : toPem("CERTIFICATE REQUEST", writeDer(resigned(request, ownKey, random))),
      async feed(changed) {
        const issued = new X509Certificate(await authority.issue(changed, { id: "n1" }));
        if (idIn(issued) !== "n1" || issued.ca) throw new Error(`it became ${issued.subjectAltName ?? "nobody"}`);
        if (!issued.verify(createPublicKey(authority.certificate))) throw new Error("the authority did not sign it");
      },
    };
  },
});

/** Certificates that name other peers, or several. */
const certificate = defineTarget({
  name: "certificate",
  // OpenSSL takes its time.
  testCases: 20_000,
  // What OpenSSL refuses never gets as far as to us.
  isRefusal: (error) => /^ERR_(OSSL|INVALID)/.test(String((error as NodeJS.ErrnoException).code)),
  open() {
    const pem = stored.certificate;
    const issuer = createPublicKey(stored.authority);
    const names = [
      "distributary://node/",
      "distributary://control",
      "distributary://node/n2",
      "distributary://node/n1/n2",
    ];
    return {
      make(random) {
        if (random.below(3) > 0) return mutatePem(pem, random);
        const der = fromPem(pem).toString("latin1");
        const name = random.below(2) === 0 ? pick(random, names) : mutateText("distributary://node/n1", random);
        // As long as the name that was there, so that no length is wrong.
        const same = name.padEnd("distributary://node/n1".length, "\0").slice(0, "distributary://node/n1".length);
        return toPem("CERTIFICATE", Buffer.from(der.replace("distributary://node/n1", same), "latin1"));
      },
      feed(changed) {
        const read = new X509Certificate(changed);
        const id = idIn(read);
        if (id !== undefined && id !== "control" && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id))
          throw new Error(`it is of '${id}'`);
        if (id !== "n1" && id !== undefined && read.verify(issuer)) throw new Error(`it is of '${id}', and is signed`);
      },
    };
  },
});

/** The file of the authority, damaged. */
const authorityFile = defineTarget({
  name: "authority-file",
  // Keys are read and compared.
  testCases: 10_000,
  isRefusal: failsWith("DIST_ERR_AUTH_AUTHORITY"),
  open() {
    const blocks = authorityText.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----\n/g) ?? [];
    return {
      make(random) {
        if (random.below(3) === 0) return mutateOften(authorityText, random, mutateText);
        const at = random.below(blocks.length);
        return blocks.map((block, index) => (index === at ? mutatePem(block, random) : block)).join("");
      },
      async feed(changed) {
        const { sign: signs, signingKey } = await authorityOf(changed);
        if (signs(Buffer.from("x")).length !== 64 || !signingKey.includes("PUBLIC KEY"))
          throw new Error("it cannot sign");
      },
    };
  },
});

/** A node's file of keys and certificates, damaged. */
const identityFile = defineTarget({
  name: "identity-file",
  // Keys are read and compared.
  testCases: 10_000,
  isRefusal: failsWith("DIST_ERR_AUTH_IDENTITY"),
  open() {
    const names = ["key", "certificate", "authority", "signingKey"] as const;
    return {
      make(random): Uint8Array {
        const kind = random.below(4);
        if (kind === 0) return mutateOften<Uint8Array>(Buffer.from(identityText), random, mutateBytes);
        if (kind === 1) return Buffer.from(JSON.stringify(mutateOften<unknown>(stored, random, mutateValue)));
        const name = pick(random, names);
        const text = random.below(8) === 0 ? requestText : mutatePem(stored[name], random);
        return Buffer.from(JSON.stringify({ ...stored, [name]: text }));
      },
      feed(changed) {
        const disk = new SimDisk();
        for (const path of ["/agent", "/agent/identity"]) disk.makeDirectory(path);
        writeFile(disk, "/agent/identity/identity.json", changed);
        const identity = loadIdentity("/agent", disk);
        if (identity?.id !== "n1") throw new Error(`it is that of '${identity?.id}'`);
        const signed = sign("sha256", Buffer.from("x"), identity.key);
        const isKey = verify("sha256", Buffer.from("x"), new X509Certificate(identity.certificate).publicKey, signed);
        if (!isKey) throw new Error("its key is damaged");
      },
    };
  },
});

export const identityTargets: readonly Target[] = [
  ...[joinToken, enrolment, certificateRequest, certificate, authorityFile, identityFile],
];
