// Ed25519 verification of eight signatures at once, one in each lane of AVX-512, with IFMA.
// Owns: arithmetic mod p in lanes, and the sums of the tables' points in lanes. Must never: be
// given a secret (what it loads depends on the digits).

#ifndef JOTMILL_CLANES_ED25519_LANES_H
#define JOTMILL_CLANES_ED25519_LANES_H

#if defined(__x86_64__)
#include "CLanes.h"
#include "ed25519_scalar.h"
#include <immintrin.h>

#define LANES_TARGET \
  __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,avx512vbmi")))
#if defined(__OPTIMIZE__)
#define LANES LANES_TARGET __attribute__((always_inline)) static inline
#else
// Without optimization all that is inlined has its own place on the stack: 350 KB.
#define LANES LANES_TARGET static
#endif

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

/// Each lane's 32 octets: bit 255 becomes bit 47 of the highest limb.
LANES narrow load_each(const void *const from[8]) {
  // A register's halves are transposed apart, so lanes 0, 1, 4, 5 are put in the one, 2, 3, 6, 7 in
  // the other, and the last step brings them in order.
  __m512i rows[4];
  for (int i = 0; i < 4; i++) {
    const int lane = (i & 1) + 4 * (i >> 1);
    const __m256i near = _mm256_loadu_si256((const __m256i *)from[lane]);
    const __m256i far = _mm256_loadu_si256((const __m256i *)from[lane + 2]);
    rows[i] = _mm512_inserti64x4(_mm512_castsi256_si512(near), far, 1);
  }
  const __m512i even_0 = _mm512_unpacklo_epi64(rows[0], rows[1]);
  const __m512i even_1 = _mm512_unpacklo_epi64(rows[2], rows[3]);
  const __m512i odd_0 = _mm512_unpackhi_epi64(rows[0], rows[1]);
  const __m512i odd_1 = _mm512_unpackhi_epi64(rows[2], rows[3]);
  const __m512i w0 = _mm512_shuffle_i64x2(even_0, even_1, 0x88);
  const __m512i w1 = _mm512_shuffle_i64x2(odd_0, odd_1, 0x88);
  const __m512i w2 = _mm512_shuffle_i64x2(even_0, even_1, 0xdd);
  const __m512i w3 = _mm512_shuffle_i64x2(odd_0, odd_1, 0xdd);
  return (narrow){{w0, _mm512_or_si512(_mm512_srli_epi64(w0, 52), _mm512_slli_epi64(w1, 12)),
                   _mm512_or_si512(_mm512_srli_epi64(w1, 40), _mm512_slli_epi64(w2, 24)),
                   _mm512_or_si512(_mm512_srli_epi64(w2, 28), _mm512_slli_epi64(w3, 36)),
                   _mm512_srli_epi64(w3, 16)}};
}

/// Where eight lanes' multiples are: the address of the part that is read first, and the octets
/// from one part to the next, backwards for a negative digit.
typedef struct {
  uint64_t first[8], step[8];
} terms;

LANES const void *part(const terms *m, int lane, unsigned i) {
  return (const void *)(uintptr_t)(m->first[lane] + i * m->step[lane]);
}

/// Eight points, as in ed25519_tables.h. y and z have 512 p more than a product has, so that a
/// product can be subtracted from them.
typedef struct {
  wide x, y, z, t;
} points;

/// The sum of each lane's point and multiple, as `sum` makes it. Products are below 2^55.6 in each
/// limb, and 512 p below 2^56: what is added up here stays below 2^58.
LANES points sum_each(const points *at, const terms *m) {
  const void *left[8], *middle[8], *right[8];
  for (int lane = 0; lane < 8; lane++) {
    left[lane] = part(m, lane, 0);
    middle[lane] = part(m, lane, 1);
    right[lane] = part(m, lane, 2);
  }
  const wide a = multiply_wide(carry_wide(subtract_wide(at->y, at->x)), load_each(left));
  const wide b =
      multiply_add(carry_wide(add_wide(at->y, at->x)), load_each(right), multiple_of_p());
  wide c = multiply_wide(carry_wide(at->t), load_each(middle));
  const __mmask8 negative = _mm512_movepi64_mask(_mm512_loadu_si512(m->step));
  const wide negated = subtract_wide(multiple_of_p(), c);
  for (int i = 0; i < 5; i++)
    c.limb[i] = _mm512_mask_mov_epi64(c.limb[i], negative, negated.limb[i]);
  const narrow e = carry_wide(subtract_wide(b, a)), h = carry_wide(add_wide(b, a));
  const narrow f = carry_wide(subtract_wide(at->z, c)), g = carry_wide(add_wide(at->z, c));
  return (points){multiply_wide(e, f), multiply_add(g, h, multiple_of_p()),
                  multiply_add(f, g, multiple_of_p()), multiply_wide(e, h)};
}

