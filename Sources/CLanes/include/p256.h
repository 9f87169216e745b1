// ECDSA over P-256, many signatures at once, with tables for the public keys. Public data only.

#ifndef JOTMILL_CLANES_P256_H
#define JOTMILL_CLANES_P256_H

#include "cpu.h"
#include <stddef.h>
#include <stdint.h>

/// Multiples of one public key. Read only once made: threads may share it.
typedef struct clanes_p256_key clanes_p256_key;

/// `point`: x and y, 32 octets each, big-endian. NULL if it is not on the curve, or without memory.
/// Takes milliseconds.
clanes_p256_key *clanes_p256_key_new(const uint8_t point[64]);
void clanes_p256_key_free(clanes_p256_key *key);

/// What a key takes in memory.
size_t clanes_p256_key_bytes(void);

typedef struct {
  const clanes_p256_key *key;
  /// r and s, 32 octets each, big-endian.
  const uint8_t *signature;
  uint8_t digest[32];
} clanes_p256_check;

/// Answers each of `checks` in `answers`, 0 or CLANES_VALID. Any count. Whoever chooses r and s can
/// make two points of a sum have equal x, which addition in affine form leaves out: such a one is
/// judged alone, by formulas for all points, at no cost to the others, and marked CLANES_REDONE.
void clanes_p256_verify(clanes_unit unit, const clanes_p256_check *checks, size_t count,
                        uint8_t *answers);

#endif
