import { readFileSync, statSync } from "node:fs";
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Document, Node, Pair, Scalar, YAMLMap } from "yaml";
import { failure, printable } from "distributary/sdk";
import { ConfigError } from "./config-error.ts";
import type { ConfigProblem } from "./config-error.ts";
import { deepest, mostValues } from "./copy.ts";
import { findDeepNesting } from "./nesting.ts";
import { formatPath } from "./problem.ts";
import type { Problem } from "./problem.ts";

export const longestFileBytes = 1_048_576;
const mostSyntaxErrors = 20;
const tooDeep = `is nested more than ${deepest} levels deep`;

type Path = readonly (string | number)[];

/** Reads a text file of at most 1 MiB. Throws DIST_ERR_CONFIG_READ. */
export function readConfigText(file: string): string {
  try {
    const stats = statSync(file);
    if (!stats.isFile()) throw new Error("it is not a file");
    if (stats.size > longestFileBytes) throw new Error(`it is longer than ${longestFileBytes} bytes`);
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem =
      code === "ENOENT"
        ? "there is no such file"
        : code === "ERR_ENCODING_INVALID_ENCODED_DATA"
          ? "it is not UTF-8"
          : message;
    throw failure("DIST_ERR_CONFIG_READ", { file, problem }, { cause: error });
  }
}

/**
 * One YAML document of plain values with the line of each. YAML 1.2 without tags, merge keys and repeated keys;
 * aliases are written out, up to 200,000 values and 64 levels in all.
 */
export class YamlFile {
  readonly file: string;
  /** Lists, objects, strings, numbers, booleans and null; nothing in it is shared. */
  readonly value: unknown;
  readonly #document: Document;
  readonly #lines = new LineCounter();
  readonly #anchors = new Map<string, Node>();
  readonly #problems: ConfigProblem[] = [];
  /** The pairs of a mapping by key, for those that were asked for. */
  readonly #pairs = new WeakMap<YAMLMap, ReadonlyMap<string | undefined, Pair>>();
  #count = 0;

