// Sums of table entries with AVX-512 IFMA, eight signatures side by side: the IFMA unit of P-256.
// Owns: nothing beyond its loops. Must never: be given a secret.
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

P256_LANES lanes_fe left_x(const group *one, int apart, int i) {
  return apart == 0 ? lanes_load(one->terms[2 * i], offsetof(p256_point, x)) : one->sums[i].x;
}

P256_LANES lanes_fe right_x(const group *one, int apart, int i) {
  return apart == 0 ? lanes_load(one->terms[2 * i + 1], offsetof(p256_point, x))
                    : one->sums[i + apart].x;
}

P256_LANES lanes_fe left_y(const group *one, int apart, int i) {
  return apart == 0 ? lanes_signed_y(one->terms[2 * i]) : one->sums[i].y;
}

P256_LANES lanes_fe right_y(const group *one, int apart, int i) {
  return apart == 0 ? lanes_signed_y(one->terms[2 * i + 1]) : one->sums[i + apart].y;
}

// Between the two passes of a round, the left point's x stands in its sum's x, and the difference
// of both x here.
P256_LANES lanes_fe *run_of(group *one, int apart, int i) {
  return apart == 0 ? &one->sums[i].y : &one->sums[i + apart].x;
}

// b - a; 1 in lanes where they are equal, which leaves the product of all others as it is.
P256_LANES lanes_fe difference(lanes_fe a, lanes_fe b, __mmask8 *open) {
  lanes_fe run = lanes_sub(b, a);
  const __mmask8 equal = lanes_maybe_zero(run);
  if (__builtin_expect(equal != 0, 0)) {
    *open |= equal;
    run = lanes_blend(equal, run, lanes_constant(&lanes_one));
  }
  return run;
}

// Groups are taken in twos, with a product of their own for each of the two: the processor needs
// work that doesn't wait for what it has just begun. All loops over `width` are such neighbours.
enum { WIDTH = 2 };

P256_LANES void take_runs(group *all, int width, int apart, int i, lanes_fe product[WIDTH]) {
#pragma clang loop unroll(full)
  for (int w = 0; w < width; w++) {
    group *const one = &all[w];
    const lanes_fe x = left_x(one, apart, i);
    const lanes_fe run = difference(x, right_x(one, apart, i), &one->open);
    one->before[i] = product[w];
    product[w] = lanes_mul(product[w], run);
    one->sums[i].x = x;
    *run_of(one, apart, i) = run;
  }
}

// `inverse` is 2^6 over the product of all runs up to this one. Both products of it here are below
// 1.3 * 3.1 / 16 p + p, and so below 1.3 p; those of take_runs too. 2^6 / run is below
// 1.3 * 1.3 / 16 p + p.
P256_LANES void add_pair(group *all, int width, int apart, int i, lanes_fe inverse[WIDTH]) {
  lanes_fe run[WIDTH], slope[WIDTH], y[WIDTH];
#pragma clang loop unroll(full)
  for (int w = 0; w < width; w++) {
    run[w] = *run_of(&all[w], apart, i);
    slope[w] = lanes_mul(inverse[w], all[w].before[i]);
    inverse[w] = lanes_mul(inverse[w], run[w]);
  }
#pragma clang loop unroll(full)
  for (int w = 0; w < width; w++) {
    y[w] = left_y(&all[w], apart, i);
    slope[w] = lanes_mul(lanes_sub(right_y(&all[w], apart, i), y[w]), slope[w]);
  }
#pragma clang loop unroll(full)
  for (int w = 0; w < width; w++) {
    const lanes_fe x = all[w].sums[i].x;
    all[w].sums[i].x = lanes_chord_x(slope[w], x, run[w]);
    run[w] = x;
  }
#pragma clang loop unroll(full)
  for (int w = 0; w < width; w++) {
    all[w].sums[i].y = lanes_chord_y(slope[w], run[w], y[w], all[w].sums[i].x);
  }
}

P256_LANES void add_pairs(group *all, size_t count, int apart) {
  const int step = apart == 0 ? 1 : 2 * apart;
  const int last = (PAIRS - 1 - apart) / step * step;
  const size_t even = count / WIDTH * WIDTH;
  lanes_fe product[WIDTH] = {lanes_constant(&lanes_one), lanes_constant(&lanes_one)};
  for (size_t g = 0; g < even; g += WIDTH) {
    for (int i = 0; i <= last; i += step) take_runs(all + g, WIDTH, apart, i, product);
  }
  if (even < count) {
    for (int i = 0; i <= last; i += step) take_runs(all + even, 1, apart, i, product);
  }
  const lanes_fe both = lanes_invert(lanes_mul(product[0], product[1]), &lanes_field);
  lanes_fe inverse[WIDTH] = {lanes_mul(both, product[1]), lanes_mul(both, product[0])};
  if (even < count) {
    for (int i = last; i >= 0; i -= step) add_pair(all + even, 1, apart, i, inverse);
  }
  for (size_t g = even; g > 0; g -= WIDTH) {
    for (int i = last; i >= 0; i -= step) add_pair(all + g - WIDTH, WIDTH, apart, i, inverse);
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
#pragma clang loop unroll(full)
  for (int i = 0; i < 5; i++) {
    x.limb[i] = _mm512_add_epi64(_mm512_add_epi64(a.x.limb[i], b.x.limb[i]), x.limb[i]);
    // 16 times the square makes up for the missing 2^4 of the form.
    run4.limb[i] = _mm512_slli_epi64(run.limb[i], 2);
  }
  // x is below 3.2 p, run4 below 12.1 p, its square below 10.2 p, and their product below 3.1 p.
  const lanes_fe square = lanes_sqr(lanes_carry(run4));
  return lanes_equal(lanes_mul(lanes_carry(x), square), lanes_sqr(rise));
}

// The terms of all cases, whose addresses are in `cases`.
P256_TARGET static void find_terms(group *all, size_t count) {
  const __m512i base = _mm512_set1_epi64((int64_t)(uintptr_t)clanes_p256_base());
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

const p256_unit *clanes_p256_unit(clanes_unit unit) {
#if defined(__x86_64__)
  if (unit == CLANES_IFMA) return &lanes;
#endif
  (void)unit;
  return &clanes_p256_portable;
}
