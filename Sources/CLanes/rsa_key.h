// What rsa.c makes of a modulus, for itself and for rsa_lanes.c.

#ifndef JOTMILL_CLANES_RSA_KEY_H
#define JOTMILL_CLANES_RSA_KEY_H

#include "CLanes.h"

enum {
  /// Of 64 bits, for 4096 bits.
  RSA_WORDS = 64,
  /// Of 52 bits, for 4096 bits; a multiple of RSA_BLOCK for each size of modulus.
  RSA_LIMBS = 80,
  /// Limbs that are multiplied at a time.
  RSA_BLOCK = 10,
};

struct clanes_rsa_key {
  size_t octets;
  /// -1/n mod 2^64; its low 52 bits are -1/n mod 2^52.
  uint64_t inverse;
  /// n, and R^2 mod n where R = 2^(64 words).
  uint64_t modulus[RSA_WORDS];
  uint64_t square[RSA_WORDS];
  /// n, and R^2 mod n where R = 2^(52 limbs), in limbs of 52 bits.
  uint64_t modulus52[RSA_LIMBS];
  uint64_t square52[RSA_LIMBS];
};

/// How many limbs of 52 bits: 40, 60 or 80. R = 2^(52 limbs) is at least 2^32 n.
static inline size_t rsa_limbs(size_t octets) { return octets / 64 * RSA_BLOCK; }

#if defined(__x86_64__)
/// As `clanes_rsa_open`, with CLANES_IFMA.
uint32_t clanes_rsa_open_lanes(size_t octets, const clanes_rsa_key *const *keys,
                               const uint8_t *const *signatures, size_t count, uint8_t *out);
#endif

#endif
