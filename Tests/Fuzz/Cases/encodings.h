// Encoded messages of RFC 8017, right and a little wrong.
// Owns: EMSA-PKCS1-v1_5 and EMSA-PSS as plain loops. Must never: be what a verifier is compared
// with.

#ifndef JOTMILL_FUZZ_ENCODINGS_H
#define JOTMILL_FUZZ_ENCODINGS_H

#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "shared.h"
#include <openssl/sha.h>
#include <string.h>

static inline void cases_hash(int bits, const uint8_t *octets, size_t count, uint8_t *out) {
  if (bits == 256) {
    SHA256(octets, count, out);
  } else if (bits == 384) {
    SHA384(octets, count, out);
  } else {
    SHA512(octets, count, out);
  }
}

// Changes octets that the input names: those at the borders of fields as likely as all others.
static inline void cases_spoil(cases_input *in, uint8_t *encoded, size_t count, size_t border) {
  const uint8_t times = cases_octet(in);
  for (int i = times < 128 ? 0 : times % 4; i > 0; i--) {
    const size_t places[8] = {0, 1, 2, count - 1, border - 1, border, border + 1, 3};
    const uint8_t where = cases_octet(in);
    const size_t at = where % 2 ? places[where / 2 % 8] : cases_below(in, count);
    encoded[at % count] ^= cases_octet(in);
  }
}

static inline void cases_encode_pkcs1(cases_input *in, uint8_t *out, size_t count, int bits,
                                      const uint8_t *digest) {
  // DigestInfo; without the NULL parameters it is two octets shorter, and wrong here.
  uint8_t with[19] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                      0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
  const size_t size = (size_t)bits / 8;
  with[1] = (uint8_t)(17 + size), with[14] = (uint8_t)(bits / 128 - 1), with[18] = (uint8_t)size;
  const uint8_t kind = cases_octet(in);
  // BER's long form of the length, the other digest's name, or shorter padding.
  const size_t shorter = kind < 0xe0 ? 0 : kind % 16;
  uint8_t info[19 + 64];
  size_t length = sizeof with;
  memcpy(info, with, length);
  if (kind == 0xdf) {
    memmove(info + 15, info + 17, 2);
    info[1] -= 2, info[3] -= 2, length -= 2;
  }
  memcpy(info + length, digest, size);
  length += size;
  memset(out, 0, count);
  out[1] = 1;
  const size_t zero = count - length - 1 - shorter;
  memset(out + 2, 0xff, zero - 2);
  memcpy(out + zero + 1, info, length);
  cases_spoil(in, out, count, zero);
}

static inline void cases_encode_pss(cases_input *in, uint8_t *out, size_t count, int bits,
                                    const uint8_t *digest) {
  const size_t size = (size_t)bits / 8, masked = count - size - 1;
  const uint8_t kind = cases_octet(in);
  // The salt: mostly as long as the hash; none, all that there is room for, or any other.
  size_t salt = kind < 0xc0 ? size : kind < 0xc8 ? 0 : kind < 0xd0 ? masked - 1 : cases_octet(in);
  if (salt > masked - 1) salt = masked - 1;
  uint8_t again[8 + 64 + 512] = {0}, block[64 + 4], mask[64];
  memcpy(again + 8, digest, size);
  cases_spread(in, again + 8 + size, salt);
  uint8_t *const h = out + masked;
  cases_hash(bits, again, 8 + size + salt, h);
  memset(out, 0, masked);
  const size_t one = masked - salt - 1;
  out[one] = 1;
  memcpy(out + one + 1, again + 8 + size, salt);
  out[count - 1] = 0xbc;
  // Before the mask, what a verifier sees behind it; after, what stands in the message.
  const uint8_t order = cases_octet(in);
  if (order % 2) cases_spoil(in, out, masked, one);
  for (size_t at = 0; at < masked; at += size) {
    memcpy(block, h, size);
    memset(block + size, 0, 4);
    block[size + 3] = (uint8_t)(at / size);
    cases_hash(bits, block, size + 4, mask);
    for (size_t i = 0; i < size && at + i < masked; i++) out[at + i] ^= mask[i];
  }
  // The highest bit is zero, unless the input has it otherwise.
  if (order != 0xfe) out[0] &= 0x7f;
  if (order % 2 == 0) cases_spoil(in, out, count, masked);
}

#endif
