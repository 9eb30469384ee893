import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, webcrypto, X509Certificate } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { join } from "node:path";
import { failure } from "../../sdk/index.ts";
import type { Disk } from "../../sdk/index.ts";
import { realDisk } from "../runtime/disk.ts";
import { createFile, makeDirectories, readFile } from "../content/durable-file.ts";
import { controlId, fingerprintOf, isNodeId, uriOf } from "../runtime/identity.ts";
import type { Identity } from "../runtime/identity.ts";
import { x509 } from "../runtime/x509.ts";

/** What makes control the one its nodes obey: it issues certificates and signs assignments. */
export interface Authority {
  /** Of the authority itself, PEM. */
  readonly certificate: string;
  /** Hex SHA-256 of the authority's public key, which join tokens carry. */
  readonly fingerprint: string;
  /** The public key that assignments are checked with, PEM. */
  readonly signingKey: string;
  /** Ed25519 (RFC 8032), 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
  /**
   * A certificate (PEM) for the key of a request to sign (PKCS #10, PEM). Nothing else is taken from the request: it
   * says `id` and what every node's says.
   * Throws DIST_ERR_AUTH_REQUEST unless the request is signed with its own P-256 key.
   */
  issue(request: string, options: { readonly id: string; readonly days?: number }): Promise<string>;
  /** A fresh key of control's own with its certificate, by which it serves and calls nodes. */
  controlIdentity(days?: number): Promise<Identity>;
}

const dayMs = 24 * 60 * 60 * 1000;
const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const longestRequest = 16 * 1024;
const longestFile = 64 * 1024;
/** So that a node whose clock is a little behind can use its certificate at once. */
const headStartMs = 10 * 60 * 1000;
const nodeDays = 7;
const controlDays = 90;
const authorityDays = 20 * 365;

/**
 * The authority kept in `directory`, made there at the first call and never again: all of it is one file.
 * Throws DIST_ERR_AUTH_AUTHORITY if that file is damaged or can be read by others; it is never replaced.
 */
export async function openAuthority(directory: string, disk: Disk = realDisk): Promise<Authority> {
  const path = join(directory, "authority.pem");
  makeDirectories(disk, directory);
  const stored = read(path, disk) ?? (await create(path, disk));
  try {
    return await authorityOf(parse(stored));
  } catch (cause) {
    throw damaged(path, cause);
  }
}

interface Keys {
  readonly authorityKey: KeyObject;
  readonly certificate: X509Certificate;
  readonly signingKey: KeyObject;
}

function read(path: string, disk: Disk): string | undefined {
  try {
    const others = (disk.stat(path)?.mode ?? 0) & 0o077;
    if (others !== 0 && process.platform !== "win32") throw new Error("others than its owner may read or write it");
    const bytes = readFile(disk, path, longestFile);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
  } catch (cause) {
    throw damaged(path, cause);
  }
}

async function create(path: string, disk: Disk): Promise<string> {
  const keys = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signing = generateKeyPairSync("ed25519");
  const publicKey = await verifyingKey(keys.publicKey);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=Distributary authority",
    issuer: "CN=Distributary authority",
    ...lifetime(authorityDays),
    publicKey,
    signingKey: await signingKeyOf(keys.privateKey),
    signingAlgorithm: ecdsa,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  const text = [pemOf(keys.privateKey), `${certificate.toString("pem")}\n`, pemOf(signing.privateKey)].join("");
  try {
    createFile(disk, path, Buffer.from(text));
  } catch (error) {
    // Another process made one in the meantime; that one counts.
    const other = (error as NodeJS.ErrnoException).code === "EEXIST" ? read(path, disk) : undefined;
    if (other === undefined) throw error;
    return other;
  }
  return text;
}

function parse(text: string): Keys {
  const blocks = text.match(/-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g) ?? [];
  const [authorityPem = "", certificatePem = "", signingPem = "", ...more] = blocks;
  if (more.length > 0) throw new Error("it holds more than three blocks");
  const authorityKey = createPrivateKey(authorityPem);
  const certificate = new X509Certificate(certificatePem);
  const signingKey = createPrivateKey(signingPem);
  if (!certificate.checkPrivateKey(authorityKey)) throw new Error("its certificate is not of its key");
  const isAuthority = certificate.ca && certificate.verify(certificate.publicKey);
  if (!isAuthority) throw new Error("its certificate is no authority's");
  if (signingKey.asymmetricKeyType !== "ed25519") throw new Error("its signing key is not Ed25519");
  return { authorityKey, certificate, signingKey };
}

async function authorityOf({ authorityKey, certificate, signingKey }: Keys): Promise<Authority> {
  const authorityPem = certificate.toString();
  const issuer = new x509.X509Certificate(authorityPem);
  const signer = await signingKeyOf(authorityKey);

  const certify = async (key: KeyObject, id: string, days: number): Promise<string> => {
    const publicKey = await verifyingKey(key);
    const issued = await x509.X509CertificateGenerator.create({
      subject: `CN=${id}`,
      issuer: issuer.subjectName,
      ...lifetime(days),
      publicKey,
      signingKey: signer,
      signingAlgorithm: ecdsa,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: "url", value: uriOf(id) }]),
        await x509.SubjectKeyIdentifierExtension.create(publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(issuer),
      ],
    });
    return `${issued.toString("pem")}\n`;
  };

  return {
    certificate: authorityPem,
    fingerprint: fingerprintOf(certificate),
    signingKey: createPublicKey(signingKey).export({ type: "spki", format: "pem" }).toString(),
    sign: (bytes) => sign(null, bytes, signingKey),
    async issue(request, { id, days = nodeDays }) {
      if (!isNodeId(id)) throw failure("DIST_ERR_AUTH_REQUEST", { problem: `'${id}' is no id of a node` });
      return certify(await keyIn(request), id, days);
    },
    async controlIdentity(days = controlDays) {
      const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const own = await certify(publicKey, controlId, days);
      return { id: controlId, key: pemOf(privateKey), certificate: own, authority: authorityPem };
    },
  };
}

/** The key of a request to sign, once it is known to be one and to belong to the asker. */
async function keyIn(request: string): Promise<KeyObject> {
  try {
    if (request.length > longestRequest) throw new Error(`it is longer than ${longestRequest} characters`);
    if (!request.startsWith("-----BEGIN CERTIFICATE REQUEST-----")) throw new Error("it is not PEM");
    const parsed = new x509.Pkcs10CertificateRequest(request);
    const key = createPublicKey({ key: Buffer.from(parsed.publicKey.rawData), type: "spki", format: "der" });
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new Error("its key is not P-256");
    if (!(await parsed.verify())) throw new Error("it is not signed with its own key");
    return key;
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw failure("DIST_ERR_AUTH_REQUEST", { problem }, { cause });
  }
}

function lifetime(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - headStartMs), notAfter: new Date(now + days * dayMs) };
}

function signingKeyOf(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const bytes = key.export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", bytes, ecdsa, false, ["sign"]);
}

function verifyingKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const bytes = key.export({ type: "spki", format: "der" });
  return webcrypto.subtle.importKey("spki", bytes, ecdsa, true, ["verify"]);
}

function pemOf(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

function damaged(path: string, cause: unknown): Error {
  const problem = cause instanceof Error ? cause.message : String(cause);
  return failure("DIST_ERR_AUTH_AUTHORITY", { path, problem }, { cause });
}
