// Sums of table entries with AVX-512 IFMA, eight signatures side by side: the IFMA unit of P-256.
// Owns: its field arithmetic and its loops. Must never: be given a secret.
//
// What is added, and in which order, is as in p256_portable.c.

#include "p256_points.h"

#if defined(__x86_64__)
#include "p256_lanes_terms.h"

enum { PAIRS = P256_TERMS / 2 };

typedef struct {
  lanes_point sums[PAIRS];
  // The product of all differences of x before a pair's.
  lanes_fe before[PAIRS];
  _Alignas(64) p256_term terms[P256_TERMS][LANES];
  // Addresses: of the cases, and of their keys' tables.
  _Alignas(64) uintptr_t cases[LANES];
  _Alignas(64) uintptr_t multiples[LANES];
  // Lanes in which two points that were to be added have equal x, or may have.
  __mmask8 open;
} group;

P256_LANES lanes_point left(const group *one, int apart, int i) {
  return apart == 0 ? lanes_entry(one->terms[2 * i]) : one->sums[i];
}

P256_LANES lanes_point right(const group *one, int apart, int i) {
  return apart == 0 ? lanes_entry(one->terms[2 * i + 1]) : one->sums[i + apart];
}

// b.x - a.x; 1 in lanes where they are equal, which leaves the product of all others as it is.
P256_LANES lanes_fe difference(lanes_fe a, lanes_fe b, __mmask8 *open) {
  lanes_fe x = lanes_sub(b, a);
  const __mmask8 equal = lanes_maybe_zero(x);
  if (__builtin_expect(equal != 0, 0)) {
    *open |= equal;
    for (int i = 0; i < 5; i++) {
      x.limb[i] = _mm512_mask_set1_epi64(x.limb[i], equal, i == 0);
    }
  }
  return x;
}

P256_LANES void add_pairs(group *all, size_t count, int apart) {
  const int step = apart == 0 ? 1 : 2 * apart;
  const int last = (PAIRS - 1 - apart) / step * step;
  // Two products, so that the processor can work at both at a time.
  lanes_fe product = lanes_constant(&lanes_one), other = product;
  for (size_t g = 0; g < count; g++) {
    for (int i = 0; i <= last; i += step) {
      const lanes_fe x =
          difference(left(&all[g], apart, i).x, right(&all[g], apart, i).x, &all[g].open);
      const lanes_fe next = lanes_mul(product, x);
      all[g].before[i] = product;
      product = other;
      other = next;
    }
  }
  // The one that was to come next is `product`.
  const lanes_fe inverse_of_both = lanes_invert(lanes_mul(product, other), &lanes_field);
  lanes_fe inverse = lanes_mul(inverse_of_both, product);
  lanes_fe other_inverse = lanes_mul(inverse_of_both, other);
  for (size_t g = count; g-- > 0;) {
    for (int i = last; i >= 0; i -= step) {
      const lanes_point a = left(&all[g], apart, i), b = right(&all[g], apart, i);
      const lanes_fe x = difference(a.x, b.x, &all[g].open);
      const lanes_fe of_one = lanes_mul(inverse, all[g].before[i]);
      const lanes_fe next = lanes_mul(inverse, x);
      all[g].sums[i] = lanes_chord(a, b, of_one);
      inverse = other_inverse;
      other_inverse = next;
    }
  }
}

P256_TARGET static void add_terms(group *all, size_t count) { add_pairs(all, count, 0); }

P256_TARGET static void add_sums(group *all, size_t count, int apart) {
  add_pairs(all, count, apart);
}

// Whether x(a + b) = r mod p, for x that differ: (r + a.x + b.x) (b.x - a.x)^2 = (b.y - a.y)^2.
P256_LANES __mmask8 has_x(lanes_point a, lanes_point b, lanes_fe r, __mmask8 *open) {
  const lanes_fe run = difference(a.x, b.x, open), rise = lanes_sub(b.y, a.y);
  lanes_fe x = lanes_mul(r, lanes_constant(&lanes_to_form)), run4;
  for (int i = 0; i < 5; i++) {
    x.limb[i] = _mm512_add_epi64(_mm512_add_epi64(a.x.limb[i], b.x.limb[i]), x.limb[i]);
    // 16 times the square makes up for the missing 2^4 of the form.
    run4.limb[i] = _mm512_slli_epi64(run.limb[i], 2);
  }
  run4 = lanes_carry(run4);
  return lanes_equal(lanes_mul(lanes_carry(x), lanes_sqr(run4)), lanes_sqr(rise));
}

// The terms of all cases, whose addresses are in `cases`.
P256_TARGET static void find_terms(group *all, size_t count) {
  const __m512i base = _mm512_set1_epi64((int64_t)(uintptr_t)p256_base());
  lanes_fe product = lanes_constant(&lanes_one);
  for (size_t g = 0; g < count; g++) {
    all[g].before[0] = product;
    product = lanes_mul_n(product, lanes_load(all[g].cases, offsetof(p256_case, s)));
  }
  lanes_fe inverse = lanes_invert(product, &lanes_order);
  for (size_t g = count; g-- > 0;) {
    group *const one = &all[g];
    const lanes_fe of_s = lanes_mul_n(inverse, one->before[0]);
    inverse = lanes_mul_n(inverse, lanes_load(one->cases, offsetof(p256_case, s)));
    const lanes_fe u1 = lanes_mul_n(lanes_load(one->cases, offsetof(p256_case, e)), of_s);
    const lanes_fe u2 = lanes_mul_n(lanes_load(one->cases, offsetof(p256_case, r)), of_s);
    lanes_terms_of(u2, _mm512_load_si512(one->multiples), P256_KEY_BITS, P256_KEY_WINDOWS,
                   one->terms);
    lanes_terms_of(u1, base, P256_BASE_BITS, P256_BASE_WINDOWS, one->terms + P256_KEY_WINDOWS);
  }
}

P256_TARGET static void judge(const p256_case *cases, size_t count, void *scratch,
                              uint8_t *answers) {
  group *const all = scratch;
  const size_t groups = (count + LANES - 1) / LANES;
  for (size_t i = 0; i < groups * LANES; i++) {
    // Lanes without a case repeat the last one.
    const p256_case *const one = &cases[i < count ? i : count - 1];
    all[i / LANES].cases[i % LANES] = (uintptr_t)one;
    all[i / LANES].multiples[i % LANES] = (uintptr_t)one->key->multiples;
    all[i / LANES].open = 0;
  }
  find_terms(all, groups);
  add_terms(all, groups);
  int apart = 1;
  for (; 2 * apart < PAIRS; apart *= 2) add_sums(all, groups, apart);
  for (size_t g = 0; g < groups; g++) {
    const __mmask8 valid = has_x(all[g].sums[0], all[g].sums[apart],
                                 lanes_load(all[g].cases, offsetof(p256_case, r)), &all[g].open);
    for (size_t lane = 0; lane < LANES && LANES * g + lane < count; lane++) {
      answers[LANES * g + lane] =
          all[g].open >> lane & 1 ? P256_OPEN : (uint8_t)(valid >> lane & 1) * CLANES_VALID;
    }
  }
}

static size_t scratch(size_t count) { return (count + LANES - 1) / LANES * sizeof(group); }

static const p256_unit lanes = {
    .least = 2, .batch = P256_MOST, .scratch = scratch, .judge = judge};
#endif

const p256_unit *p256_unit_of(clanes_unit unit) {
#if defined(__x86_64__)
  if (unit == CLANES_IFMA) return &lanes;
#endif
  (void)unit;
  return &p256_portable;
}
