// Signing and verifying on contexts that are prepared once a key.

#ifndef JOTMILL_COPENSSL_SIGNATURES_H
#define JOTMILL_COPENSSL_SIGNATURES_H

#include "openssl.h"
#include "hashes.h"

// A context is prepared once a key and used again and again: EVP_PKEY_verify may be called after a
// failure too, and initialising one for each token makes two threads slower than one.

/// A context that signs or verifies digests: RSA with PKCS#1 v1.5 or PSS, or ECDSA.
static inline EVP_PKEY_CTX *jm_digest_signature_context(EVP_PKEY *key, int bits, int sign, int rsa, int pss) {
  const EVP_MD *md = bits == 256 ? EVP_sha256() : bits == 384 ? EVP_sha384() : EVP_sha512();
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  int ok = ctx != NULL && (sign ? EVP_PKEY_sign_init(ctx) : EVP_PKEY_verify_init(ctx)) == 1;
  if (rsa)
    ok = ok && EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1;
  ok = ok && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
  if (rsa && pss)
    ok = ok && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
  if (!ok) {
    EVP_PKEY_CTX_free(ctx);
    ctx = NULL;
  }
  ERR_clear_error();
  return ctx;
}

static inline int jm_rsa_verify(EVP_PKEY_CTX *ctx, int bits, const unsigned char *bytes, size_t len,
                                const unsigned char *signature, size_t signature_len) {
  unsigned char digest[64];
  jm_digest(bits, bytes, len, digest);
  int ok = EVP_PKEY_verify(ctx, signature, signature_len, digest, (size_t)bits / 8) == 1;
  if (!ok) ERR_clear_error();
  return ok;
}

/// Returns the signature's length, 0 on failure.
static inline size_t jm_rsa_sign(EVP_PKEY_CTX *ctx, int bits, const unsigned char *bytes, size_t len,
                                 unsigned char *out, size_t capacity) {
  unsigned char digest[64];
  size_t n = capacity;
  jm_digest(bits, bytes, len, digest);
  int ok = EVP_PKEY_sign(ctx, out, &n, digest, (size_t)bits / 8) == 1;
  if (!ok) ERR_clear_error();
  return ok ? n : 0;
}

/// Appends one DER INTEGER made of `n` big-endian octets.
static inline size_t jm_der_integer(unsigned char *out, const unsigned char *v, size_t n) {
  while (n > 1 && v[0] == 0) v++, n--;
  size_t pad = v[0] >> 7;
  out[0] = 2;
  out[1] = (unsigned char)(n + pad);
  out[2] = 0;
  memcpy(out + 2 + pad, v, n);
  return 2 + pad + n;
}

/// `signature` is r then s, `half` octets each (RFC 7518 section 3.4).
static inline int jm_ecdsa_verify(EVP_PKEY_CTX *ctx, int bits, const unsigned char *bytes, size_t len,
                                  const unsigned char *signature, size_t half) {
  unsigned char digest[64], body[2 * (66 + 3)], der[sizeof body + 4];
  size_t n = jm_der_integer(body, signature, half), head = 0;
  n += jm_der_integer(body + n, signature + half, half);
  der[head++] = 0x30;
  if (n > 127) der[head++] = 0x81;
  der[head++] = (unsigned char)n;
  memcpy(der + head, body, n);
  jm_digest(bits, bytes, len, digest);
  int ok = EVP_PKEY_verify(ctx, der, head + n, digest, (size_t)bits / 8) == 1;
  if (!ok) ERR_clear_error();
  return ok;
}

/// Writes r then s, `half` octets each; returns 1 on success.
static inline int jm_ecdsa_sign(EVP_PKEY_CTX *ctx, int bits, const unsigned char *bytes, size_t len,
                                unsigned char *out, size_t half) {
  unsigned char digest[64], der[160];
  const unsigned char *p = der;
  size_t n = sizeof der;
  jm_digest(bits, bytes, len, digest);
  int ok = EVP_PKEY_sign(ctx, der, &n, digest, (size_t)bits / 8) == 1;
  if (!ok) {
    ERR_clear_error();
    return 0;
  }
  // OpenSSL's own DER, SEQUENCE { r INTEGER, s INTEGER }: d2i_ECDSA_SIG would cost half a
  // microsecond of allocations.
  p += p[1] == 0x81 ? 3 : 2;
  for (int i = 0; i < 2; i++, out += half) {
    size_t length = p[1];
    const unsigned char *v = p + 2;
    p = v + length;
    if (length > half && v[0] == 0) v++, length--;
    if (length > half || p > der + n) return 0;
    memset(out, 0, half - length);
    memcpy(out + half - length, v, length);
  }
  return 1;
}

static inline EVP_MD_CTX *jm_eddsa_context(EVP_PKEY *key, int sign) {
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  int ok = ctx != NULL && (sign ? EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL)
                                : EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL)) == 1;
  if (!ok) {
    EVP_MD_CTX_free(ctx);
    ctx = NULL;
  }
  ERR_clear_error();
  return ctx;
}

/// EdDSA is one-shot and keeps no state in the context; releases after 3.0 mark the context as
/// finished all the same, and want it started again.
static inline void jm_eddsa_reopen(EVP_MD_CTX *ctx, int sign) {
#if defined(EVP_MD_CTX_FLAG_FINALISED)
  (void)sign;
  EVP_MD_CTX_clear_flags(ctx, EVP_MD_CTX_FLAG_FINALISED);
#elif OPENSSL_VERSION_NUMBER >= 0x30100000L
  if (sign)
    EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, NULL, NULL);
  else
    EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, NULL, NULL);
#else
  (void)ctx, (void)sign;
#endif
}

static inline int jm_eddsa_verify(EVP_MD_CTX *ctx, const unsigned char *bytes, size_t len,
                                  const unsigned char *signature, size_t signature_len) {
  jm_eddsa_reopen(ctx, 0);
  int ok = EVP_DigestVerify(ctx, signature, signature_len, bytes, len) == 1;
  if (!ok) ERR_clear_error();
  return ok;
}

static inline size_t jm_eddsa_sign(EVP_MD_CTX *ctx, const unsigned char *bytes, size_t len,
                                   unsigned char *out, size_t capacity) {
  size_t n = capacity;
  jm_eddsa_reopen(ctx, 1);
  int ok = EVP_DigestSign(ctx, out, &n, bytes, len) == 1;
  if (!ok) ERR_clear_error();
  return ok ? n : 0;
}

#endif
