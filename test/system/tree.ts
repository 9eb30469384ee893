import { createHash } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** What to write: text or bytes of a file; null for a directory, `{ link }` for a symbolic link. */
export type Files = Readonly<Record<string, string | Uint8Array | null | { readonly link: string }>>;

/** Writes files below a directory, making what directories they need. */
export function writeTree(directory: string, files: Files): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    if (content === null) mkdirSync(path, { recursive: true });
    else if (typeof content === "object" && "link" in content) {
      rmSync(path, { force: true });
      symlinkSync(content.link, path);
    } else writeFileSync(path, content);
  }
}

/** Every entry of a tree with its type, mode and content (or target), so that equal trees are equal values. */
export function readTree(directory: string): Record<string, string> {
  const found: Record<string, string> = {};
  walk(realpathSync(directory), "", found);
  return found;
}

function walk(directory: string, prefix: string, found: Record<string, string>): void {
  for (const name of readdirSync(directory).sort()) {
    const path = join(directory, name);
    const stat = lstatSync(path);
    const mode = (stat.mode & 0o7777).toString(8);
    if (stat.isSymbolicLink()) found[prefix + name] = `link to ${readlinkSync(path)}`;
    else if (stat.isDirectory()) {
      found[prefix + name] = `directory ${mode}`;
      walk(path, `${prefix}${name}/`, found);
    } else found[prefix + name] = `file ${mode} ${createHash("sha256").update(readFileSync(path)).digest("hex")}`;
  }
}

/** The same bytes at every run, that no compressor makes smaller. */
export function noise(sizeBytes: number, seed: string): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(sizeBytes / 64) }, (_, index) =>
    createHash("sha512").update(`${seed} ${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, sizeBytes);
}

/** A tree with all that a site may hold: empty and large files, directories, links, modes, names. */
export function mixedTree(directory: string, seed: string): void {
  writeTree(directory, {
    "index.html": `<h1>${seed}</h1>\n`.repeat(200),
    "css/style.css": "body { margin: 0 }\n",
    "empty.txt": "",
    "empty directory": null,
    "deep/er/and/deeper/file.txt": "down here\n",
    "ünïcode/日本.txt": "names\n",
    "run.sh": "#!/bin/sh\n",
    "photo.jpg": noise(300_000, seed),
    latest: { link: "css/style.css" },
  });
  chmodSync(join(directory, "run.sh"), 0o755);
}
