// RSA's public operation s^65537 mod n for eight signatures at once, with AVX-512 IFMA.
// Owns: Montgomery's multiplication of eight numbers by lanes, in limbs of 52 bits. Must never: be
// given a secret, or answer otherwise than rsa.c does.

#include "rsa_key.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define LANES __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,avx512vbmi")))
#define INLINE LANES static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

enum { BLOCK = RSA_BLOCK, GROUP = 8, GROUP_OCTETS = 52 };

// One limb of each of eight numbers. A number is an array of them, the lowest first.
typedef __m512i limb8;

INLINE limb8 limb_mask(void) { return _mm512_set1_epi64(0xfffffffffffff); }

// Products of numbers are sums in columns, not carried yet. Bounds: limbs of factors are below
// 2^52. A column of a product is at most 80 low and 80 high halves of products of limbs, each below
// 2^52; the multiple of n that `reduce` adds brings as many again. With the carry from the column
// below that is less than 321 * 2^52 < 2^61, and carries less than 2^9.

// `sum` += ab. Twenty columns and ten limbs of a stay in registers, of which there are 32.
INLINE void add_product(limb8 sum[2 * BLOCK], const limb8 a[BLOCK], const limb8 b[BLOCK]) {
  UNROLL for (int j = 0; j < BLOCK; j++) {
    UNROLL for (int i = 0; i < BLOCK; i++) {
      sum[i + j] = _mm512_madd52lo_epu64(sum[i + j], a[i], b[j]);
    }
    UNROLL for (int i = 0; i < BLOCK; i++) {
      sum[i + j + 1] = _mm512_madd52hi_epu64(sum[i + j + 1], a[i], b[j]);
    }
  }
}

// The products of two different limbs of a, once each.
INLINE void add_half_square(limb8 sum[2 * BLOCK], const limb8 a[BLOCK]) {
  UNROLL for (int j = 1; j < BLOCK; j++) {
    UNROLL for (int i = 0; i < j; i++) {
      sum[i + j] = _mm512_madd52lo_epu64(sum[i + j], a[i], a[j]);
    }
    UNROLL for (int i = 0; i < j; i++) {
      sum[i + j + 1] = _mm512_madd52hi_epu64(sum[i + j + 1], a[i], a[j]);
    }
  }
}

INLINE void copy_block(limb8 to[BLOCK], const limb8 from[BLOCK]) {
  UNROLL for (int i = 0; i < BLOCK; i++) to[i] = from[i];
}

INLINE void clear_block(limb8 block[BLOCK]) {
  UNROLL for (int i = 0; i < BLOCK; i++) block[i] = _mm512_setzero_si512();
}

// The 20 * `blocks` columns of ab. As in the next two: ten columns after ten; those that are done
// leave the registers, and the others take their place.
LANES static void multiply(limb8 *product, const limb8 *a, const limb8 *b, size_t blocks) {
  limb8 sum[2 * BLOCK];
  clear_block(sum);
  for (size_t k = 0; k < 2 * blocks; k++) {
    clear_block(sum + BLOCK);
    for (size_t i = k < blocks ? 0 : k - blocks + 1; i <= k && i < blocks; i++) {
      add_product(sum, a + BLOCK * i, b + BLOCK * (k - i));
    }
    copy_block(product + BLOCK * k, sum);
    copy_block(sum, sum + BLOCK);
  }
}

// The columns of aa: twice the products of different limbs, and the squares.
LANES static void square(limb8 *product, const limb8 *a, size_t blocks) {
  limb8 sum[2 * BLOCK];
  clear_block(sum);
  for (size_t k = 0; k < 2 * blocks; k++) {
    clear_block(sum + BLOCK);
    for (size_t i = k < blocks ? 0 : k - blocks + 1; 2 * i < k; i++) {
      add_product(sum, a + BLOCK * i, a + BLOCK * (k - i));
    }
    if (k % 2 == 0) add_half_square(sum, a + BLOCK * (k / 2));
    UNROLL for (size_t i = 0; i < BLOCK; i += 2) {
      const limb8 x = a[(BLOCK * k + i) / 2];
      product[BLOCK * k + i] = _mm512_madd52lo_epu64(_mm512_add_epi64(sum[i], sum[i]), x, x);
      product[BLOCK * k + i + 1] =
          _mm512_madd52hi_epu64(_mm512_add_epi64(sum[i + 1], sum[i + 1]), x, x);
    }
    copy_block(sum, sum + BLOCK);
  }
}

