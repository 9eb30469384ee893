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
   * A site's releases. `interpreter` counts only for a site that is new here. Throws DIST_ERR_POLICY_REFUSED if it may not be
   * here, and what recovery throws; nothing of the site was touched then, and the next call tries again.
   */
  open(site: string, interpreter = "native"): Releases {
    const known = this.#open.get(site);
    if (known !== undefined) return known;
    const { kernel, permissionFor, afterSwitch } = this.#options;
    const { directory, keepReleases } = permissionFor(site);
    if (directory === undefined) throw failure("DIST_ERR_POLICY_REFUSED", { site, reason: "the site may not be on this node" });
    const releases = new Releases(this.#io, {
      site,
      directory,
      interpreter: kernel.usable("interpreters", this.#interpreterOf(site, interpreter), this.#io),
      keepReleases,
      afterSwitch: (release, signal) => afterSwitch(site, release, signal),
    });
    releases.recover();
    this.#open.set(site, releases);
    return releases;
  }

  /** Which interpreter a site was begun with is remembered in a file, so that all sites are recovered at the next start. */
  #interpreterOf(site: string, wanted: string): string {
    const { disk } = this.#io;
    const { directory } = this.#options;
    makeDirectories(disk, directory);
    const remembered = readFile(disk, join(directory, site));
    if (remembered !== undefined) return Buffer.from(remembered).toString();
    const interpreter = wanted === "native" ? nativeInterpreter() : wanted;
    replaceFile(disk, join(directory, site), Buffer.from(interpreter));
    return interpreter;
  }
}
