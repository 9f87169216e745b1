// Integers mod p, P-256's field, eight at once, with AVX-512 IFMA.
// Owns: the field's arithmetic in lanes. Must never: see a secret.
//
// An element is five limbs of 52 bits. It stands for the limbs' integer times 2^-256, as in
// p256_field.h, though lanes_mul divides by 2^260: the missing 2^4 is made up for where it costs
// nothing.
// Each bound below is of the integer that the limbs make up; p is 2^256 - 2^224 + 2^192 + 2^96 - 1,
// and `settled` is: above 0 and below p + 2^231. Limbs are in [0, 2^52) unless a function says that
// they are signed.

#ifndef JOTMILL_P256_LANES_H
#define JOTMILL_P256_LANES_H

#include "p256_points.h"
#include <immintrin.h>
#include <stddef.h>

#define P256_TARGET \
  __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,avx512vbmi")))
#define P256_LANES P256_TARGET static inline __attribute__((always_inline))

typedef struct {
  __m512i limb[5];
} lanes_fe;

typedef struct {
  lanes_fe x, y;
} lanes_point;

enum { LANES = 8 };

#define LANES_LOW52 0xfffffffffffff

typedef struct {
  uint64_t limb[5];
} lanes_integer;
static const lanes_integer lanes_p = {
    {LANES_LOW52, 0x00fffffffffff, 0, 0x1000000000, 0xffffffff0000}};
static const lanes_integer lanes_one = {{1, 0, 0, 0, 0}};
// 2^516 mod p: lanes_mul with it takes a plain integer to an element.
static const lanes_integer lanes_to_form = {
    {0x30, 0xbffffffff0000, 0xfffffefffffff, 0xffdffffffffff, 0x4fffff}};

P256_LANES lanes_fe lanes_constant(const lanes_integer *value) {
  lanes_fe out;
  for (int i = 0; i < 5; i++) out.limb[i] = _mm512_set1_epi64((int64_t)value->limb[i]);
  return out;
}

// Signed limbs, |limb| < 2^62, of an integer in [0, 2^260).
P256_LANES lanes_fe lanes_carry(lanes_fe a) {
  const __m512i low = _mm512_set1_epi64(LANES_LOW52);
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    a.limb[i + 1] = _mm512_add_epi64(a.limb[i + 1], _mm512_srai_epi64(a.limb[i], 52));
    a.limb[i] = _mm512_and_si512(a.limb[i], low);
  }
  return a;
}

// The ten columns of a product, below 2^56, over 2^260 mod p: below the product / 2^260 + p, in
// limbs below 2^57.
P256_LANES lanes_fe lanes_reduce(__m512i t[10]) {
  // p = -1 mod 2^52: the low 52 bits of a column tell how often p is added, and the rest of p is
  // 2^52 2^44 + 2^156 2^36 + 2^208 (2^48 - 2^16). That is 6 halves of products more at most in each
  // column, and a carry.
  const __m512i p1 = _mm512_set1_epi64((int64_t)1 << 44);
  const __m512i p3 = _mm512_set1_epi64((int64_t)1 << 36);
  const __m512i p4 = _mm512_set1_epi64(0xffffffff0000);
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
    const __m512i m = t[i];
    t[i + 1] = _mm512_madd52lo_epu64(t[i + 1], m, p1);
    t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srli_epi64(m, 52));
    t[i + 2] = _mm512_madd52hi_epu64(t[i + 2], m, p1);
    t[i + 3] = _mm512_madd52lo_epu64(t[i + 3], m, p3);
    t[i + 4] = _mm512_madd52hi_epu64(t[i + 4], m, p3);
    t[i + 4] = _mm512_madd52lo_epu64(t[i + 4], m, p4);
    t[i + 5] = _mm512_madd52hi_epu64(t[i + 5], m, p4);
  }
  return (lanes_fe){{t[5], t[6], t[7], t[8], t[9]}};
}