// Of q n, for one limb of q, what `clear_columns` has not added yet.
INLINE void add_rest(limb8 sum[BLOCK + 1], const limb8 n[BLOCK], limb8 q) {
  UNROLL for (int i = 3; i < BLOCK; i++) sum[i] = _mm512_madd52hi_epu64(sum[i], n[i - 1], q);
  UNROLL for (int i = 3; i < BLOCK; i++) sum[i] = _mm512_madd52lo_epu64(sum[i], n[i], q);
  sum[BLOCK] = _mm512_madd52hi_epu64(sum[BLOCK], n[BLOCK - 1], q);
}

// Adds the multiple qn that makes the lower ten columns zero, and carries them into the others. A
// limb of q waits for the one before it through a single column: what that takes stands first, its
// two products are not added in a row, and the rest is added while the next limb is on its way.
INLINE void clear_columns(limb8 sum[2 * BLOCK], limb8 q[BLOCK], const limb8 n[BLOCK],
                          limb8 inverse) {
  limb8 x[BLOCK];
  UNROLL for (int j = 0; j < BLOCK; j++) {
    x[j] = _mm512_madd52lo_epu64(_mm512_setzero_si512(), sum[j], inverse);
    // The low half of x n[0] makes the low limb of the column zero: it carries 1, if that was not
    // zero before.
    const limb8 carry = _mm512_srli_epi64(_mm512_add_epi64(sum[j], limb_mask()), 52);
    sum[j + 1] = _mm512_add_epi64(_mm512_madd52hi_epu64(carry, n[0], x[j]),
                                  _mm512_madd52lo_epu64(sum[j + 1], n[1], x[j]));
    if (j > 0) add_rest(sum + j - 1, n, x[j - 1]);
    sum[j + 2] = _mm512_madd52hi_epu64(sum[j + 2], n[1], x[j]);
    sum[j + 2] = _mm512_madd52lo_epu64(sum[j + 2], n[2], x[j]);
  }
  add_rest(sum + BLOCK - 1, n, x[BLOCK - 1]);
  copy_block(q, x);
}

// The lower ten columns as limbs, carried into the others.
INLINE void carry_columns(limb8 sum[2 * BLOCK], limb8 *out) {
  UNROLL for (int i = 0; i < BLOCK; i++) {
    out[i] = _mm512_and_si512(sum[i], limb_mask());
    sum[i + 1] = _mm512_add_epi64(sum[i + 1], _mm512_srli_epi64(sum[i], 52));
  }
}

// (product + qn) / R in limbs, for the q < R that makes it whole; q takes the place of the lower
// half of `product`. Of two factors below 2n: less than 4n^2/R + n, and R >= 2^32 n, so below 2n.
LANES static void reduce(limb8 *out, limb8 *product, const limb8 *n, limb8 inverse,
                         size_t blocks) {
  limb8 sum[2 * BLOCK];
  copy_block(sum, product);
  for (size_t k = 0; k < 2 * blocks - 1; k++) {
    copy_block(sum + BLOCK, product + BLOCK * (k + 1));
    for (size_t i = k < blocks ? 0 : k - blocks + 1; i < k && i < blocks; i++) {
      add_product(sum, product + BLOCK * i, n + BLOCK * (k - i));
    }
    if (k < blocks) {
      clear_columns(sum, product + BLOCK * k, n, inverse);
    } else {
      carry_columns(sum, out + BLOCK * (k - blocks));
    }
    copy_block(sum, sum + BLOCK);
  }
  sum[BLOCK] = _mm512_setzero_si512();
  carry_columns(sum, out + BLOCK * (blocks - 1));
}