/// A group is eight lanes. Some go through the windows together, since the next sum of a group has
/// to wait for its last one, but not for another group's.
enum { TERMS = BASE_WINDOWS + KEY_WINDOWS, TOGETHER = 4, GROUPS = BATCH / 8 };

/// The terms of one factor in each lane, for each window of `table` (addresses), TOGETHER apart.
LANES_TARGET static void find_factor(
    terms *out, const uint64_t words[5][8], __m512i table, int bits, int windows) {
  const __m512i half = every((uint64_t)1 << (bits - 1)), step = every(sizeof(packed));
  for (int i = 0; i < windows; i++) {
    const int word = bits * i / 64, from = bits * i % 64;
    const __m512i lower =
        _mm512_srl_epi64(_mm512_loadu_si512(words[word]), _mm_cvtsi32_si128(from));
    const __m512i upper =
        _mm512_sll_epi64(_mm512_loadu_si512(words[word + 1]), _mm_cvtsi32_si128(64 - from));
    // The highest digit may have a bit more: above it there are none.
    const __m512i mask = every(((uint64_t)1 << (bits + (i == windows - 1))) - 1);
    const __m512i digit =
        _mm512_sub_epi64(_mm512_and_si512(_mm512_or_si512(lower, upper), mask), half);
    const __mmask8 negative = _mm512_movepi64_mask(digit);
    const __m512i first = _mm512_add_epi64(
        table, _mm512_mul_epu32(_mm512_abs_epi64(digit), every(sizeof(multiple))));
    _mm512_storeu_si512(
        out->first, _mm512_mask_add_epi64(first, negative, first, every(2 * sizeof(packed))));
    _mm512_storeu_si512(
        out->step, _mm512_mask_sub_epi64(step, negative, _mm512_setzero_si512(), step));
    table = _mm512_add_epi64(table, every((((uint64_t)1 << (bits - 1)) + 1) * sizeof(multiple)));
    out += TOGETHER;
  }
}

/// All terms of 1 to 8 checks, TOGETHER apart; lanes without a check do the last one's again.
LANES_TARGET static void find_terms(
    terms *out, const clanes_ed25519_check *checks, size_t count, uint8_t *answers) {
  uint64_t base[5][8], key[5][8], tables[8];
  for (size_t lane = 0; lane < 8; lane++) {
    const clanes_ed25519_check *check = checks + (lane < count ? lane : count - 1);
    digits read;
    const int valid = read_digits(&read, check->signature + 32, check->hash);
    if (lane < count) answers[lane] = valid ? CLANES_VALID : 0;
    for (int i = 0; i < 5; i++) {
      base[i][lane] = read.base.word[i];
      key[i][lane] = read.key.word[i];
    }
    tables[lane] = (uint64_t)(uintptr_t)check->key->table;
  }
  find_factor(out, base, every((uint64_t)(uintptr_t)base_multiples()), BASE_BITS, BASE_WINDOWS);
  find_factor(out + TOGETHER * BASE_WINDOWS, key, _mm512_loadu_si512(tables), KEY_BITS,
              KEY_WINDOWS);
}

