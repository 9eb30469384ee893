import { join } from "node:path";
import { failure } from "distributary/sdk";
import type { Io } from "distributary/sdk";
import { makeDirectories, readFile, replaceFile } from "../content/durable-file.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { SitePermission } from "./accept.ts";
import { nativeInterpreter } from "./host-facts.ts";
import { Releases } from "./release.ts";

export interface SitesOptions {
  /** Where it is remembered which sites are here. */
  readonly directory: string;
  readonly kernel: Kernel;
  permissionFor(site: string): SitePermission & { readonly keepReleases: number };
  /** Tells whoever serves a site that it moved. */
  afterSwitch(site: string, release: string, signal: AbortSignal): Promise<void>;
}

/** Longer than a web server takes from looking up `live` to having opened what a request asks for. */
const graceMs = 5_000;

/** The sites of a node, each recovered when it is first asked for. */
export class Sites {
  readonly #io: Io;
  readonly #options: SitesOptions;
  readonly #open = new Map<string, Releases>();

  constructor(io: Io, options: SitesOptions) {
    this.#io = io;
    this.#options = options;
  }

  /** Names of the sites that were ever here. */
  known(): string[] {
    if (this.#io.disk.stat(this.#options.directory) === undefined) return [];
    return this.#io.disk.list(this.#options.directory).filter((name) => !name.endsWith(".tmp"));
  }

  /** Those that were asked for and could be recovered. */
  opened(): Releases[] {
    return [...this.#open.values()];
  }

  find(site: string): Releases | undefined {
    return this.#open.get(site);
  }

  /**
   * A site's releases. `interpreter` counts only for a site that is new here. Throws DIST_ERR_POLICY_REFUSED if it may
   * not be here, and what recovery throws; nothing of the site was touched then, and the next call tries again.
   */
  open(site: string, interpreter = "native"): Releases {
    const known = this.#open.get(site);
    if (known !== undefined) return known;
    const { kernel, permissionFor, afterSwitch } = this.#options;
    const { directory, keepReleases, maxEntries, maxBytes } = permissionFor(site);
    if (directory === undefined)
      throw failure("DIST_ERR_POLICY_REFUSED", { site, reason: "the site may not be on this node" });
    const remembered = this.#remembered(site);
    const name = remembered ?? (interpreter === "native" ? nativeInterpreter() : interpreter);
    const releases = new Releases(this.#io, {
      site,
      directory,
      interpreter: kernel.usable("interpreters", name, this.#io),
      keepReleases,
      graceMs,
      mayHold: { maxEntries, maxBytes },
      afterSwitch: (release, signal) => afterSwitch(site, release, signal),
    });
    releases.recover();
    if (remembered === undefined) this.#remember(site, name);
    this.#open.set(site, releases);
    return releases;
  }

  /**
   * Which interpreter a site was begun with is remembered in a file, so that all sites are recovered at the next start.
   */
  #remembered(site: string): string | undefined {
    const name = readFile(this.#io.disk, join(this.#options.directory, site));
    return name === undefined ? undefined : Buffer.from(name).toString();
  }

  #remember(site: string, interpreter: string): void {
    makeDirectories(this.#io.disk, this.#options.directory);
    replaceFile(this.#io.disk, join(this.#options.directory, site), Buffer.from(interpreter));
  }
}