// a - b mod R in limbs, and the lanes where it borrows. A difference of limbs is at least -2^52.
LANES static __mmask8 subtract(limb8 *out, const limb8 *a, const limb8 *b, size_t limbs) {
  limb8 borrow = _mm512_setzero_si512();
  for (size_t i = 0; i < limbs; i++) {
    const limb8 x = _mm512_add_epi64(_mm512_sub_epi64(a[i], b[i]), borrow);
    out[i] = _mm512_and_si512(x, limb_mask());
    borrow = _mm512_srai_epi64(x, 52);
  }
  return _mm512_movepi64_mask(borrow);
}

// Eight limbs of each lane to eight lanes of each limb, or back.
INLINE void transpose(limb8 x[GROUP]) {
  limb8 y[GROUP];
  UNROLL for (int i = 0; i < GROUP; i += 2) {
    y[i] = _mm512_unpacklo_epi64(x[i], x[i + 1]);
    y[i + 1] = _mm512_unpackhi_epi64(x[i], x[i + 1]);
  }
  UNROLL for (int i = 0; i < 2; i++) {
    const limb8 a = _mm512_shuffle_i64x2(y[i], y[i + 2], 0x88);
    const limb8 b = _mm512_shuffle_i64x2(y[i], y[i + 2], 0xdd);
    const limb8 c = _mm512_shuffle_i64x2(y[i + 4], y[i + 6], 0x88);
    const limb8 d = _mm512_shuffle_i64x2(y[i + 4], y[i + 6], 0xdd);
    x[i] = _mm512_shuffle_i64x2(a, c, 0x88);
    x[i + 2] = _mm512_shuffle_i64x2(b, d, 0x88);
    x[i + 4] = _mm512_shuffle_i64x2(a, c, 0xdd);
    x[i + 6] = _mm512_shuffle_i64x2(b, d, 0xdd);
  }
}

// What follows goes by eight limbs: it touches up to seven more than the number has, which all
// arrays of limbs have room for (64 of 80 where 60 are used), and which are zero when read.

// Eight limbs are 52 octets of a number; the highest are fewer.
typedef struct {
  /// Where they begin.
  size_t at;
  uint8_t count;
  __mmask64 mask;
  /// Of each place among them the opposite one, so that the lowest octet is first or the highest.
  __m512i mirror;
} octet_group;

#define EIGHT(i) i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7
static const uint8_t places[64] = {EIGHT(0),  EIGHT(8),  EIGHT(16), EIGHT(24),
                                   EIGHT(32), EIGHT(40), EIGHT(48), EIGHT(56)};

INLINE octet_group group_at(size_t index, size_t octets) {
  const size_t end = octets - GROUP_OCTETS * index;
  const uint8_t count = end < GROUP_OCTETS ? (uint8_t)end : GROUP_OCTETS;
  const __m512i last = _mm512_set1_epi8((char)(count - 1));
  return (octet_group){.at = end - count,
                       .count = count,
                       .mask = ((__mmask64)1 << count) - 1,
                       .mirror = _mm512_sub_epi8(last, _mm512_loadu_si512(places))};
}

LANES static void read_octets(limb8 *out, const uint8_t *const *octets, size_t count) {
  // Of each limb the octet that it begins in, or in the middle of, and seven more.
  static const uint8_t spread[64] = {EIGHT(0),  EIGHT(6),  EIGHT(13), EIGHT(19),
                                     EIGHT(26), EIGHT(32), EIGHT(39), EIGHT(45)};
  const __m512i from = _mm512_loadu_si512(spread);
  const limb8 shift = _mm512_setr_epi64(0, 4, 0, 4, 0, 4, 0, 4);
  for (size_t i = 0; i * GROUP_OCTETS < count; i++) {
    const octet_group g = group_at(i, count);
    const __mmask64 present = _mm512_cmplt_epu8_mask(from, _mm512_set1_epi8((char)g.count));
    const __m512i place = _mm512_permutexvar_epi8(from, g.mirror);
    limb8 x[GROUP];
    UNROLL for (size_t lane = 0; lane < GROUP; lane++) {
      const __m512i text = _mm512_maskz_loadu_epi8(g.mask, octets[lane] + g.at);
      const limb8 begun = _mm512_maskz_permutexvar_epi8(present, place, text);
      x[lane] = _mm512_and_si512(_mm512_srlv_epi64(begun, shift), limb_mask());
    }
    transpose(x);
    UNROLL for (size_t lane = 0; lane < GROUP; lane++) out[GROUP * i + lane] = x[lane];
  }
}

