// Integers mod L, the order of B, in plain C: s and the hash, made ready to be read in digits.
// Owns: the test of s, the hash mod L, and the digits. Must never: see a secret (it branches).

#ifndef JOTMILL_CLANES_ED25519_SCALAR_H
#define JOTMILL_CLANES_ED25519_SCALAR_H

#include "ed25519_tables.h"

/// A number below 2^256, low word first; the fifth is 0, for reads across the end.
typedef struct {
  uint64_t word[5];
} scalar;

/// L = 2^252 + its low half.
static const uint64_t low_half[2] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6};
static const scalar order = {{0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, (uint64_t)1 << 60, 0}};

static inline int below_order(const scalar *a) {
  for (int i = 3; i >= 0; i--)
    if (a->word[i] != order.word[i]) return a->word[i] < order.word[i];
  return 0;
}

/// a + b mod 2^256.
static inline scalar plus(scalar a, scalar b) {
  uint128 carried = 0;
  for (int i = 0; i < 4; i++) {
    carried += (uint128)a.word[i] + b.word[i];
    a.word[i] = (uint64_t)carried;
    carried >>= 64;
  }
  return a;
}

/// a - b mod 2^256.
static inline scalar minus(scalar a, scalar b) {
  uint64_t borrowed = 0;
  for (int i = 0; i < 4; i++) {
    const uint128 word = (uint128)a.word[i] - b.word[i] - borrowed;
    a.word[i] = (uint64_t)word;
    borrowed = (uint64_t)(word >> 64) & 1;
  }
  return a;
}

/// Splits `a` at bit 252: answers what is below, and makes `out` what is above, of `words` words,
/// times the low half of L, of 2 words more. Mod L, a is the answer minus `out`.
static inline scalar fold(const uint64_t *a, int words, uint64_t *out) {
  out[0] = 0, out[1] = 0;
  for (int i = 0; i < words; i++) {
    const uint64_t above = a[3 + i] >> 60 | a[4 + i] << 4;
    uint128 carried = (uint128)above * low_half[0] + out[i];
    out[i] = (uint64_t)carried;
    carried = (uint128)above * low_half[1] + out[i + 1] + (uint64_t)(carried >> 64);
    out[i + 1] = (uint64_t)carried;
    out[i + 2] = (uint64_t)(carried >> 64);
  }
  return (scalar){{a[0], a[1], a[2], a[3] & (((uint64_t)1 << 60) - 1), 0}};
}

/// 512 bits mod L.
static inline scalar reduce(const uint8_t octets[64]) {
  uint64_t a[9], b[7], c[5], d[3];
  for (int i = 0; i < 8; i++) a[i] = load64(octets + 8 * i);
  a[8] = 0;
  // What is above bit 252 has 260 bits, then 260 + 125 - 252 = 133, then 6.
  scalar result = fold(a, 5, b);
  result = minus(result, fold(b, 3, c));
  result = plus(result, fold(c, 1, d));
  result = minus(result, (scalar){{d[0], d[1], d[2], 0, 0}});
  // Now above -2^252 - 2^131, and below 2^253.
  while (result.word[3] >> 63) result = plus(result, order);
  while (!below_order(&result)) result = minus(result, order);
  return result;
}

/// s and the hash, each with half of 2^bits added in every window: a window's bits less that half
/// are its signed digit then.
typedef struct {
  scalar base, key;
} digits;

/// 0 where s is not below L; the digits are of 0 then.
static inline int read_digits(digits *out, const uint8_t s[32], const uint8_t hash[64]) {
  static const scalar base_halves = {
      {0x4020100804020100, 0x2010080402010080, 0x1008040201008040, 0x0804020100804020, 0}};
  static const scalar key_halves = {
      {0x8080808080808080, 0x8080808080808080, 0x8080808080808080, 0x8080808080808080, 0}};
  scalar factor = {{load64(s), load64(s + 8), load64(s + 16), load64(s + 24), 0}};
  const int below = below_order(&factor);
  if (!below) factor = (scalar){{0}};
  out->base = plus(factor, base_halves);
  out->key = plus(reduce(hash), key_halves);
  return below;
}

/// `bits` bits from bit `from` on.
static inline int read_bits(const scalar *a, int from, int bits) {
  const uint128 words = (uint128)a->word[from / 64 + 1] << 64 | a->word[from / 64];
  return (int)(words >> from % 64) & ((1 << bits) - 1);
}

#endif
