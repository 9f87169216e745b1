// The whole operations on OpenSSL's libcrypto that JOSE needs, as static inline functions, so that
// Swift never builds an OSSL_PARAM list, calls a variadic function or holds a pointer across a call.
//
// Rules: every function leaves OpenSSL's error queue empty. A pointer that is returned is owned by
// the caller. Nothing here decides what is acceptable: JOSE checks sizes, curves and algorithms.

#ifndef JOTMILL_COPENSSL_SHIM_H
#define JOTMILL_COPENSSL_SHIM_H

#define OPENSSL_SUPPRESS_DEPRECATED 1

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/ecdsa.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

// MARK: Keys from parameters

/// Turns a finished parameter list into a key. `selection` says which half is expected.
static inline EVP_PKEY *jm_key_from_params(const char *type, OSSL_PARAM_BLD *bld, int selection) {
  EVP_PKEY *key = NULL;
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(bld);
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
  if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
      EVP_PKEY_fromdata(ctx, &key, selection, params) != 1) {
    EVP_PKEY_free(key);
    key = NULL;
  }
  EVP_PKEY_CTX_free(ctx);
  OSSL_PARAM_free(params);
  ERR_clear_error();
  return key;
}

/// An RSA key from big-endian numbers: n e for a public one, also d, and all or none of
/// p q dp dq qi, for a private one. A missing number has length 0.
static inline EVP_PKEY *jm_rsa_key(const unsigned char *const numbers[8], const size_t lengths[8]) {
  static const char *const names[8] = {
      OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,         OSSL_PKEY_PARAM_RSA_D,
      OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
      OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
  BIGNUM *bn[8] = {0};
  EVP_PKEY *key = NULL;
  OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
  int ok = bld != NULL;
  for (int i = 0; ok && i < 8; i++) {
    if (lengths[i] == 0) continue;
    bn[i] = i < 2 ? BN_new() : BN_secure_new();
    ok = bn[i] != NULL && BN_bin2bn(numbers[i], (int)lengths[i], bn[i]) != NULL;
    if (ok && i >= 2) BN_set_flags(bn[i], BN_FLG_CONSTTIME);
    ok = ok && OSSL_PARAM_BLD_push_BN(bld, names[i], bn[i]) == 1;
  }
  if (ok) key = jm_key_from_params("RSA", bld, lengths[2] ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
  OSSL_PARAM_BLD_free(bld);
  for (int i = 0; i < 8; i++) BN_clear_free(bn[i]);
  ERR_clear_error();
  return key;
}

/// Whether the numbers of a whole RSA pair belong together: primes, exponents, modulus.
static inline int jm_rsa_pair_check(EVP_PKEY *key) {
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  int ok = ctx != NULL && EVP_PKEY_pairwise_check(ctx) == 1;
  EVP_PKEY_CTX_free(ctx);
  ERR_clear_error();
  return ok;
}

/// An EC key on the named curve from its uncompressed point and, if `d` is given, its scalar.
/// NULL when the point is not on the curve.
static inline EVP_PKEY *jm_ec_key(const char *curve, const unsigned char *point, size_t point_len,
                                  const unsigned char *d, size_t d_len) {
  EVP_PKEY *key = NULL;
  BIGNUM *scalar = d ? BN_secure_new() : NULL;
  OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
  int ok = bld != NULL && (d == NULL || scalar != NULL) &&
           OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
           OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, point_len) == 1;
  if (ok && d) {
    ok = BN_bin2bn(d, (int)d_len, scalar) != NULL;
    if (ok) BN_set_flags(scalar, BN_FLG_CONSTTIME);
    ok = ok && OSSL_PARAM_BLD_push_BN_pad(bld, OSSL_PKEY_PARAM_PRIV_KEY, scalar, d_len) == 1;
  }
  if (ok) key = jm_key_from_params("EC", bld, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
  if (key != NULL) {
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (ctx == NULL || EVP_PKEY_public_check(ctx) != 1) {
      EVP_PKEY_free(key);
      key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
  }
  OSSL_PARAM_BLD_free(bld);
  BN_clear_free(scalar);
  ERR_clear_error();
  return key;
}

/// An Ed25519 or Ed448 key from its raw public or private octets.
static inline EVP_PKEY *jm_okp_key(const char *curve, const unsigned char *raw, size_t len, int is_private) {
  EVP_PKEY *key = is_private ? EVP_PKEY_new_raw_private_key_ex(NULL, curve, NULL, raw, len)
                             : EVP_PKEY_new_raw_public_key_ex(NULL, curve, NULL, raw, len);
  ERR_clear_error();
  return key;
}

/// A fresh key pair: `type` is RSA (with `bits`), EC (with `curve`), ED25519 or ED448.
static inline EVP_PKEY *jm_generate_key(const char *type, size_t bits, const char *curve) {
  EVP_PKEY *key = NULL;
  if (strcmp(type, "RSA") == 0)
    key = EVP_PKEY_Q_keygen(NULL, NULL, type, bits);
  else if (strcmp(type, "EC") == 0)
    key = EVP_PKEY_Q_keygen(NULL, NULL, type, curve);
  else
    key = EVP_PKEY_Q_keygen(NULL, NULL, type);
  ERR_clear_error();
  return key;
}

// MARK: Parameters from keys

/// Writes one number of a key, big-endian: padded to `width`, or without leading zeros if that is 0.
/// Returns its length; 0 when the key has no such number or `capacity` is too small.
static inline size_t jm_key_number(const EVP_PKEY *key, const char *name, unsigned char *out,
                                   size_t capacity, size_t width) {
  BIGNUM *bn = NULL;
  size_t len = 0;
  if (EVP_PKEY_get_bn_param(key, name, &bn) == 1) {
    size_t needed = width ? width : (size_t)BN_num_bytes(bn);
    if (needed <= capacity && BN_bn2binpad(bn, out, (int)needed) == (int)needed) len = needed;
  }
  BN_clear_free(bn);
  ERR_clear_error();
  return len;
}

/// Writes the raw public or private octets of an Ed25519 or Ed448 key; 0 when it has none.
static inline size_t jm_okp_octets(const EVP_PKEY *key, unsigned char *out, size_t capacity, int is_private) {
  size_t len = capacity;
  int ok = is_private ? EVP_PKEY_get_raw_private_key(key, out, &len) : EVP_PKEY_get_raw_public_key(key, out, &len);
  ERR_clear_error();
  return ok == 1 ? len : 0;
}

/// The key's type and, for EC, its named curve: "RSA", "RSA-PSS", "EC prime256v1", "ED25519", ...
/// An EC key whose curve is spelled out by explicit parameters has no name and gives "EC ".
static inline int jm_key_type(const EVP_PKEY *key, char *out, size_t capacity) {
  const char *type = EVP_PKEY_get0_type_name(key);
  char group[64] = "";
  size_t used = 0;
  int explicit_curve = 0;
  if (type == NULL || strlen(type) + sizeof group + 2 > capacity) return 0;
  strcpy(out, type);
  if (strcmp(type, "EC") == 0) {
    EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_curve);
    strcat(out, " ");
    if (!explicit_curve && EVP_PKEY_get_group_name(key, group, sizeof group, &used) == 1) strcat(out, group);
  }
  ERR_clear_error();
  return 1;
}

static inline int jm_no_passphrase(char *buffer, int size, int rwflag, void *u) {
  (void)buffer, (void)size, (void)rwflag, (void)u;
  return -1;
}

/// Where the next PEM block behind `at` begins, NULL when there is none.
static inline const unsigned char *jm_next_pem(const unsigned char *at, const unsigned char *end) {
  static const char begin[] = "-----BEGIN ";
  const size_t n = sizeof begin - 1;
  if (at == end) return NULL;
  for (at++; (size_t)(end - at) >= n; at++)
    if (memcmp(at, begin, n) == 0) return at;
  return NULL;
}

/// Reads one private key, public key or certificate, PEM or DER. Never asks for a passphrase.
/// `is_private` tells which half was found.
static inline EVP_PKEY *jm_read_key(const unsigned char *bytes, size_t len, int *is_private) {
  EVP_PKEY *key = NULL;
  for (int private_half = 1; key == NULL && private_half >= 0; private_half--) {
    // A PEM file may hold other blocks in front of its key, EC PARAMETERS for one.
    for (const unsigned char *at = bytes; key == NULL && at != NULL; at = jm_next_pem(at, bytes + len)) {
      const unsigned char *p = at;
      size_t left = len - (size_t)(at - bytes);
      OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(
          &key, NULL, NULL, NULL, private_half ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, NULL, NULL);
      if (ctx != NULL) {
        OSSL_DECODER_CTX_set_pem_password_cb(ctx, jm_no_passphrase, NULL);
        if (OSSL_DECODER_from_data(ctx, &p, &left) != 1) {
          EVP_PKEY_free(key);
          key = NULL;
        }
      }
      OSSL_DECODER_CTX_free(ctx);
    }
    *is_private = private_half;
  }
  if (key == NULL) {
    const unsigned char *p = bytes;
    BIO *bio = BIO_new_mem_buf(bytes, (int)len);
    X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, jm_no_passphrase, NULL) : NULL;
    if (certificate == NULL) certificate = d2i_X509(NULL, &p, (long)len);
    if (certificate != NULL) key = X509_get_pubkey(certificate);
    *is_private = 0;
    X509_free(certificate);
    BIO_free(bio);
  }
  ERR_clear_error();
  return key;
}

/// Writes a key as PKCS#8 or SubjectPublicKeyInfo, PEM or DER. The result is freed, wiped, with
/// `jm_free_encoded`.
static inline unsigned char *jm_encode_key(const EVP_PKEY *key, int is_private, int pem, size_t *len) {
  unsigned char *out = NULL;
  *len = 0;
  OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(
      key, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, pem ? "PEM" : "DER",
      is_private ? "PrivateKeyInfo" : "SubjectPublicKeyInfo", NULL);
  if (ctx == NULL || OSSL_ENCODER_to_data(ctx, &out, len) != 1) {
    OPENSSL_free(out);
    out = NULL;
  }
  OSSL_ENCODER_CTX_free(ctx);
  ERR_clear_error();
  return out;
}

static inline void jm_free_encoded(unsigned char *bytes, size_t len) { OPENSSL_clear_free(bytes, len); }

// MARK: Digests and HMAC
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

/// The MAC of `bytes` into `out` (64 octets of room); returns its length.
static inline size_t jm_hmac_compute(const jm_hmac *h, const unsigned char *bytes, size_t len, unsigned char *out) {
  if (h->bits == 256) {
    SHA256_CTX c = h->inner.small;
    SHA256_Update(&c, bytes, len);
    SHA256_Final(out, &c);
    c = h->outer.small;
    SHA256_Update(&c, out, 32);
    SHA256_Final(out, &c);
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
  size_t size = jm_hmac_compute(h, bytes, len, expected);
  return mac_len == size && CRYPTO_memcmp(expected, mac, size) == 0;
}

static inline void jm_hmac_free(jm_hmac *h) { OPENSSL_clear_free(h, sizeof *h); }

// MARK: Signatures
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
