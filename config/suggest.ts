/** The known word that `word` was most likely meant to be; undefined if none is close. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const limit = Math.min(3, Math.max(1, Math.floor(word.length / 3)));
  let [best, bestDistance] = [undefined as string | undefined, limit + 1];
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** `, did you mean 'x'?`, or nothing: the end of a message about an unknown word. */
export function suggestion(word: string, known: Iterable<string>): string {
  const meant = didYouMean(word, known);
  return meant === undefined ? "" : `, did you mean '${meant}'?`;
}

/** Insertions, deletions, replacements and swaps of neighbours that make `b` of `a` (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let [before, previous] = [[] as number[], Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let x = 1; x <= a.length; x += 1) {
    const row = [x];
    for (let y = 1; y <= b.length; y += 1) {
      const replace = at(previous, y - 1) + (a[x - 1] === b[y - 1] ? 0 : 1);
      row.push(Math.min(at(previous, y) + 1, at(row, y - 1) + 1, replace));
      const swapped = x > 1 && y > 1 && a[x - 1] === b[y - 2] && a[x - 2] === b[y - 1];
      if (swapped) row[y] = Math.min(at(row, y), at(before, y - 2) + 1);
    }
    [before, previous] = [previous, row];
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
