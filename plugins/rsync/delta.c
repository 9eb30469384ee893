// Finds what a target block has in common with a base in memory, and writes it down as streams of operations.
// Freestanding: the host lays out the memory, fills base and target, and collects the streams.

#include <wasm_simd128.h>

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name))) name
#define INLINE static inline __attribute__((always_inline))
#define min(a, b) ((a) < (b) ? (a) : (b))

#ifndef HASHED
#define HASHED 32
#endif
enum { DONE, NEEDS_INDEX, SEGMENT_FULL };
enum { LEAST = 16, STRONG = 64, AHEAD = 48, UNINDEXED_GAP = 4096 };

static const u8 *base, *target;
static u32 base_size, base_loaded, target_end;
static u32 *table;
static u32 bucket_shift, position_bits, rate;
static int indexed;

enum { COPIES, LITERALS, JUMPS, ALIGNED, DIFFERENCES, RAW, STREAMS };
static u8 *stream[STREAMS];
static u32 filled[STREAMS];
static u32 segment_limit;
static u32 seen_aligned[256], seen_difference[256];

static u32 at;
static long diagonal, other_diagonal;
static u64 pending;

// ---- streams

INLINE void put(int which, u64 value) {
  u8 *out = stream[which];
  u32 n = filled[which];
  while (value > 127) out[n++] = (u8)value | 128, value >>= 7;
  out[n++] = (u8)value;
  filled[which] = n;
}

INLINE void put_bytes(int which, const u8 *from, u32 length) {
  __builtin_memcpy(stream[which] + filled[which], from, length);
  filled[which] += length;
}

static void put_aligned(const u8 *new, const u8 *old, u32 length) {
  put(COPIES, pending);
  put(LITERALS, (u64)length << 1);
  pending = 0;
  u8 *out = stream[ALIGNED] + filled[ALIGNED], *difference = stream[DIFFERENCES] + filled[DIFFERENCES];
  int borrow = 0;
  for (u32 i = 0; i < length; i++) {
    int d = new[i] - old[i] - borrow;
    borrow = d < 0;
    out[i] = new[i], difference[i] = (u8)d;
    seen_aligned[new[i]]++, seen_difference[(u8)d]++;
  }
  filled[ALIGNED] += length, filled[DIFFERENCES] += length;
}

static void put_jump(const u8 *new, u32 length, long offset) {
  put(COPIES, pending);
  put(LITERALS, (u64)length << 1 | 1);
  put(JUMPS, offset < 0 ? ((u64) - (offset + 1) << 1) | 1 : (u64)offset << 1);
  put_bytes(RAW, new, length);
  pending = 0;
}

// ---- comparison

INLINE u32 forward(const u8 *a, const u8 *b, u32 limit) {
  u32 n = 0;
  while (n + 64 <= limit) {
    v128_t e = wasm_v128_and(
        wasm_v128_and(wasm_i8x16_eq(wasm_v128_load(a + n), wasm_v128_load(b + n)),
                      wasm_i8x16_eq(wasm_v128_load(a + n + 16), wasm_v128_load(b + n + 16))),
        wasm_v128_and(wasm_i8x16_eq(wasm_v128_load(a + n + 32), wasm_v128_load(b + n + 32)),
                      wasm_i8x16_eq(wasm_v128_load(a + n + 48), wasm_v128_load(b + n + 48))));
    if (!wasm_i8x16_all_true(e)) break;
    n += 64;
  }
  while (n < limit) {
    u32 m = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(a + n), wasm_v128_load(b + n)));
    if (m != 0xffff) {
      n += __builtin_ctz(~m);
      break;
    }
    n += 16;
  }
  return min(n, limit);
}

// Of the bytes before a and b.
INLINE u32 backward(const u8 *a, const u8 *b, u32 limit) {
  u32 n = 0;
  while (n + 16 <= limit) {
    u32 m = wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(a - n - 16), wasm_v128_load(b - n - 16)));
    if (m != 0xffff) return n + __builtin_clz(~(m << 16));
    n += 16;
  }
  while (n < limit && a[-(long)n - 1] == b[-(long)n - 1]) n++;
  return n;
}

