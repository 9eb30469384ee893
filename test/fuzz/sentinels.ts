import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

const files: Readonly<Record<string, readonly [content: string, mode: number]>> = {
  secret: ["nobody may change this", 0o600],
  "sites/blog/releases/0000000001/index.html": ["another site", 0o644],
  "sites/other.txt": ["beside the site", 0o444],
  "a/b/c/deep": ["deep", 0o755],
};
const links: Readonly<Record<string, string>> = {
  "secret-link": "secret",
  "sites/blog/live": "releases/0000000001",
  "sites/up": "..",
  dangling: "nowhere",
};

/** Files, directories and links around a site that nobody may change: not their content, mode, owner, times or names. */
export class Sentinels {
  readonly #root: string;
  /** What may change: the site itself, and the agent's own directory. */
  readonly #free: ReadonlySet<string>;
  readonly #before: ReadonlyMap<string, string>;

  /** Makes them in an empty directory. */
  constructor(root: string, ...free: readonly string[]) {
    this.#root = root;
    this.#free = new Set(free.map((path) => join(root, path)));
    for (const path of free) mkdirSync(join(root, path), { recursive: true });
    for (const [path, [content, mode]] of Object.entries(files)) {
      mkdirSync(join(root, dirname(path)), { recursive: true });
      writeFileSync(join(root, path), content, { mode });
    }
    for (const [path, target] of Object.entries(links)) symlinkSync(target, join(root, path));
    linkSync(join(root, "secret"), join(root, "a/second-name"));
    this.#before = this.#look();
  }

  /** Throws if anything is not as it was. */
  check(): void {
    const now = this.#look();
    for (const path of new Set([...this.#before.keys(), ...now.keys()])) {
      const [was, is] = [this.#before.get(path) ?? "nothing", now.get(path) ?? "nothing"];
      if (was !== is) throw new Error(`'${path}' was changed: ${was} became ${is}`);
    }
  }

  #look(): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    this.#lookAt(this.#root, found);
    return found;
  }

  #lookAt(path: string, found: Map<string, string>): void {
    if (this.#free.has(path)) return;
    const stat = lstatSync(path, { bigint: true });
    const { ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs } = stat;
    // Its time of change tells of every other change, but a clock may stand still for some milliseconds.
    const content = stat.isFile() ? readFileSync(path, "hex") : stat.isSymbolicLink() ? readlinkSync(path) : "";
    found.set(path, [ino, mode, uid, gid, nlink, size, mtimeNs, ctimeNs, content].join(" "));
    if (stat.isDirectory()) for (const name of readdirSync(path)) this.#lookAt(join(path, name), found);
  }
}
