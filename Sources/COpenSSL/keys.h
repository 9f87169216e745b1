// Keys from numbers, from PEM and DER, newly made; and back again.

#ifndef JOTMILL_COPENSSL_KEYS_H
#define JOTMILL_COPENSSL_KEYS_H

#include "openssl.h"

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

/// The SHA-2 size that an RSA-PSS key is restricted to; 256 if it is to none, 0 for any other hash.
static inline int jm_pss_hash_bits(EVP_PKEY *key) {
  char name[32] = "";
  int bits = 256;
  if (EVP_PKEY_get_default_digest_name(key, name, sizeof name) == 2)
    bits = strcmp(name, "SHA256") == 0   ? 256
           : strcmp(name, "SHA384") == 0 ? 384
           : strcmp(name, "SHA512") == 0 ? 512
                                         : 0;
  ERR_clear_error();
  return bits;
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

#endif
