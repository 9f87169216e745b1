// The slow hashes of passwords: scrypt (RFC 7914) and PBKDF2 (RFC 8018).

#ifndef JOTMILL_COPENSSL_PASSWORDS_H
#define JOTMILL_COPENSSL_PASSWORDS_H

#include "openssl.h"

/// scrypt into the `out_len` octets of `out`, within `most_memory` octets, which OpenSSL wipes;
/// returns 1 on success.
static inline int jm_scrypt(const unsigned char *password, size_t password_len, const unsigned char *salt,
                            size_t salt_len, uint64_t n, uint64_t r, uint64_t p, uint64_t most_memory,
                            unsigned char *out, size_t out_len) {
  // OpenSSL takes no address for an empty password.
  const char *from = password_len > 0 ? (const char *)password : "";
  int ok = EVP_PBE_scrypt(from, password_len, salt, salt_len, n, r, p, most_memory, out, out_len) == 1;
  ERR_clear_error();
  return ok;
}

/// PBKDF2 with HMAC of SHA-256 or SHA-512 (`bits`) into the `out_len` octets of `out`; returns 1 on
/// success.
static inline int jm_pbkdf2(int bits, const unsigned char *password, size_t password_len,
                            const unsigned char *salt, size_t salt_len, int iterations, unsigned char *out,
                            size_t out_len) {
  const char *from = password_len > 0 ? (const char *)password : "";
  int ok = PKCS5_PBKDF2_HMAC(from, (int)password_len, salt, (int)salt_len, iterations,
                             bits == 256 ? EVP_sha256() : EVP_sha512(), (int)out_len, out) == 1;
  ERR_clear_error();
  return ok;
}

#endif
