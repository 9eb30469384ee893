// Describes a block of the target by a window of the base, both in memory, as streams of operations (format.ts).
// Freestanding: the host (matcher.ts) lays out the memory, fills base and target, and collects the streams.
// Both sides are at hand, so a candidate is compared byte for byte; no checksum decides anything.

#include "compare.h"

#define EXPORT(name) __attribute__((export_name(#name)))

enum { DONE, NEEDS_INDEX, SEGMENT_FULL };
enum {
  HASHED = 24,          // bytes a sample is found by
  SHORTEST = 16,        // a match
  STRONG = 64,          // a match that ends the search
  NEAR = 65536,         // a match farther from the diagonal has to be strong: short ones do not pay
  AHEAD = 48,           // how far to look for something better than a shorter one
  CLOSE = 16,           // a gap that is not worth an index, if both sides go on alike
  IN_PLACE = 32,        // nor is one that so many times its length follows, alike
  PATIENCE = 16384,     // of a gap, after which only every second sample is looked up, then every fourth ...
  LEAST_RUN = 3,        // equal bytes that are worth a copy of their own
  HOPELESS = 64,        // unequal bytes over equal ones that end a similar region
};

static const u8 *base, *target;
static u32 base_size, base_loaded, target_size; // the part of base that is there, before there is an index
static u32 *table; // buckets of two entries: position + 1, and bits of the hash above it
static u32 bucket_shift, tag_mask, rate;
static int indexed;

static u32 at;          // everything of the block before it is described
static int diagonal;    // position in the base minus position in the target
static int other;       // the diagonal before
static u64 copied;      // bytes of the copy that is not yet put

// The streams of the segment. Aligned bytes are kept in both forms until it is known which compresses better.
enum { COPIES, LITERALS, JUMPS, RAW, ALIGNED, DIFFERENCES, STREAMS };
static u8 *stream[STREAMS];
static u32 filled[STREAMS], segment_limit;
static u32 seen_aligned[256], seen_difference[256];

INLINE void put(int which, u64 value) {
  u8 *out = stream[which] + filled[which];
  while (value > 127) *out++ = (u8)value | 128, value >>= 7;
  *out++ = (u8)value;
  filled[which] = out - stream[which];
}

// A literal that stands where `old` stood. Its difference is one long little-endian number, so that an
// address that moved by the same distance gives the same bytes.
static void put_aligned(const u8 *new, const u8 *old, u32 length) {
  put(COPIES, copied), copied = 0;
  put(LITERALS, (u64)length << 1);
  u8 *plain = stream[ALIGNED] + filled[ALIGNED], *difference = stream[DIFFERENCES] + filled[DIFFERENCES];
  int borrow = 0;
  for (u32 i = 0; i < length; i++) {
    int d = new[i] - old[i] - borrow;
    borrow = d < 0;
    plain[i] = new[i], difference[i] = (u8)d;
    seen_aligned[new[i]]++, seen_difference[(u8)d]++;
  }
  filled[ALIGNED] += length, filled[DIFFERENCES] += length;
}

// A literal without counterpart, after which the base goes on at a distance.
static void put_jump(const u8 *new, u32 length, int distance) {
  put(COPIES, copied), copied = 0;
  put(LITERALS, (u64)length << 1 | 1);
  put(JUMPS, (u32)distance << 1 ^ (u32)(distance >> 31));
  __builtin_memcpy(stream[RAW] + filled[RAW], new, length);
  filled[RAW] += length;
}

INLINE u64 hash(const u8 *p) {
  u64 h = 0;
  for (int i = 0; i < HASHED; i += 8) {
    u64 word;
    __builtin_memcpy(&word, p + i, 8);
    h = (h ^ word) * 0x9e3779b97f4a7c15ull;
    h ^= h >> 29;
  }
  return h * 0xd6e8feb86659fd93ull;
}

// Which of 16 positions are samples: those whose four bytes mix to a constant. A run of one byte never does.
INLINE u32 samples(const u8 *p) {
  v128_t a = wasm_v128_load(p), b = wasm_v128_load(p + 1), c = wasm_v128_load(p + 2), d = wasm_v128_load(p + 3);
  v128_t mixed = wasm_v128_xor(wasm_i8x16_add(a, wasm_i8x16_add(b, b)), wasm_i8x16_sub(d, wasm_i8x16_shl(c, 2)));
  v128_t wanted = wasm_i8x16_splat(rate & 0x15);
  return wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_and(mixed, wasm_i8x16_splat(rate)), wanted));
}

