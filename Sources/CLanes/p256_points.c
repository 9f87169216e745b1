// Points of P-256: tables of multiples, and sums by formulas for all cases. Public data only.

#include "p256_points.h"
#include <pthread.h>
#include <stdlib.h>

// (X / Z^2, Y / Z^3), infinity where Z = 0.
typedef struct {
  p256_fe x, y, z;
} p256_jacobian;

static p256_jacobian doubled(p256_jacobian a) {
  const p256_fe zz = p256_sqr(a.z), yy = p256_sqr(a.y);
  const p256_fe beta = p256_mul(a.x, yy);
  p256_fe alpha = p256_mul(p256_sub(a.x, zz), p256_add(a.x, zz));
  alpha = p256_add(alpha, p256_add(alpha, alpha));
  const p256_fe beta2 = p256_add(beta, beta), beta4 = p256_add(beta2, beta2);
  p256_fe yyyy8 = p256_sqr(p256_add(yy, yy));
  yyyy8 = p256_add(yyyy8, yyyy8);
  p256_jacobian out;
  out.x = p256_sub(p256_sub(p256_sqr(alpha), beta4), beta4);
  out.z = p256_mul(p256_add(a.y, a.y), a.z);
  out.y = p256_sub(p256_mul(alpha, p256_sub(beta4, out.x)), yyyy8);
  return out;
}

static p256_jacobian jacobian(p256_point a) { return (p256_jacobian){a.x, a.y, p256_one}; }

static p256_jacobian added(p256_jacobian a, p256_point b) {
  if (p256_is_zero(a.z)) return jacobian(b);
  const p256_fe zz = p256_sqr(a.z);
  const p256_fe h = p256_sub(p256_mul(b.x, zz), a.x);
  const p256_fe r = p256_sub(p256_mul(b.y, p256_mul(zz, a.z)), a.y);
  if (p256_is_zero(h) && p256_is_zero(r)) return doubled(jacobian(b));
  // Of a point and its inverse, h = 0 makes z = 0: infinity.
  const p256_fe hh = p256_sqr(h), hhh = p256_mul(hh, h), v = p256_mul(a.x, hh);
  p256_jacobian out;
  out.x = p256_sub(p256_sub(p256_sub(p256_sqr(r), hhh), v), v);
  out.y = p256_sub(p256_mul(r, p256_sub(v, out.x)), p256_mul(a.y, hhh));
  out.z = p256_mul(a.z, h);
  return out;
}

// The sum's x is compared as X = x Z^2.
static int has_x(p256_jacobian a, p256_fe zz, const uint64_t x[4]) {
  p256_fe plain;
  memcpy(plain.limb, x, sizeof plain.limb);
  return p256_equal(a.x, p256_mul(p256_mul(plain, p256_to_form), zz));
}

int clanes_p256_alone(const p256_case *a_case) {
  p256_term terms[1][P256_TERMS];
  clanes_p256_terms(a_case, 1, terms);
  p256_jacobian sum = jacobian(p256_entry(terms[0][0]));
  for (int i = 1; i < P256_TERMS; i++) sum = added(sum, p256_entry(terms[0][i]));
  if (p256_is_zero(sum.z)) return 0;
  const p256_fe zz = p256_sqr(sum.z);
  uint64_t second[4];
  return has_x(sum, zz, a_case->r) ||
         (p256_second_x(second, a_case->r) && has_x(sum, zz, second));
}

// All x and y of `points` in affine form. z is no point's 0.
static void to_affine(const p256_jacobian *points, int count, p256_point *out) {
  p256_fe product = p256_one;
  for (int i = 0; i < count; i++) {
    out[i].x = product;
    product = p256_mul(product, points[i].z);
  }
  p256_fe inverse = p256_invert(product);
  for (int i = count; i-- > 0;) {
    const p256_fe z = p256_mul(inverse, out[i].x), zz = p256_sqr(z);
    inverse = p256_mul(inverse, points[i].z);
    out[i].x = p256_mul(points[i].x, zz);
    out[i].y = p256_mul(points[i].y, p256_mul(zz, z));
  }
}

