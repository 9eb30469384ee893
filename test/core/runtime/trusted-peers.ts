import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openAuthority } from "../../../core/control/authority.ts";
import type { Authority } from "../../../core/control/authority.ts";
import { createCertificateRequest } from "../../../core/runtime/certificate-request.ts";
import { createLink } from "../../../core/runtime/http.ts";
import type { Link } from "../../../core/runtime/http.ts";
import type { Identity } from "../../../core/runtime/identity.ts";
import type { Peer } from "../../../sdk/index.ts";

export const host = "127.0.0.1";

/** An empty directory that is gone after the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "distributary-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A new authority of its own. */
export function createAuthority(): Promise<Authority> {
  return openAuthority(join(temporaryDirectory(), "authority"));
}

/** A node that this authority lets in. */
export async function nodeIdentity(authority: Authority, id: string, days?: number): Promise<Identity> {
  const { key, csr } = await createCertificateRequest();
  const certificate = await authority.issue(csr, { id, ...(days === undefined ? {} : { days }) });
  return { id, key, certificate, authority: authority.certificate };
}

export interface TrustedPeer extends Peer {
  readonly link: Link;
}

/** A link on loopback that is closed after the test. */
export async function startPeer(
  identity: Identity,
  options: { denied?(peerId: string): boolean; answerTimeoutMs?: number; patienceMs?: number; port?: number } = {},
): Promise<TrustedPeer> {
  const link = await createLink(identity, { host, port: 0, ...options });
  onTestFinished(() => link.close());
  return { id: identity.id, host, port: link.port, link };
}
