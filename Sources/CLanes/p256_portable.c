// Sums of table entries in plain C, and of many signatures at once: the portable unit of P-256.
// Owns: nothing beyond its loops. Must never: be given a secret.
//
// All points are added in affine form, pairwise: the terms of a signature are halved in number
// round by round, and all additions of a round, of all signatures, share one inversion.

#include "p256_points.h"

enum { PAIRS = P256_TERMS / 2 };
_Static_assert(P256_TERMS % 2 == 0, "terms come in pairs");

typedef struct {
  p256_point sums[PAIRS];
  // The product of all differences of x before a pair's.
  p256_fe before[PAIRS];
  const p256_term *terms;
} signature;

// Pair i of a round: in the first of two terms, later of two sums `apart`.
static inline p256_point left(const signature *one, int apart, int i) {
  return apart == 0 ? p256_entry(one->terms[2 * i]) : one->sums[i];
}

static inline p256_point right(const signature *one, int apart, int i) {
  return apart == 0 ? p256_entry(one->terms[2 * i + 1]) : one->sums[i + apart];
}

// b.x - a.x; 1 where they are equal, which leaves the product of all others as it is. What becomes
// of such a signature has no meaning, and no part in the others.
static inline p256_fe difference(p256_point a, p256_point b, uint8_t *answer) {
  const p256_fe x = p256_sub(b.x, a.x);
  if (!p256_is_zero(x)) return x;
  *answer = P256_OPEN;
  return p256_one;
}

static void add_pairs(signature *all, size_t count, int apart, uint8_t *answers) {
  const int step = apart == 0 ? 1 : 2 * apart;
  const int last = (PAIRS - 1 - apart) / step * step;
  p256_fe product = p256_one;
  for (size_t s = 0; s < count; s++) {
    for (int i = 0; i <= last; i += step) {
      all[s].before[i] = product;
      product = p256_mul(product, difference(left(&all[s], apart, i), right(&all[s], apart, i),
                                             &answers[s]));
    }
  }
  p256_fe inverse = p256_invert(product);
  for (size_t s = count; s-- > 0;) {
    for (int i = last; i >= 0; i -= step) {
      const p256_point a = left(&all[s], apart, i), b = right(&all[s], apart, i);
      const p256_fe of_one = p256_mul(inverse, all[s].before[i]);
      inverse = p256_mul(inverse, difference(a, b, &answers[s]));
      all[s].sums[i] = p256_chord(a, b, of_one);
    }
  }
}

// Whether x(a + b) = r mod p, for x that differ: (r + a.x + b.x) (b.x - a.x)^2 = (b.y - a.y)^2.
static uint8_t has_x(p256_point a, p256_point b, const uint64_t r[4]) {
  p256_fe x;
  memcpy(x.limb, r, sizeof x.limb);
  x = p256_add(p256_mul(x, p256_to_form), p256_add(a.x, b.x));
  const p256_fe run = p256_sub(b.x, a.x), rise = p256_sub(b.y, a.y);
  if (p256_is_zero(run)) return P256_OPEN;
  return p256_equal(p256_mul(x, p256_sqr(run)), p256_sqr(rise)) ? CLANES_VALID : 0;
}

static void judge(const p256_case *cases, size_t count, void *scratch, uint8_t *answers) {
  signature *const all = scratch;
  memset(answers, 0, count);
  p256_term(*const terms)[P256_TERMS] = (void *)(all + count);
  clanes_p256_terms(cases, count, terms);
  for (size_t s = 0; s < count; s++) all[s].terms = terms[s];
  add_pairs(all, count, 0, answers);
  int apart = 1;
  for (; 2 * apart < PAIRS; apart *= 2) add_pairs(all, count, apart, answers);
  for (size_t s = 0; s < count; s++) {
    if (answers[s] != P256_OPEN) {
      answers[s] = has_x(all[s].sums[0], all[s].sums[apart], cases[s].r);
    }
  }
}

static size_t scratch(size_t count) {
  return count * (sizeof(signature) + P256_TERMS * sizeof(p256_term));
}

const p256_unit clanes_p256_portable = {
    .least = 2, .batch = 64, .scratch = scratch, .judge = judge};
