// SHA-2 and HMAC.

#ifndef JOTMILL_COPENSSL_HASHES_H
#define JOTMILL_COPENSSL_HASHES_H

#include "openssl.h"

// The low-level calls: EVP_Digest and HMAC() fetch the algorithm under a lock at every call, and
// two threads then do no more work than one.

/// SHA-256, SHA-384 or SHA-512 (`bits`) into `out`, which has room for 64 octets.
static inline void jm_digest(int bits, const unsigned char *bytes, size_t len, unsigned char *out) {
  if (bits == 256) {
    SHA256_CTX c;
    SHA256_Init(&c);
    SHA256_Update(&c, bytes, len);
    SHA256_Final(out, &c);
  } else {
    SHA512_CTX c;
    if (bits == 384)
      SHA384_Init(&c);
    else
      SHA512_Init(&c);
    SHA512_Update(&c, bytes, len);
    SHA512_Final(out, &c);
  }
}

/// HMAC with the key's two blocks already hashed: a MAC costs a copy of two states.
typedef struct {
  int bits;
  union {
    SHA256_CTX small;
    SHA512_CTX large;
  } inner, outer;
} jm_hmac;

static inline jm_hmac *jm_hmac_new(int bits, const unsigned char *key, size_t len) {
  jm_hmac *h = OPENSSL_zalloc(sizeof *h);
  if (h == NULL) return NULL;
  size_t block = bits == 256 ? 64 : 128;
  unsigned char padded[128] = {0};
  if (len > block)
    jm_digest(bits, key, len, padded);
  else if (len > 0)
    memcpy(padded, key, len);
  h->bits = bits;
  for (int side = 0; side < 2; side++) {
    for (size_t i = 0; i < block; i++) padded[i] ^= side ? 0x36 ^ 0x5c : 0x36;
    if (bits == 256) {
      SHA256_CTX *c = side ? &h->outer.small : &h->inner.small;
      SHA256_Init(c);
      SHA256_Update(c, padded, block);
    } else {
      SHA512_CTX *c = side ? &h->outer.large : &h->inner.large;
      if (bits == 384)
        SHA384_Init(c);
      else
        SHA512_Init(c);
      SHA512_Update(c, padded, block);
    }
  }
  OPENSSL_cleanse(padded, sizeof padded);
  return h;
}

static inline void jm_store_number(unsigned char *out, uint64_t number, int octets) {
  for (int i = octets - 1; i >= 0; i--, number >>= 8) out[i] = (unsigned char)number;
}

static inline void jm_store_state(unsigned char *out, const SHA256_CTX *c) {
  for (int i = 0; i < 8; i++) jm_store_number(out + 4 * i, c->h[i], 4);
}

/// The MAC of `bytes` into `out` (64 octets of room); returns its length.
static inline size_t jm_hmac_compute(const jm_hmac *h, const unsigned char *bytes, size_t len, unsigned char *out) {
  if (h->bits == 256) {
    // Whole blocks where they stand, then blocks that are padded here (FIPS 180-4 section 5.1.1):
    // the octets of a message need not go through the context's buffer, nor the inner hash.
    SHA256_CTX c = h->inner.small;
    const size_t whole = len / 64 * 64, rest = len - whole, blocks = rest < 56 ? 1 : 2;
    if (whole > 0) SHA256_Update(&c, bytes, whole);
    unsigned char last[128] = {0};
    if (rest > 0) memcpy(last, bytes + whole, rest);
    last[rest] = 0x80;
    jm_store_number(last + blocks * 64 - 8, ((uint64_t)len + 64) * 8, 8);
    for (size_t i = 0; i < blocks; i++) SHA256_Transform(&c, last + i * 64);
    unsigned char inner[64] = {[32] = 0x80, [62] = (64 + 32) * 8 >> 8};
    jm_store_state(inner, &c);
    c = h->outer.small;
    SHA256_Transform(&c, inner);
    jm_store_state(out, &c);
    return 32;
  }
  SHA512_CTX c = h->inner.large;
  SHA512_Update(&c, bytes, len);
  SHA512_Final(out, &c);
  size_t size = h->bits == 384 ? 48 : 64;
  c = h->outer.large;
  SHA512_Update(&c, out, size);
  SHA512_Final(out, &c);
  return size;
}

static inline int jm_hmac_verify(const jm_hmac *h, const unsigned char *bytes, size_t len,
                                 const unsigned char *mac, size_t mac_len) {
  unsigned char expected[64];
  if (mac_len != jm_hmac_compute(h, bytes, len, expected)) return 0;
  // Every octet counts, wherever the first difference is. CRYPTO_memcmp goes octet by octet: 20 ns.
  uint64_t differs = 0;
  for (size_t i = 0; i < mac_len; i += 8) {
    uint64_t ours, theirs;
    memcpy(&ours, expected + i, 8);
    memcpy(&theirs, mac + i, 8);
    differs |= ours ^ theirs;
  }
  return differs == 0;
}

static inline void jm_hmac_free(jm_hmac *h) { OPENSSL_clear_free(h, sizeof *h); }

#endif
