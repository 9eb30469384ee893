import type { Millis } from "distributary/sdk";

/** What is at most sent at once, besides what a millisecond takes. */
const mostBurst = 44;
/** What may be caught up on when the process was late. */
const creditMs = 10;
/** As long as more than this waits in the process, nothing is added. */
const mostBacklogBytes = 256 * 1024;

/** Says how many frames may leave, so that they leave evenly. */
export class Pacing {
  readonly #wireBytes: number;
  #credit = 0;
  #at: Millis = 0;
  /** What waits in this process. */
  backlogBytes = 0;

  constructor(wireBytes: number) {
    this.#wireBytes = wireBytes;
  }

  begin(at: Millis): void {
    this.#at = at;
  }

  earn(now: Millis, bytesPerSecond: number): void {
    const bytesPerMs = bytesPerSecond / 1_000;
    const most = Math.max(2 * this.#wireBytes, bytesPerMs * creditMs);
    this.#credit = Math.min(most, this.#credit + (now - this.#at) * bytesPerMs);
    this.#at = now;
  }

  /** Frames that may leave now, at once. */
  get room(): number {
    if (this.backlogBytes > mostBacklogBytes) return 0;
    return Math.min(mostBurst, Math.max(0, Math.floor(this.#credit / this.#wireBytes)));
  }

  spend(frames: number): void {
    this.#credit -= frames * this.#wireBytes;
  }

  /** When there is room again that is worth waking for. */
  nextAt(now: Millis, bytesPerSecond: number): Millis {
    const bytesPerMs = bytesPerSecond / 1_000;
    const wanted = Math.max(this.#wireBytes, Math.min(bytesPerMs, mostBurst * this.#wireBytes));
    return now + Math.max(1, (wanted - this.#credit) / bytesPerMs);
  }
}
