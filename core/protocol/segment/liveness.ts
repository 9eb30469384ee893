/** A share of 1 in the units of this file: integers, so that every host computes the same. */
const whole = 2 ** 20;
/** One sequence number weighs 1/128. */
const memory = 128;
/** After an outage the estimate must come down again soon; and above this share no count of misses is safe. */
const mostLost = 20;
const highestShare = Math.floor(whole * 0.57);
/** Below so many samples the estimate counts as a guess. */
const enoughSamples = 128;
const fewestMisses = 2;
const guessedMisses = 5;

/**
 * For n = 2 … 20 the largest share P (in 2⁻²⁰) with n·Pⁿ < 1/3600: with so much loss, n misses in a row happen less
 * than once in 3,600 periods (IC-7).
 */
const largestShares = [
  12_357, 47_437, 95_721, 147_756, 198_696, 246_506, 290_519, 330_695, 367_256, 400_523, 430_833, 458_511, 483_851,
  507_115, 528_534, 548_310, 566_617, 583_610, 599_422,
];

/** How much gets lost on the way from one sender, told from the gaps in its sequence numbers (IC-7). */
export class LossEstimate {
  #share = 0;
  #last: number | undefined;
  #sampleCount = 0;

  /** Takes a sequence number; one that is late or doubled changes nothing. */
  note(sequence: number): void {
    const last = this.#last;
    if (last !== undefined && sequence <= last) return;
    this.#last = sequence;
    if (last === undefined) return;
    const lost = Math.min(sequence - last - 1, mostLost);
    this.#share = Math.min(highestShare, this.#share + Math.floor((lost * whole - this.#share) / memory));
    this.#sampleCount += 1;
  }

  /** The sender began anew; what was learned of the way to it stays. */
  restart(): void {
    this.#last = undefined;
  }

  /** Of 1,000 datagrams sent. The share is of those that arrived. */
  get lostPermille(): number {
    return Math.floor((this.#share * 1_000) / (whole + this.#share));
  }

  /** How many in a row may be missed by chance: 2 … 20; at least 5 until 128 were counted. */
  get misses(): number {
    return this.#sampleCount < enoughSamples ? Math.max(guessedMisses, this.measuredMisses) : this.measuredMisses;
  }

  /** The same without caution at the beginning, for whoever asks others before acting on it. */
  get measuredMisses(): number {
    const index = largestShares.findIndex((largest) => this.#share <= largest);
    return index === -1 ? fewestMisses + largestShares.length - 1 : fewestMisses + index;
  }
}
