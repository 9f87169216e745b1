// RSA's public operation with e = 65537, eight signatures at once. Public data only.

#ifndef JOTMILL_CLANES_RSA_H
#define JOTMILL_CLANES_RSA_H

#include "cpu.h"
#include <stddef.h>
#include <stdint.h>

/// One modulus and what its arithmetic needs. Read only once made: threads may share it.
typedef struct clanes_rsa_key clanes_rsa_key;

/// `modulus`, big-endian: 256, 384 or 512 octets, the highest bit set, odd. NULL for any other, or
/// without memory.
clanes_rsa_key *clanes_rsa_key_new(const uint8_t *modulus, size_t octets);
void clanes_rsa_key_free(clanes_rsa_key *key);

/// What a key takes in memory.
size_t clanes_rsa_key_bytes(size_t octets);

/// signature^65537 mod its key's modulus for 1 to 8 signatures, all of `octets` octets, big-endian,
/// into `out` (`count` times `octets`). Returns a bit for each signature that is below its modulus;
/// nothing is said of the others.
uint32_t clanes_rsa_open(clanes_unit unit, size_t octets, const clanes_rsa_key *const *keys,
                         const uint8_t *const *signatures, size_t count, uint8_t *out);

#endif
