// The numbers of P-256 that keys and signatures need.

#ifndef JOTMILL_FUZZ_P256_CURVE_H
#define JOTMILL_FUZZ_P256_CURVE_H

#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "shared.h"
#include <openssl/ec.h>

typedef struct {
  EC_GROUP *group;
  BIGNUM *p, *n;
  /// p - n: below it are the r that stand for two x.
  BIGNUM *gap;
  BIGNUM *most;
} curve;

const curve *p256(void);

#endif
