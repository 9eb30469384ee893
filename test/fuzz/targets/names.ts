import { posix } from "node:path";
import { isGlob } from "../../../config/glob.ts";
import { createSelection } from "../../../core/content/selection.ts";
import { checkPath, comparePaths, failure, nameBytes, nameFromBytes, printable } from "../../../sdk/index.ts";
import { refusePortable, refuseTarget } from "../../../sdk/index.ts";
import { defineTarget, failsWith } from "../fuzz.ts";
import type { Target } from "../fuzz.ts";
import { mutateBytes, mutateOften, mutateText, pick } from "../mutations.ts";

interface Names {
  readonly path: Uint8Array;
  readonly target: Uint8Array;
}

const goodPaths = [
  ..."index.html d/e/f.css a/../b \udcff/é CON.txt".split(" "),
  "a b/.c",
  "😀".repeat(60),
  "x/".repeat(200),
];
const goodTargets = ["../a", "d/e", "./x/./y", "../../x", "..", "a/..", "/etc", "\udcfe"];
const hostilePieces = [..."../|/..|/|.|\0|\n|\x1b[2J|\udcff|😀|é|\u202e".split("|"), "x".repeat(300), "a/".repeat(300)];
const oddBytes = ["ff", "eda080", "f09f", "c080", "ff".repeat(5_000)].map((hex) => Buffer.from(hex, "hex"));

/** Names inside a site, and where its links point. */
const paths = defineTarget({
  name: "paths",
  isRefusal: failsWith("DIST_ERR_PATH_INVALID"),
  open: () => ({
    make(random): Names {
      const name = (samples: readonly string[]): Uint8Array => {
        const bytes = nameBytes(
          mutateOften(pick(random, samples), random, (text) => mutateText(text, random, hostilePieces)),
        );
        return random.below(3) > 0 ? bytes : mutateBytes(bytes, random, pick(random, oddBytes));
      };
      return { path: name(goodPaths), target: name(goodTargets) };
    },
    feed({ path: pathBytes, target: targetBytes }) {
      const [path, target] = [nameFromBytes(pathBytes), nameFromBytes(targetBytes)];
      if (!Buffer.from(nameBytes(path)).equals(pathBytes)) throw new Error("its bytes are lost");
      if (/\p{Cc}/u.test(printable(path))) throw new Error("it is not safe to show");
      if (Math.sign(comparePaths(path, target)) !== -Math.sign(comparePaths(target, path))) throw new Error("no order");
      checkPath(path);
      if (posix.join("/site", path) !== `/site/${path}`) throw new Error("it is not where it seems to be");
      if (refusePortable(path) === undefined && /[\\:]/.test(path)) throw new Error("it is not portable");
      const reason = refuseTarget(path, target);
      if (reason !== undefined) throw failure("DIST_ERR_PATH_INVALID", { path: printable(target), reason });
      const end = posix.join("/", "site", posix.dirname(path), target);
      if (end !== "/site" && !end.startsWith("/site/")) throw new Error(`it leads to ${end}`);
    },
  }),
});

interface Chosen {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly types: readonly string[];
  readonly paths: readonly string[];
}

const globs = "public public/ **/*.css /notes.txt {a,b}{c,d}/[x-z]* docs/** *.{html,css} ? !x".split(" ");
const globPieces = "* ** **/ ? [ ] [a- [! { } , ( ) | +( @( !( \\ ! / . {1..9} a+".split(" ");
const names = [
  ..."public/a.html public/css/b.css notes.txt x.y.z .hidden/a".split(" "),
  "a".repeat(60),
  `${"a/".repeat(40)}b`,
];

/** Globs of people, on names of others. */
const selection = defineTarget({
  name: "selection",
  isRefusal: () => false,
  answers: "all taken",
  open: () => ({
    make(random): Chosen {
      const glob = () => mutateOften(pick(random, globs), random, (text) => mutateText(text, random, globPieces));
      const name = () =>
        random.below(2) === 0 ? pick(random, names) : mutateText(pick(random, names), random, hostilePieces);
      return {
        include: random.below(2) === 0 ? [] : [glob()],
        exclude: [glob(), glob()],
        types: random.below(4) === 0 ? [mutateText("html", random)] : [],
        paths: [name(), name()],
      };
    },
    feed({ paths: asked, ...given }) {
      // What a configuration lets through.
      const isPattern = (text: string) => text.length > 0 && text.length <= 1024 && isGlob(text);
      const rules = { ...given, include: given.include.filter(isPattern), exclude: given.exclude.filter(isPattern) };
      const { takes, enters, keepsEmpty } = createSelection(rules);
      for (const path of asked) {
        if (takes(path) !== takes(path)) throw new Error("it is not sure");
        enters(path);
        keepsEmpty(path);
      }
    },
  }),
});

export const nameTargets: readonly Target[] = [paths, selection];