// The ten columns of a b: each a sum of at most 10 halves of products, below 2^56.
P256_LANES void lanes_multiply(__m512i t[10], lanes_fe a, lanes_fe b) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 10; i++) t[i] = _mm512_setzero_si512();
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < 5; j++) {
      t[i + j] = _mm512_madd52lo_epu64(t[i + j], a.limb[i], b.limb[j]);
      t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a.limb[i], b.limb[j]);
    }
  }
}

// a b / 2^260 mod p: below a b / 2^260 + p. a b is below 240 p^2, so that this is below 2^260.
P256_LANES lanes_fe lanes_mul(lanes_fe a, lanes_fe b) {
  __m512i t[10];
  lanes_multiply(t, a, b);
  return lanes_carry(lanes_reduce(t));
}

// The ten columns of a^2, as lanes_multiply's.
P256_LANES void lanes_square(__m512i t[10], lanes_fe a) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 10; i++) t[i] = _mm512_setzero_si512();
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
#pragma clang loop unroll(full)
    for (int j = i + 1; j < 5; j++) {
      t[i + j] = _mm512_madd52lo_epu64(t[i + j], a.limb[i], a.limb[j]);
      t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], a.limb[i], a.limb[j]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 1; i < 9; i++) t[i] = _mm512_add_epi64(t[i], t[i]);
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
    t[2 * i] = _mm512_madd52lo_epu64(t[2 * i], a.limb[i], a.limb[i]);
    t[2 * i + 1] = _mm512_madd52hi_epu64(t[2 * i + 1], a.limb[i], a.limb[i]);
  }
}

// As lanes_mul(a, a).
P256_LANES lanes_fe lanes_sqr(lanes_fe a) {
  __m512i t[10];
  lanes_square(t, a);
  return lanes_carry(lanes_reduce(t));
}

// a - b + 2 p, for |a| and |b| below p + 2^231, and |a - b| too: in (p - 2^231, 3 p + 2^231). For
// |a| and |b| below p, signed limbs: in (0, 4 p).
P256_LANES lanes_fe lanes_sub(lanes_fe a, lanes_fe b) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
    const __m512i bias = _mm512_set1_epi64((int64_t)(2 * lanes_p.limb[i]));
    a.limb[i] = _mm512_add_epi64(_mm512_sub_epi64(a.limb[i], b.limb[i]), bias);
  }
  return lanes_carry(a);
}

// Settles a, in (-6 p, 6 p), with signed limbs, |limb| < 2^57 + 2^54: all but the highest make up
// less than 2^214. With q 2^256 the multiple of 2^256 in the highest limb's share less 2^229,
// a - q 2^256 is above 2^229 - 2^214 and below 2^256 + 2^229 + 2^214, and a - q p differs from that
// by |q| (2^256 - p) < 2^227.
P256_LANES lanes_fe lanes_settle(lanes_fe a) {
  const __m512i shift = _mm512_set1_epi64(1 << 21);
  const __m512i top = _mm512_sub_epi64(a.limb[4], shift);
  const __m512i q = _mm512_srai_epi64(top, 48);
  const __m512i rest = _mm512_and_si512(top, _mm512_set1_epi64(((int64_t)1 << 48) - 1));
  a.limb[0] = _mm512_add_epi64(a.limb[0], q);
  a.limb[1] = _mm512_sub_epi64(a.limb[1], _mm512_slli_epi64(q, 44));
  a.limb[3] = _mm512_sub_epi64(a.limb[3], _mm512_slli_epi64(q, 36));
  a.limb[4] = _mm512_add_epi64(_mm512_add_epi64(rest, shift), _mm512_slli_epi64(q, 16));
  return lanes_carry(a);
}

// b in the lanes of `second`, else a.
P256_LANES lanes_fe lanes_blend(__mmask8 second, lanes_fe a, lanes_fe b) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) a.limb[i] = _mm512_mask_mov_epi64(a.limb[i], second, b.limb[i]);
  return a;
}

