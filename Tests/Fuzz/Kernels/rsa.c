// RSA: what a signature opens to, against BN_mod_exp; what it is worth, against EVP_PKEY_verify.
// Input: octets of the modulus, how many signatures, and for each a modulus, an algorithm and a
// signature.

#include "target.h"

enum { LANES = 8, MOST = 512 };

TARGET_COUNTERS(384)

typedef struct {
  cases_modulus modulus;
  clanes_rsa_key *key;
  uint8_t *signature;
  uint8_t digest[64], expected[MOST];
  int bits, pss, is_below;
} lane;

static void make(cases_input *in, lane *out, const lane *before, size_t octets) {
  BN_CTX *context = BN_CTX_new();
  BIGNUM *s = BN_new(), *e = BN_new();
  out->modulus.n = BN_new();
  // Mostly the same key again, as in life.
  if (before != NULL && cases_octet(in) % 4 != 0) {
    BN_copy(out->modulus.n, before->modulus.n);
    BIGNUM *const n = out->modulus.n;
    out->modulus = before->modulus;
    out->modulus.n = n;
  } else {
    cases_rsa_modulus(in, &out->modulus, octets);
  }
  const uint8_t algorithm = cases_octet(in) % 6;
  out->bits = 256 + 128 * (algorithm / 2);
  out->pss = algorithm % 2;
  cases_spread(in, out->digest, sizeof out->digest);
  out->signature = target_array(octets, 1);
  cases_rsa_signature(in, &out->modulus, out->bits, out->pss, out->digest, out->signature);
  uint8_t *const modulus = target_copy(out->modulus.octets, octets);
  out->key = clanes_rsa_key_new(modulus, octets);
  if (out->key == NULL) target_fail("no table for a good modulus");
  modulus[octets - 1] ^= 1;
  if (clanes_rsa_key_new(modulus, octets) != NULL) target_fail("a table for an even modulus");
  modulus[octets - 1] ^= 1;
  modulus[0] ^= 0x80;
  if (clanes_rsa_key_new(modulus, octets) != NULL) target_fail("a table for a short modulus");
  free(modulus);

  BN_bin2bn(out->signature, (int)octets, s);
  out->is_below = BN_cmp(s, out->modulus.n) < 0;
  BN_set_word(e, 65537);
  if (BN_mod_exp(s, s, e, out->modulus.n, context) != 1) target_fail("OpenSSL can't open it");
  BN_bn2binpad(s, out->expected, (int)octets);
  BN_free(s), BN_free(e), BN_CTX_free(context);
}

static void show(const lane *one, clanes_unit unit, size_t at) {
  fprintf(stderr, "unit %d, lane %zu, digest of %d bits, PSS %d\n", unit, at, one->bits, one->pss);
  target_show("n", one->modulus.octets, one->modulus.count);
  target_show("signature", one->signature, one->modulus.count);
  target_show("digest", one->digest, (size_t)one->bits / 8);
  target_show("expected", one->expected, one->modulus.count);
}

static int is_valid(const lane *one, size_t octets) {
  static const uint8_t exponent[3] = {1, 0, 1};
  const uint8_t *const numbers[8] = {one->modulus.octets, exponent};
  const size_t lengths[8] = {octets, 3};
  EVP_PKEY *const key = jm_rsa_key(numbers, lengths);
  EVP_PKEY_CTX *const context = jm_digest_signature_context(key, one->bits, 0, 1, one->pss);
  if (context == NULL) target_fail("OpenSSL has no use for the key");
  const int valid = EVP_PKEY_verify(context, one->signature, octets, one->digest,
                                    (size_t)one->bits / 8) == 1;
  ERR_clear_error();
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(key);
  return valid;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lane lanes[LANES];
  const clanes_rsa_key *keys[LANES];
  const uint8_t *signatures[LANES];
  cases_input in = {data, size};
  const uint8_t first = cases_octet(&in);
  // The smallest costs least.
  const size_t octets = first % 8 == 7 ? 512 : first % 8 == 6 ? 384 : 256;
  const size_t count = 1 + first / 8 % LANES;
  for (size_t i = 0; i < count; i++) {
    make(&in, &lanes[i], i > 0 ? &lanes[i - 1] : NULL, octets);
    keys[i] = lanes[i].key;
    signatures[i] = lanes[i].signature;
  }
  uint8_t *const opened = target_array(count, octets);
  clanes_unit units[2];
  for (size_t u = target_units(units); u-- > 0;) {
    memset(opened, 0xa5, count * octets);
    const uint32_t below = clanes_rsa_open(units[u], octets, keys, signatures, count, opened);
    if (below >> count != 0) target_fail("a bit for a lane that there isn't");
    for (size_t i = 0; i < count; i++) {
      const uint8_t *const em = opened + i * octets;
      if ((below >> i & 1) != (uint32_t)lanes[i].is_below) {
        show(&lanes[i], units[u], i);
        target_fail("RSA: below the modulus or not");
      }
      if (lanes[i].is_below && memcmp(em, lanes[i].expected, octets) != 0) {
        show(&lanes[i], units[u], i);
        target_show("opened", em, octets);
        target_fail("RSA: opened wrong");
      }
    }
  }
  for (size_t i = 0; i < count; i++) {
    const lane *const one = &lanes[i];
    const int judged =
        one->is_below && (one->pss ? jm_is_pss_encoding : jm_is_pkcs1_encoding)(
                             one->expected, octets, one->bits, one->digest);
    const int valid = is_valid(one, octets);
    if (valid != judged) {
      show(one, 0, i);
      target_fail(valid ? "RSA: a good signature rejected" : "RSA: a bad signature accepted");
    }
    const size_t answer = (size_t)(valid + 2 * one->is_below + 4 * one->pss);
    see(answer + 8 * ((size_t)one->bits / 128 - 2) + 32 * (octets / 128 - 2));
    // Small results are those that a last subtraction makes.
    const size_t is_small = one->expected[0] == 0 && one->expected[octets / 64] == 0;
    see(256 + is_small + 2 * (one->modulus.primes > 0) + 4 * i + 32 * (octets / 128 - 2));
    clanes_rsa_key_free(lanes[i].key);
    BN_free(lanes[i].modulus.n);
    free(lanes[i].signature);
  }
  free(opened);
  return 0;
}