// Adds the samples of a part of the base. The host takes several calls, so that V8 optimises early.
EXPORT(index) void index(u32 from, u32 to) {
  indexed = 1;
  if (base_size < HASHED + 16) return;
  to = min(to, base_size - HASHED - 16);
  for (u32 p = from; p < to; p += 16) {
    for (u32 found = samples(base + p); found; found &= found - 1) {
      u32 q = p + __builtin_ctz(found);
      u64 h = hash(base + q);
      u32 *bucket = table + (h >> bucket_shift) * 2;
      bucket[1] = bucket[0];
      bucket[0] = (q + 1) | ((u32)h & tag_mask);
    }
  }
}

// How far a region stays similar, forwards (step 1) or backwards (step -1): to where most bytes over half are equal.
static u32 similar(const u8 *new, const u8 *old, u32 limit, int step) {
  int score = 0, best = 0;
  u32 length = 0;
  if (step < 0) new--, old--;
  for (u32 i = 1; i <= limit && score >= best - HOPELESS; i++, new += step, old += step) {
    score += *new == *old ? 1 : -1;
    if (score > best) best = score, length = i;
  }
  return length;
}

// A region on one diagonal: equal runs are copied, the rest is aligned.
static void put_similar(const u8 *new, const u8 *old, u32 length) {
  u32 i = 0;
  for (;;) {
    u32 equal = forward(new + i, old + i, length - i);
    copied += equal, i += equal;
    if (i == length) return;
    u32 end = i + 1;
    for (u32 j = end; j < length && j < end + LEAST_RUN; j++)
      if (new[j] != old[j]) end = j + 1;
    put_aligned(new + i, old + i, end - i);
    i = end;
  }
}

// Describes the target up to `to`, where it goes on, on diagonal `next`.
static void put_gap(u32 to, int next) {
  u32 gap = to - at;
  const u8 *new = target + at, *old = base + at + diagonal;
  u32 head, tail = 0;
  if (next == diagonal && gap <= CLOSE) head = gap;
  else {
    head = similar(new, old, min(gap, base_loaded - (at + diagonal)), 1);
    tail = similar(target + to, base + to + next, min(gap, to + next), -1);
    if (head + tail >= gap && next == diagonal) head = gap, tail = 0;
    else if (head + tail > gap) {
      u32 overlap = head + tail - gap, split = 0;
      int score = 0, best = 0;
      for (u32 i = 0, x = at + head - overlap; i < overlap; i++, x++) {
        score += (target[x] == base[x + diagonal]) - (target[x] == base[x + next]);
        if (score > best) best = score, split = i + 1;
      }
      head -= overlap - split, tail = gap - head;
    }
  }
  put_similar(new, old, head);
  u32 middle = gap - head - tail;
  if (middle || next != diagonal) put_jump(new + head, middle, next - diagonal + (int)middle);
  put_similar(target + to - tail, base + (to - tail) + next, tail);
  at = to;
}

struct match { u32 start, length; int diagonal; u32 until; };

// Takes the match through x and p if it is better; then looks a little further, or no further if it is strong.
INLINE void consider(struct match *best, u32 x, u32 p, u32 surplus) {
  int d = (int)(p - x);
  if (best->length && d == best->diagonal) return;
  u32 length = forward(target + x, base + p, min(target_size - x, base_loaded - p));
  if (length < SHORTEST) return;
  u32 back = backward(target + x, base + p, min(x - at, p));
  length += back;
  if (best->length && length < best->length + surplus) return;
  if (length < STRONG && (u32)(d - diagonal + NEAR) > 2 * NEAR) return;
  best->start = x - back, best->length = length, best->diagonal = d;
  best->until = length >= STRONG ? 0 : min(best->until, x + AHEAD);
}

INLINE void consider_diagonal(struct match *best, u32 x, int d) {
  u32 p = x + (u32)d; // wraps to far above base_loaded if it lies before the base
  if (p >= base_loaded || base_loaded - p < 16 || target_size - x < 16) return;
  if (equal16(target + x, base + p) == 0xffff) consider(best, x, p, 1);
}

