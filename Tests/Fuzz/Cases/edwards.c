// The curve of Ed25519, slowly; see edwards.h. A coordinate's number is kept in Montgomery's form.

#include "edwards.h"
#include "shared.h"
#include <string.h>

typedef struct {
  BIGNUM *p, *order, *d, *d2;
  BN_MONT_CTX *form;
  edwards_point base;
} curve;

static void times(BIGNUM *out, const BIGNUM *a, const BIGNUM *b);
static const curve *edwards(void) {
  static curve c;
  if (c.p != NULL) return &c;
  BN_CTX *const context = cases_context();
  BIGNUM *const p = BN_new();
  c.order = BN_new(), c.d = BN_new(), c.d2 = BN_new();
  BN_set_bit(p, 255);
  BN_sub_word(p, 19);
  BN_hex2bn(&c.order, "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed");
  c.form = BN_MONT_CTX_new();
  BN_MONT_CTX_set(c.form, p, context);
  // d = -121665/121666.
  BN_set_word(c.d, 121666);
  BN_mod_inverse(c.d, c.d, p, context);
  BN_mul_word(c.d, 121665);
  BN_sub(c.d, p, c.d);
  BN_nnmod(c.d, c.d, p, context);
  BN_mod_lshift1(c.d2, c.d, p, context);
  BN_to_montgomery(c.d, c.d, c.form, context);
  BN_to_montgomery(c.d2, c.d2, c.form, context);
  c.p = p;
  // y = 4/5 and x even.
  uint8_t base[32];
  memset(base, 0x66, sizeof base);
  base[0] = 0x58;
  c.base = edwards_new();
  edwards_decode(&c.base, base);
  return &c;
}

static void times(BIGNUM *out, const BIGNUM *a, const BIGNUM *b) {
  BN_mod_mul_montgomery(out, a, b, edwards()->form, cases_context());
}

const BIGNUM *edwards_p(void) { return edwards()->p; }
const BIGNUM *edwards_order(void) { return edwards()->order; }

edwards_point edwards_new(void) { return (edwards_point){BN_new(), BN_new(), BN_new(), BN_new()}; }

void edwards_free(edwards_point point) {
  BN_free(point.x), BN_free(point.y), BN_free(point.z), BN_free(point.t);
}

void edwards_number(BIGNUM *out, const uint8_t *octets, int count) {
  BN_lebin2bn(octets, count, out);
}

int edwards_decode(edwards_point *out, const uint8_t octets[32]) {
  const curve *const c = edwards();
  BN_CTX *const context = cases_context();
  BN_CTX_start(context);
  BIGNUM *const x = BN_CTX_get(context), *const y = BN_CTX_get(context);
  BIGNUM *const u = BN_CTX_get(context), *const v = BN_CTX_get(context);
  BIGNUM *const d = BN_CTX_get(context);
  edwards_number(y, octets, 32);
  const int sign = BN_is_bit_set(y, 255);
  BN_mask_bits(y, 255);
  BN_nnmod(y, y, c->p, context);
  // x^2 = (y^2 - 1) / (d y^2 + 1).
  BN_from_montgomery(d, c->d, c->form, context);
  BN_mod_sqr(u, y, c->p, context);
  BN_mod_mul(v, u, d, c->p, context);
  BN_mod_add(v, v, BN_value_one(), c->p, context);
  BN_mod_sub(u, u, BN_value_one(), c->p, context);
  BN_mod_inverse(v, v, c->p, context);
  BN_mod_mul(u, u, v, c->p, context);
  const int is_square = BN_is_zero(u) || BN_kronecker(u, c->p, context) == 1;
  if (is_square) {
    BN_mod_sqrt(x, u, c->p, context);
    if (BN_is_bit_set(x, 0) != sign && !BN_is_zero(x)) BN_sub(x, c->p, x);
    BN_to_montgomery(out->x, x, c->form, context);
    BN_to_montgomery(out->y, y, c->form, context);
    BN_to_montgomery(out->z, BN_value_one(), c->form, context);
    times(out->t, out->x, out->y);
  }
  BN_CTX_end(context);
  return is_square;
}

