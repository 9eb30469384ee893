import { createPublicKey, sign, verify, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { connect } from "node:tls";
import type { TLSSocket } from "node:tls";
import { failure, isFailure } from "../../sdk/index.ts";
import type { Disk, Http, HttpAnswer, Peer } from "../../sdk/index.ts";
import { createCertificateRequest } from "../runtime/certificate-request.ts";
import { realDisk } from "../runtime/disk.ts";
import { makeDirectories, readFile, replaceFile } from "../content/durable-file.ts";
import { readEnrolAnswer, readRenewAnswer } from "../runtime/enrolment.ts";
import type { EnrolRequest, Labels, RenewRequest } from "../runtime/enrolment.ts";
import { controlId, fingerprintOf, idIn } from "../runtime/identity.ts";
import type { Identity } from "../runtime/identity.ts";
import { parseJoinToken } from "../runtime/join-token.ts";
import { LinkClient } from "../runtime/link-client.ts";
import { receiveBytes } from "../runtime/link-limits.ts";
import { segmentOfNetwork } from "./segment/own-segment.ts";

/** What a node has once it is enrolled. */
export interface NodeIdentity extends Identity {
  /** The public key of control that assignments are checked with, PEM. */
  readonly signingKey: string;
}

export interface EnrolOptions {
  readonly control: { readonly host: string; readonly port: number };
  /** The text of a join token. */
  readonly token: string;
  /** What people call this node. */
  readonly name: string;
  readonly labels?: Labels;
  /** The segment it asks to be put in; absent: that of the network by which it reaches control. */
  readonly segment?: string;
  /** The agent's own; the identity is kept in `identity/` below it. */
  readonly directory: string;
  readonly disk?: Disk;
}

const connectMs = 10_000;
const longestFile = 128 * 1024;

/**
 * Makes a key that never leaves this host, and has control certify it for a join token. Throws DIST_ERR_AUTH_TOKEN
 * for what is no token or is refused, and DIST_ERR_AUTH_PIN, before anything secret was sent, if who answers is not
 * certified by the authority that the token names. When it resolves, the identity is stored durably.
 */
export async function enrol(options: EnrolOptions): Promise<NodeIdentity> {
  const { control, token, name, directory, disk = realDisk } = options;
  const { id: tokenId, secret, fingerprint } = parseJoinToken(token);
  const { authority: pinned, localAddress } = await fetchAuthority(control, fingerprint);
  const { labels = {}, segment = segmentOfNetwork(localAddress) } = options;
  const { key, csr } = await createCertificateRequest();
  const client = new LinkClient({ authority: pinned });
  const peer = { id: controlId, ...control };
  try {
    const request: EnrolRequest = {
      ...{ tokenId, secret, name, csr, labels },
      ...(segment === undefined ? {} : { segment }),
    };
    const answer = await post(client, peer, "/enrol", request);
    if (answer.status !== 200) throw failure("DIST_ERR_AUTH_TOKEN", { problem: await reasonIn(answer) });
    const identity = { key, ...(await readEnrolAnswer(answer.body)) };
    accept(identity, fingerprint);
    store(directory, identity, disk);
    return identity;
  } catch (error) {
    // Somebody who let the first connection through and took the second.
    if (!isFailure(error, "DIST_ERR_AUTH_REFUSED")) throw error;
    throw failure("DIST_ERR_AUTH_PIN", { ...control, problem: error.message }, { cause: error });
  } finally {
    client.close();
  }
}

/** What `enrol` stored, or undefined if this node is not enrolled. Throws DIST_ERR_AUTH_IDENTITY if it is damaged. */
export function loadIdentity(directory: string, disk: Disk = realDisk): NodeIdentity | undefined {
  const path = pathIn(directory);
  try {
    const bytes = readFile(disk, path, longestFile);
    if (bytes === undefined) return undefined;
    const stored = JSON.parse(Buffer.from(bytes).toString("utf8")) as Record<string, unknown>;
    const identity = {
      id: textOf(stored, "id"),
      key: textOf(stored, "key"),
      certificate: textOf(stored, "certificate"),
      authority: textOf(stored, "authority"),
      signingKey: textOf(stored, "signingKey"),
    };
    check(identity);
    return identity;
  } catch (cause) {
    throw failure("DIST_ERR_AUTH_IDENTITY", { path, problem: messageOf(cause) }, { cause });
  }
}

/** When an identity should be renewed, in milliseconds since 1970: two thirds through its certificate's life. */
export function renewalTime({ certificate }: Identity): number {
  const { validFromDate, validToDate } = new X509Certificate(certificate);
  const from = validFromDate.getTime();
  return from + ((validToDate.getTime() - from) * 2) / 3;
}

/** Has control certify a fresh key for the same id, and stores it durably; until then the old identity stands. */
export async function renewIdentity(
  identity: NodeIdentity,
  options: { readonly http: Http; readonly control: Peer; readonly directory: string; readonly disk?: Disk },
): Promise<NodeIdentity> {
  const { key, csr } = await createCertificateRequest();
  const request: RenewRequest = { csr };
  const answer = await post(options.http, options.control, "/renew", request);
  if (answer.status !== 200) throw failure("DIST_ERR_AUTH_REQUEST", { problem: await reasonIn(answer) });
  const renewed = { ...identity, key, ...(await readRenewAnswer(answer.body)) };
  accept(renewed, fingerprintOf(new X509Certificate(identity.authority)));
  store(options.directory, renewed, options.disk ?? realDisk);
  return renewed;
}

/**
 * The certificate of the authority with this fingerprint, from those that control shows in the handshake; and the
 * address of this host by which control was reached. It is only fetched here; that control's own certificate comes from
 * it is checked, with all else, when the token is sent.
 */
async function fetchAuthority(
  control: EnrolOptions["control"],
  fingerprint: string,
): Promise<{ authority: string; localAddress: string | undefined }> {
  const socket = await handshake(control);
  try {
    let certificate = socket.getPeerX509Certificate();
    for (let depth = 0; certificate !== undefined && depth < 4; depth += 1) {
      if (fingerprintOf(certificate) === fingerprint) {
        return { authority: certificate.toString(), localAddress: socket.localAddress };
      }
      certificate = certificate.issuerCertificate;
    }
    throw failure("DIST_ERR_AUTH_PIN", { ...control, problem: "its certificate comes from another authority" });
  } finally {
    socket.destroy();
  }
}

function handshake({ host, port }: EnrolOptions["control"]): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, minVersion: "TLSv1.3", rejectUnauthorized: false, servername: "" });
    const fail = (problem: string, cause?: unknown) => {
      socket.destroy();
      reject(failure("DIST_ERR_TRANSFER_BROKEN", { peer: `control at ${host}:${port}`, problem }, { cause }));
    };
    const timer = setTimeout(() => fail(`no connection within ${connectMs} ms`), connectMs);
    socket.once("close", () => clearTimeout(timer));
    socket.once("secureConnect", () => resolve(socket));
    socket.on("error", (error: NodeJS.ErrnoException) => fail(`no connection (${error.code ?? error.message})`, error));
  });
}

