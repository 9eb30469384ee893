import { failure } from "distributary/sdk";
import type { Header } from "../assignment/assignment.ts";
import { emptyTree } from "../content/manifest.ts";
import type { ReleaseState } from "../protocol/messages.ts";
import { findRelease } from "./site-state.ts";
import type { Ledger } from "./site-state.ts";

/**
 * The release an update starts from; undefined if that is nothing. Throws DIST_ERR_ASSIGNMENT_BASE if it is not here.
 */
export function findBase(ledger: Ledger, header: Header): ReleaseState | undefined {
  const { base: tree } = header;
  if (tree === undefined || tree === emptyTree) return undefined;
  const base = findRelease(ledger, tree);
  if (base === undefined) throw refusedBase(header, tree, ledger.live?.tree ?? "nothing");
  return base;
}

/** Makes DIST_ERR_ASSIGNMENT_BASE: `header` asks for the tree `base`, and what there is is `have`. */
export function refusedBase({ site, serial }: Header, base: string, have: string, cause?: unknown): Error {
  return failure("DIST_ERR_ASSIGNMENT_BASE", { site, serial, base, have }, { cause });
}
