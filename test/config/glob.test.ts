import { describe, expect, it } from "vitest";
import { compileGlob, isGlob } from "../../config/glob.ts";

describe("a pattern", () => {
  it.each<[pattern: string, matches: readonly string[], others: readonly string[]]>([
    ["docs", ["docs"], ["docs/a", "doc", "docss"]],
    ["*.css", ["a.css", ".css", "a.b.css"], ["a.cssx", "d/a.css", "css"]],
    ["**/*.css", ["a.css", "d/a.css", "d/e/a.css"], ["a.js"]],
    ["a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a", "b", "ab", "a/x/bb"]],
    ["**", ["a", "a/b", ".a/.b"], []],
    ["*", ["a", ".a"], ["a/b"]],
    ["a**b", ["ab", "axb"], ["a/b"]],
    ["?.js", ["a.js"], [".js", "ab.js", "/.js"]],
    ["[a-c]x", ["ax", "cx"], ["dx", "x", "-x"]],
    ["[!a-c]x", ["dx", "-x"], ["ax", "x"]],
    ["[^a]", ["b"], ["a", ""]],
    ["[]a]", ["]", "a"], ["b"]],
    ["[a-]", ["a", "-"], ["b"]],
    ["a[b", ["a[b"], ["ab"]],
    ["*.{jpg,png}", ["a.jpg", "a.png"], ["a.gif", "a.{jpg,png}"]],
    ["{a,b/{c,d}}/e", ["a/e", "b/c/e", "b/d/e"], ["b/e", "c/e"]],
    ["{a}", ["{a}"], ["a"]],
    ["a\\*\\?\\[b\\]", ["a*?[b]"], ["axx[b]"]],
    ["\\{a,b\\}", ["{a,b}"], ["a", "b"]],
    ["x\\", ["x\\"], ["x"]],
    ["\ud83d\ude00*", ["\ud83d\ude00!"], ["\ud83d\ude01!"]],
  ])("'%s' means what people expect", (pattern, matches, others) => {
    const glob = compileGlob(pattern);
    expect(matches.filter((path) => !glob(path))).toEqual([]);
    expect(others.filter((path) => glob(path))).toEqual([]);
  });

  it("is refused if it means more elsewhere than here, or stands for very many", () => {
    const good = ["docs/**", "*.{jpg,png}", "a\\(1\\).txt", "\\!a", "a!b", "a..b", "{a,b..c}", "{a,b}".repeat(6)];
    const bad = ["(a|b)", "+(a)", "a)", "!a", "{1..9}", "a{b..c}d", "{a,b}".repeat(7), "{a,b}".repeat(100)];
    expect(good.filter((pattern) => !isGlob(pattern))).toEqual([]);
    expect(bad.filter((pattern) => isGlob(pattern))).toEqual([]);
    expect(() => compileGlob("{a,b}".repeat(7))).toThrow(RangeError);
  });
});
