// Parity over GF(2^8) and tags of frames. Freestanding: the host (field.ts) owns the memory from __heap_base on.
// Parity frame x is the sum of all source frames y times 1 / (x + y), a Cauchy matrix: every square part of it has an
// inverse, so any k of the frames make the k source frames.

#include <wasm_simd128.h>

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name)))
#define INLINE static inline __attribute__((always_inline))
#define min(a, b) ((a) < (b) ? (a) : (b))

enum {
  ORDER = 255,         // of the multiplicative group
  POLYNOMIAL = 0x11d,  // of the field; 2 generates the group
  TOGETHER = 4,        // sources that are added in one pass over a destination
  COLUMNS = 768,       // bytes of every row that are restored at a time, so that they stay in the first cache
  MOST_LOST = 128,     // rows of at most 256: with more lost than that, fewer parity frames are left than rows
};

static u8 power[2 * ORDER + 2], logarithm[256]; // of 2; twice around, so that a sum of two logarithms needs no modulus
static u8 products[256][2][16] __attribute__((aligned(16))); // of a factor with the low and with the high four bits

EXPORT(prepare) void prepare(void) {
  u32 value = 1;
  for (u32 i = 0; i < ORDER; i++) {
    power[i] = power[i + ORDER] = value, logarithm[value] = i;
    value <<= 1;
    if (value > 255) value ^= POLYNOMIAL;
  }
  for (u32 factor = 1; factor < 256; factor++)
    for (u32 bits = 1; bits < 16; bits++) {
      products[factor][0][bits] = power[logarithm[factor] + logarithm[bits]];
      products[factor][1][bits] = power[logarithm[factor] + logarithm[bits << 4]];
    }
}

// Of a parity frame and a source frame.
INLINE u8 coefficient(u32 parity, u32 source) { return power[ORDER - logarithm[parity ^ source]]; }

// Sources, each times its factor. Where there are fewer, another one times 0.
struct terms { const u8 *row[TOGETHER]; u8 factor[TOGETHER]; };

// The same, with what is known of the factors in registers.
struct sum { const u8 *row[TOGETHER]; v128_t low[TOGETHER], high[TOGETHER]; };

INLINE v128_t sum_at(const struct sum *sum, u32 at) {
  const v128_t nibble = wasm_i8x16_splat(15);
  v128_t result = wasm_i64x2_splat(0);
  for (int i = 0; i < TOGETHER; i++) {
    v128_t bytes = wasm_v128_load(sum->row[i] + at);
    v128_t low = wasm_i8x16_swizzle(sum->low[i], wasm_v128_and(bytes, nibble));
    v128_t high = wasm_i8x16_swizzle(sum->high[i], wasm_v128_and(wasm_u16x8_shr(bytes, 4), nibble));
    result = wasm_v128_xor(result, wasm_v128_xor(low, high));
  }
  return result;
}

// Adds the terms to `into`. The last vector ends where the row ends, so it overlaps what stands before: what was added
// already, or in a row shorter than a vector something else. That is masked out, and written back as it was.
static __attribute__((noinline)) void add(u8 *into, const struct terms *terms, u32 size) {
  static const u8 edge[32] = {
    [16] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
  };
  struct sum sum;
  for (int i = 0; i < TOGETHER; i++) {
    sum.row[i] = terms->row[i];
    sum.low[i] = wasm_v128_load(products[terms->factor[i]][0]);
    sum.high[i] = wasm_v128_load(products[terms->factor[i]][1]);
  }
  u32 at = 0;
  for (; at + 16 < size; at += 16)
    wasm_v128_store(into + at, wasm_v128_xor(wasm_v128_load(into + at), sum_at(&sum, at)));
  v128_t rest = wasm_v128_load(edge + (size - at));
  at = size - 16;
  wasm_v128_store(into + at, wasm_v128_xor(wasm_v128_load(into + at), wasm_v128_and(sum_at(&sum, at), rest)));
}

EXPORT(parity) void parity(const u8 *block, u32 count, u32 frame_bytes, u32 number, u8 *into) {
  __builtin_memset(into, 0, frame_bytes);
  for (u32 source = 0; source < count; source += TOGETHER) {
    struct terms terms;
    for (u32 i = 0; i < TOGETHER; i++) {
      int is_there = source + i < count;
      terms.row[i] = block + (is_there ? source + i : source) * frame_bytes;
      terms.factor[i] = is_there ? coefficient(number, source + i) : 0;
    }
    add(into, &terms, frame_bytes);
  }
}

