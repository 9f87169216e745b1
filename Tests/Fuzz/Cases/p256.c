// ECDSA signatures with P-256 out of a fuzzer's input.
// Owns: keys of known private halves, and signatures whose u1 and u2 the input chooses, so that the
// points that a verifier adds are equal, opposite or infinite. Must never: be used for keys.

#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "shared.h"
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  EC_GROUP *group;
  BIGNUM *p, *n;
  /// p - n: below it are the r that stand for two x.
  BIGNUM *gap;
  BIGNUM *most;
} curve;

static const curve *p256(void) {
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

static EC_POINT *point_of(const uint8_t octets[64]) {
  uint8_t with[65] = {4};
  memcpy(with + 1, octets, 64);
  EC_POINT *const out = EC_POINT_new(p256()->group);
  EC_POINT_oct2point(p256()->group, out, with, sizeof with, cases_context());
  return out;
}

// The x of u1 G + u2 Q; 0 where that is infinity.
static int x_of_sum(const cases_p256_key *key, const BIGNUM *u1, const BIGNUM *u2, BIGNUM *x) {
  const curve *const c = p256();
  EC_POINT *const sum = EC_POINT_new(c->group);
  if (key->d != NULL) {
    BIGNUM *const k = BN_new();
    BN_mod_mul(k, u2, key->d, c->n, cases_context());
    BN_mod_add(k, k, u1, c->n, cases_context());
    EC_POINT_mul(c->group, sum, k, NULL, NULL, cases_context());
    BN_free(k);
  } else {
    EC_POINT *const q = point_of(key->point);
    EC_POINT_mul(c->group, sum, u1, q, u2, cases_context());
    EC_POINT_free(q);
  }
  const int is_finite = !EC_POINT_is_at_infinity(c->group, sum);
  if (is_finite) EC_POINT_get_affine_coordinates(c->group, sum, x, NULL, cases_context());
  EC_POINT_free(sum);
  return is_finite;
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

// A number mod n, as a factor of a point.
static void factor(cases_input *in, BIGNUM *out) {
  const curve *const c = p256();
  const BIGNUM *const anchors[] = {c->n, c->gap, BN_value_one(), NULL};
  const uint8_t kind = cases_octet(in);
  if (kind < 0xa0) {
    cases_number(in, out, 256, anchors);
  } else {
    // Its two parts, cut at a bit, differ by n or are n together: n - 2 (n mod 2^k) and the like.
    BN_copy(out, c->n);
    const int k = (int)cases_below(in, 256);
    if (k > 0) BN_mask_bits(out, k);
    if (kind % 2) BN_lshift1(out, out);
    if (kind & 2) BN_sub(out, c->n, out);
    if (kind & 4) BN_add_word(out, 1);
    if (kind & 8) BN_sub_word(out, 1);
  }
  BN_nnmod(out, out, c->n, cases_context());
}

// u1 = d u2 or -d u2: the two multiples are equal or opposite; or just their lower parts are.
static void related(cases_input *in, const BIGNUM *d, BIGNUM *u1, const BIGNUM *u2) {
  const curve *const c = p256();
  const uint8_t kind = cases_octet(in);
  BN_copy(u1, u2);
  const int cut = (int)cases_octet(in);
  if (kind & 2 && cut > 0) BN_mask_bits(u1, cut);
  BN_mod_mul(u1, u1, d, c->n, cases_context());
  if (kind & 1) BN_sub(u1, c->n, u1);
  if (kind & 4) {
    BIGNUM *const high = BN_new();
    cases_number(in, high, 16, (const BIGNUM *const[]){NULL});
    BN_lshift(high, high, cut);
    BN_add(u1, u1, high);
    BN_free(high);
  }
  BN_nnmod(u1, u1, c->n, cases_context());
}

static void spoil(cases_input *in, BIGNUM *number) {
  const curve *const c = p256();
  switch (cases_octet(in) % 6) {
  case 0: BN_add(number, number, c->n); break;
  case 1: BN_sub(number, c->n, number); break;
  case 2: BN_add_word(number, 1); break;
  case 3: BN_sub_word(number, 1); break;
  case 4: BN_zero(number); break;
  default: BN_copy(number, c->n);
  }
  if (BN_is_negative(number)) BN_copy(number, c->most);
  if (BN_num_bits(number) > 256) BN_mask_bits(number, 256);
}

int cases_p256_signature(cases_input *in, const cases_p256_key *key, int chooses_digest,
                         uint8_t digest[32], uint8_t out[64]) {
  const curve *const c = p256();
  BN_CTX *const context = cases_context();
  BN_CTX_start(context);
  BIGNUM *const r = BN_CTX_get(context), *const s = BN_CTX_get(context);
  BIGNUM *const e = BN_CTX_get(context), *const k = BN_CTX_get(context);
  BIGNUM *const u1 = BN_CTX_get(context), *const u2 = BN_CTX_get(context);
  const BIGNUM *const anchors[] = {c->n, c->p, c->gap, c->most, BN_value_one(), NULL};
  int kind = cases_octet(in) % CASES_P256_KINDS;
  BN_bin2bn(digest, 32, e);
  if (kind == 6 && !key->has_known) kind = 1;
  if (!chooses_digest && kind < 3) kind = 4;
  if (key->d == NULL && kind != 0 && kind != 6 && kind != 7) kind = chooses_digest ? 1 : 7;
  switch (kind) {
  case 0: cases_number(in, e, 256, anchors);
  // Falls through.
  case 7:
    cases_number(in, r, 256, anchors);
    cases_number(in, s, 256, anchors);
    break;
  case 1: case 2:
    // Valid, for u1 and u2 as wished: r = x, s = r / u2, e = s u1.
    factor(in, u2);
    if (BN_is_zero(u2)) BN_one(u2);
    if (kind == 1) {
      factor(in, u1);
    } else {
      related(in, key->d, u1, u2);
    }
    if (!x_of_sum(key, u1, u2, r)) cases_number(in, r, 256, anchors);
    BN_nnmod(r, r, c->n, context);
    BN_mod_inverse(s, u2, c->n, context);
    BN_mod_mul(s, s, r, c->n, context);
    BN_mod_mul(e, s, u1, c->n, context);
    break;
  case 5:
    // For any digest, u1 = d u2 or -d u2: r = e / d or -e / d.
    BN_mod_inverse(r, key->d, c->n, context);
    BN_mod_mul(r, r, e, c->n, context);
    if (cases_octet(in) % 2) BN_sub(r, c->n, r);
    factor(in, s);
    break;
  case 6:
    BN_bin2bn(key->known, 32, r);
    BN_bin2bn(key->known + 32, 32, s);
    if (chooses_digest) BN_bin2bn(key->known + 64, 32, e);
    break;
  default:
    // As it is signed: a nonce, r = x, s = (e + r d) / k.
    if (chooses_digest) cases_number(in, e, 256, anchors);
    factor(in, k);
    if (BN_is_zero(k)) BN_one(k);
    BN_zero(u2);
    x_of_sum(key, k, u2, r);
    BN_nnmod(r, r, c->n, context);
    BN_mod_inverse(k, k, c->n, context);
    BN_mod_mul(s, r, key->d, c->n, context);
    BN_mod_add(s, s, e, c->n, context);
    BN_mod_mul(s, s, k, c->n, context);
  }
  const uint8_t change = cases_octet(in);
  if (change < 8) spoil(in, change % 2 ? r : s);
  if (change == 8) spoil(in, e);
  BN_bn2binpad(r, out, 32);
  BN_bn2binpad(s, out + 32, 32);
  if (chooses_digest) {
    BN_mask_bits(e, 256);
    BN_bn2binpad(e, digest, 32);
  }
  if (change > 8 && change < 16) cases_flip(in, out, 64);
  BN_CTX_end(context);
  return kind;
}
