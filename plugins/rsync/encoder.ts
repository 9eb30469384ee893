import type { Content } from "distributary/sdk";
import { blockBytes, differencesFlag, headerBytes } from "./format.ts";
import { Matcher, step } from "./matcher.ts";

const readBytes = 0x10_0000;
/** How much of the base is read ahead of a block while there is no index. */
const aheadBytes = 0x1_0000;

/** Yields the delta. The matcher belongs to this call until it ends. */
export function* encode(
  matcher: Matcher,
  base: Content,
  target: Content,
  windowBytes: number,
): Generator<Uint8Array, void, undefined> {
  const window = new Window(matcher, base, Math.min(windowBytes, base.sizeBytes));
  matcher.begin(window.size, target.sizeBytes);
  for (let at = 0; at < target.sizeBytes; at += blockBytes) {
    const size = Math.min(blockBytes, target.sizeBytes - at);
    for (let done = 0; done < size; done += readBytes)
      matcher.putTarget(done, target.read(at + done, Math.min(readBytes, size - done)));
    window.center();
    matcher.nextBlock(size);
    window.load(matcher.position + size + aheadBytes);
    for (let result = matcher.encode(); result !== step.done; result = matcher.encode()) {
      if (result === step.segmentFull) yield* segment(matcher);
      else {
        window.load(window.size);
        matcher.index();
      }
    }
  }
  matcher.finish();
  yield* segment(matcher);
}

function* segment(matcher: Matcher): Generator<Uint8Array, void, undefined> {
  const { differences, streams } = matcher.segment();
  const header = new DataView(new ArrayBuffer(headerBytes));
  header.setUint8(0, differences ? differencesFlag : 0);
  streams.forEach((stream, index) => header.setUint32(1 + 4 * index, stream.length, true));
  if (streams.every((stream) => stream.length === 0)) return;
  yield new Uint8Array(header.buffer);
  for (const stream of streams) if (stream.length > 0) yield stream;
  matcher.clear();
}

/** The part of the base that is in memory. It is read as far as it is needed, and follows the place in the base. */
class Window {
  readonly size: number;
  readonly #matcher: Matcher;
  readonly #base: Content;
  #start = 0;
  #loaded = 0;

  constructor(matcher: Matcher, base: Content, size: number) {
    this.#matcher = matcher;
    this.#base = base;
    this.size = size;
  }

  /** Has at least `end` bytes of the window read, if it has as many. */
  load(end: number): void {
    const wanted = Math.min(end, this.size);
    while (this.#loaded < wanted) {
      const length = Math.min(readBytes, this.size - this.#loaded);
      this.#matcher.putBase(this.#loaded, this.#base.read(this.#start + this.#loaded, length));
      this.#loaded += length;
    }
    this.#matcher.setLoaded(this.#loaded);
  }

  /** Moves the window if the place in the base is in its first or last quarter and there is more beyond. */
  center(): void {
    const position = this.#matcher.position;
    if (position >= this.size / 4 && position <= this.size * 0.75) return;
    const last = this.#base.sizeBytes - this.size;
    const start = Math.min(last, Math.max(0, this.#start + position - Math.floor(this.size / 4)));
    const by = start - this.#start;
    if (by === 0) return;
    const kept = by > 0 ? Math.max(0, this.#loaded - by) : 0;
    this.#matcher.slide(by, kept);
    this.#start = start;
    this.#loaded = kept;
  }
}
