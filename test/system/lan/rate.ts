/** A host waits for its cable: the queue is deeper than any socket's buffer, so nothing it sends is lost there. */
export function uplink(megabits: number): string {
  return tokenBucket(megabits, 2 ** 25);
}

/** A switch holds 50 ms of what goes to a port, or 64 KiB, and drops what does not fit. */
export function downlink(megabits: number): string {
  return tokenBucket(megabits, Math.max(bytesPerMs(megabits) * 50, 2 ** 16));
}

/** As the words of `tc`. It may send at once what it lets pass in a millisecond, or 16 KiB. */
function tokenBucket(megabits: number, queueBytes: number): string {
  const burstBytes = Math.max(bytesPerMs(megabits), 2 ** 14);
  return `tbf rate ${megabits}mbit burst ${burstBytes} limit ${queueBytes}`;
}

function bytesPerMs(megabits: number): number {
  return megabits * 125;
}
