import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SiteOnDisk } from "../core/agent/site-on-disk.ts";
import { writeTree } from "../system/tree.ts";
import { format, inTurns, machine, median, table } from "./measuring.ts";

/*
 * What a commit and a rollback take on a node: journal and pointers, all synced. In turns with what people use instead to
 * go from one tree to another that differs in one file, and back: a symbolic link, with and without a sync, and rsync.
 *
 *   node test/bench/switch.ts [files] [rounds]
 */

const [fileCount = 1_000, rounds = 1_000] = process.argv.slice(2).map(Number);

const directory = mkdtempSync(join(tmpdir(), "distributary-bench-"));
const [older, newer, served, current] = ["older", "newer", "served", "current"].map((name) =>
  join(directory, name),
) as [string, string, string, string];

/** Pages in folders of a hundred, and one that is different in every version. */
function contents(version: number): Record<string, string> {
  const pages = Array.from({ length: fileCount - 1 }, (_, index) => [
    `d${Math.floor(index / 100)}/${index}.html`,
    `<p>${index}</p>\n`.repeat(100),
  ]);
  return { ...Object.fromEntries(pages), "index.html": `<h1>${version}</h1>\n`.repeat(100) };
}

function pointTo(source: string): void {
  execFileSync("ln", ["-sfn", source, `${current}.next`]);
  execFileSync("mv", ["-T", `${current}.next`, current]);
}

function pointToAndSync(source: string): void {
  pointTo(source);
  execFileSync("sync", [directory]);
}

function rsync(source: string): void {
  execFileSync("rsync", ["-a", "--delete", `${source}/`, `${served}/`]);
}

function row(name: string, times: readonly number[]): string[] {
  const inOrder = times.toSorted((a, b) => a - b);
  const p99 = inOrder[Math.ceil(inOrder.length * 0.99) - 1] ?? Number.NaN;
  return [name, ...[median(times), p99, inOrder.at(-1) ?? Number.NaN].map((ms) => format(ms, 2))];
}

try {
  writeTree(older, contents(1));
  for (const copy of [newer, served]) cpSync(older, copy, { recursive: true, preserveTimestamps: true });
  writeTree(newer, { "index.html": "<h1>newer</h1>\n" });
  const site = new SiteOnDisk(join(directory, "site"));
  await site.prepare(1, contents(1));
  await site.switchTo(1);
  let version = 1;
  const times = await inTurns(rounds, {
    prepare: () => site.prepare((version += 1), contents(version)),
    commit: () => site.switchTo(version),
    rollback: () => site.switchTo(version - 1),
    commitAgain: () => site.switchTo(version),
    collect: () => site.collect(),
    link: () => pointTo(newer),
    linkBack: () => pointTo(older),
    syncedLink: () => pointToAndSync(newer),
    syncedLinkBack: () => pointToAndSync(older),
    rsync: () => rsync(newer),
    rsyncBack: () => rsync(older),
  });
  console.log(`${machine("rsync")}, ${fileCount} files of which one changes, ${rounds} rounds\n`);
  const rows = [
    row("commit", [...times.commit, ...times.commitAgain]),
    row("rollback", times.rollback),
    row("`ln -sfn` and `mv -T`", [...times.link, ...times.linkBack]),
    row("the same, and `sync` of the directory", [...times.syncedLink, ...times.syncedLinkBack]),
    row("`rsync -a --delete` over what is served", [...times.rsync, ...times.rsyncBack]),
  ];
  console.log(table(["", "median ms", "p99 ms", "worst ms"], rows));
} finally {
  rmSync(directory, { recursive: true, force: true });
}
