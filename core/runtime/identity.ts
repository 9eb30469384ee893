import { createHash, X509Certificate } from "node:crypto";

/** Who a role is among its peers, and how it proves it. All PEM. */
export interface Identity {
  /** `control`, or a node's id. */
  readonly id: string;
  /** Private, PKCS #8. */
  readonly key: string;
  /** The certificate of this key. */
  readonly certificate: string;
  /** The certificate of the authority that every peer's certificate must come from. */
  readonly authority: string;
}

/** The id of control among peers; no node can have it. */
export const controlId = "control";

const nodeId = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const nodeName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;
const onlyName = /^URI:distributary:\/\/(?:(control)|node\/([A-Za-z0-9][A-Za-z0-9._-]{0,63}))$/;

/** Whether `text` can be a node's id: 1 to 64 letters, digits, `.`, `_` and `-`, and not control's. */
export function isNodeId(text: string): boolean {
  return nodeId.test(text) && text !== controlId;
}

/** Whether `text` can be what people call a node: 1 to 253 letters, digits, `.`, `_` and `-`. */
export function isNodeName(text: string): boolean {
  return nodeName.test(text);
}

/** The name that stands in the certificate of a peer. */
export function uriOf(id: string): string {
  return id === controlId ? "distributary://control" : `distributary://node/${id}`;
}

/** Whose certificate it is; undefined if it names anything but exactly one peer. Says nothing about who issued it. */
export function idIn(certificate: X509Certificate): string | undefined {
  const [, control, node] = onlyName.exec(certificate.subjectAltName ?? "") ?? [];
  return control ?? (node !== undefined && isNodeId(node) ? node : undefined);
}

/** Hex SHA-256 of a certificate's public key (its SubjectPublicKeyInfo), which join tokens carry. */
export function fingerprintOf(certificate: X509Certificate): string {
  return createHash("sha256")
    .update(certificate.publicKey.export({ type: "spki", format: "der" }))
    .digest("hex");
}
