import { dirname, resolve } from "node:path";
import type { Infer, ObjectSchema } from "distributary/sdk";
import { isPlainObject } from "./copy.ts";
import { isName } from "./formats.ts";
import type { Problem } from "./problem.ts";
import { compileSchema } from "./validate.ts";
import { YamlFile, readConfigText } from "./yaml-file.ts";

/** What control may do on one node. The file belongs to the node's administrator; control cannot change it. */
export const localPolicySchema = {
  type: "object",
  description: "What control may do on this node.",
  properties: {
    roots: {
      type: "object",
      additionalProperties: {
        type: "string",
        format: "path",
        description: "A directory; `{site}` and `{name}` stand for the names of site and node.",
      },
      description: "The directory of each site. `*` is for sites not named; without it they are refused.",
    },
    extensions: {
      type: "array",
      items: {
        type: "string",
        pattern: "^x-[a-z0-9-]{1,62}$",
        description: "The kind of an extension command, like `x-reload`.",
      },
      default: [],
      description: "Commands beyond files that may be carried out.",
    },
    maxEntries: {
      type: "integer",
      minimum: 1,
      maximum: 100_000_000,
      default: 2_000_000,
      description: "Files and directories of one site.",
    },
    maxBytes: { type: "string", format: "bytes", default: "1 TiB", description: "Size of one site." },
    maxFileBytes: { type: "string", format: "bytes", default: "64 GiB", description: "Size of one file." },
    names: {
      type: "string",
      enum: ["any", "portable"],
      default: "any",
      description: "`portable` refuses file names that some systems cannot keep.",
    },
    symlinks: {
      type: "string",
      enum: ["keep", "refuse"],
      default: "keep",
      description: "Whether sites may hold symbolic links.",
    },
    reload: {
      type: "object",
      additionalProperties: {
        type: "array",
        items: { type: "string", minLength: 1, description: "The program, then its arguments. There is no shell." },
        minItems: 1,
        description: "A command.",
      },
      default: {},
      description: "What is run after a site went live, by site: `www: [systemctl, reload, apache2]`.",
    },
    probe: {
      type: "object",
      additionalProperties: {
        type: "string",
        pattern: "^https?://[^\\s]+$",
        description: "A URL that begins with `http://` or `https://`.",
      },
      default: {},
      description: "What must answer after a site went live, by site.",
    },
    keepReleases: {
      type: "integer",
      minimum: 2,
      maximum: 1000,
      default: 2,
      description: "Releases that stay on disk, whatever control says.",
    },
  },
} as const satisfies ObjectSchema;

const defaultRoots = { "*": "/srv/{site}" };

type Given = Infer<typeof localPolicySchema>;
export type LocalPolicy = Given & { readonly roots: NonNullable<Given["roots"]> };

/** Reads the local policy of a node; without a file, the defaults. Throws DIST_ERR_CONFIG_READ or a ConfigError. */
export function loadLocalPolicy(file?: string): LocalPolicy {
  const yaml = new YamlFile(file === undefined ? "" : readConfigText(file), file ?? "the default local policy");
  const directory = file === undefined ? "/" : dirname(resolve(file));
  const checked = compileSchema(localPolicySchema, { directory })(yaml.value ?? {});
  const problems = [...(checked.ok ? [] : checked.problems), ...siteProblems(yaml.value)];
  if (!checked.ok || problems.length > 0) throw yaml.error(problems);
  return Object.freeze({ ...checked.value, roots: checked.value.roots ?? Object.freeze(defaultRoots) });
}

function siteProblems(value: unknown): Problem[] {
  const sections = isPlainObject(value) ? value : {};
  return (["roots", "reload", "probe"] as const).flatMap((section) =>
    Object.keys(isPlainObject(sections[section]) ? sections[section] : {})
      .filter((site) => !isName(site) && !(section === "roots" && site === "*"))
      .map((site) => ({ path: [section, site], message: "is not the name of a site" })),
  );
}

/** The absolute directory of a site on a node; undefined if the node does not serve that site. */
export function rootOf({ roots }: LocalPolicy, site: string, node: string): string | undefined {
  if (!isName(site) || !isName(node)) return undefined;
  const root = Object.hasOwn(roots, site) ? roots[site] : roots["*"];
  return root?.replaceAll("{site}", site).replaceAll("{name}", node);
}
