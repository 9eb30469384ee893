import type { PieceRange } from "distributary/sdk";

/** Below this, pieces are served. */
export const prefix = "/pieces/";

/** How many of the pieces asked for an answer holds; they follow one another from the first. */
export const countHeader = "distributary-pieces";

const form = /^\/pieces\/([0-9a-f]{64})\/(0|[1-9][0-9]{0,8})-([1-9][0-9]{0,8})$/;

/** `/pieces/<assignment>/<from>-<to>`, `to` being one past the last. */
export function formatPath(assignment: string, { from, to }: PieceRange): string {
  return `${prefix}${assignment}/${from}-${to}`;
}

/** What a path asks for; undefined for everything that `formatPath` does not write, and for no pieces at all. */
export function parsePath(path: string): { readonly assignment: string; readonly range: PieceRange } | undefined {
  const [, assignment, from, to] = form.exec(path) ?? [];
  if (assignment === undefined || Number(from) >= Number(to)) return undefined;
  return { assignment, range: { from: Number(from), to: Number(to) } };
}
