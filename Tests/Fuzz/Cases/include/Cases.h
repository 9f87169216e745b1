// Signatures out of a fuzzer's octets: valid ones, nearly valid ones, and those that meet the rare
// branches of a kernel, which octets alone would never find.
// Owns: the keys that they are for, private halves included, which are of no use to anyone. Must
// never: say what a verifier should answer (OpenSSL does), or depend on anything but the input.

#ifndef JOTMILL_FUZZ_CASES_H
#define JOTMILL_FUZZ_CASES_H

#include <openssl/bn.h>
#include <stddef.h>
#include <stdint.h>

// Reading the input ----------------------------------------------------------------------------

/// What is left of the input. Behind its end there are zeros.
typedef struct {
  const uint8_t *at;
  size_t left;
} cases_input;

uint8_t cases_octet(cases_input *in);
/// A number below `limit`, which is 65,536 at most.
size_t cases_below(cases_input *in, size_t limit);
/// The octets as they are.
void cases_octets(cases_input *in, uint8_t *out, size_t count);
/// Octets that two of the input stand for: short inputs give much.
void cases_spread(cases_input *in, uint8_t *out, size_t count);
/// A message: raw, or spread, of up to `limit` octets. Returns how many.
size_t cases_message(cases_input *in, uint8_t *out, size_t limit);
/// A number of up to `bits` bits: raw, spread, of extreme limbs, a run of ones, or close to one of
/// `anchors`, a list that ends with NULL.
void cases_number(cases_input *in, BIGNUM *out, int bits, const BIGNUM *const *anchors);
/// One bit turned over, here and there.
void cases_flip(cases_input *in, uint8_t *octets, size_t count);

// RSA ------------------------------------------------------------------------------------------

/// A modulus; where all its primes are known, each number has a root, cheap to find.
typedef struct {
  BIGNUM *n;
  uint8_t octets[512];
  size_t count;
  /// 0 where the modulus is just an odd number.
  size_t primes;
  size_t first, step;
} cases_modulus;

/// Of 256, 384 or 512 octets. `n` is given.
void cases_rsa_modulus(cases_input *in, cases_modulus *out, size_t octets);
/// The product of small primes that `first` and `step` choose, below 4096.
void cases_rsa_smooth(cases_modulus *out, size_t octets, size_t first, size_t step);
/// A signature for the digest of `bits`, with PSS or without: of the right encoded message, of one
/// that is a little wrong, or a number that is hard for the arithmetic.
void cases_rsa_signature(cases_input *in, const cases_modulus *modulus, int bits, int pss,
                         const uint8_t *digest, uint8_t *out);

// ECDSA with P-256 -----------------------------------------------------------------------------

typedef struct {
  /// NULL where nobody knows it.
  BIGNUM *d;
  uint8_t point[64];
  /// r, s and digest of one signature that holds, where the key was made for that.
  int has_known;
  uint8_t known[96];
} cases_p256_key;

enum { CASES_P256_KEYS = 32 };

/// 0 to CASES_P256_KEYS - 1. It lives as long as the process.
const cases_p256_key *cases_p256_fixed_key(size_t index);
/// A key of the input's; free `d`.
void cases_p256_made_key(cases_input *in, cases_p256_key *out);
/// r and s over `digest`, which is kept, or is written where `chooses_digest`. Returns its kind.
enum { CASES_P256_KINDS = 8 };
int cases_p256_signature(cases_input *in, const cases_p256_key *key, int chooses_digest,
                         uint8_t digest[32], uint8_t out[64]);

// Ed25519 --------------------------------------------------------------------------------------

/// aB + jT, where T has order 8. The octets may be another spelling of it than RFC 8032's.
typedef struct {
  BIGNUM *a;
  /// j; where it is below 0, nobody knows a and j.
  int torsion;
  uint8_t octets[32];
} cases_ed25519_key;

/// Plain ones, ones with torsion, all spellings of the points of small order, and points with an x
/// or a y below 19.
enum { CASES_ED25519_KEYS = 56 };
const cases_ed25519_key *cases_ed25519_fixed_key(size_t index);
/// R and s over `message`.
void cases_ed25519_signature(cases_input *in, const cases_ed25519_key *key, const uint8_t *message,
                             size_t count, uint8_t out[64]);
/// R and s for a hash of the input's.
void cases_ed25519_hashed(cases_input *in, const uint8_t key[32], uint8_t hash[64],
                          uint8_t out[64]);

#endif
