import { failure } from "../../sdk/index.ts";
import type { HttpAnswer } from "../../sdk/index.ts";
import { isName } from "../../config/formats.ts";
import { isNodeId, isNodeName } from "./identity.ts";
import { receiveBytes } from "./link-limits.ts";

/** `POST /enrol`: a node asks to be let in. */
export interface EnrolRequest {
  readonly tokenId: string;
  readonly secret: string;
  /** What people call the node (`isNodeName`). Only shown; it proves nothing. */
  readonly name: string;
  /** A request to sign (PKCS #10, PEM) for the node's own key. */
  readonly csr: string;
  /** The segment and the labels it asks for; what the token says comes first. */
  readonly segment?: string;
  readonly labels?: Labels;
}

/** At most 100, with names of 1 to 100 characters and values of at most 200. */
export type Labels = Readonly<Record<string, string>>;

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

/** Reads a body of `POST /enrol`. Throws DIST_ERR_AUTH_REQUEST. */
export async function readEnrolRequest(body: HttpAnswer["body"]): Promise<EnrolRequest> {
  const { segment, labels, ...rest } = await readObject(body);
  const texts = textsIn(rest, ["tokenId", "secret", "name", "csr"]);
  if (!isNodeName(texts.name)) throw bad("'name' is no name of a host");
  if (segment !== undefined && !(typeof segment === "string" && isName(segment))) throw bad("'segment' is no name");
  if (labels !== undefined && !isLabels(labels)) throw bad("'labels' are none, too many, or too long");
  return { ...texts, ...(segment === undefined ? {} : { segment }), ...(labels === undefined ? {} : { labels }) };
}

/** Reads a body of `POST /renew`. Throws DIST_ERR_AUTH_REQUEST. */
export async function readRenewRequest(body: HttpAnswer["body"]): Promise<RenewRequest> {
  return textsIn(await readObject(body), ["csr"]);
}

/** Reads control's answer to `POST /enrol`. Throws DIST_ERR_AUTH_REQUEST. */
export async function readEnrolAnswer(body: HttpAnswer["body"]): Promise<EnrolAnswer> {
  const texts = textsIn(await readObject(body), ["id", "certificate", "authority", "signingKey"]);
  if (!isNodeId(texts.id)) throw bad("'id' is no id of a node");
  return texts;
}

/** Reads control's answer to `POST /renew`. Throws DIST_ERR_AUTH_REQUEST. */
export async function readRenewAnswer(body: HttpAnswer["body"]): Promise<RenewAnswer> {
  return textsIn(await readObject(body), ["certificate"]);
}

/** The answer whose body is this value as JSON. */
export function jsonAnswer(value: EnrolAnswer | RenewAnswer): HttpAnswer {
  const headers = { "content-type": "application/json" };
  return { status: 200, headers, body: [Buffer.from(JSON.stringify(value))] };
}

const mostLabels = 100;
const longestLabelName = 100;
const longestLabel = 200;

/** Whether these are the labels of a node. */
export function isLabels(value: unknown): value is Labels {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const entries = Object.entries(value);
  const isText = (text: unknown, least: number, most: number) =>
    typeof text === "string" && text.length >= least && text.length <= most && !text.includes("\0");
  const fits = ([name, text]: [string, unknown]) => isText(name, 1, longestLabelName) && isText(text, 0, longestLabel);
  return entries.length <= mostLabels && entries.every(fits);
}

async function readObject(body: HttpAnswer["body"]): Promise<Readonly<Record<string, unknown>>> {
  const value = parseJson(await receiveBytes(body, longestBody));
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("it is no JSON object");
  return value as Record<string, unknown>;
}

/** Exactly these keys of an object, each a text of at most 16 Ki characters. */
function textsIn<Key extends string>(
  value: Readonly<Record<string, unknown>>,
  keys: readonly Key[],
): Readonly<Record<Key, string>> {
  const unknown = Object.keys(value).find((key) => !(keys as readonly string[]).includes(key));
  if (unknown !== undefined) throw bad("it has a property nobody knows");
  const texts: [Key, string][] = keys.map((key) => {
    const text = value[key];
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