LANES static void write_octets(uint8_t *const *octets, const limb8 *limbs, size_t count) {
  // Two limbs are 13 octets, in the first 13 of 16.
  static const uint8_t packed[64] = {
      EIGHT(0),           8,  9,  10, 11, 12, EIGHT(16),          24, 25, 26, 27, 28,
      EIGHT(32),          40, 41, 42, 43, 44, EIGHT(48),          56, 57, 58, 59, 60};
  for (size_t i = 0; i * GROUP_OCTETS < count; i++) {
    const octet_group g = group_at(i, count);
    const __m512i place = _mm512_permutexvar_epi8(g.mirror, _mm512_loadu_si512(packed));
    limb8 x[GROUP];
    UNROLL for (size_t lane = 0; lane < GROUP; lane++) x[lane] = limbs[GROUP * i + lane];
    transpose(x);
    UNROLL for (size_t lane = 0; lane < GROUP; lane++) {
      const limb8 swapped = _mm512_shuffle_epi32(x[lane], _MM_PERM_BADC);
      const limb8 joined = _mm512_or_si512(x[lane], _mm512_slli_epi64(swapped, 52));
      const limb8 pairs = _mm512_mask_srli_epi64(joined, 0xaa, x[lane], 12);
      _mm512_mask_storeu_epi8(octets[lane] + g.at, g.mask, _mm512_permutexvar_epi8(place, pairs));
    }
  }
}

LANES static void read_limbs(limb8 *out, const uint64_t *const *limbs, size_t count) {
  for (size_t i = 0; i < count; i += GROUP) {
    limb8 x[GROUP];
    UNROLL for (size_t lane = 0; lane < GROUP; lane++) {
      x[lane] = _mm512_loadu_si512(limbs[lane] + i);
    }
    transpose(x);
    UNROLL for (size_t lane = 0; lane < GROUP; lane++) out[i + lane] = x[lane];
  }
}

LANES uint32_t clanes_rsa_open_lanes(size_t octets, const clanes_rsa_key *const *keys,
                                     const uint8_t *const *signatures, size_t count,
                                     uint8_t *out) {
  const size_t limbs = rsa_limbs(octets), blocks = limbs / BLOCK;
  // Lanes without a signature repeat the first one.
  const uint8_t *from[GROUP];
  uint8_t *to[GROUP];
  const uint64_t *moduli[GROUP], *squares[GROUP];
  uint64_t inverses[GROUP];
  for (size_t lane = 0; lane < GROUP; lane++) {
    const size_t i = lane < count ? lane : 0;
    from[lane] = signatures[i];
    to[lane] = out + octets * i;
    moduli[lane] = keys[i]->modulus52;
    squares[lane] = keys[i]->square52;
    inverses[lane] = keys[i]->inverse;
  }
  const limb8 inverse = _mm512_loadu_si512(inverses);
  limb8 n[RSA_LIMBS], s[RSA_LIMBS], x[RSA_LIMBS], product[2 * RSA_LIMBS];
  read_limbs(n, moduli, limbs);
  read_limbs(x, squares, limbs);
  read_octets(s, from, octets);
  const __mmask8 below = subtract(product, s, n, limbs);

  // All factors are below 2n, s too, for n has the highest bit.
  multiply(product, s, x, blocks);
  reduce(x, product, n, inverse, blocks);
  for (int i = 0; i < 16; i++) {
    square(product, x, blocks);
    reduce(x, product, n, inverse, blocks);
  }
  // s comes without the factor R here, so this takes that of x away.
  multiply(product, x, s, blocks);
  reduce(x, product, n, inverse, blocks);
  const __mmask8 canonical = subtract(product, x, n, limbs);
  for (size_t i = 0; i < limbs; i++) x[i] = _mm512_mask_mov_epi64(product[i], canonical, x[i]);
  write_octets(to, x, octets);
  return below & ((1u << count) - 1);
}

#endif
