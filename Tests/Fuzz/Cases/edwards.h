// The curve of Ed25519, slowly: RFC 8032 section 5.1 in OpenSSL's numbers.
// Owns: what the kernel is compared with where OpenSSL can't be asked. Must never: be fast, or
// share a line with the kernel.

#ifndef JOTMILL_FUZZ_EDWARDS_H
#define JOTMILL_FUZZ_EDWARDS_H

#include <openssl/bn.h>
#include <stdint.h>

/// x = X/Z, y = Y/Z, x y = T/Z.
typedef struct {
  BIGNUM *x, *y, *z, *t;
} edwards_point;

/// 2^255 - 19, and the order of B.
const BIGNUM *edwards_p(void);
const BIGNUM *edwards_order(void);

edwards_point edwards_new(void);
void edwards_free(edwards_point point);
/// 0 if it is no point. y is taken mod p; x = 0 has either sign.
int edwards_decode(edwards_point *out, const uint8_t octets[32]);
/// The point with this x, and of its two y the lower one; 0 if there is none.
int edwards_with_x(edwards_point *out, unsigned x);
void edwards_encode(uint8_t out[32], const edwards_point *point);
/// a + b; `out` may be one of them.
void edwards_sum(edwards_point *out, const edwards_point *a, const edwards_point *b);
/// m A + n B, where B is the base point.
void edwards_combine(edwards_point *out, const BIGNUM *m, const edwards_point *a, const BIGNUM *n);
/// -A in place.
void edwards_negate(edwards_point *a);
/// A number from its little-endian octets.
void edwards_number(BIGNUM *out, const uint8_t *octets, int count);

#endif
