/** How many of a node's last greetings are looked at. */
const lookedAt = 8;
/** How often a boot may come back after another one; more than a late message explains. */
const mostReturns = 2;

/**
 * Finds two agents with one identity, as the copy of a machine makes them: they take each other's place by turns, so a
 * boot comes back again and again after another one did. One agent never goes back to an earlier boot.
 */
export class ClonedNodes {
  /** Boot ids of each node's last greetings. */
  readonly #greetings = new Map<string, string[]>();

  /** Notes a greeting; whether there are two of that node. They are forgotten when only one has come for a while. */
  areTwo(node: string, bootId: string): boolean {
    const greetings = [...(this.#greetings.get(node) ?? []), bootId].slice(-lookedAt);
    this.#greetings.set(node, greetings);
    const returns = greetings.filter((boot, at) => boot !== greetings[at - 1] && greetings.indexOf(boot) < at);
    return returns.length > mostReturns;
  }
}
