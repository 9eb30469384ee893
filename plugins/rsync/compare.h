// How far bytes are equal.

#include <wasm_simd128.h>

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define INLINE static inline __attribute__((always_inline))
#define min(a, b) ((a) < (b) ? (a) : (b))

INLINE u32 equal16(const u8 *a, const u8 *b) {
  return wasm_i8x16_bitmask(wasm_i8x16_eq(wasm_v128_load(a), wasm_v128_load(b)));
}

// How many bytes are equal from a and b on. May read, but does not count, 63 bytes past the limit.
static u32 forward(const u8 *a, const u8 *b, u32 limit) {
  u32 n = 0;
  for (; n + 64 <= limit; n += 64) {
    v128_t unequal = wasm_i64x2_splat(0);
    for (int i = 0; i < 64; i += 16)
      unequal = wasm_v128_or(unequal, wasm_v128_xor(wasm_v128_load(a + n + i), wasm_v128_load(b + n + i)));
    if (wasm_v128_any_true(unequal)) break;
  }
  for (; n < limit; n += 16) {
    u32 equal = equal16(a + n, b + n);
    if (equal != 0xffff) {
      n += __builtin_ctz(~equal);
      break;
    }
  }
  return min(n, limit);
}

// How many bytes are equal before a and b.
static u32 backward(const u8 *a, const u8 *b, u32 limit) {
  u32 n = 0;
  for (; n + 16 <= limit; n += 16) {
    u32 equal = equal16(a - n - 16, b - n - 16);
    if (equal != 0xffff) return n + __builtin_clz(~(equal << 16));
  }
  while (n < limit && a[~(int)n] == b[~(int)n]) n++;
  return n;
}
