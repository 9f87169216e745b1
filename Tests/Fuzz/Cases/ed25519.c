// Ed25519 signatures out of a fuzzer's input.
// Owns: keys of known private halves, with points of small order and other spellings among them.
// Must never: be used for anything but tests.

#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "shared.h"
#include "edwards.h"
#include <openssl/sha.h>
#include <string.h>

// A point of order 8 (RFC 8032 leaves its multiples in).
static void eighth(edwards_point *out) {
  static const uint8_t octets[32] = {
      0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76,
      0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
      0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a};
  edwards_decode(out, octets);
}

// k B + j T.
static void spell(uint8_t out[32], const BIGNUM *k, int j) {
  edwards_point t = edwards_new(), sum = edwards_new();
  BIGNUM *const times = BN_new();
  BN_set_word(times, (BN_ULONG)j);
  eighth(&t);
  edwards_combine(&sum, times, &t, k);
  edwards_encode(out, &sum);
  BN_free(times);
  edwards_free(t), edwards_free(sum);
}

// The spelling y + p, which there is for y below 19; the other sign where x = 0.
static void respell(cases_input *in, uint8_t octets[32]) {
  BIGNUM *const y = BN_new();
  const uint8_t sign = octets[31] & 0x80;
  octets[31] &= 0x7f;
  edwards_number(y, octets, 32);
  BN_add(y, y, edwards_p());
  if (BN_num_bits(y) <= 255) BN_bn2lebinpad(y, octets, 32);
  octets[31] |= sign ^ (cases_octet(in) % 2 ? 0x80 : 0);
  BN_free(y);
}

// The points with the lowest y from 2 on, and in their other spelling; and those with the lowest x.
static void key_of_coordinate(size_t index, uint8_t out[32]) {
  edwards_point point = edwards_new();
  unsigned at = 1;
  for (size_t i = 0; i <= index % 4;) {
    at++;
    memset(out, 0, 32);
    out[0] = (uint8_t)at;
    i += index < 8 ? edwards_decode(&point, out) : edwards_with_x(&point, at);
  }
  edwards_encode(out, &point);
  if (index / 4 == 1) {
    const uint8_t no_sign = 0;
    cases_input in = {&no_sign, 1};
    respell(&in, out);
  }
  edwards_free(point);
}

const cases_ed25519_key *cases_ed25519_fixed_key(size_t index) {
  static cases_ed25519_key keys[CASES_ED25519_KEYS];
  cases_ed25519_key *const key = &keys[index];
  if (key->a != NULL) return key;
  uint8_t random[32];
  key->a = BN_new();
  cases_expand(index, random, sizeof random);
  if (index < 16) {
    edwards_number(key->a, random, 32);
    BN_nnmod(key->a, key->a, edwards_order(), cases_context());
    key->torsion = index < 8 ? 0 : (int)index % 8;
  } else if (index < 20) {
    // B and its next, and the same negated.
    BN_set_word(key->a, 1 + index % 2);
    if (index >= 18) BN_sub(key->a, edwards_order(), key->a);
  } else {
    // Small order: eight points, and then in other spellings, as far as there are any.
    BN_zero(key->a);
    key->torsion = (int)(index - 20) % 8;
  }
  spell(key->octets, key->a, key->torsion);
  if (index >= 44) {
    key->torsion = -1;
    key_of_coordinate(index - 44, key->octets);
  } else if (index >= 28) {
    const uint8_t sign = index >= 36;
    cases_input in = {&sign, 1};
    respell(&in, key->octets);
    // It may be that of another point now; then nobody knows the private half.
    if (index >= 36) key->torsion = -key->torsion & 7;
  }
  return key;
}

static void change(cases_input *in, uint8_t out[64]) {
  const uint8_t kind = cases_octet(in);
  BIGNUM *const s = BN_new();
  if (kind < 4) cases_flip(in, out, 64);
  if (kind == 4) respell(in, out);
  if (kind == 5) out[31] ^= 0x80;
  if (kind == 6 || kind == 7) {
    // The same s mod L.
    edwards_number(s, out + 32, 32);
    for (size_t i = 1 + cases_below(in, 15); i > 0; i--) BN_add(s, s, edwards_order());
    if (BN_num_bits(s) <= 256) BN_bn2lebinpad(s, out + 32, 32);
  }
  BN_free(s);
}

