// SHA-512 of eight messages at once. Public data only.

#ifndef JOTMILL_CLANES_SHA512_H
#define JOTMILL_CLANES_SHA512_H

#include "cpu.h"
#include <stddef.h>
#include <stdint.h>

/// One message in three parts, as Ed25519 hashes it: 32 octets, 32 octets, and the rest.
typedef struct {
  const uint8_t *head;
  const uint8_t *middle;
  const uint8_t *rest;
  size_t rest_octets;
} clanes_sha512_message;

/// The hashes of 1 to 8 messages, 64 octets each at `stride` octets from one to the next. For
/// CLANES_IFMA only: elsewhere OpenSSL's own is as fast.
void clanes_sha512_x8(const clanes_sha512_message *messages, size_t count, uint8_t *out,
                      size_t stride);

#endif
