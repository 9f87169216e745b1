// What an RSA signature opens to: the encoded messages of RFC 8017 section 9.

#ifndef JOTMILL_COPENSSL_ENCODED_H
#define JOTMILL_COPENSSL_ENCODED_H

#include "openssl.h"
#include "hashes.h"

// Both take `em`, the `k` octets that the public operation gave for a modulus of exactly 8k bits
// (256 octets or more), and the message's SHA-2 digest of `bits`. They accept what EVP_PKEY_verify
// accepts on the contexts of signatures.h.

/// EMSA-PKCS1-v1_5 (section 9.2): the whole of it is compared, so there is nothing to parse.
static inline int jm_is_pkcs1_encoding(const unsigned char *em, size_t k, int bits,
                                       const unsigned char *digest) {
  // DigestInfo with the NULL parameters; two octets depend on the hash.
  unsigned char info[19] = {0x30, 0x11, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                            0x65, 0x03, 0x04, 0x02, 0x00, 0x05, 0x00, 0x04, 0x00};
  const size_t size = (size_t)bits / 8, padding = k - 3 - sizeof info - size;
  unsigned char different = 0;
  info[1] = (unsigned char)(info[1] + size);
  info[14] = bits == 256 ? 1 : bits == 384 ? 2 : 3;
  info[18] = (unsigned char)size;
  for (size_t i = 0; i < padding; i++) different |= em[2 + i] ^ 0xff;
  return em[0] == 0 && em[1] == 1 && different == 0 && em[2 + padding] == 0 &&
         memcmp(em + 3 + padding, info, sizeof info) == 0 && memcmp(em + k - size, digest, size) == 0;
}

/// EMSA-PSS-VERIFY (section 9.1.2) with a salt as long as the hash, and MGF1 with the same hash.
static inline int jm_is_pss_encoding(const unsigned char *em, size_t k, int bits,
                                     const unsigned char *digest) {
  const size_t size = (size_t)bits / 8, count = k - size - 1;
  const unsigned char *h = em + count;
  unsigned char block[64 + 4], mask[64], db[512], different = 0;
  // emBits is 8k - 1: the highest bit of the encoded message is zero.
  if (k > sizeof db || em[0] & 0x80 || em[k - 1] != 0xbc) return 0;
  memcpy(block, h, size);
  for (size_t at = 0, n = 0; at < count; at += size, n++) {
    block[size] = block[size + 1] = block[size + 2] = 0;
    block[size + 3] = (unsigned char)n;
    jm_digest(bits, block, size + 4, mask);
    for (size_t i = 0; i < size && at + i < count; i++) db[at + i] = em[at + i] ^ mask[i];
  }
  db[0] &= 0x7f;
  const size_t salt = count - size;
  for (size_t i = 0; i + 1 < salt; i++) different |= db[i];
  if (different != 0 || db[salt - 1] != 1) return 0;
  unsigned char again[8 + 64 + 64] = {0};
  memcpy(again + 8, digest, size);
  memcpy(again + 8 + size, db + salt, size);
  jm_digest(bits, again, 8 + 2 * size, mask);
  return memcmp(mask, h, size) == 0;
}

/// SHA-512 of what Ed25519 hashes: R, the public key, the message.
static inline void jm_ed25519_hash(const unsigned char *r, const unsigned char *key,
                                   const unsigned char *bytes, size_t len, unsigned char *out) {
  SHA512_CTX c;
  SHA512_Init(&c);
  SHA512_Update(&c, r, 32);
  SHA512_Update(&c, key, 32);
  SHA512_Update(&c, bytes, len);
  SHA512_Final(out, &c);
}

#endif
