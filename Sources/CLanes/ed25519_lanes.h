// Ed25519 verification of eight signatures at once, one in each lane of AVX-512, with IFMA.
// Owns: arithmetic mod p in lanes, and the sums of the tables' points in lanes. Must never: be given
// a secret (addresses depend on the digits).

#ifndef JOTMILL_CLANES_ED25519_LANES_H
#define JOTMILL_CLANES_ED25519_LANES_H

#if defined(__x86_64__)
#include "ed25519_scalar.h"
#include <immintrin.h>

#define LANES_TARGET \
  __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,avx512vbmi")))
#define LANES LANES_TARGET __attribute__((always_inline)) static inline

/// Eight elements with five limbs of 52 bits each, the low 52 of its 64: the sum of these is below
/// 2^255 + 2^216. What is above in a limb is no part of it: products do not look at it.
typedef struct {
  __m512i limb[5];
} narrow;

/// Eight elements with five limbs that weigh 2^52 more from one to the next, each below 2^58: whole
/// words, which can be added but not multiplied.
typedef struct {
  __m512i limb[5];
} wide;

LANES __m512i every(uint64_t word) { return _mm512_set1_epi64((long long)word); }

LANES __m512i low(__m512i sum, __m512i a, __m512i b) { return _mm512_madd52lo_epu64(sum, a, b); }
LANES __m512i high(__m512i sum, __m512i a, __m512i b) { return _mm512_madd52hi_epu64(sum, a, b); }

/// 512 p. No limb of a product is more than a limb of it: the lowest is 2^56 - 9728.
LANES wide multiple_of_p(void) {
  const uint64_t limb = ((uint64_t)1 << 56) - 16;
  return (wide){{every(limb - 9712), every(limb), every(limb), every(limb), every(limb)}};
}

LANES wide nothing(void) {
  const __m512i none = _mm512_setzero_si512();
  return (wide){{none, none, none, none, none}};
}

LANES wide add_wide(wide a, wide b) {
  for (int i = 0; i < 5; i++) a.limb[i] = _mm512_add_epi64(a.limb[i], b.limb[i]);
  return a;
}

/// No limb of b is more than that of a.
LANES wide subtract_wide(wide a, wide b) {
  for (int i = 0; i < 5; i++) a.limb[i] = _mm512_sub_epi64(a.limb[i], b.limb[i]);
  return a;
}

/// The lowest limb gets 19 times what is above bit 255, at most 19 * 2^11. Then each limb passes on
/// what is above its 52 bits, at most 2^6, and the highest is below 2^47 + 2^7.
LANES narrow carry_wide(wide a) {
  __m512i *limb = a.limb;
  const __m512i above = _mm512_srli_epi64(limb[4], 47);
  limb[4] = _mm512_and_si512(limb[4], every(((uint64_t)1 << 47) - 1));
  limb[0] = low(limb[0], above, every(19));
  for (int i = 0; i < 4; i++)
    limb[i + 1] = _mm512_add_epi64(limb[i + 1], _mm512_srli_epi64(limb[i], 52));
  return (narrow){{limb[0], limb[1], limb[2], limb[3], limb[4]}};
}

/// sum + a b. What is added to a limb of `sum` is below 12 * 2^52, so below 2^56 - 9728.
LANES wide multiply_add(narrow a, narrow b, wide sum) {
  const __m512i none = _mm512_setzero_si512();
  __m512i column[10] = {sum.limb[0], sum.limb[1], sum.limb[2], sum.limb[3], sum.limb[4],
                        none,        none,        none,        none,        none};
  // Column i gets i + 1 low and i high halves below 2^52, column 9 - i gets i and i + 1.
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < 5; j++) {
      column[i + j] = low(column[i + j], a.limb[i], b.limb[j]);
      column[i + j + 1] = high(column[i + j + 1], a.limb[i], b.limb[j]);
    }
  }
  // 2^260 is 32 * 19 = 608. The four bits above the 52 of a high column weigh as much as the next.
  // Column 9 has the high half of two limbs below 2^47 + 2^7 alone: 608 times it is below 2^52.
  const __m512i fold = every(608);
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    column[i] = low(column[i], column[i + 5], fold);
    column[i + 1] = high(column[i + 1], column[i + 5], fold);
    column[i + 1] = low(column[i + 1], _mm512_srli_epi64(column[i + 5], 52), fold);
  }
  column[4] = low(column[4], column[9], fold);
  return (wide){{column[0], column[1], column[2], column[3], column[4]}};
}

LANES wide multiply_wide(narrow a, narrow b) { return multiply_add(a, b, nothing()); }