// ---- index

INLINE u64 hash(const u8 *p) {
  u64 h = 0;
  for (int i = 0; i < HASHED; i += 8) {
    u64 w;
    __builtin_memcpy(&w, p + i, 8);
    h = (h ^ w) * 0x9e3779b97f4a7c15ull;
    h ^= h >> 29;
  }
  return h * 0xd6e8feb86659fd93ull;
}

INLINE u32 samples(const u8 *p, v128_t mask, v128_t wanted) {
  v128_t a = wasm_v128_load(p), b = wasm_v128_load(p + 1), c = wasm_v128_load(p + 2), d = wasm_v128_load(p + 3);
  v128_t x = wasm_v128_xor(wasm_i8x16_add(a, wasm_i8x16_add(b, b)), wasm_i8x16_sub(d, wasm_i8x16_shl(c, 2)));
  return wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_and(x, mask), wanted));
}

#ifndef PARTS
#define PARTS 6
#endif
#ifndef PER
#ifndef PER
#ifndef PER
#ifndef PER
#define PER 512
#endif
#endif
#endif
#endif
static u64 staged[1<<PARTS][PER];
static u32 n_staged[1<<PARTS];
static __attribute__((noinline)) void insert(u32 part) {
  const u32 tag_mask = ~0u << position_bits;
  for (u32 i = 0; i < n_staged[part]; i++) {
    u64 s = staged[part][i];
    u64 *bucket = (u64*)table + (u32)(s >> 32);
    *bucket = *bucket << 32 | (u32)s;
  }
  n_staged[part] = 0;
}
__attribute__((export_name("build_index"))) u32 build_index(u32 from, u32 to) {
  const v128_t mask = wasm_i8x16_splat(rate), wanted = wasm_i8x16_splat(rate & 0x15);
  const u32 tag_mask = ~0u << position_bits;
  u32 count = 0;
  indexed = 1;
  if (base_size < HASHED + 16) return 0;
  u32 stop = min(to, base_size - HASHED - 15);
  u32 part_shift = 64 - bucket_shift > PARTS ? 64 - bucket_shift - PARTS : 0;
  for (u32 p = from; p < stop; p += 16) {
    u32 m = samples(base + p, mask, wanted);
    while (m) {
      u32 q = p + __builtin_ctz(m);
      m &= m - 1;
      u64 h = hash(base + q);
      u32 b = h >> bucket_shift, part = b >> part_shift;
      staged[part][n_staged[part]++] = (u64)b << 32 | ((q + 1) | ((u32)h & tag_mask));
      if (n_staged[part] == PER) insert(part);
      count++;
    }
  }
  if (to >= base_size) for (u32 i = 0; i < 1<<PARTS; i++) insert(i);
  return count;
}

// ---- gaps

// How far a region stays similar: the length with the most equal bytes over half.
static u32 similar_forward(const u8 *new, const u8 *old, u32 limit) {
  int score = 0, best = 0;
  u32 length = 0;
  for (u32 i = 0; i < limit; i++) {
    score += new[i] == old[i] ? 1 : -1;
    if (score > best) best = score, length = i + 1;
    else if (score < best - 64) break;
  }
  return length;
}

static u32 similar_backward(const u8 *new, const u8 *old, u32 limit) {
  int score = 0, best = 0;
  u32 length = 0;
  for (u32 i = 1; i <= limit; i++) {
    score += new[-(long)i] == old[-(long)i] ? 1 : -1;
    if (score > best) best = score, length = i;
    else if (score < best - 64) break;
  }
  return length;
}

