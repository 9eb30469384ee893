import type { SiteState } from "../../protocol/messages.ts";
import type { CatalogSite } from "../catalog.ts";
import type { JobKind, JobParams } from "./job.ts";
import type { JobParts } from "./parts.ts";

export interface ReconcilerCalls {
  /** Whether a job of the site runs or waits; its end brings another look. */
  isBusy(site: string): Promise<boolean>;
  propose(kind: JobKind, site: string, params: JobParams): Promise<unknown>;
}

/**
 * Sees to it that every node of a group has what is live, without anybody asking (CM-13): a new one, one that was away,
 * one whose release is damaged. All that a site's nodes miss becomes one job.
 */
export class Reconciler {
  readonly #parts: JobParts;
  readonly #calls: ReconcilerCalls;
  /** When a node that could not be brought up to date may be tried again, by node and site. */
  readonly #tryAgainAt = new Map<string, number>();
  #looking: Promise<void> | undefined;

  constructor(parts: JobParts, calls: ReconcilerCalls) {
    this.#parts = parts;
    this.#calls = calls;
  }

  /** Looks at all sites; who asks while it looks gets the same look. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  /** Leaves nodes of a site alone for a while. */
  pause(site: string, nodes: readonly string[], ms: number): void {
    for (const node of nodes) this.#tryAgainAt.set(`${node} ${site}`, this.#parts.clock.now() + ms);
  }

  async #look(): Promise<void> {
    const now = this.#parts.clock.now();
    for (const [key, moment] of this.#tryAgainAt) if (moment <= now) this.#tryAgainAt.delete(key);
    for (const name of await this.#parts.catalog.siteNames()) {
      if (this.#parts.stopping.aborted || (await this.#calls.isBusy(name))) continue;
      // Only now: what a job changes must not be compared with what was before it.
      const site = await this.#parts.catalog.site(name);
      const nodes = await this.#staleNodes(site);
      if (nodes.length === 0 || (await this.#calls.isBusy(name))) continue;
      await this.#calls.propose(site.liveVersion === undefined ? "remove" : "replicate", name, { nodes });
    }
  }

  async #staleNodes({ name, site, liveVersion, lastVersion }: CatalogSite): Promise<string[]> {
    if (lastVersion === 0) return [];
    const { catalog, hub } = this.#parts;
    const [members, states] = await Promise.all([catalog.members(site.group), hub.states(name)]);
    const ids = members.map(({ id }) => id);
    const isWaiting = (node: string) => hub.isConnected(node) && !this.#tryAgainAt.has(`${node} ${name}`);
    return ids.filter((node) => isWaiting(node) && !isCurrent(states.get(node), liveVersion));
  }
}

function isCurrent(state: SiteState | undefined, liveVersion: number | undefined): boolean {
  return state?.live?.version === liveVersion && state?.damage === undefined;
}