static u8 holds[256];                          // the frame that stands in each row; the host writes it
static u8 kept[256], lost[MOST_LOST];          // rows that hold their own frame, and those that do not
static u8 inverse[MOST_LOST][MOST_LOST];       // logarithms of the inverse of the lost rows' part of the matrix
static u8 sums[MOST_LOST][COLUMNS];            // what the lost frames add to each parity frame

EXPORT(holds_at) u8 *holds_at(void) { return holds; }

INLINE u32 modulo_order(int value) { return (u32)(value % ORDER + ORDER) % ORDER; }

// The inverse of a Cauchy matrix in closed form (Knuth, The Art of Computer Programming 1, 1.2.3, exercise 41):
// for x, y of 1 / (x + y) it is f(x) g(y) / (x + y), where f(x) = prod (x + y') / prod (x + x') over all y' and all
// other x', and g(y) the same with sides changed.
static void invert(u32 count) {
  int f[MOST_LOST], g[MOST_LOST];
  for (u32 i = 0; i < count; i++) {
    f[i] = g[i] = 0;
    for (u32 j = 0; j < count; j++) {
      f[i] += logarithm[holds[lost[i]] ^ lost[j]];
      g[i] += logarithm[lost[i] ^ holds[lost[j]]];
      if (i == j) continue;
      f[i] -= logarithm[holds[lost[i]] ^ holds[lost[j]]];
      g[i] -= logarithm[lost[i] ^ lost[j]];
    }
  }
  for (u32 source = 0; source < count; source++)
    for (u32 frame = 0; frame < count; frame++)
      inverse[source][frame] = power[modulo_order(f[frame] + g[source] - logarithm[holds[lost[frame]] ^ lost[source]])];
}

EXPORT(restore) void restore(u8 *block, u32 count, u32 frame_bytes) {
  u32 kept_count = 0, lost_count = 0;
  for (u32 row = 0; row < count; row++)
    if (holds[row] == row) kept[kept_count++] = row;
    else lost[lost_count++] = row;
  invert(lost_count);
  for (u32 column = 0; column < frame_bytes; column += COLUMNS) {
    u32 width = min(COLUMNS, frame_bytes - column);
    u8 *part = block + column;
    for (u32 i = 0; i < lost_count; i++) __builtin_memcpy(sums[i], part + lost[i] * frame_bytes, width);
    for (u32 first = 0; first < kept_count; first += TOGETHER)
      for (u32 i = 0; i < lost_count; i++) {
        struct terms terms;
        for (u32 t = 0; t < TOGETHER; t++) {
          u32 source = kept[min(first + t, kept_count - 1)];
          terms.row[t] = part + source * frame_bytes;
          terms.factor[t] = first + t < kept_count ? coefficient(holds[lost[i]], source) : 0;
        }
        add(sums[i], &terms, width);
      }
    for (u32 i = 0; i < lost_count; i++) {
      u8 *into = part + lost[i] * frame_bytes;
      __builtin_memset(into, 0, width);
      for (u32 first = 0; first < lost_count; first += TOGETHER) {
        struct terms terms;
        for (u32 t = 0; t < TOGETHER; t++) {
          terms.row[t] = sums[min(first + t, lost_count - 1)];
          terms.factor[t] = first + t < lost_count ? inverse[i][first + t] : 0;
        }
        add(into, &terms, width);
      }
    }
  }
}

INLINE u64 word(const u8 *at) {
  u64 value;
  __builtin_memcpy(&value, at, 8);
  return value;
}

INLINE u64 rotated(u64 value, int by) { return value << by | value >> (64 - by); }

INLINE void mix(u64 v[4], int rounds) {
  for (int i = 0; i < rounds; i++) {
    v[0] += v[1], v[1] = rotated(v[1], 13) ^ v[0], v[0] = rotated(v[0], 32);
    v[2] += v[3], v[3] = rotated(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotated(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotated(v[1], 17) ^ v[2], v[2] = rotated(v[2], 32);
  }
}

// The low half of SipHash-2-4 (Aumasson and Bernstein, SipHash: a fast short-input PRF, 2012).
EXPORT(tag) u32 tag(const u8 *key, const u8 *bytes, u32 size) {
  const u64 k0 = word(key), k1 = word(key + 8);
  u64 v[4] = {
    k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull, k0 ^ 0x6c7967656e657261ull, k1 ^ 0x7465646279746573ull,
  };
  u32 at = 0;
  for (; at + 8 <= size; at += 8) {
    u64 next = word(bytes + at);
    v[3] ^= next, mix(v, 2), v[0] ^= next;
  }
  u64 last = (u64)size << 56;
  for (u32 i = 0; at + i < size; i++) last |= (u64)bytes[at + i] << (8 * i);
  v[3] ^= last, mix(v, 2), v[0] ^= last;
  v[2] ^= 0xff, mix(v, 4);
  return (u32)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}
