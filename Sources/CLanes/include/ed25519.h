// Ed25519, many signatures at once, with tables for the public keys. Public data only.

#ifndef JOTMILL_CLANES_ED25519_H
#define JOTMILL_CLANES_ED25519_H

#include "cpu.h"
#include <stddef.h>
#include <stdint.h>

/// Multiples of one public key. Read only once made: threads may share it.
typedef struct clanes_ed25519_key clanes_ed25519_key;

/// `point` as RFC 8032 encodes it, decoded as OpenSSL does: y is taken mod p, and x = 0 with either
/// sign. NULL if it is no point, or without memory. Takes milliseconds.
clanes_ed25519_key *clanes_ed25519_key_new(const uint8_t point[32]);
void clanes_ed25519_key_free(clanes_ed25519_key *key);

/// What a key takes in memory.
size_t clanes_ed25519_key_bytes(void);

typedef struct {
  const clanes_ed25519_key *key;
  /// R and s, 32 octets each.
  const uint8_t *signature;
  /// SHA-512 of R, the key's octets and the message.
  uint8_t hash[64];
} clanes_ed25519_check;

/// Answers each of `checks` in `answers`, 0 or CLANES_VALID: s is below L, and R is, octet for
/// octet, the encoding of sB - hA (no cofactor). Any count.
void clanes_ed25519_verify(clanes_unit unit, const clanes_ed25519_check *checks, size_t count,
                           uint8_t *answers);

#endif