// Finds the next match; its length is 0 if the block holds no more.
static int search(struct match *best) {
  *best = (struct match){.until = target_size};
  for (u32 x = at; x < best->until; x += 16) {
    consider_diagonal(best, x, diagonal);
    if (!indexed) {
      u32 gap = best->length ? best->start - at : x - at;
      if (best->length ? gap > CLOSE && best->length < IN_PLACE * gap : gap > PATIENCE) return NEEDS_INDEX;
      continue;
    }
    if (best->until && other != diagonal) consider_diagonal(best, x, other);
    if (best->until <= x || x + HASHED + 16 > target_size) continue;
    u32 patience = (x - at) / PATIENCE, skipped = patience ? (1u << min(32 - __builtin_clz(patience), 8)) - 1 : 0;
    for (u32 found = samples(target + x); found; found &= found - 1) {
      u32 q = x + __builtin_ctz(found);
      u64 h = hash(target + q);
      if ((u32)h & skipped) continue;
      const u32 *bucket = table + (h >> bucket_shift) * 2;
      for (int way = 0; way < 2; way++)
        if (bucket[way] && !((bucket[way] ^ (u32)h) & tag_mask)) consider(best, q, (bucket[way] & ~tag_mask) - 1, 16);
    }
  }
  return !indexed && !best->length && base_size ? NEEDS_INDEX : DONE;
}

// Describes what is left of the block without a match.
static void put_rest(void) {
  u32 here = at + diagonal, rest = target_size - at, left = base_loaded - here;
  u32 head = similar(target + at, base + here, min(rest, left), 1);
  put_similar(target + at, base + here, head);
  u32 raw = rest - head, passed = min(raw, base_size - here - head);
  if (raw) put_jump(target + at + head, raw, passed);
  diagonal += (int)passed - (int)raw;
  at = target_size;
}

// Goes on until the block is described, the base has to be indexed first, or the segment is full.
EXPORT(encode) int encode(void) {
  for (;;) {
    u32 here = at + diagonal;
    if (here < base_loaded) {
      u32 n = forward(target + at, base + here, min(target_size - at, base_loaded - here));
      copied += n, at += n;
    }
    if (at == target_size) return DONE;
    u32 held = filled[COPIES] + filled[LITERALS] + filled[JUMPS] + filled[RAW] + filled[ALIGNED];
    if (held >= segment_limit) return SEGMENT_FULL;
    struct match match;
    if (search(&match) == NEEDS_INDEX) return NEEDS_INDEX;
    if (!match.length) {
      put_rest();
      return DONE;
    }
    put_gap(match.start, match.diagonal);
    if (match.diagonal != diagonal) other = diagonal, diagonal = match.diagonal;
    copied += match.length, at += match.length;
  }
}

// The order-0 entropy of differences is lower than that of the bytes themselves: sums of n log2 n, in 1/256.
static u64 order(const u32 *seen) {
  u64 sum = 0;
  for (int i = 0; i < 256; i++) {
    if (seen[i] < 2) continue;
    u32 whole = 31 - __builtin_clz(seen[i]), part = (u32)(((u64)seen[i] << 8) >> whole) - 256;
    sum += (u64)seen[i] * (whole * 256 + part);
  }
  return sum;
}

EXPORT(lay_out) void lay_out(u8 *base_at, u8 *target_at, u32 *table_at, u8 *streams_at, u32 stride, u32 limit) {
  base = base_at, target = target_at, table = table_at, segment_limit = limit;
  for (int i = 0; i < STREAMS; i++) stream[i] = streams_at + i * stride;
}

EXPORT(begin) void begin(u32 window, u32 bucket_bits, u32 rate_mask) {
  base_size = window, base_loaded = 0, target_size = 0, indexed = 0;
  bucket_shift = 64 - bucket_bits, tag_mask = ~0u << (32 - __builtin_clz(window | 1)), rate = rate_mask;
  at = 0, diagonal = other = 0, copied = 0;
}

EXPORT(set_loaded) void set_loaded(u32 size) { base_loaded = size; }

// The window has moved up the base.
EXPORT(slide) void slide(int by) { diagonal -= by, other -= by, indexed = 0; }

EXPORT(next_block) void next_block(u32 size) {
  diagonal += target_size, other += target_size;
  at = 0, target_size = size;
}

EXPORT(position) u32 position(void) { return at + diagonal; }

// Ends the operations; the last may be a copy without a literal.
EXPORT(finish) void finish(void) {
  if (!copied) return;
  put(COPIES, copied), put(LITERALS, 0);
  copied = 0;
}

// Whether the segment's aligned bytes go out as differences.
EXPORT(differs) int differs(void) { return order(seen_difference) > order(seen_aligned); }

EXPORT(stream_at) u8 *stream_at(int which) { return stream[which]; }

EXPORT(stream_size) u32 stream_size(int which) { return filled[which]; }

EXPORT(clear) void clear(void) {
  for (int i = 0; i < STREAMS; i++) filled[i] = 0;
  for (int i = 0; i < 256; i++) seen_aligned[i] = seen_difference[i] = 0;
}