enum { MOST_POWERS = P256_BASE_BITS * P256_BASE_WINDOWS };

// Fills a table. No two points that are added here have equal x: with B = 2^(bits i) P they are m B
// and 2k B, m odd and below 2k, and n, the order of P, is a prime above 2k + m.
static void fill(p256_point *multiples, int bits, int windows, p256_point point) {
  _Static_assert(MOST_POWERS >= P256_KEY_BITS * P256_KEY_WINDOWS, "room for all powers");
  p256_jacobian doubles[MOST_POWERS];
  p256_point powers[MOST_POWERS];
  doubles[0] = jacobian(point);
  for (int i = 1; i < bits * windows; i++) doubles[i] = doubled(doubles[i - 1]);
  to_affine(doubles, bits * windows, powers);

  for (int i = 0; i < windows; i++) multiples[(size_t)i << (bits - 1)] = powers[bits * i];
  // From the first `have` entries of all windows to twice as many, with one inversion.
  for (int level = 0; level < bits - 1; level++) {
    const size_t have = (size_t)1 << level;
    p256_fe product = p256_one;
    // A new entry's place holds the product of all differences before it until it is made.
    for (int i = 0; i < windows; i++) {
      p256_point *const window = multiples + ((size_t)i << (bits - 1));
      for (size_t k = 0; k < have; k++) {
        window[have + k].x = p256_sub(powers[bits * i + level + 1].x, window[k].x);
        window[have + k].y = product;
        product = p256_mul(product, window[have + k].x);
      }
    }
    p256_fe inverse = p256_invert(product);
    for (int i = windows; i-- > 0;) {
      p256_point *const window = multiples + ((size_t)i << (bits - 1));
      for (size_t k = have; k-- > 0;) {
        p256_point *const entry = &window[have + k];
        const p256_fe one = p256_mul(inverse, entry->y);
        inverse = p256_mul(inverse, entry->x);
        *entry = p256_chord(window[k], powers[bits * i + level + 1], one);
      }
    }
  }
}

static p256_point base_multiples[P256_BASE_WINDOWS << (P256_BASE_BITS - 1)];

static void fill_base(void) {
  const p256_point base = {
      {{0x79e730d418a9143c, 0x75ba95fc5fedb601, 0x79fb732b77622510, 0x18905f76a53755c6}},
      {{0xddf25357ce95560a, 0x8b4ab8e4ba19e45c, 0xd2e88688dd21f325, 0x8571ff1825885d85}}};
  fill(base_multiples, P256_BASE_BITS, P256_BASE_WINDOWS, base);
}

const p256_point *clanes_p256_base(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, fill_base);
  return base_multiples;
}

static int on_curve(p256_point a) {
  const p256_fe b = {
      {0xd89cdf6229c4bddf, 0xacf005cd78843090, 0xe5a220abf7212ed6, 0xdc30061d04874834}};
  const p256_fe xxx = p256_mul(p256_sqr(a.x), a.x);
  const p256_fe right = p256_sub(p256_sub(p256_sub(p256_add(xxx, b), a.x), a.x), a.x);
  return p256_equal(p256_sqr(a.y), right);
}

clanes_p256_key *clanes_p256_key_new(const uint8_t point[64]) {
  p256_point plain;
  uint64_t rest[4];
  p256_load(plain.x.limb, point);
  p256_load(plain.y.limb, point + 32);
  if (!p256_minus(rest, plain.x.limb, p256_p.limb)) return NULL;
  if (!p256_minus(rest, plain.y.limb, p256_p.limb)) return NULL;
  const p256_point q = {p256_mul(plain.x, p256_to_form), p256_mul(plain.y, p256_to_form)};
  if (!on_curve(q)) return NULL;
  clanes_p256_key *key = aligned_alloc(_Alignof(clanes_p256_key), sizeof *key);
  if (key != NULL) fill(key->multiples, P256_KEY_BITS, P256_KEY_WINDOWS, q);
  return key;
}

void clanes_p256_key_free(clanes_p256_key *key) { free(key); }

size_t clanes_p256_key_bytes(void) { return sizeof(clanes_p256_key); }
