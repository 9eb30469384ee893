/** How many lines version 0 of each file has. One is of several MB: nothing between disk and reader holds all of it. */
const lineCounts: Readonly<Record<string, number>> = {
  "index.html": 20,
  "css/site.css": 200,
  "top.html": 5,
  "news.html": 50,
  "end.html": 5,
  "film.mp4": 300_000,
};

const page = `<?php echo "page.php of version ", VERSION, "\\n";
include __DIR__ . "/part.php";
include $_SERVER["DOCUMENT_ROOT"] . "/part.php";
`;

/** A file each line of which says its version. Every version has one line more, so no two have the same size. */
function fileOf(path: string, version: number): Buffer {
  const line = `${path} of version ${version}\n`;
  return Buffer.alloc(line.length * ((lineCounts[path] ?? 0) + version), line);
}

/** What is published as a version, by path. */
export function filesOf(version: number): Record<string, string> {
  return {
    ...Object.fromEntries(Object.keys(lineCounts).map((path) => [path, fileOf(path, version).toString("latin1")])),
    "page.php": page.replace("VERSION", `${version}`),
    "part.php": `part.php of version ${version}\n`,
  };
}

/** What a server answers to `GET <path>` from a version: a file, or what is made of several. */
export function answerOf(path: string, version: number): Buffer {
  if (path === "/page.php") {
    const part = `part.php of version ${version}\n`;
    return Buffer.from(`page.php of version ${version}\n${part}${part}`);
  }
  if (path === "/") return Buffer.concat(["top.html", "news.html", "end.html"].map((name) => fileOf(name, version)));
  return fileOf(path.slice(1), version);
}

/** The version that an answer's first line speaks of; NaN if it speaks of none. */
export function versionOf(answer: Buffer): number {
  return Number(/^\S+ of version (\d+)\n/.exec(answer.toString("latin1", 0, 100))?.[1]);
}
