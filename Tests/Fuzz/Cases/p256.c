// ECDSA signatures with P-256 out of a fuzzer's input.
// Owns: signatures whose u1 and u2 the input chooses, so that the points that a verifier adds are
// equal, opposite or infinite. Must never: say which of them hold.

#include "p256_curve.h"
#include <string.h>

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

// Multiples of G whose x is below 2^231 in Montgomery's form, which kernels that don't reduce whole
// may hold as x + p too. They were found by trying.
static const uint64_t small_forms[] = {
    5497558322825, 13262859241807, 3779571565347, 27900107970794,
    28243705413748, 15118285418580, 8727374121882, 15461882948853,
    30992484725131, 17042430961307, 24326695502100, 27487791517702};

// u2 = k / d for one of them.
static void small_form(cases_input *in, const BIGNUM *d, BIGNUM *u2) {
  const curve *const c = p256();
  BIGNUM *const k = BN_new();
  BN_set_word(k, small_forms[cases_below(in, sizeof small_forms / sizeof *small_forms)]);
  BN_mod_inverse(u2, d, c->n, cases_context());
  BN_mod_mul(u2, u2, k, c->n, cases_context());
  BN_free(k);
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
  BN_mask_bits(number, 256);
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
      if (cases_octet(in) % 4 == 0) small_form(in, key->d, u2);
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
