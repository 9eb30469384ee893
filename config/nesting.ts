import { CST, Lexer } from "yaml";
import { deepest } from "./copy.ts";

const opening = ["flow-map-start", "flow-seq-start"];
const closing = ["flow-map-end", "flow-seq-end"];
const indicators = ["seq-item-ind", "explicit-key-ind", "map-value-ind"];
/** Tokens that stand for no characters of the text. */
const marks = ["doc-mode", "flow-error-end", "scalar"];

/**
 * Where a YAML text is nested deeper, in brackets or within one line, than any configuration is; undefined if nowhere.
 * The parser takes minutes for a few kilobytes of such text, so it must not get to see it.
 */
export function findDeepNesting(text: string): number | undefined {
  let [offset, brackets, inLine] = [0, 0, 0];
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token) ?? "";
    if (opening.includes(type)) brackets += 1;
    else if (closing.includes(type)) brackets -= 1;
    else if (type === "newline") inLine = 0;
    else if (brackets <= 0 && indicators.includes(type)) inLine += 1;
    if (Math.max(brackets, inLine) > deepest) return offset;
    if (!marks.includes(type)) offset += token.length;
  }
  return undefined;
}