// Lanes of what lanes_sub gives of two settled elements where it is p, 2 p or 3 p, and one in 2^50
// of all others.
P256_LANES __mmask8 lanes_maybe_zero(lanes_fe a) {
  return _mm512_cmpge_epu64_mask(a.limb[0], _mm512_set1_epi64(LANES_LOW52 - 2));
}

// Lanes where a and b, below 3 p + p / 2, are the same mod p: their settled difference is p.
P256_LANES __mmask8 lanes_equal(lanes_fe a, lanes_fe b) {
  const lanes_fe p = lanes_constant(&lanes_p);
  for (int i = 0; i < 5; i++) a.limb[i] = _mm512_sub_epi64(a.limb[i], b.limb[i]);
  a = lanes_settle(a);
  __mmask8 equal = 0xff;
  for (int i = 0; i < 5; i++) {
    equal = _mm512_mask_cmpeq_epi64_mask(equal, a.limb[i], p.limb[i]);
  }
  return equal;
}

// Four words of 64 bits as an element.
P256_LANES lanes_fe lanes_split(const __m512i words[4]) {
  const __m512i low = _mm512_set1_epi64(LANES_LOW52);
  lanes_fe out;
  out.limb[0] = _mm512_and_si512(words[0], low);
#pragma clang loop unroll(full)
  for (int i = 1; i < 4; i++) {
    out.limb[i] = _mm512_and_si512(
        _mm512_or_si512(_mm512_srli_epi64(words[i - 1], 64 - 12 * (unsigned)i),
                        _mm512_slli_epi64(words[i], 12 * (unsigned)i)),
        low);
  }
  out.limb[4] = _mm512_srli_epi64(words[3], 16);
  return out;
}

// The integers at `offset` behind eight addresses, of which the lowest bit is left out. Loading
// them whole and shuffling costs less than gathering words.
P256_LANES lanes_fe lanes_load(const p256_term terms[LANES], size_t offset) {
  __m512i pair[4];
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const char *const first = (const char *)(terms[i] & ~(p256_term)1) + offset;
    const char *const second = (const char *)(terms[i + 4] & ~(p256_term)1) + offset;
    pair[i] = _mm512_inserti64x4(
        _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(const void *)first)),
        _mm256_loadu_si256((const __m256i *)(const void *)second), 1);
  }
  const __m512i even = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
  const __m512i odd = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  const __m512i low01 = _mm512_unpacklo_epi64(pair[0], pair[1]);
  const __m512i low23 = _mm512_unpacklo_epi64(pair[2], pair[3]);
  const __m512i high01 = _mm512_unpackhi_epi64(pair[0], pair[1]);
  const __m512i high23 = _mm512_unpackhi_epi64(pair[2], pair[3]);
  const __m512i words[4] = {
      _mm512_permutex2var_epi64(low01, even, low23),
      _mm512_permutex2var_epi64(high01, even, high23),
      _mm512_permutex2var_epi64(low01, odd, low23),
      _mm512_permutex2var_epi64(high01, odd, high23),
  };
  return lanes_split(words);
}

// y of eight terms, subtracted points inverted: above -p and below p, in signed limbs.
P256_LANES lanes_fe lanes_signed_y(const p256_term terms[LANES]) {
  lanes_fe y = lanes_load(terms, offsetof(p256_point, y));
  const __mmask8 minus = _mm512_test_epi64_mask(_mm512_load_si512(terms), _mm512_set1_epi64(1));
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
    y.limb[i] = _mm512_mask_sub_epi64(y.limb[i], minus, _mm512_setzero_si512(), y.limb[i]);
  }
  return y;
}

// What lanes_invert needs: `mul` gives a b / 2^260 mod the modulus.
typedef struct {
  lanes_fe (*mul)(lanes_fe a, lanes_fe b);
  const p256_modulus *modulus;
  lanes_integer scale;
} lanes_ring;

