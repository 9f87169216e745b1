// ECDSA's integers mod n, P-256's order, eight at once, and how they choose entries of the tables:
// what p256_terms.c does, with AVX-512 IFMA.
// Owns: the arithmetic mod n in lanes. Must never: see a secret.

#ifndef JOTMILL_P256_LANES_TERMS_H
#define JOTMILL_P256_LANES_TERMS_H

#include "p256_lanes.h"

static const lanes_integer lanes_n = {
    {0x9cac2fc632551, 0xada7179e84f3b, 0xfffffffbce6fa, 0xfffffffff, 0xffffffff0000}};

// a b / 2^260 mod n: below a b / 2^260 + n; so for a below 2^256 and b below 2 n it is below
// n + n / 7. A column is a sum of at most 20 halves of products and a carry: below 2^57.
P256_LANES lanes_fe lanes_mul_n(lanes_fe a, lanes_fe b) {
  // -1 / n mod 2^52.
  const __m512i minus_inverse = _mm512_set1_epi64(0x1c8aaee00bc4f);
  const lanes_fe n = lanes_constant(&lanes_n);
  __m512i t[10];
  lanes_multiply(t, a, b);
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
    const __m512i m = _mm512_madd52lo_epu64(_mm512_setzero_si512(), t[i], minus_inverse);
#pragma clang loop unroll(full)
    for (int j = 0; j < 5; j++) {
      t[i + j] = _mm512_madd52lo_epu64(t[i + j], m, n.limb[j]);
      t[i + j + 1] = _mm512_madd52hi_epu64(t[i + j + 1], m, n.limb[j]);
    }
    t[i + 1] = _mm512_add_epi64(t[i + 1], _mm512_srli_epi64(t[i], 52));
  }
  return lanes_carry((lanes_fe){{t[5], t[6], t[7], t[8], t[9]}});
}

// From a to 2^260 / a: then lanes_mul_n with a plain integer gives a plain integer.
static const lanes_ring lanes_order = {
    lanes_mul_n,
    &p256_n,
    {{0x353d039cdaaf0, 0x258e8617b0c46, 0x4319055, 0xfff0000000000, 0xfffff}}};

// a - b, its highest limb below 0 where a is less. Both are in [0, 2^260).
P256_LANES lanes_fe lanes_minus(lanes_fe a, lanes_fe b) {
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) a.limb[i] = _mm512_sub_epi64(a.limb[i], b.limb[i]);
  return lanes_carry(a);
}

// As in p256_terms.c, for u below 2 n. `multiples`: the table's address in each lane.
P256_LANES void lanes_terms_of(lanes_fe u, __m512i multiples, int bits, int windows,
                               p256_term terms[][LANES]) {
  const lanes_fe n = lanes_constant(&lanes_n), less = lanes_minus(u, n);
  u = lanes_blend(_mm512_movepi64_mask(less.limb[4]), less, u);
  const __mmask8 even = _mm512_testn_epi64_mask(u.limb[0], _mm512_set1_epi64(1));
  u = lanes_blend(even, u, lanes_minus(n, u));
  __m512i odd[5];
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    odd[i] = _mm512_or_si512(_mm512_srli_epi64(u.limb[i], 12 * (unsigned)i),
                             _mm512_slli_epi64(u.limb[i + 1], 52 - 12 * (unsigned)i));
  }
  odd[4] = _mm512_set1_epi64((int64_t)1 << (bits * windows - 256));
  const int64_t size = sizeof(p256_point), lower = ((int64_t)1 << (bits - 1)) - 1;
#pragma clang loop unroll(full)
  for (int i = 0; i < windows; i++) {
    const int at = bits * i + 1;
    const __m512i t = _mm512_or_si512(
        _mm512_srli_epi64(odd[at / 64], (unsigned)at % 64),
        // A shift by 64 gives 0.
        _mm512_slli_epi64(odd[at / 64 + 1], 64 - (unsigned)at % 64));
    const __mmask8 minus = _mm512_testn_epi64_mask(t, _mm512_set1_epi64(lower + 1));
    const __m512i inverted = _mm512_mask_xor_epi64(t, minus, t, _mm512_set1_epi64(-1));
    const __m512i entry = _mm512_and_si512(inverted, _mm512_set1_epi64(lower));
    const __m512i address =
        _mm512_add_epi64(multiples, _mm512_mullo_epi64(entry, _mm512_set1_epi64(size)));
    const __mmask8 subtracted = minus ^ even;
    _mm512_store_si512(
        terms[i], _mm512_mask_add_epi64(address, subtracted, address, _mm512_set1_epi64(1)));
    multiples = _mm512_add_epi64(multiples, _mm512_set1_epi64(size << (bits - 1)));
  }
}

#endif
