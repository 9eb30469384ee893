/** Whether a path, or a name, is what a pattern says. */
export type Glob = (path: string) => boolean;

/** Stands in a pattern for any number of items. */
const many = Symbol("any number");
type Test<Item> = (item: Item) => boolean;
type Pattern<Item> = readonly (Test<Item> | typeof many)[];

const mostAlternatives = 100;
/** What means something in other tools and nothing here: `!` in front, `(…)`, `{1..9}`. */
const foreign = /^!|(?<!\\)[()]|\{[^{},]*\.\.[^{},]*\}/;

/** Whether `text` is a pattern, and nobody would expect it to mean more than it does. */
export function isGlob(text: string): boolean {
  return !foreign.test(text) && alternativesOf(text).length <= mostAlternatives;
}

/**
 * Reads a pattern: `*` is any part of a name, `?` one character of it, `[a-z]` and `[!a-z]` one of some, `**` any
 * number of directories, `{a,b}` one or the other; `\` takes the meaning from what follows. Throws RangeError for more
 * than 100 alternatives.
 *
 * No regular expression is made of it: matching takes time in proportion to the lengths of pattern and path, whatever
 * they are.
 */
export function compileGlob(text: string): Glob {
  const alternatives = alternativesOf(text);
  if (alternatives.length > mostAlternatives)
    throw new RangeError(`'${text}' stands for more than ${mostAlternatives}`);
  const patterns = alternatives.map((each) => each.split("/").map(compileName));
  return (path) => {
    const names = path.split("/");
    return patterns.some((pattern) => fits(pattern, names));
  };
}

/** At most one more than there may be. */
function alternativesOf(text: string): string[] {
  return [...expandBraces(text).take(mostAlternatives + 1)];
}

/** From the inside out, so that braces in braces need no more than this. */
function* expandBraces(text: string): Generator<string> {
  const group = /(?<!\\)\{([^{}]*,[^{}]*)\}/.exec(text);
  if (group === null) return yield text;
  const [before, after] = [text.slice(0, group.index), text.slice(group.index + group[0].length)];
  for (const each of group[1]?.split(",") ?? []) yield* expandBraces(before + each + after);
}

/** Whether `items` are what the pattern says. Where that fails, only the last `many` needs to be tried with more. */
function fits<Item>(pattern: Pattern<Item>, items: ArrayLike<Item>): boolean {
  let [at, next, retryAt, retryNext] = [0, 0, -1, 0];
  while (next < items.length) {
    const wanted = pattern[at];
    if (wanted === many) [retryAt, retryNext] = [at + 1, next];
    else if (wanted?.(items[next] as Item) === true) next += 1;
    else if (retryAt === -1) return false;
    else {
      retryNext += 1;
      [at, next] = [retryAt, retryNext];
      continue;
    }
    at += 1;
  }
  while (pattern[at] === many) at += 1;
  return at === pattern.length;
}

const tokens = /\*+|\?|\[([!^]?)(\]?[^\]]*)\]|\\?(.)/gs;

/** A name between two slashes. */
function compileName(text: string): Test<string> | typeof many {
  if (text === "**") return many;
  const pattern = [...text.matchAll(tokens)].map(([token, sign, members, character]) => {
    if (token.startsWith("*")) return many;
    if (token === "?") return () => true;
    return members === undefined ? (given: string) => given === character : compileClass(members, sign !== "");
  });
  return (name) => fits(pattern, name);
}

/** What stands between brackets: characters, and ranges of them. */
function compileClass(members: string, isExcluding: boolean): Test<string> {
  const ranges = [...members.matchAll(/(.)-(.)|./gs)].map(([one, from = one, to = one]) => [from, to] as const);
  return (given) => ranges.some(([from, to]) => given >= from && given <= to) !== isExcluding;
}