  /** `file` is what messages call it. Throws a ConfigError if the text is not such a document. */
  constructor(text: string, file: string) {
    this.file = file;
    if (Buffer.byteLength(text) > longestFileBytes) {
      throw new ConfigError(file, [{ where: file, message: `it is longer than ${longestFileBytes} bytes` }]);
    }
    const tooDeepAt = findDeepNesting(text);
    if (tooDeepAt !== undefined) {
      const line = text.slice(0, tooDeepAt).split("\n").length;
      throw new ConfigError(file, [{ where: `${file}:${line}`, message: tooDeep }]);
    }
    // The library looks for repeated keys in quadratic time.
    this.#document = parseDocument(text, {
      version: "1.2",
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter: this.#lines,
      logLevel: "error",
    });
    this.#checkSyntax();
    this.value = this.#read(this.#document.contents, { path: [], depth: 0, isAliased: false });
    if (this.#problems.length > 0) throw new ConfigError(file, this.#problems);
  }

  #checkSyntax(): void {
    const { errors, warnings, directives } = this.#document;
    for (const { code, message, pos } of [...errors, ...warnings].slice(0, mostSyntaxErrors)) {
      this.#refuse(
        pos[0],
        code === "RESOURCE_EXHAUSTION" ? tooDeep : `is not YAML: ${printable(message.split("\n")[0] ?? "")}`,
      );
    }
    if (directives?.yaml.explicit === true && directives.yaml.version !== "1.2") this.#refuse(0, "must be YAML 1.2");
    if (this.#problems.length > 0) throw new ConfigError(this.file, this.#problems);
  }

  #read(node: unknown, at: Reading): unknown {
    this.#count += 1;
    const offset = offsetOf(node);
    if (this.#count > mostValues) this.#giveUp(offset, `holds more than ${mostValues} values`);
    if (at.depth > deepest) this.#giveUp(offset, tooDeep);
    if (node === null || node === undefined) return null;
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (target === undefined)
        return this.#refuse(offset, `there is no anchor '&${printable(node.source)}' before this`);
      return this.#read(target, { ...at, depth: at.depth + 1, isAliased: true });
    }
    const { anchor, tag } = node as Scalar;
    if (anchor !== undefined && !at.isAliased) this.#anchors.set(anchor, node as Node);
    if (tag !== undefined) return this.#refuse(offset, `the tag '${printable(tag)}' is not allowed`);
    if (isSeq(node)) return node.items.map((item, index) => this.#read(item, inside(at, index)));
    if (isMap(node)) return this.#readMap(node.items, at);
    const { value } = node as Scalar;
    const isPlain = value === null || ["string", "boolean"].includes(typeof value) || Number.isFinite(value);
    return isPlain ? value : this.#refuse(offset, "must be text, a finite number, true or false");
  }

  #readMap(pairs: readonly Pair[], at: Reading): unknown {
    const values = new Map<string, unknown>();
    for (const { key, value } of pairs) {
      const name = keyOf(key);
      const offset = offsetOf(key);
      if (name === undefined) {
        this.#refuse(offset, "a key must be plain text");
      } else if (name === "<<") {
        this.#refuse(offset, "merge keys (`<<`) are not allowed");
      } else if (values.has(name)) {
        this.#refuse(offset, `${formatPath([...at.path, name])}: stands here for the second time`);
      } else {
        values.set(name, this.#read(value, inside(at, name)));
      }
    }
    return Object.fromEntries(values);
  }

  #refuse(offset: number, message: string): undefined {
    this.#problems.push({ where: this.#lineAt(offset), message });
  }

  #giveUp(offset: number, message: string): never {
    this.#refuse(offset, message);
    throw new ConfigError(this.file, this.#problems);
  }

  #lineAt(offset: number): string {
    return `${this.file}:${Math.max(1, this.#lines.linePos(offset).line)}`;
  }

  /** `file:line` of a value: of its key, its place in a list, or of the nearest thing around it that is there. */
  locate(path: Path): string {
    return this.#lineAt(this.#offsetOf(path));
  }

  #offsetOf(path: Path): number {
    let node: unknown = this.#document.contents;
    let offset = offsetOf(node);
    for (const key of path) {
      while (isAlias(node)) node = this.#anchors.get(node.source);
      if (isMap(node)) {
        const pair = this.#pairsOf(node).get(String(key));
        if (pair === undefined) return offset;
        [node, offset] = [pair.value, offsetOf(pair.key)];
      } else if (isSeq(node) && typeof key === "number" && node.items[key] !== undefined) {
        node = node.items[key];
        offset = offsetOf(node) || offset;
      } else {
        return offset;
      }
    }
    return offset;
  }

  #pairsOf(map: YAMLMap): ReadonlyMap<string | undefined, Pair> {
    const known = this.#pairs.get(map);
    if (known !== undefined) return known;
    const pairs = new Map(map.items.map((pair) => [keyOf(pair.key), pair]));
    this.#pairs.set(map, pairs);
    return pairs;
  }

  /** An error that shows each problem with its line, in the order of lines. */
  error(problems: readonly Problem[]): ConfigError {
    const located = problems.map(({ path, key, message, hint }) => {
      const shown = formatPath(path);
      return {
        offset: this.#offsetOf(key === undefined ? path : [...path, key]),
        message: shown === "" ? message : `${shown}: ${message}`,
        ...(hint === undefined ? {} : { hint }),
      };
    });
    const sorted = located.sort((a, b) => a.offset - b.offset);
    return new ConfigError(
      this.file,
      sorted.map(({ offset, ...problem }) => ({ where: this.#lineAt(offset), ...problem })),
    );
  }
}

interface Reading {
  readonly path: Path;
  readonly depth: number;
  /** Inside what an alias stands for, where anchors were seen before. */
  readonly isAliased: boolean;
}

function inside(at: Reading, key: string | number): Reading {
  return { ...at, path: [...at.path, key], depth: at.depth + 1 };
}

function offsetOf(node: unknown): number {
  return (node as { range?: readonly [number, number, number] | null } | null | undefined)?.range?.[0] ?? 0;
}

function keyOf(key: unknown): string | undefined {
  if (key === null) return "";
  return isScalar(key) && key.tag === undefined && typeof key.value !== "object"
    ? String(key.source ?? key.value)
    : undefined;
}
