import { failure } from "../../sdk/index.ts";

/** What a node needs to enrol once: which token it uses, that it may, and whom to trust. */
export interface JoinToken {
  readonly id: string;
  /** 128 bits, hex. Control keeps only its hash. */
  readonly secret: string;
  /** Hex SHA-256 of the authority's public key: with it nobody is trusted on first use. */
  readonly fingerprint: string;
}

const form = /^dst1\.([0-9a-f]{16})\.([0-9a-f]{32})\.([0-9a-f]{64})$/;

/** `dst1.<id>.<secret>.<fingerprint>`, as a person copies it. */
export function formatJoinToken({ id, secret, fingerprint }: JoinToken): string {
  return `dst1.${id}.${secret}.${fingerprint}`;
}

/** Reads what `formatJoinToken` wrote, with space around it. Throws DIST_ERR_AUTH_TOKEN, which does not show it. */
export function parseJoinToken(text: string): JoinToken {
  const [, id, secret, fingerprint] = form.exec(text.trim()) ?? [];
  if (id === undefined || secret === undefined || fingerprint === undefined) {
    throw failure("DIST_ERR_AUTH_TOKEN", { problem: "it does not read dst1.<id>.<secret>.<fingerprint>" });
  }
  return { id, secret, fingerprint };
}