#ifndef MERGE
#define MERGE 3
#endif
// Bytes on one diagonal: runs of equal bytes are copied, the others put beside their old ones.
static void put_similar(const u8 *new, const u8 *old, u32 length) {
  u32 i = 0;
  while (i < length) {
    u32 equal = forward(new + i, old + i, length - i);
    pending += equal;
    i += equal;
    if (i == length) return;
    u32 end = i + 1, run = 0;
    for (u32 j = end; j < length; j++) {
      if (new[j] != old[j]) end = j + 1, run = 0;
      else if (++run >= MERGE) break;
    }
    if (end + MERGE > length && run + end == length) {} 
    put_aligned(new + i, old + i, end - i);
    i = end;
  }
}

// Describes the target from `at` to `to`, where the base goes on at `to + next`.
static void put_gap(u32 to, long next) {
  u32 gap = to - at;
  const u8 *new = target + at, *old = base + at + diagonal;
  u32 left = base_size - (u32)(at + diagonal), room = min(gap, left);
  if (diagonal == next && gap <= 16) {
    put_similar(new, old, gap);
    at = to;
    return;
  }
  u32 head = similar_forward(new, old, room);
  u32 tail = similar_backward(target + to, base + to + next, min(gap, (u32)(to + next)));
  if (head + tail >= gap) {
    if (diagonal == next) head = gap, tail = 0;
    else {
      u32 overlap = head + tail - gap, best_at = 0;
      int score = 0, best = 0;
      const u8 *x = new + head - overlap, *y = old + head - overlap, *z = base + (at + head - overlap) + next;
      for (u32 i = 0; i < overlap; i++) {
        score += (x[i] == y[i]) - (x[i] == z[i]);
        if (score > best) best = score, best_at = i + 1;
      }
      head += best_at - overlap;
      tail = gap - head;
    }
  }
  put_similar(new, old, head);
  u32 middle = gap - head - tail;
  if (middle || diagonal != next) put_jump(new + head, middle, next - diagonal + middle);
  put_similar(target + to - tail, base + (to - tail) + next, tail);
  at = to;
}

// ---- search

struct match { u32 start, length; long diagonal; };

INLINE int on_diagonal(u32 x, long d, struct match *best, u32 *limit) {
  long p = (long)x + d;
  if (p < 0 || p + 16 > (long)base_loaded || x + 16 > target_end) return 0;
  if (!wasm_i8x16_all_true(wasm_i8x16_eq(wasm_v128_load(target + x), wasm_v128_load(base + p)))) return 0;
  u32 back = backward(target + x, base + p, min(x - at, (u32)p));
  u32 length = back + forward(target + x, base + p, min(target_end - x, base_loaded - (u32)p));
  if (length <= best->length) return 0;
  const u32 gap = x - back - at;
  if (!indexed && gap > 16 && length < 32 * gap) return -1;
  best->start = x - back, best->length = length, best->diagonal = d;
  if (length >= STRONG) return 1;
  if (*limit > x + AHEAD) *limit = x + AHEAD;
  return 0;
}

// Finds the next match at or after `at`; its length is 0 if there is none.
static int search(struct match *best) {
  const u32 tag_mask = ~0u << position_bits, position_mask = ~tag_mask;
  u32 limit = target_end;
  v128_t mask = wasm_i8x16_splat(rate);
  const v128_t wanted = wasm_i8x16_splat(rate & 0x15);
  best->length = 0;
  u32 x = at;
  for (; x < limit; x += 16) {
    int found = on_diagonal(x, diagonal, best, &limit);
    if (!found && other_diagonal != diagonal) found = on_diagonal(x, other_diagonal, best, &limit);
    if (found) return found < 0 ? NEEDS_INDEX : DONE;
    if (!indexed) {
      if (x - at >= UNINDEXED_GAP ) return NEEDS_INDEX;
      continue;
    }
    if (x + HASHED + 16 > target_end) continue;
    u32 m = samples(target + x, mask, wanted);
    while (m) {
      u32 q = x + __builtin_ctz(m);
      m &= m - 1;
      u64 h = hash(target + q);
      const u32 *bucket = table + (h >> bucket_shift) * 2;
      for (int way = 0; way < 2; way++) {
        u32 entry = bucket[way];
        if (!entry || ((entry ^ (u32)h) & tag_mask)) continue;
        u32 p = (entry & position_mask) - 1;
        long d = (long)p - (long)q;
        if (best->length && d == best->diagonal) continue;
        u32 length = forward(target + q, base + p, min(target_end - q, base_size - p));
        if (length < LEAST) continue;
        u32 back = backward(target + q, base + p, min(q - at, p));
        length += back;
        if (best->length && length < best->length + 16) continue;
        best->start = q - back, best->length = length, best->diagonal = d;
        if (limit > q + AHEAD) limit = q + AHEAD;
      }
      if (best->length >= STRONG) return DONE;
    }
  }
  return DONE;
}

