import { createPublicKey, verify, webcrypto, X509Certificate } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openAuthority } from "../../../core/control/authority.ts";
import { createJoinToken, hashSecret, secretMatches } from "../../../core/control/join-token.ts";
import { createCertificateRequest } from "../../../core/runtime/certificate-request.ts";
import { fingerprintOf, idIn } from "../../../core/runtime/identity.ts";
import { parseJoinToken } from "../../../core/runtime/join-token.ts";
import { x509 } from "../../../core/runtime/x509.ts";
import { createAuthority, temporaryDirectory } from "../runtime/trusted-peers.ts";

async function generateKeys(algorithm: { name: string }): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
}

function requestOf(base64: string): string {
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----`;
}

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const dayMs = 24 * 60 * 60 * 1000;

describe("the authority", () => {
  it("is made once and is the same afterwards", async () => {
    const directory = join(temporaryDirectory(), "a", "b");
    const first = await openAuthority(directory);
    const second = await openAuthority(directory);
    expect([second.fingerprint, second.signingKey]).toEqual([first.fingerprint, first.signingKey]);
    expect(fingerprintOf(new X509Certificate(first.certificate))).toBe(first.fingerprint);
  });

  it("is one, whoever of several opens it first", async () => {
    const directory = temporaryDirectory();
    const opened = await Promise.all(Array.from({ length: 5 }, () => openAuthority(directory)));
    expect(new Set(opened.map(({ fingerprint }) => fingerprint)).size).toBe(1);
    expect(readdirSync(directory)).toEqual(["authority.pem"]);
  });

  it("is kept where only its owner can read", async () => {
    const directory = join(temporaryDirectory(), "authority");
    await openAuthority(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, "authority.pem")).mode & 0o777).toBe(0o600);
  });

  it("is refused if others can read it", async () => {
    const directory = temporaryDirectory();
    await openAuthority(directory);
    chmodSync(join(directory, "authority.pem"), 0o640);
    await expect(openAuthority(directory)).rejects.toMatchObject({ code: "DIST_ERR_AUTH_AUTHORITY" });
  });

  it.each<[string, (text: string) => string]>([
    ["is empty", () => ""],
    ["was cut off", (text) => text.slice(0, text.length / 2)],
    ["is no text", () => "\0".repeat(1_000)],
    ["is too large", (text) => text.repeat(100)],
    ["lost a block", (text) => text.replace(/-----BEGIN CERTIFICATE[^]*END CERTIFICATE-----/, "")],
    ["lost its signing key", (text) => text.slice(0, text.lastIndexOf("-----BEGIN"))],
  ])("is refused and left as it is if its file %s", async (_, damage) => {
    const directory = temporaryDirectory();
    await openAuthority(directory);
    const path = join(directory, "authority.pem");
    const damaged = damage(readFileSync(path, "utf8"));
    writeFileSync(path, damaged);
    await expect(openAuthority(directory)).rejects.toMatchObject({ code: "DIST_ERR_AUTH_AUTHORITY" });
    expect(readFileSync(path, "utf8")).toBe(damaged);
  });

  it("is refused if its certificate is of another key", async () => {
    const [one, other] = [temporaryDirectory(), temporaryDirectory()];
    const { certificate } = await openAuthority(one);
    const stranger = await openAuthority(other);
    const path = join(one, "authority.pem");
    writeFileSync(path, readFileSync(path, "utf8").replace(certificate.trim(), stranger.certificate.trim()));
    await expect(openAuthority(one)).rejects.toMatchObject({ code: "DIST_ERR_AUTH_AUTHORITY" });
  });

  it("signs what its signing key confirms", async () => {
    const authority = await createAuthority();
    const bytes = Buffer.from("an assignment");
    const signature = authority.sign(bytes);
    expect(signature.length).toBe(64);
    expect(verify(null, bytes, createPublicKey(authority.signingKey), signature)).toBe(true);
  });

  it("certifies control for itself and no other authority", async () => {
    const authority = await createAuthority();
    const identity = await authority.controlIdentity();
    const certificate = new X509Certificate(identity.certificate);
    const issuer = new X509Certificate(authority.certificate);
    expect(idIn(certificate)).toBe("control");
    expect([certificate.ca, issuer.ca]).toEqual([false, true]);
    expect(certificate.verify(issuer.publicKey) && certificate.checkIssued(issuer)).toBe(true);
    const constraints = new x509.X509Certificate(authority.certificate).getExtension(x509.BasicConstraintsExtension);
    expect(constraints).toMatchObject({ ca: true, pathLength: 0, critical: true });
  });
});

describe("a node's certificate", () => {
  it("names the node, lasts seven days, begins in the past and is no authority's", async () => {
    const authority = await createAuthority();
    const { csr } = await createCertificateRequest();
    const certificate = new X509Certificate(await authority.issue(csr, { id: "node-1" }));
    expect(certificate.subjectAltName).toBe("URI:distributary://node/node-1");
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]);
    expect(certificate.validFromDate.getTime()).toBeLessThan(Date.now());
    expect(Math.abs(certificate.validToDate.getTime() - Date.now() - 7 * dayMs)).toBeLessThan(60_000);
  });

  it("takes nothing from the request but its key", async () => {
    const authority = await createAuthority();
    const keys = await crypto.subtle.generateKey(ecdsa, true, ["sign", "verify"]);
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      name: "CN=control, O=admin",
      keys,
      signingAlgorithm: ecdsa,
      extensions: [
        new x509.BasicConstraintsExtension(true, 3, true),
        new x509.SubjectAlternativeNameExtension([
          { type: "url", value: "distributary://control" },
          { type: "dns", value: "control.example" },
          { type: "ip", value: "10.0.0.1" },
        ]),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        new x509.ExtendedKeyUsageExtension(["2.5.29.37.0"]),
      ],
    });
    const certificate = new X509Certificate(await authority.issue(request.toString("pem"), { id: "node-1" }));
    expect(certificate.subject).toBe("CN=node-1");
    expect(idIn(certificate)).toBe("node-1");
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]);
    const spki = await crypto.subtle.exportKey("spki", keys.publicKey);
    expect(certificate.publicKey.export({ type: "spki", format: "der" })).toEqual(Buffer.from(spki));
    const usages = new x509.X509Certificate(certificate.toString()).getExtension(x509.KeyUsagesExtension);
    expect(usages?.usages).toBe(x509.KeyUsageFlags.digitalSignature);
  });

  it.each(["control", "", "a/b", "a b", "../x", "ä", "x".repeat(65), "a,URI:distributary://control"])(
    "is not issued for the id %j",
    async (id) => {
      const authority = await createAuthority();
      const { csr } = await createCertificateRequest();
      await expect(authority.issue(csr, { id })).rejects.toMatchObject({ code: "DIST_ERR_AUTH_REQUEST" });
    },
  );

  it("is not issued for a key of another kind", async () => {
    const authority = await createAuthority();
    for (const algorithm of [
      { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
      { name: "Ed25519" },
      { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) },
    ]) {
      const keys = await generateKeys(algorithm);
      const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
      await expect(authority.issue(request.toString("pem"), { id: "node-1" })).rejects.toThrow("its key is not P-256");
    }
  });

  it("is not issued to who does not have the key", async () => {
    const authority = await createAuthority();
    const { csr } = await createCertificateRequest();
    const bytes = Buffer.from(csr.replaceAll(/-----.*-----|\s/g, ""), "base64");
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const forged = new x509.Pkcs10CertificateRequest(bytes).toString("pem");
    await expect(authority.issue(forged, { id: "node-1" })).rejects.toThrow("not signed with its own key");
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["words", "please"],
    ["a damaged request", requestOf("MAAw")],
    ["nested emptiness", requestOf("MIAw".repeat(3_000))],
    ["far too much", requestOf("A".repeat(20_000))],
  ])("is not issued for %s", async (_, csr) => {
    const authority = await createAuthority();
    await expect(authority.issue(csr, { id: "node-1" })).rejects.toMatchObject({ code: "DIST_ERR_AUTH_REQUEST" });
  });
});

describe("a join token", () => {
  const fingerprint = "ab".repeat(32);

  it("is read as it was written, with space around it", () => {
    const { id, secret, text } = createJoinToken(fingerprint);
    expect(parseJoinToken(` ${text}\n`)).toEqual({ id, secret, fingerprint });
    expect(secret).toMatch(/^[0-9a-f]{32}$/);
  });

  it("is another each time", () => {
    const tokens = Array.from({ length: 100 }, () => createJoinToken(fingerprint));
    expect(new Set(tokens.map(({ secret }) => secret)).size).toBe(100);
    expect(new Set(tokens.map(({ id }) => id)).size).toBe(100);
  });

  it("is confirmed by its hash alone", () => {
    const { secret } = createJoinToken(fingerprint);
    expect(secretMatches(secret, hashSecret(secret))).toBe(true);
    expect(secretMatches(secret, hashSecret(createJoinToken(fingerprint).secret))).toBe(false);
    expect(secretMatches("", hashSecret(secret))).toBe(false);
    expect(secretMatches(secret, "")).toBe(false);
  });

  it.each(["", "dst1", "dst2.0000000000000000.x.y", `dst1.00.${"0".repeat(32)}.${fingerprint}`])(
    "is refused without being shown: %j",
    (text) => {
      expect(() => parseJoinToken(text)).toThrow("does not read dst1.");
    },
  );
});
