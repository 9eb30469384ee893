import type { SimRandom } from "../../sdk/testkit/sim/random.ts";
import { mutateBytes, mutateList, mutateOften, pick } from "./mutations.ts";

/** A value of ASN.1 in DER: its tag, and its bytes or what it is made of. */
export interface Der {
  readonly tag: number;
  readonly content: Uint8Array | readonly Der[];
}

/** Takes DER apart; throws RangeError if that is none. */
export function readDer(bytes: Uint8Array): Der {
  const [value] = readAll(Buffer.from(bytes));
  if (value === undefined) throw new RangeError("there is nothing");
  return value;
}

function readAll(bytes: Buffer): Der[] {
  const values: Der[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes.readUInt8(at);
    const first = bytes.readUInt8(at + 1);
    const width = first < 0x80 ? 0 : first & 0x7f;
    const length = width === 0 ? first : bytes.readUIntBE(at + 2, width);
    const start = at + 2 + width;
    const content = bytes.subarray(start, start + length);
    values.push({ tag, content: (tag & 0x20) === 0 ? content : readAll(content) });
    at = start + length;
  }
  return values;
}

export function writeDer({ tag, content }: Der): Buffer {
  const bytes = content instanceof Uint8Array ? content : Buffer.concat(content.map(writeDer));
  const { length } = bytes;
  const head = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(...head), bytes]);
}

/** One value somewhere in it with another tag, other bytes, or other parts; lengths are right again. */
export function mutateDer(der: Der, random: SimRandom): Der {
  const { tag, content } = der;
  if (random.below(12) === 0)
    return { tag: pick(random, [tag ^ 0x20, 0x05, 0x30, 0x31, 0xa0, 0x1f, random.below(256)]), content };
  if (content instanceof Uint8Array) return { tag, content: mutateBytes(content, random) };
  if (content.length === 0 || random.below(6) === 0) {
    const parts = mutateList(content, random).filter((part): part is Der => content.includes(part as Der));
    return { tag, content: parts };
  }
  const at = random.below(content.length);
  return { tag, content: content.map((part, index) => (index === at ? mutateDer(part, random) : part)) };
}

/** PEM of something changed: values in the DER, or any bytes or characters. */
export function mutatePem(pem: string, random: SimRandom): string {
  const label = /-----BEGIN ([A-Z ]+)-----/.exec(pem)?.[1] ?? "";
  const bytes = fromPem(pem);
  const kind = random.below(8);
  if (kind === 0) return mutateOften<Uint8Array>(Buffer.from(pem), random, mutateBytes).toString();
  const changed =
    kind < 3
      ? mutateOften<Uint8Array>(bytes, random, mutateBytes)
      : writeDer(mutateOften(readDer(bytes), random, mutateDer));
  return toPem(label, changed);
}

/** What stands in a PEM text of one block. */
export function fromPem(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ""), "base64");
}

export function toPem(label: string, bytes: Uint8Array): string {
  const lines = Buffer.from(bytes).toString("base64").replaceAll(/.{64}/g, "$&\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