const probe = Buffer.from("distributary identity");

/** Everything in it belongs together; says what does not. Whether it is in date is for each connection to see. */
function check({ id, key, certificate, authority, signingKey }: NodeIdentity): void {
  const [own, issuer] = [new X509Certificate(certificate), new X509Certificate(authority)];
  // `checkPrivateKey` looks at the public half of the key only, which stands in it too.
  if (!verify("sha256", probe, own.publicKey, sign("sha256", probe, key)))
    throw new Error("its certificate is of another key");
  if (idIn(own) !== id || id === controlId) throw new Error(`its certificate is not that of '${id}'`);
  if (!own.verify(issuer.publicKey) || !issuer.ca) throw new Error("its certificate comes from another authority");
  if (createPublicKey(signingKey).asymmetricKeyType !== "ed25519") throw new Error("its signing key is not Ed25519");
}

/** What control answered, if it is the identity that was asked for. Throws DIST_ERR_AUTH_REQUEST otherwise. */
function accept(identity: NodeIdentity, fingerprint: string): void {
  try {
    check(identity);
    const isPinned = fingerprintOf(new X509Certificate(identity.authority)) === fingerprint;
    if (!isPinned) throw new Error("its authority is another");
  } catch (cause) {
    throw failure("DIST_ERR_AUTH_REQUEST", { problem: `control's answer is wrong: ${messageOf(cause)}` }, { cause });
  }
}

function store(directory: string, identity: NodeIdentity, disk: Disk): void {
  makeDirectories(disk, join(directory, "identity"));
  replaceFile(disk, pathIn(directory), Buffer.from(`${JSON.stringify(identity, undefined, 2)}\n`));
}

function pathIn(directory: string): string {
  return join(directory, "identity", "identity.json");
}

function post(
  http: Pick<Http, "request">,
  peer: Peer,
  path: string,
  value: EnrolRequest | RenewRequest,
): Promise<HttpAnswer> {
  return http.request(peer, path, { method: "POST", body: Buffer.from(JSON.stringify(value)) });
}

async function reasonIn({ status, body }: HttpAnswer): Promise<string> {
  const text = Buffer.from(await receiveBytes(body, 4096))
    .toString("utf8")
    .replaceAll(/\p{C}+/gu, " ")
    .trim();
  return `control answers ${status}: ${text}`;
}

function textOf(stored: Record<string, unknown>, key: string): string {
  const text = stored[key];
  if (typeof text !== "string") throw new Error(`'${key}' is missing`);
  return text;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
