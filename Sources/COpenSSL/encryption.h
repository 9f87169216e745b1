// A key from a passphrase, a key under a key, and a text under a key: what PBES2 and A256GCM need.

#ifndef JOTMILL_COPENSSL_ENCRYPTION_H
#define JOTMILL_COPENSSL_ENCRYPTION_H

#include "openssl.h"

/// PBKDF2 with HMAC-SHA-512 into the 32 octets of `out`; returns 1 on success.
static inline int jm_pbkdf2_sha512(const unsigned char *passphrase, size_t passphrase_len,
                                   const unsigned char *salt, size_t salt_len, int iterations,
                                   unsigned char *out) {
  int ok = PKCS5_PBKDF2_HMAC((const char *)passphrase, (int)passphrase_len, salt, (int)salt_len, iterations,
                             EVP_sha512(), 32, out) == 1;
  ERR_clear_error();
  return ok;
}

/// AES-256 key wrap (RFC 3394) of the 32 octets of `key` into the 40 of `out`; returns 1 on success.
static inline int jm_wrap_key(const unsigned char *wrapping, const unsigned char *key, unsigned char *out) {
  // OpenSSL asks for a block of room behind what it writes.
  unsigned char room[48];
  int n = 0, rest = 0;
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  if (ctx != NULL) EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  int ok = ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_256_wrap(), NULL, wrapping, NULL) == 1 &&
           EVP_EncryptUpdate(ctx, room, &n, key, 32) == 1 &&
           EVP_EncryptFinal_ex(ctx, room + n, &rest) == 1 && n + rest == 40;
  if (ok) memcpy(out, room, 40);
  EVP_CIPHER_CTX_free(ctx);
  ERR_clear_error();
  return ok;
}

/// The 32 octets of the key behind the 40 of `wrapped`: 1, 0 when `wrapping` is not their key, -1
/// when OpenSSL could not begin.
static inline int jm_unwrap_key(const unsigned char *wrapping, const unsigned char *wrapped, unsigned char *out) {
  unsigned char room[48];
  int n = 0, rest = 0, result = -1;
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  if (ctx != NULL) EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_wrap(), NULL, wrapping, NULL) == 1)
    result = EVP_DecryptUpdate(ctx, room, &n, wrapped, 40) == 1 &&
             EVP_DecryptFinal_ex(ctx, room + n, &rest) == 1 && n + rest == 32;
  if (result == 1) memcpy(out, room, 32);
  OPENSSL_cleanse(room, sizeof room);
  EVP_CIPHER_CTX_free(ctx);
  ERR_clear_error();
  return result;
}

/// AES-256-GCM with a nonce of 12 octets: `len` octets into `out`, 16 into `tag`; returns 1 on
/// success.
static inline int jm_gcm_seal(const unsigned char *key, const unsigned char *nonce, const unsigned char *aad,
                              size_t aad_len, const unsigned char *bytes, size_t len, unsigned char *out,
                              unsigned char *tag) {
  int n = 0, rest = 0;
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  int ok = ctx != NULL && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
           EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
           EVP_EncryptUpdate(ctx, out, &n, bytes, (int)len) == 1 &&
           EVP_EncryptFinal_ex(ctx, out + n, &rest) == 1 && (size_t)n + (size_t)rest == len &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
  EVP_CIPHER_CTX_free(ctx);
  ERR_clear_error();
  return ok;
}

/// The `len` octets behind what `jm_gcm_seal` made: 1, 0 when the tag does not hold, -1 when
/// OpenSSL could not begin. `out` is wiped unless the tag holds.
static inline int jm_gcm_open(const unsigned char *key, const unsigned char *nonce, const unsigned char *aad,
                              size_t aad_len, const unsigned char *bytes, size_t len, const unsigned char *tag,
                              unsigned char *out) {
  unsigned char expected[16];
  int n = 0, rest = 0, result = -1;
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  memcpy(expected, tag, sizeof expected);
  if (ctx != NULL && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
      EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof expected, expected) == 1 &&
      EVP_DecryptUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1 &&
      EVP_DecryptUpdate(ctx, out, &n, bytes, (int)len) == 1)
    result = EVP_DecryptFinal_ex(ctx, out + n, &rest) == 1 && (size_t)n + (size_t)rest == len;
  if (result != 1) OPENSSL_cleanse(out, len);
  EVP_CIPHER_CTX_free(ctx);
  ERR_clear_error();
  return result;
}

#endif
