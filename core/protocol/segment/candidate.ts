/** What decides between two who would lead. */
export interface Candidate {
  readonly id: string;
  readonly priority: number;
  readonly at: { readonly address: string };
}

/** Whether `one` leads rather than `other`: by priority; then the lower address, then the lower id (EL-2). */
export function isBetter(one: Candidate, other: Candidate): boolean {
  if (one.priority !== other.priority) return one.priority > other.priority;
  const byAddress = compareAddresses(one.at.address, other.at.address);
  return byAddress === 0 ? one.id < other.id : byAddress < 0;
}

/** IPv4 by number and before everything else, the rest as text. */
function compareAddresses(one: string, other: string): number {
  if (one === other) return 0;
  const [a, b] = [ipv4(one), ipv4(other)];
  return a === b ? (one < other ? -1 : 1) : a - b;
}

function ipv4(address: string): number {
  const parts = address.split(".");
  return parts.length === 4 ? parts.reduce((sum, part) => sum * 256 + Number(part), 0) : 2 ** 32;
}