int edwards_with_x(edwards_point *out, unsigned x) {
  const curve *const c = edwards();
  BN_CTX *const context = cases_context();
  BN_CTX_start(context);
  BIGNUM *const y = BN_CTX_get(context), *const less = BN_CTX_get(context);
  BIGNUM *const square = BN_CTX_get(context), *const d = BN_CTX_get(context);
  uint8_t octets[32];
  // y^2 = (1 + x^2) / (1 - d x^2).
  BN_set_word(square, x * x);
  BN_from_montgomery(d, c->d, c->form, context);
  BN_mod_mul(less, square, d, c->p, context);
  BN_mod_sub(less, BN_value_one(), less, c->p, context);
  BN_add_word(square, 1);
  BN_mod_inverse(less, less, c->p, context);
  BN_mod_mul(square, square, less, c->p, context);
  const int found = BN_kronecker(square, c->p, context) == 1;
  if (found) {
    BN_mod_sqrt(y, square, c->p, context);
    BN_sub(less, c->p, y);
    BN_bn2lebinpad(BN_cmp(y, less) < 0 ? y : less, octets, 32);
    octets[31] |= (uint8_t)(x % 2 << 7);
    edwards_decode(out, octets);
  }
  BN_CTX_end(context);
  return found;
}

void edwards_encode(uint8_t out[32], const edwards_point *point) {
  const curve *const c = edwards();
  BN_CTX *const context = cases_context();
  BN_CTX_start(context);
  BIGNUM *const x = BN_CTX_get(context), *const y = BN_CTX_get(context);
  BIGNUM *const z = BN_CTX_get(context);
  BN_from_montgomery(z, point->z, c->form, context);
  BN_mod_inverse(z, z, c->p, context);
  // Montgomery's form times a plain number is plain.
  times(x, point->x, z);
  times(y, point->y, z);
  BN_bn2lebinpad(y, out, 32);
  out[31] |= (uint8_t)(BN_is_bit_set(x, 0) << 7);
  BN_CTX_end(context);
}

void edwards_sum(edwards_point *out, const edwards_point *a, const edwards_point *b) {
  const curve *const c = edwards();
  BN_CTX *const context = cases_context();
  BN_CTX_start(context);
  BIGNUM *const aa = BN_CTX_get(context), *const bb = BN_CTX_get(context);
  BIGNUM *const cc = BN_CTX_get(context), *const dd = BN_CTX_get(context);
  BIGNUM *const u = BN_CTX_get(context), *const v = BN_CTX_get(context);
  // RFC 8032 section 5.1.4; it holds for all points, equal ones included.
  BN_mod_sub_quick(u, a->y, a->x, c->p);
  BN_mod_sub_quick(v, b->y, b->x, c->p);
  times(aa, u, v);
  BN_mod_add_quick(u, a->y, a->x, c->p);
  BN_mod_add_quick(v, b->y, b->x, c->p);
  times(bb, u, v);
  times(cc, a->t, b->t);
  times(cc, cc, c->d2);
  times(dd, a->z, b->z);
  BN_mod_lshift1_quick(dd, dd, c->p);
  BN_mod_sub_quick(u, bb, aa, c->p);
  BN_mod_add_quick(v, bb, aa, c->p);
  BN_mod_sub_quick(aa, dd, cc, c->p);
  BN_mod_add_quick(bb, dd, cc, c->p);
  times(out->x, u, aa);
  times(out->y, bb, v);
  times(out->t, u, v);
  times(out->z, aa, bb);
  BN_CTX_end(context);
}

void edwards_negate(edwards_point *a) {
  const BIGNUM *const p = edwards_p();
  if (!BN_is_zero(a->x)) BN_sub(a->x, p, a->x);
  if (!BN_is_zero(a->t)) BN_sub(a->t, p, a->t);
}

void edwards_combine(edwards_point *out, const BIGNUM *m, const edwards_point *a,
                     const BIGNUM *n) {
  const curve *const c = edwards();
  edwards_point both = edwards_new(), sum = edwards_new();
  edwards_sum(&both, a, &c->base);
  BN_zero(sum.x), BN_zero(sum.t);
  BN_to_montgomery(sum.y, BN_value_one(), c->form, cases_context());
  BN_copy(sum.z, sum.y);
  int bit = BN_num_bits(m) > BN_num_bits(n) ? BN_num_bits(m) : BN_num_bits(n);
  while (--bit >= 0) {
    edwards_sum(&sum, &sum, &sum);
    const int of_a = BN_is_bit_set(m, bit), of_base = BN_is_bit_set(n, bit);
    if (of_a || of_base) edwards_sum(&sum, &sum, of_a ? of_base ? &both : a : &c->base);
  }
  BN_copy(out->x, sum.x), BN_copy(out->y, sum.y), BN_copy(out->z, sum.z), BN_copy(out->t, sum.t);
  edwards_free(both), edwards_free(sum);
}
