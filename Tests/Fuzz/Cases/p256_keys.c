// Keys with P-256 for a fuzzer.
// Owns: a fixed set of known private halves, and of keys made for one rare signature. Must never:
// be used for anything but tests.

#include "p256_curve.h"
#include <openssl/obj_mac.h>
#include <string.h>

const curve *p256(void) {
  static curve c;
  if (c.group != NULL) return &c;
  EC_GROUP *const group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
  c.p = BN_new(), c.n = BN_new(), c.gap = BN_new(), c.most = BN_new();
  EC_GROUP_get_curve(group, c.p, NULL, NULL, NULL);
  EC_GROUP_get_order(group, c.n, NULL);
  BN_sub(c.gap, c.p, c.n);
  BN_set_bit(c.most, 256);
  BN_sub_word(c.most, 1);
  c.group = group;
  return &c;
}

static void octets_of(const EC_POINT *point, uint8_t out[64]) {
  uint8_t octets[65] = {0};
  EC_POINT_point2oct(p256()->group, point, POINT_CONVERSION_UNCOMPRESSED, octets, sizeof octets,
                     cases_context());
  memcpy(out, octets + 1, 64);
}

static void key_of_d(const BIGNUM *d, cases_p256_key *out) {
  const curve *const c = p256();
  memset(out, 0, sizeof *out);
  out->d = BN_dup(d);
  BN_nnmod(out->d, out->d, c->n, cases_context());
  if (BN_is_zero(out->d)) BN_one(out->d);
  EC_POINT *const q = EC_POINT_new(c->group);
  EC_POINT_mul(c->group, q, out->d, NULL, NULL, cases_context());
  octets_of(q, out->point);
  EC_POINT_free(q);
}

// A key with one signature whose point has the x that is `from` or the next one of the curve.
static void key_of_x(const BIGNUM *from, unsigned seed, cases_p256_key *out) {
  const curve *const c = p256();
  BN_CTX *const context = cases_context();
  BN_CTX_start(context);
  BIGNUM *const x = BN_CTX_get(context), *const r = BN_CTX_get(context);
  BIGNUM *const u1 = BN_CTX_get(context), *const u2 = BN_CTX_get(context);
  EC_POINT *const point = EC_POINT_new(c->group);
  uint8_t random[64];
  memset(out, 0, sizeof *out);
  BN_copy(x, from);
  while (EC_POINT_set_compressed_coordinates(c->group, point, x, seed & 1, context) != 1) {
    BN_add_word(x, 1);
  }
  cases_expand(seed, random, sizeof random);
  BN_bin2bn(random, 31, u1);
  BN_bin2bn(random + 32, 31, u2);
  // Q = (R - u1 G) / u2.
  BIGNUM *const inverse = BN_CTX_get(context), *const factor = BN_CTX_get(context);
  BN_mod_inverse(inverse, u2, c->n, context);
  BN_mod_mul(factor, u1, inverse, c->n, context);
  BN_sub(factor, c->n, factor);
  EC_POINT *const q = EC_POINT_new(c->group);
  EC_POINT_mul(c->group, q, factor, point, inverse, context);
  octets_of(q, out->point);
  EC_POINT_free(q), EC_POINT_free(point);

  BN_nnmod(r, x, c->n, context);
  BN_bn2binpad(r, out->known, 32);
  BN_mod_mul(r, r, inverse, c->n, context);
  BN_bn2binpad(r, out->known + 32, 32);
  BN_mod_mul(r, r, u1, c->n, context);
  BN_bn2binpad(r, out->known + 64, 32);
  out->has_known = 1;
  BN_CTX_end(context);
}

const cases_p256_key *cases_p256_fixed_key(size_t index) {
  static cases_p256_key keys[CASES_P256_KEYS];
  static int is_made[CASES_P256_KEYS];
  cases_p256_key *const key = &keys[index];
  if (is_made[index]) return key;
  is_made[index] = 1;
  BIGNUM *const d = BN_new();
  uint8_t random[32];
  // Powers of 2 at the windows' borders: multiples of G that its table has too.
  static const int powers[6] = {8, 10, 20, 128, 160, 255};
  if (index < 8) {
    BN_set_word(d, index < 4 ? index + 1 : index - 3);
    if (index >= 4) BN_sub(d, p256()->n, d);
    key_of_d(d, key);
  } else if (index < 14) {
    BN_zero(d);
    BN_set_bit(d, powers[index - 8]);
    key_of_d(d, key);
  } else if (index == 14 || index == 15) {
    // 1/2 and -1/2.
    BN_rshift1(d, p256()->n);
    BN_add_word(d, index == 14);
    key_of_d(d, key);
  } else if (index < 22) {
    // x from 0 on, from n on, and up to p: r + n is below p.
    if (index < 19) {
      BN_set_word(d, (index - 16) * 1000);
    } else {
      BN_copy(d, p256()->n);
      BN_add_word(d, (index - 19) * 1000);
    }
    key_of_x(d, (unsigned)index, key);
  } else {
    cases_expand(index, random, sizeof random);
    BN_bin2bn(random, sizeof random, d);
    key_of_d(d, key);
  }
  BN_free(d);
  return key;
}

void cases_p256_made_key(cases_input *in, cases_p256_key *out) {
  const BIGNUM *const anchors[] = {p256()->n, NULL};
  BIGNUM *const d = BN_new();
  cases_number(in, d, cases_octet(in) % 2 ? 16 : 256, anchors);
  key_of_d(d, out);
  BN_free(d);
}
