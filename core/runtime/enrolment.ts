import { failure } from "../../sdk/index.ts";
import type { HttpAnswer } from "../../sdk/index.ts";
import { isNodeId } from "./identity.ts";
import { receiveBytes } from "./link-limits.ts";

/** `POST /enrol`: a node asks to be let in. */
export interface EnrolRequest {
  readonly tokenId: string;
  readonly secret: string;
  /** What people call the node: 1 to 253 letters, digits, `.`, `_` and `-`. Only shown; it proves nothing. */
  readonly name: string;
  /** A request to sign (PKCS #10, PEM) for the node's own key. */
  readonly csr: string;
}

export interface EnrolAnswer {
  /** Given by control; stands in the certificate. */
  readonly id: string;
  readonly certificate: string;
  readonly authority: string;
  /** What assignments are checked with, PEM. */
  readonly signingKey: string;
}

/** `POST /renew`, with the certificate that still holds: who asks is who it names. */
export interface RenewRequest {
  readonly csr: string;
}

export interface RenewAnswer {
  readonly certificate: string;
}

/** The longest body of any of these, in bytes. */
const longestBody = 64 * 1024;
const longestPem = 16 * 1024;
const nameForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** Reads a body of `POST /enrol`. Throws DIST_ERR_AUTH_REQUEST. */
export async function readEnrolRequest(body: HttpAnswer["body"]): Promise<EnrolRequest> {
  const texts = await readTexts(body, ["tokenId", "secret", "name", "csr"]);
  if (!nameForm.test(texts.name)) throw bad("'name' is no name of a host");
  return texts;
}

/** Reads a body of `POST /renew`. Throws DIST_ERR_AUTH_REQUEST. */
export function readRenewRequest(body: HttpAnswer["body"]): Promise<RenewRequest> {
  return readTexts(body, ["csr"]);
}

/** Reads control's answer to `POST /enrol`. Throws DIST_ERR_AUTH_REQUEST. */
export async function readEnrolAnswer(body: HttpAnswer["body"]): Promise<EnrolAnswer> {
  const texts = await readTexts(body, ["id", "certificate", "authority", "signingKey"]);
  if (!isNodeId(texts.id)) throw bad("'id' is no id of a node");
  return texts;
}

/** Reads control's answer to `POST /renew`. Throws DIST_ERR_AUTH_REQUEST. */
export function readRenewAnswer(body: HttpAnswer["body"]): Promise<RenewAnswer> {
  return readTexts(body, ["certificate"]);
}

/** The answer whose body is this value as JSON. */
export function jsonAnswer(value: EnrolAnswer | RenewAnswer): HttpAnswer {
  const headers = { "content-type": "application/json" };
  return { status: 200, headers, body: [Buffer.from(JSON.stringify(value))] };
}

/** A JSON object of exactly these keys, each a text of at most 16 Ki characters. */
async function readTexts<Key extends string>(
  body: HttpAnswer["body"],
  keys: readonly Key[],
): Promise<Readonly<Record<Key, string>>> {
  const value = parseJson(await receiveBytes(body, longestBody));
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("it is no JSON object");
  const unknown = Object.keys(value).find((key) => !(keys as readonly string[]).includes(key));
  if (unknown !== undefined) throw bad("it has a property nobody knows");
  const texts: [Key, string][] = keys.map((key) => {
    const text: unknown = (value as Record<string, unknown>)[key];
    if (typeof text !== "string" || text === "" || text.length > longestPem) {
      throw bad(`'${key}' is missing, no text, or too long`);
    }
    return [key, text];
  });
  return Object.fromEntries(texts) as Record<Key, string>;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    throw bad("it is not JSON", cause);
  }
}

function bad(problem: string, cause?: unknown): Error {
  return failure("DIST_ERR_AUTH_REQUEST", { problem }, { cause });
}