// scale / a mod the modulus, in all lanes by one inversion. No lane is 0.
P256_LANES lanes_fe lanes_invert(lanes_fe a, const lanes_ring *ring) {
  lanes_fe others[3];
#pragma clang loop unroll(full)
  for (int i = 0; i < 3; i++) {
    const __m512i turn =
        _mm512_xor_si512(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), _mm512_set1_epi64(1 << i));
#pragma clang loop unroll(full)
    for (int j = 0; j < 5; j++) others[i].limb[j] = _mm512_permutexvar_epi64(turn, a.limb[j]);
    a = ring->mul(a, others[i]);
  }
  // At most the modulus, and not 0: below it.
  a = ring->mul(a, lanes_constant(&lanes_one));
  uint64_t limb[5], word[4];
  for (int i = 0; i < 5; i++) {
    limb[i] = (uint64_t)_mm_cvtsi128_si64(_mm512_castsi512_si128(a.limb[i]));
  }
  for (int i = 0; i < 4; i++) word[i] = limb[i] >> 12 * i | limb[i + 1] << (52 - 12 * i);
  p256_inverse(word, word, ring->modulus);
  __m512i words[4];
  for (int i = 0; i < 4; i++) words[i] = _mm512_set1_epi64((int64_t)word[i]);
  a = ring->mul(lanes_split(words), lanes_constant(&ring->scale));
#pragma clang loop unroll(full)
  for (int i = 3; i-- > 0;) a = ring->mul(a, others[i]);
  return a;
}

// From an element X to 2^6 / X: from the limbs' integer a to 2^518 / a mod p.
static const lanes_ring lanes_field = {
    lanes_mul, &p256_p, {{0xc0, 0xffffffffc0000, 0xfffffbffffffe, 0xff7ffffffffff, 0x13fffff}}};

// The sum of points a and b, in two parts. `run` is lanes_sub(b.x, a.x), and `slope` lanes_mul of
// lanes_sub(b.y, a.y) and 2^6 / run. That is 4 times the slope: its square has the form's missing
// 2^4, and it gives 2^2 of it to a product, which takes the rest from its other factor. With
// 2^6 / run below 1.2 p, `slope` is below 1.4 p.

// x = slope^2 - a.x - b.x = slope^2 - 2 a.x - run mod p: before it is settled, above -6 p and below
// 1.2 p.
P256_LANES lanes_fe lanes_chord_x(lanes_fe slope, lanes_fe a_x, lanes_fe run) {
  __m512i t[10];
  lanes_square(t, slope);
  lanes_fe x = lanes_reduce(t);
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
    const __m512i twice = _mm512_add_epi64(a_x.limb[i], a_x.limb[i]);
    x.limb[i] = _mm512_sub_epi64(x.limb[i], _mm512_add_epi64(twice, run.limb[i]));
  }
  return lanes_settle(x);
}

// y = slope (a.x - x) - a.y. 4 (a.x - x + 2 p) is below 12.1 p, and so its product with the slope
// below 2.1 p.
P256_LANES lanes_fe lanes_chord_y(lanes_fe slope, lanes_fe a_x, lanes_fe a_y, lanes_fe x) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
    const __m512i bias = _mm512_set1_epi64((int64_t)(2 * lanes_p.limb[i]));
    const __m512i fall = _mm512_sub_epi64(a_x.limb[i], x.limb[i]);
    x.limb[i] = _mm512_slli_epi64(_mm512_add_epi64(fall, bias), 2);
  }
  __m512i t[10];
  lanes_multiply(t, slope, lanes_carry(x));
  lanes_fe y = lanes_reduce(t);
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) y.limb[i] = _mm512_sub_epi64(y.limb[i], a_y.limb[i]);
  return lanes_settle(y);
}

#endif