/// The one representative below p, with nothing above a limb's 52 bits.
LANES narrow canonical(wide a) {
  const __m512i mask = every(((uint64_t)1 << 52) - 1);
  narrow r = carry_wide(a);
  for (int i = 0; i < 4; i++) r.limb[i] = _mm512_and_si512(r.limb[i], mask);
  // r is below 2 p, and at least p just where r + 19 reaches 2^255.
  __m512i over = _mm512_add_epi64(r.limb[0], every(19));
  for (int i = 1; i < 5; i++)
    over = _mm512_add_epi64(r.limb[i], _mm512_srli_epi64(over, 52));
  r.limb[0] = low(r.limb[0], _mm512_srli_epi64(over, 47), every(19));
  for (int i = 0; i < 4; i++) {
    r.limb[i + 1] = _mm512_add_epi64(r.limb[i + 1], _mm512_srli_epi64(r.limb[i], 52));
    r.limb[i] = _mm512_and_si512(r.limb[i], mask);
  }
  r.limb[4] = _mm512_and_si512(r.limb[4], every(((uint64_t)1 << 47) - 1));
  return r;
}

/// 32 octets at each of eight addresses, and `offset` on: bit 255 is bit 47 of the highest limb.
LANES narrow load_each(__m512i addresses, int offset) {
  // Addresses are numbers here, since eight keys' tables have no common start.
#define WORDS(octet) _mm512_i64gather_epi64(addresses, (const void *)(intptr_t)(offset + octet), 1)
  return (narrow){{WORDS(0), _mm512_srli_epi64(WORDS(6), 4), WORDS(13),
                   _mm512_srli_epi64(WORDS(19), 4), _mm512_srli_epi64(WORDS(24), 16)}};
#undef WORDS
}

/// Eight points, as in ed25519_tables.h. y and z have 512 p more than a product has, so that a
/// product can be subtracted from them.
typedef struct {
  wide x, y, z, t;
} points;

/// at + m, and at - m where `negative` has the lane's bit, as `sum` does it. Limbs of products and of
/// 512 p are below 2^56, so that no limb here reaches 2^58.
LANES points sum_each(const points *at, __m512i m, __mmask8 negative) {
  const __m512i left = _mm512_mask_add_epi64(m, (__mmask8)~negative, m, every(sizeof(packed)));
  const __m512i right = _mm512_mask_add_epi64(m, negative, m, every(sizeof(packed)));
  const wide a = multiply_wide(carry_wide(subtract_wide(at->y, at->x)), load_each(left, 0));
  const wide b = multiply_add(carry_wide(add_wide(at->y, at->x)), load_each(right, 0),
                              multiple_of_p());
  wide c = multiply_wide(carry_wide(at->t), load_each(m, offsetof(multiple, product)));
  for (int i = 0; i < 5; i++)
    c.limb[i] = _mm512_mask_sub_epi64(c.limb[i], negative, multiple_of_p().limb[i], c.limb[i]);
  const narrow e = carry_wide(subtract_wide(b, a)), h = carry_wide(add_wide(b, a));
  const narrow f = carry_wide(subtract_wide(at->z, c)), g = carry_wide(add_wide(at->z, c));
  return (points){multiply_wide(e, f), multiply_add(g, h, multiple_of_p()),
                  multiply_add(f, g, multiple_of_p()), multiply_wide(e, h)};
}

/// The digits of eight scalars, `bits` bits from bit `from` on, each in its window at `window`.
LANES points sum_digits(const points *at, const scalar *factors, __m512i window, int from, int bits,
                        int half) {
  const int apart = sizeof(digits);
  const __m512i lane = _mm512_setr_epi64(0, apart, 2 * apart, 3 * apart, 4 * apart, 5 * apart,
                                         6 * apart, 7 * apart);
  const __m512i words =
      _mm512_i64gather_epi64(lane, (const uint8_t *)factors + from / 8, 1);
  const __m512i bias = every((uint64_t)half);
  const __m512i read = _mm512_and_si512(_mm512_srl_epi64(words, _mm_cvtsi32_si128(from % 8)),
                                        every(((uint64_t)1 << bits) - 1));
  const __m512i size = _mm512_mul_epu32(_mm512_abs_epi64(_mm512_sub_epi64(read, bias)),
                                        every(sizeof(multiple)));
  return sum_each(at, _mm512_add_epi64(window, size), _mm512_cmplt_epu64_mask(read, bias));
}

enum { GROUPS = BATCH / 8, TOGETHER = 4 };

