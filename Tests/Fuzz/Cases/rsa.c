// RSA signatures out of a fuzzer's input.
// Owns: moduli whose primes are known and small, so that any number has a root at little cost, and
// with that a signature that opens to whatever the input wants. Must never: be used for anything
// but tests.

#include "shared.h"
#include "encodings.h"
#include <stdlib.h>
#include <string.h>

enum { EXPONENT = 65537, POOL = 127, MOST_PRIMES = 64 };

typedef struct {
  uint64_t p;
  /// 1/65537 mod p - 1.
  uint64_t d;
} prime;

static uint64_t times(uint64_t a, uint64_t b, uint64_t p) {
  return (uint64_t)((unsigned __int128)a * b % p);
}

static uint64_t power(uint64_t a, uint64_t exponent, uint64_t p) {
  uint64_t out = 1;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) out = times(out, a, p);
    a = times(a, a, p);
  }
  return out;
}

// Just below 2^64, so that a product of them has its highest bit.
static const prime *pool(void) {
  static prime primes[POOL];
  if (primes[0].p != 0) return primes;
  BIGNUM *const candidate = BN_new(), *const e = BN_new(), *const d = BN_new();
  BN_set_word(e, EXPONENT);
  uint64_t p = UINT64_MAX;
  for (int i = 0; i < POOL; p -= 2) {
    BN_set_word(candidate, p);
    if ((p - 1) % EXPONENT == 0 || BN_check_prime(candidate, cases_context(), NULL) != 1) continue;
    BN_sub_word(candidate, 1);
    BN_mod_inverse(d, e, candidate, cases_context());
    primes[i++] = (prime){p, BN_get_word(d)};
    // Not all in one row; 64 of them have a product above 2^4095 all the same.
    p -= (uint64_t)i << 44;
  }
  BN_free(candidate), BN_free(e), BN_free(d);
  return primes;
}

static uint64_t prime_of(const cases_modulus *modulus, size_t i, uint64_t *d) {
  const prime *const one = pool() + (modulus->first + i * modulus->step) % POOL;
  *d = one->d;
  return one->p;
}

static void finish(cases_modulus *out, size_t octets) {
  out->count = octets;
  BN_bn2binpad(out->n, out->octets, (int)octets);
}

void cases_rsa_smooth(cases_modulus *out, size_t octets, size_t first, size_t step) {
  out->primes = octets / 8;
  out->first = first % POOL;
  out->step = 1 + step % (POOL - 1);
  BN_one(out->n);
  for (size_t i = 0; i < out->primes; i++) {
    uint64_t d;
    BN_mul_word(out->n, prime_of(out, i, &d));
  }
  finish(out, octets);
}

void cases_rsa_modulus(cases_input *in, cases_modulus *out, size_t octets) {
  const uint8_t kind = cases_octet(in);
  if (kind % 4 != 0) {
    const size_t first = cases_octet(in);
    return cases_rsa_smooth(out, octets, first, cases_octet(in));
  }
  const BIGNUM *const none[] = {NULL};
  const int bits = (int)octets * 8;
  out->primes = 0;
  cases_number(in, out->n, bits, none);
  BN_set_bit(out->n, 0);
  BN_set_bit(out->n, bits - 1);
  finish(out, octets);
}

// out^65537 = m mod n, by the Chinese remainder theorem.
static void root(const cases_modulus *modulus, const BIGNUM *m, BIGNUM *out) {
  BIGNUM *const rest = BN_new();
  BN_zero(out);
  for (size_t i = 0; i < modulus->primes; i++) {
    uint64_t d;
    const uint64_t p = prime_of(modulus, i, &d);
    const uint64_t root = power(BN_mod_word(m, p), d, p);
    BN_copy(rest, modulus->n);
    BN_div_word(rest, p);
    const uint64_t others = BN_mod_word(rest, p);
    BN_mul_word(rest, times(root, power(others, p - 2, p), p));
    BN_add(out, out, rest);
  }
  BN_nnmod(out, out, modulus->n, cases_context());
  BN_free(rest);
}

// The signature whose form in a kernel, s R mod n, is `form`.
static void from_form(const cases_modulus *modulus, int r_bits, const BIGNUM *form, BIGNUM *out) {
  BN_zero(out);
  BN_set_bit(out, r_bits);
  if (BN_mod_inverse(out, out, modulus->n, cases_context()) == NULL) BN_one(out);
  BN_mod_mul(out, out, form, modulus->n, cases_context());
}

void cases_rsa_signature(cases_input *in, const cases_modulus *modulus, int bits, int pss,
                         const uint8_t *digest, uint8_t *out) {
  BN_CTX *const context = cases_context();
  BN_CTX_start(context);
  BIGNUM *const s = BN_CTX_get(context), *const m = BN_CTX_get(context);
  BIGNUM *const less = BN_CTX_get(context), *const small = BN_CTX_get(context);
  const int size = (int)modulus->count * 8;
  BN_sub(less, modulus->n, BN_value_one());
  // n / 2^32 and less decide whether the result is subtracted from once more.
  BN_rshift(small, modulus->n, 32);
  const BIGNUM *const anchors[] = {modulus->n, less, small, BN_value_one(), NULL};
  const uint8_t kind = cases_octet(in);
  switch (modulus->primes == 0 ? kind % 2 : kind % 8) {
  case 0: cases_number(in, s, size, anchors); break;
  case 1: {
    const int r_bits = cases_octet(in) % 2 ? size : size / 512 * 520;
    cases_number(in, m, size, anchors);
    from_form(modulus, r_bits, m, s);
    break;
  }
  case 2: case 3: {
    cases_number(in, m, size, anchors);
    // Small results are those that a last subtraction makes.
    const uint8_t by = cases_octet(in);
    if (by % 4 != 0) BN_rshift(m, m, size / 512 * 8 + by / 4);
    BN_nnmod(m, m, modulus->n, context);
    root(modulus, m, s);
    break;
  }
  default: {
    uint8_t encoded[512];
    if (pss) {
      cases_encode_pss(in, encoded, modulus->count, bits, digest);
    } else {
      cases_encode_pkcs1(in, encoded, modulus->count, bits, digest);
    }
    BN_bin2bn(encoded, (int)modulus->count, m);
    BN_nnmod(m, m, modulus->n, context);
    root(modulus, m, s);
  }
  }
  BN_bn2binpad(s, out, (int)modulus->count);
  const uint8_t change = cases_octet(in);
  if (change == 1) cases_flip(in, out, modulus->count);
  if (change == 2) {
    // The same number mod n, from n on.
    BN_add(s, s, modulus->n);
    if (BN_num_bits(s) <= size) BN_bn2binpad(s, out, (int)modulus->count);
  }
  BN_CTX_end(context);
}
