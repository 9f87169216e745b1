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

// Sums of products in columns. A column of a product of two numbers has at most 80 low and 80 high
// halves of products of limbs, and a column of the multiple of n that is added no more: with the
// carries that is below 321 * 2^52 < 2^61.

// Twenty columns stay in registers, with ten limbs of one factor: `sum` += ab.
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

// The columns of ab.
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

// The columns of aa.
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

// (product + qn) / R in limbs, where q < R makes it whole; q takes the place of the lower half of
// `product`. For a product of two numbers below 2n it is below n + 4n^2/R <= n + n/2^30.
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

// a - b in limbs, and the lanes where it borrows.
LANES static __mmask8 subtract(limb8 *out, const limb8 *a, const limb8 *b, size_t limbs) {
  limb8 borrow = _mm512_setzero_si512();
  for (size_t i = 0; i < limbs; i++) {
    const limb8 x = _mm512_add_epi64(_mm512_sub_epi64(a[i], b[i]), borrow);
    out[i] = _mm512_and_si512(x, limb_mask());
    borrow = _mm512_srai_epi64(x, 52);
  }
  return _mm512_movepi64_mask(borrow);
}

// Eight vectors of eight: each lane's to each limb's, and back.
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

// Octets are read and written in groups of 52, which hold eight limbs; the last has fewer.
typedef struct {
  size_t at, count;
  __mmask64 mask;
  /// From an octet's place to its opposite.
  __m512i mirror;
} group;

static const uint8_t places[64] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

INLINE group group_at(size_t index, size_t octets) {
  group g;
  const size_t left = octets - GROUP_OCTETS * index;
  g.count = left < GROUP_OCTETS ? left : GROUP_OCTETS;
  g.at = left - g.count;
  g.mask = ((__mmask64)1 << g.count) - 1;
  g.mirror = _mm512_sub_epi8(_mm512_set1_epi8((char)(g.count - 1)), _mm512_loadu_si512(places));
  return g;
}

// Limbs are read and written by eights: room for `limbs` rounded up.
LANES static void read_octets(limb8 *out, const uint8_t *const *octets, size_t count) {
  // The octets that a limb begins in and the seven above; from the second on, half of it.
#define EIGHT(i) i, i + 1, i + 2, i + 3, i + 4, i + 5, i + 6, i + 7
  static const uint8_t spread[64] = {EIGHT(0),  EIGHT(6),  EIGHT(13), EIGHT(19),
                                     EIGHT(26), EIGHT(32), EIGHT(39), EIGHT(45)};
#undef EIGHT
  const __m512i from = _mm512_loadu_si512(spread);
  const limb8 shift = _mm512_setr_epi64(0, 4, 0, 4, 0, 4, 0, 4);
  for (size_t i = 0; i * GROUP_OCTETS < count; i++) {
    const group g = group_at(i, count);
    const __mmask64 present = _mm512_cmplt_epu8_mask(from, _mm512_set1_epi8((char)g.count));
    const __m512i place = _mm512_permutexvar_epi8(from, g.mirror);
    limb8 x[GROUP];
    UNROLL for (int lane = 0; lane < GROUP; lane++) {
      const __m512i text = _mm512_maskz_loadu_epi8(g.mask, octets[lane] + g.at);
      const limb8 spread_out = _mm512_maskz_permutexvar_epi8(present, place, text);
      x[lane] = _mm512_and_si512(_mm512_srlv_epi64(spread_out, shift), limb_mask());
    }
    transpose(x);
    UNROLL for (int lane = 0; lane < GROUP; lane++) out[GROUP * i + (size_t)lane] = x[lane];
  }
}

LANES static void write_octets(uint8_t *const *octets, const limb8 *limbs, size_t count) {
  // Of each two limbs eight octets and five.
  static const uint8_t packed[64] = {
      0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 16, 17, 18, 19, 20, 21, 22, 23, 24,
      25, 26, 27, 28, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 48, 49, 50, 51, 52,
      53, 54, 55, 56, 57, 58, 59, 60};
  for (size_t i = 0; i * GROUP_OCTETS < count; i++) {
    const group g = group_at(i, count);
    const __m512i place = _mm512_permutexvar_epi8(g.mirror, _mm512_loadu_si512(packed));
    limb8 x[GROUP];
    UNROLL for (int lane = 0; lane < GROUP; lane++) x[lane] = limbs[GROUP * i + (size_t)lane];
    transpose(x);
    UNROLL for (int lane = 0; lane < GROUP; lane++) {
      const limb8 swapped = _mm512_shuffle_epi32(x[lane], _MM_PERM_BADC);
      const limb8 joined = _mm512_or_si512(x[lane], _mm512_slli_epi64(swapped, 52));
      const limb8 pairs = _mm512_mask_srli_epi64(joined, 0xaa, x[lane], 12);
      _mm512_mask_storeu_epi8(octets[lane] + g.at, g.mask, _mm512_permutexvar_epi8(place, pairs));
    }
  }
}

// As `read_octets`, of limbs.
LANES static void read_limbs(limb8 *out, const uint64_t *const *limbs, size_t count) {
  for (size_t i = 0; i < count; i += GROUP) {
    limb8 x[GROUP];
    UNROLL for (int lane = 0; lane < GROUP; lane++) x[lane] = _mm512_loadu_si512(limbs[lane] + i);
    transpose(x);
    UNROLL for (int lane = 0; lane < GROUP; lane++) out[i + (size_t)lane] = x[lane];
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

  // s itself is below 2n, for n has the highest bit.
  multiply(product, s, x, blocks);
  reduce(x, product, n, inverse, blocks);
  for (int i = 0; i < 16; i++) {
    square(product, x, blocks);
    reduce(x, product, n, inverse, blocks);
  }
  multiply(product, x, s, blocks);
  reduce(x, product, n, inverse, blocks);
  // Now x is below 2n.
  const __mmask8 reduced = subtract(product, x, n, limbs);
  for (size_t i = 0; i < limbs; i++) x[i] = _mm512_mask_mov_epi64(product[i], reduced, x[i]);
  write_octets(to, x, octets);
  return below & ((1u << count) - 1);
}

#endif