/// The inverses of eight products of eight lanes.
LANES narrow invert_lanes(wide product) {
  uint64_t limbs[5][8];
  element elements[8];
  packed words[8];
  const narrow canon = canonical(product);
  for (int i = 0; i < 5; i++) _mm512_storeu_si512(limbs[i], canon.limb[i]);
  for (int i = 0; i < 8; i++) {
    words[i] = (packed){{limbs[0][i] | limbs[1][i] << 52, limbs[1][i] >> 12 | limbs[2][i] << 40,
                         limbs[2][i] >> 24 | limbs[3][i] << 28, limbs[3][i] >> 36 | limbs[4][i] << 16}};
    elements[i] = unpack(words + i);
  }
  invert_each(elements, 8);
  for (int i = 0; i < 8; i++) words[i] = pack(elements[i]);
  const uint64_t first = (uint64_t)(uintptr_t)words;
  return load_each(_mm512_add_epi64(every(first), _mm512_setr_epi64(0, 32, 64, 96, 128, 160, 192, 224)), 0);
}

/// 1 to BATCH of them.
LANES_TARGET static void verify_lanes(const clanes_ed25519_check *checks, size_t count, uint8_t *answers) {
  const uint64_t base = (uint64_t)(uintptr_t)base_multiples();
  const size_t groups = (count + 7) / 8;
  digits read[BATCH];
  points sums[GROUPS];
  __m512i keys[GROUPS], signatures[GROUPS];
  narrow before[GROUPS];
  for (size_t i = 0; i < 8 * groups; i++) {
    const clanes_ed25519_check *check = checks + (i < count ? i : count - 1);
    const int valid = read_digits(read + i, check->signature + 32, check->hash);
    if (i < count) answers[i] = valid ? CLANES_VALID : 0;
    ((uint64_t *)keys)[i] = (uint64_t)(uintptr_t)check->key->table;
    ((uint64_t *)signatures)[i] = (uint64_t)(uintptr_t)check->signature;
  }
  const __m512i unit = every(1);
  for (size_t g = 0; g < groups; g++) {
    points identity = {nothing(), multiple_of_p(), multiple_of_p(), nothing()};
    identity.y.limb[0] = _mm512_add_epi64(identity.y.limb[0], unit);
    identity.z.limb[0] = _mm512_add_epi64(identity.z.limb[0], unit);
    sums[g] = identity;
  }
  for (size_t first = 0; first < groups; first += TOGETHER) {
    const size_t end = first + TOGETHER < groups ? first + TOGETHER : groups;
    for (int i = 0; i < BASE_WINDOWS; i++) {
      const __m512i window = every(base + (uint64_t)i * BASE_WINDOW * sizeof(multiple));
      for (size_t g = first; g < end; g++)
        sums[g] = sum_digits(sums + g, &read[8 * g].base, window, BASE_BITS * i,
                             BASE_BITS + (i == BASE_WINDOWS - 1), 1 << (BASE_BITS - 1));
    }
    for (int i = 0; i < KEY_WINDOWS; i++) {
      for (size_t g = first; g < end; g++) {
      const __m512i window = _mm512_add_epi64(keys[g], every((uint64_t)i * KEY_WINDOW * sizeof(multiple)));
        sums[g] = sum_digits(sums + g, &read[8 * g].key, window, KEY_BITS * i,
                             KEY_BITS, 1 << (KEY_BITS - 1));
      }
    }
  }
  wide product = sums[0].z;
  for (size_t g = 1; g < groups; g++) {
    before[g] = carry_wide(product);
    product = multiply_wide(before[g], carry_wide(sums[g].z));
  }
  narrow inverse = invert_lanes(product);
  for (size_t g = groups; g-- > 0;) {
    narrow own = inverse;
    if (g > 0) {
      own = carry_wide(multiply_wide(inverse, before[g]));
      inverse = carry_wide(multiply_wide(inverse, carry_wide(sums[g].z)));
    }
    const narrow x = canonical(multiply_wide(carry_wide(sums[g].x), own));
    narrow y = canonical(multiply_wide(carry_wide(sums[g].y), own));
    y.limb[4] = _mm512_or_si512(y.limb[4], _mm512_slli_epi64(_mm512_and_si512(x.limb[0], unit), 47));
    const narrow r = load_each(signatures[g], 0);
    __mmask8 same = 0xff;
    for (int i = 0; i < 5; i++)
      same &= _mm512_cmpeq_epi64_mask(_mm512_and_si512(r.limb[i], every(((uint64_t)1 << 52) - 1)), y.limb[i]);
    for (size_t i = 0; i < 8 && 8 * g + i < count; i++) answers[8 * g + i] &= same >> i & 1;
  }
}

#endif
#endif
