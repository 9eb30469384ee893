import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { failure } from "distributary/sdk";
import type { Plugin } from "distributary/sdk";
import { builtInPlugins } from "../../plugins/index.ts";
import { namePattern } from "./registry.ts";

/** One line of `plugins:` in a configuration. */
export interface PluginUse {
  /** Built-in name, `foo` for `distributary-plugin-foo`, `@scope/foo`, or the path of a local module. */
  readonly use: string;
  /** The id, if not the plugin's name; needed for a second one of the same plugin. */
  readonly as?: string;
  readonly options?: Readonly<Record<string, unknown>>;
  /** Where it was written, `file:line`. */
  readonly where?: string;
}

/**
 * Brings the module of a plugin. Packages are looked for from `directory`, then beside Distributary itself.
 * Throws DIST_ERR_PLUGIN_NOT_FOUND with every place tried, or DIST_ERR_PLUGIN_LOAD.
 */
export async function loadPlugin({ use, where }: PluginUse, directory: string): Promise<Plugin> {
  const context = where === undefined ? {} : { where };
  const builtIn = isBuiltIn(use) ? builtInPlugins[use] : undefined;
  if (builtIn !== undefined) return shapeOf(use, await builtIn(), context);
  const tried: string[] = [];
  for (const candidate of candidates(use, directory)) {
    tried.push(candidate.shown);
    const url = candidate.resolve();
    if (url === undefined) continue;
    return shapeOf(use, await importModule(use, url, context), context);
  }
  throw failure(
    "DIST_ERR_PLUGIN_NOT_FOUND",
    { use, tried: tried.join(", "), builtIn: Object.keys(builtInPlugins).join(", ") },
    context,
  );
}

/** Whether a plugin of that name comes with Distributary. */
export function isBuiltIn(use: string): boolean {
  return Object.hasOwn(builtInPlugins, use);
}

interface Candidate {
  readonly shown: string;
  resolve(): string | undefined;
}

function candidates(use: string, directory: string): Candidate[] {
  if (use.startsWith(".") || isAbsolute(use)) {
    const file = isAbsolute(use) ? use : join(directory, use);
    return [{ shown: file, resolve: () => resolveFrom(directory, file) }];
  }
  const name = packageName(use);
  return [directory, import.meta.dirname].map((from) => ({
    shown: `package ${name} from ${from}`,
    resolve: () => resolveFrom(from, name),
  }));
}

function packageName(use: string): string {
  const [scope, name] = use.startsWith("@") ? use.split("/", 2) : [undefined, use];
  if (scope !== undefined && name === undefined) return `${scope}/distributary-plugin`;
  const full = name?.startsWith("distributary-plugin-") === true ? name : `distributary-plugin-${name}`;
  return scope === undefined ? full : `${scope}/${full}`;
}

/** The URL of what `specifier` means there; undefined if there is nothing of that name. */
function resolveFrom(directory: string, specifier: string): string | undefined {
  const require = createRequire(join(directory, "from.js"));
  try {
    return pathToFileURL(require.resolve(specifier)).href;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "MODULE_NOT_FOUND" && message.startsWith(`Cannot find module '${specifier}'`)) return undefined;
    const esModule = code === "ERR_PACKAGE_PATH_NOT_EXPORTED" ? importedEntry(require, specifier) : undefined;
    if (esModule !== undefined) return esModule;
    const problem = message.split("\n", 1)[0] ?? message;
    throw failure("DIST_ERR_PLUGIN_LOAD", { use: specifier, problem }, { cause: error });
  }
}

/** What a package exports to `import` alone, which `require.resolve` does not see. */
function importedEntry(require: NodeJS.Require, name: string): string | undefined {
  for (const modules of require.resolve.paths(name) ?? []) {
    const file = join(modules, name, "package.json");
    if (!existsSync(file)) continue;
    const { exports } = JSON.parse(readFileSync(file, "utf8")) as { exports?: unknown };
    const entry = targetOf((exports as { "."?: unknown } | undefined)?.["."] ?? exports);
    return entry === undefined ? undefined : pathToFileURL(join(modules, name, entry)).href;
  }
  return undefined;
}

function targetOf(target: unknown): string | undefined {
  if (typeof target === "string") return target;
  if (typeof target !== "object" || target === null) return undefined;
  const conditions = Object.entries(target).filter(([name]) => ["node", "import", "default"].includes(name));
  return conditions.map(([, nested]) => targetOf(nested)).find((found) => found !== undefined);
}

async function importModule(use: string, url: string, context: { where?: string }): Promise<unknown> {
  try {
    return await import(url);
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw failure("DIST_ERR_PLUGIN_LOAD", { use, problem }, { ...context, cause: error });
  }
}

function shapeOf(use: string, module: unknown, context: { where?: string }): Plugin {
  const refuse = (problem: string) => failure("DIST_ERR_PLUGIN_SHAPE", { plugin: use, problem }, context);
  const plugin = (module as { default?: unknown }).default;
  if (typeof plugin !== "object" || plugin === null) throw refuse("it has no default export that is an object");
  const { name, api, setup } = plugin as Record<string, unknown>;
  if (typeof name !== "string" || !namePattern.test(name))
    throw refuse("its `name` is missing or not like `my-plugin`");
  if (!Number.isInteger(api)) throw refuse("its `api` is not a whole number");
  if (typeof setup !== "function") throw refuse("its `setup` is not a function");
  return plugin as Plugin;
}