/// Adds up the terms of 1 to TOGETHER groups.
LANES_TARGET static void sum_terms(
    points *sums, size_t groups, const terms found[TERMS][TOGETHER]) {
  points identity = {nothing(), multiple_of_p(), multiple_of_p(), nothing()};
  identity.y.limb[0] = _mm512_add_epi64(identity.y.limb[0], every(1));
  identity.z.limb[0] = identity.y.limb[0];
  for (size_t g = 0; g < groups; g++) sums[g] = identity;
  for (int i = 0; i < TERMS; i++) {
    for (size_t g = 0; g < groups; g++) {
      // Many keys' tables are farther away than the next sum; a multiple is in two cache lines.
      if (i + 1 < TERMS) {
        for (int lane = 0; lane < 8; lane++) {
          _mm_prefetch(part(&found[i + 1][g], lane, 0), _MM_HINT_T0);
          _mm_prefetch(part(&found[i + 1][g], lane, 2), _MM_HINT_T0);
        }
      }
      sums[g] = sum_each(sums + g, &found[i][g]);
    }
  }
}

/// None of the eight is 0.
LANES_TARGET static narrow invert_lanes(wide a) {
  uint64_t limb[5][8];
  element elements[8];
  packed words[8];
  const void *from[8];
  const narrow reduced = canonical(a);
  for (int i = 0; i < 5; i++) _mm512_storeu_si512(limb[i], reduced.limb[i]);
  for (int i = 0; i < 8; i++) {
    words[i] = (packed){{limb[0][i] | limb[1][i] << 52, limb[1][i] >> 12 | limb[2][i] << 40,
                         limb[2][i] >> 24 | limb[3][i] << 28, limb[3][i] >> 36 | limb[4][i] << 16}};
    elements[i] = unpack(words + i);
  }
  invert_each(elements, 8);
  for (int i = 0; i < 8; i++) {
    words[i] = pack(elements[i]);
    from[i] = words + i;
  }
  return load_each(from);
}

/// A bit for each lane where `at`, for which 1 / Z is given, is encoded as the check's R.
LANES_TARGET static __mmask8 encoded(
    const points *at, narrow inverse, const clanes_ed25519_check *checks, size_t count) {
  const void *from[8];
  for (size_t lane = 0; lane < 8; lane++)
    from[lane] = checks[lane < count ? lane : count - 1].signature;
  const narrow r = load_each(from);
  const narrow x = canonical(multiply_wide(carry_wide(at->x), inverse));
  narrow y = canonical(multiply_wide(carry_wide(at->y), inverse));
  // The sign bit, on the y below 2^255. Of x only the lowest bit is left by the shift.
  y.limb[4] = _mm512_or_si512(
      y.limb[4], _mm512_srli_epi64(_mm512_slli_epi64(x.limb[0], 63), 63 - 47));
  __mmask8 equal = 0xff;
  for (int i = 0; i < 5; i++) {
    const __m512i differ = _mm512_xor_si512(r.limb[i], y.limb[i]);
    equal &= _mm512_testn_epi64_mask(differ, every(((uint64_t)1 << 52) - 1));
  }
  return equal;
}

/// 1 to BATCH of them.
LANES_TARGET static void verify_lanes(
    const clanes_ed25519_check *checks, size_t count, uint8_t *answers) {
  const size_t groups = (count + 7) / 8;
  points sums[GROUPS];
  for (size_t first = 0; first < groups; first += TOGETHER) {
    const size_t now = groups - first < TOGETHER ? groups - first : TOGETHER;
    terms found[TERMS][TOGETHER];
    for (size_t g = 0; g < now; g++) {
      const size_t at = 8 * (first + g);
      find_terms(&found[0][g], checks + at, count - at < 8 ? count - at : 8, answers + at);
    }
    sum_terms(sums + first, now, found);
  }
  // One inversion for all (Montgomery's trick): no Z is 0.
  narrow before[GROUPS];
  wide product = sums[0].z;
  for (size_t g = 1; g < groups; g++) {
    before[g] = carry_wide(product);
    product = multiply_wide(before[g], carry_wide(sums[g].z));
  }
  narrow inverse = invert_lanes(product);
  for (size_t g = groups; g-- > 0;) {
    const narrow own = g > 0 ? carry_wide(multiply_wide(inverse, before[g])) : inverse;
    inverse = carry_wide(multiply_wide(inverse, carry_wide(sums[g].z)));
    const size_t at = 8 * g, now = count - at < 8 ? count - at : 8;
    const __mmask8 equal = encoded(sums + g, own, checks + at, now);
    for (size_t lane = 0; lane < now; lane++) answers[at + lane] &= equal >> lane & 1;
  }
}

#endif
#endif
