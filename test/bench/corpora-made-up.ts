/** Writes `old` and `new` of made-up content, always the same: node corpora-made-up.ts KIND FOLDER MEBIBYTES. */
import { createHash } from "node:crypto";
import { noise, writeFile } from "../made-up-files.ts";

const mebibyte = 0x10_0000;
const [kind = "", folder = "", size = "1024"] = process.argv.slice(2);
const large = Number(size);
const small = Math.ceil(large / 4);

let state = 0x9e3779b9;
/** Marsaglia's xorshift of 32 bits. */
function below(limit: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

function* blocks(seed: string, count: number): Generator<Buffer> {
  const next = noise(seed);
  for (let block = 0; block < count; block++) yield next(mebibyte);
}

/** One byte in a hundred overwritten, in runs of 1 KiB. */
function* scattered(count: number): Generator<Buffer> {
  const edit = noise("edits");
  for (const block of blocks("old", count)) {
    for (let run = 0; run < 10; run++) edit(1024).copy(block, below(mebibyte - 1024));
    yield block;
  }
}

/** Twenty edits a mebibyte; each inserts, deletes or replaces up to 200 bytes. */
function* edited(count: number): Generator<Buffer> {
  const edit = noise("edits");
  for (const block of blocks("old", count)) {
    let from = 0;
    for (const at of Array.from({ length: 20 }, () => below(mebibyte)).sort((a, b) => a - b)) {
      if (at < from) continue;
      yield block.subarray(from, at);
      const action = below(3);
      const length = 1 + below(200);
      if (action !== 1) yield edit(length);
      from = action === 0 ? at : Math.min(mebibyte, at + length);
    }
    yield block.subarray(from);
  }
}

function* accessLog(count: number): Generator<Buffer> {
  const paths = Array.from({ length: 5000 }, (_, index) => {
    const name = createHash("md5").update(`p${index}`).digest("hex").slice(0, 12);
    return `/assets/${name}${[".js", ".css", ".png", ".html"][index & 3]}`;
  });
  let time = 1.7e9;
  const line = () => {
    time += below(3) / 10;
    const client = `10.${below(256)}.${below(256)}.${below(256)}`;
    const status = [200, 200, 200, 304, 404][below(5)];
    const request = `"GET ${paths[below(5000)]} HTTP/1.1" ${status} ${below(100_000)}`;
    const browser = `"Mozilla/5.0 (X11) rv:${100 + below(40)}.0"`;
    return `${client} - - [${new Date(time * 1000).toISOString()}] ${request} "-" ${browser}\n`;
  };
  for (let block = 0; block < count; block++) {
    let text = "";
    while (text.length < mebibyte) text += line();
    yield Buffer.from(text);
  }
}

function* withHead(count: number): Generator<Buffer> {
  yield noise("head")(1000);
  yield* blocks("old", count);
}

const kinds: Readonly<Record<string, () => readonly [old: Iterable<Buffer>, target: Iterable<Buffer>]>> = {
  scatter: () => [blocks("old", large), scattered(large)],
  insdel: () => [blocks("old", small), edited(small)],
  headinsert: () => [blocks("old", small), withHead(small)],
  appendlog: () => [accessLog(small), accessLog(Math.round(small * 1.05))],
  identical: () => [blocks("old", small), blocks("old", small)],
  different: () => [blocks("old", small), blocks("other", small)],
};

const make = kinds[kind];
if (make === undefined) throw new Error(`no kind '${kind}'; known: ${Object.keys(kinds).join(", ")}`);
const [old, target] = make();
state = 0x9e3779b9;
writeFile(`${folder}/old`, old);
state = 0x9e3779b9;
writeFile(`${folder}/new`, target);
