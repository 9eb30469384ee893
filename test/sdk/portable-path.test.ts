import { describe, expect, it } from "vitest";
import { refusePortable } from "../../sdk/index.ts";

describe("a portable path", () => {
  it("may be any text that all hosts keep", () => {
    for (const path of [
      "index.html",
      "a/b/c",
      ".htaccess",
      "..a",
      "a b",
      "é/😀",
      "console",
      "com",
      "com10",
      "lpt",
      "auxiliary.txt",
      "nul-1",
      "x.con",
      "$",
      "~",
    ]) {
      expect(refusePortable(path), path).toBeUndefined();
    }
  });

  it("may not hold what Windows takes for something else", () => {
    for (const name of [
      "CON",
      "con",
      "AUX.txt",
      "aux.tar.gz",
      "NUL ",
      "nul .txt",
      "PRN",
      "COM1",
      "com9.log",
      "COM¹",
      "LPT³.x",
      "CONIN$",
      "CONOUT$",
      "CLOCK$",
      "a:b",
      "C:",
      "a:stream",
      "<",
      ">",
      "a|b",
      "a?b",
      "a*b",
      'a"b',
      "a\\b",
      "..\\x",
      "a\nb",
      "\u0001",
      "dot.",
      "dots..",
      "space ",
      "\udcff",
    ]) {
      for (const path of [name, `a/${name}`, `${name}/a`]) {
        expect(refusePortable(path), path).toMatch(/^'.*' (is|holds|ends)/s);
      }
    }
  });
});