#define EXPORTED(name) __attribute__((export_name(#name)))

EXPORTED(setup) void setup(u8 *base_at, u32 size, u8 *target_at, u32 *table_at, u32 bits, u32 position, u32 sample_rate) {
  base = base_at, base_size = size, target = target_at, table = table_at;
  bucket_shift = 64 - bits, position_bits = position, rate = sample_rate;
  at = 0, diagonal = other_diagonal = 0, pending = 0, indexed = 0;
  base_loaded = 0;
}
EXPORTED(streams) void streams(int which, u8 *where) { stream[which] = where, filled[which] = 0; }
EXPORTED(stream_size) u32 stream_size(int which) { return filled[which]; }
EXPORTED(loaded) void loaded(u32 n) { base_loaded = n; }
// A new block begins where the last ended.
EXPORTED(block) void block(u32 size, u32 before) { target_end = size; at = 0; diagonal += before; other_diagonal += before; }
EXPORTED(limit) void limit_(u32 n) { segment_limit = n; }
EXPORTED(position) u32 position(void) { return at + diagonal; }

INLINE u32 total(void) { return filled[0] + filled[1] + filled[2] + filled[3] + filled[5]; }

EXPORTED(encode) int encode(void) {
  while (at < target_end) {
    if (total() >= segment_limit) return SEGMENT_FULL;
    u32 p = at + diagonal;
    if (p < base_loaded) {
      u32 n = forward(target + at, base + p, min(target_end - at, base_loaded - p));
      pending += n, at += n;
      if (at == target_end) break;
    }
    struct match match;
    if (search(&match) == NEEDS_INDEX) return NEEDS_INDEX;
    if (!match.length) {
      // nothing more in this block: it ends on the diagonal
      u32 left = base_size - (u32)(at + diagonal);
      u32 head = similar_forward(target + at, base + at + diagonal, min(target_end - at, left));
      put_similar(target + at, base + at + diagonal, head);
      at += head;
      if (at < target_end) {
        u32 n = target_end - at, skip = min(n, base_size - (u32)(at + diagonal));
        put_jump(target + at, n, skip);
        diagonal += (long)skip - (long)n;
        at = target_end;
      }
      break;
    }
    put_gap(match.start, match.diagonal);
    if (match.diagonal != diagonal) other_diagonal = diagonal, diagonal = match.diagonal;
    pending += match.length, at += match.length;
  }
  return DONE;
}

EXPORTED(finish) void finish(void) {
  if (pending) { put(COPIES, pending); put(LITERALS, 0); pending = 0; }
}

// Whether differences are likely to compress better than the new bytes: the sum of n log2 n, in 1/256 bits.
static u64 order(const u32 *seen) {
  u64 sum = 0;
  for (int i = 0; i < 256; i++) {
    u32 n = seen[i];
    if (n < 2) continue;
    u32 whole = 31 - __builtin_clz(n);
    u32 part = (u32)(((u64)n << 8) >> whole) - 256;
    sum += (u64)n * (whole * 256 + part);
  }
  return sum;
}
EXPORTED(prefer_differences) int prefer_differences(void) {
  int yes = order(seen_difference) > order(seen_aligned);
  for (int i = 0; i < 256; i++) seen_aligned[i] = seen_difference[i] = 0;
  return yes;
}
EXPORTED(clear) void clear(void) { for (int i = 0; i < STREAMS; i++) filled[i] = 0; }