static void any_s(cases_input *in, BIGNUM *out) {
  const BIGNUM *const anchors[] = {edwards_order(), edwards_p(), BN_value_one(), NULL};
  cases_number(in, out, 256, anchors);
}

// k B + j T for nonces that are made once.
enum { NONCES = 16 };
static const uint8_t *commitment(size_t i, int j, BIGNUM *k) {
  static uint8_t made[NONCES][8][32];
  static int is_made[NONCES][8];
  uint8_t random[32];
  cases_expand(1000 + i, random, sizeof random);
  edwards_number(k, random, 32);
  BN_nnmod(k, k, edwards_order(), cases_context());
  if (i == 0) BN_zero(k);
  if (!is_made[i][j]) spell(made[i][j], k, j);
  is_made[i][j] = 1;
  return made[i][j];
}

void cases_ed25519_signature(cases_input *in, const cases_ed25519_key *key, const uint8_t *message,
                             size_t count, uint8_t out[64]) {
  uint8_t hash[64];
  BIGNUM *const k = BN_new(), *const h = BN_new(), *const s = BN_new();
  const uint8_t kind = cases_octet(in);
  if (kind % 8 == 0) {
    cases_octets(in, out, 32);
    any_s(in, s);
  } else {
    // R = k B + j T; where the key has torsion, j is right for one hash of eight.
    memcpy(out, commitment(kind / 8 % NONCES, kind < 128 ? 0 : cases_octet(in) % 8, k), 32);
    if (kind % 8 == 1) respell(in, out);
    SHA512_CTX state;
    SHA512_Init(&state);
    SHA512_Update(&state, out, 32);
    SHA512_Update(&state, key->octets, 32);
    SHA512_Update(&state, message, count);
    SHA512_Final(hash, &state);
    edwards_number(h, hash, 64);
    BN_mod_mul(s, h, key->a, edwards_order(), cases_context());
    BN_mod_add(s, s, k, edwards_order(), cases_context());
  }
  BN_bn2lebinpad(s, out + 32, 32);
  change(in, out);
  BN_free(k), BN_free(h), BN_free(s);
}

void cases_ed25519_hashed(cases_input *in, const uint8_t key[32], uint8_t hash[64],
                          uint8_t out[64]) {
  BIGNUM *const h = BN_new(), *const s = BN_new(), *const many = BN_new();
  // Multiples of L as close to 2^512 as a word, or a random one, takes them.
  uint8_t random[32];
  cases_spread(in, random, sizeof random);
  BN_bin2bn(random, 1 + random[0] % 31, many);
  BN_mul(many, many, edwards_order(), cases_context());
  const BIGNUM *const anchors[] = {edwards_order(), many, NULL};
  cases_number(in, h, 512, anchors);
  BN_bn2lebinpad(h, hash, 64);
  any_s(in, s);
  const uint8_t kind = cases_octet(in);
  if (kind % 4 != 0) BN_nnmod(s, s, edwards_order(), cases_context());
  if (kind % 8 == 5) {
    // R = A, -A, or a little more: the coordinates of a chosen key.
    BN_copy(h, edwards_order());
    if (kind & 8) BN_add_word(h, 1);
    if (kind & 16) BN_sub_word(h, 1);
    BN_bn2lebinpad(h, hash, 64);
    BN_set_word(s, kind / 32);
  }
  edwards_point a = edwards_new(), r = edwards_new();
  if (kind % 8 != 7 && edwards_decode(&a, key)) {
    BN_nnmod(h, h, edwards_order(), cases_context());
    edwards_negate(&a);
    edwards_combine(&r, h, &a, s);
    edwards_encode(out, &r);
  } else {
    cases_octets(in, out, 32);
  }
  BN_bn2lebinpad(s, out + 32, 32);
  change(in, out);
  edwards_free(a), edwards_free(r);
  BN_free(h), BN_free(s), BN_free(many);
}
