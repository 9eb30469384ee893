import { resultOf } from "../../core/assignment/commands.ts";
import { hexHashOf } from "../../core/content/hash.ts";
import type { Command } from "../../sdk/index.ts";
import type { SimRandom } from "../../sdk/testkit/sim/random.ts";
import { fileCommand } from "../system/fake-control.ts";
import { mutateList, mutateOften, mutateText, pick } from "./mutations.ts";

const mtimeMs = 1_700_000_000_000;
const texts = ["one", "two", "", "x".repeat(300)] as const;
/** What the files hold, by its hash. */
export const contents = new Map(texts.map((text) => [hexHashOf(Buffer.from(text)), Buffer.from(text)]));

const file = (path: string, text: (typeof texts)[number] = "one"): Command => fileCommand(path, Buffer.from(text));
const directory = (path: string, mode = 0o755): Command => ({ kind: "directory", path, mode });
const link = (path: string, target: string): Command => ({ kind: "symlink", path, target });
const remove = (path: string): Command => ({ kind: "remove", path });
const copy = (from: string, path: string): Command => ({ kind: "copy", from, path, mode: 0o400, mtimeMs });
const attributes = (path: string, mode: number): Command => ({ kind: "attributes", path, mode, mtimeMs });

/** What makes the base of nothing. */
export const baseCommands: readonly Command[] = [
  ...[directory("d"), directory("d/e", 0o500), directory("hollow")],
  ...[file("index.html"), file("d/f", "two"), file("d/e/g", "")],
  ...[link("latest", "d"), link("d/up", ".."), link("dangling", "nowhere")],
];
export const base = resultOf([], baseCommands);

/** Good updates of it. */
const updates: readonly (readonly Command[])[] = [
  [directory("new"), file("index.html", "two"), file("new/a", texts[3]), attributes("d/f", 0o600)],
  [remove("latest"), remove("dangling"), remove("hollow"), file("latest"), link("hollow", "d/e")],
  [remove("d/e/g"), remove("d/e"), link("d/e", "../new"), copy("d/e/g", "g")],
  [directory("x"), directory("x/y"), file("x/y/z"), link("x/y/back", "../../d"), attributes("d", 0o700)],
];

/** The absolute path of the directory around the site stands for `@`. */
const ways = [
  ..."../secret ../../secret ../../../../secret @/secret @/a/b / . .. d/../../../secret".split(" "),
  ..."latest/new latest/f d/up/index.html d/up/../../../secret dangling/x hollow/x/y index.html/x d/f/x".split(" "),
  ..."way way/in .dst/journal releases/0000000001 .building-0000000001 live .spare".split(" "),
  ...["", "a\0b", "n".repeat(256), "p/".repeat(300)],
];
const targets = [
  ..."../secret ../../../secret @/secret /etc/passwd .. ../.. d/../../../.. . latest x d/up".split(" "),
  "",
];

/** Commands of somebody who wants to get out of the site, or just wrong ones. */
export function hostileCommands(random: SimRandom): readonly Command[] {
  const commands = pick(random, updates);
  if (random.below(3) === 0) return mutateOften<readonly unknown[]>(commands, random, mutateList) as readonly Command[];
  const misled = mutateOften(commands, random, mislead);
  // Those in another order are refused for that.
  return random.below(4) === 0 ? misled : misled.toSorted((a, b) => stageOf(a) - stageOf(b));
}

/** Leads a command out of the site, or puts in what leads others out. */
function mislead(commands: readonly Command[], random: SimRandom): readonly Command[] {
  const at = random.below(commands.length + 1);
  const way = random.below(4) === 0 ? mutateText(pick(random, ways), random) : pick(random, ways);
  const target = pick(random, targets);
  const insert = (...more: readonly Command[]) => commands.toSpliced(at, 0, ...more);
  const choices: readonly (() => readonly Command[])[] = [
    () => commands.map((command, index) => (index === at && "path" in command ? { ...command, path: way } : command)),
    () => insert(file(way)),
    () => insert(directory(way, pick(random, [0o755, 0, 0o4777]))),
    () => insert(link(way, target)),
    () => insert(link("way", target), file("way/secret")),
    () => insert(link("way", target), directory("way/in"), file("way/in/x")),
    () => insert(copy(way, "copied")),
    () => insert(attributes(way, pick(random, [0, 0o777, 0o4755]))),
    () => insert(remove(way)),
    () => insert({ kind: "x-run", parameters: { line: "id" } }),
  ];
  return pick(random, choices)();
}

function stageOf({ kind }: Command): number {
  return kind === "remove" ? 0 : kind === "directory" ? 1 : 2;
}

/** With `@` as what it stands for. */
export function placed(commands: readonly Command[], root: string): readonly Command[] {
  const place = (text: unknown) => (typeof text === "string" && text.startsWith("@/") ? root + text.slice(1) : text);
  return commands.map((command) => {
    if (typeof command !== "object" || command === null || Array.isArray(command)) return command;
    return Object.fromEntries(Object.entries(command).map(([key, value]) => [key, place(value)])) as unknown as Command;
  });
}

/** The bytes of the files in the order of their commands, as far as anybody knows them. */
export function dataOf(commands: readonly Command[]): Uint8Array {
  const known = (command: Command | null) => (command?.kind === "file" ? (contents.get(command.hash) ?? []) : []);
  return Buffer.concat(commands.flatMap(known));
}

type Shape = Readonly<Record<string, string>>;
const [made, timed] = [
  { path: "string", mode: "number" },
  { path: "string", mode: "number", mtimeMs: "number" },
];
const shapes: ReadonlyMap<unknown, Shape> = new Map<unknown, Shape>([
  ["remove", { path: "string" }],
  ["directory", made],
  ["file", { ...timed, sizeBytes: "number", hash: "string" }],
  ["copy", { ...timed, from: "string" }],
  ["symlink", { path: "string", target: "string" }],
  ["attributes", made],
]);

/** Whether it is what `Command` says, with values that none should have. */
export function isTyped(command: unknown): boolean {
  const fields = typeof command === "object" && command !== null ? (command as Readonly<Record<string, unknown>>) : {};
  const shape = shapes.get(fields["kind"]);
  return shape !== undefined && Object.entries(shape).every(([key, type]) => typeof fields[key] === type);
}
