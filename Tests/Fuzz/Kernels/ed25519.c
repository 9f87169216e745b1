// Ed25519: batches of signatures over messages, against EVP_DigestVerify; and over hashes that the
// input chooses, against the curve as a slow plain loop.
// Input: how many different signatures, for each a key and the signature, and how many times they
// are repeated.

#include "target.h"

#include "../Cases/edwards.h"

enum { DIFFERENT = 6, MOST = 600, MADE = 8 };

TARGET_COUNTERS(1280)

typedef struct {
  uint8_t octets[32];
  const cases_ed25519_key *fixed;
  clanes_ed25519_key *table;
  EVP_MD_CTX *context;
} known_key;

static void open_key(known_key *out) {
  uint8_t *const copy = target_copy(out->octets, 32);
  out->table = clanes_ed25519_key_new(copy);
  free(copy);
  edwards_point point = edwards_new();
  if ((out->table != NULL) != edwards_decode(&point, out->octets)) {
    target_show("point", out->octets, 32);
    target_fail("Ed25519: a point or not");
  }
  edwards_free(point);
  EVP_PKEY *const key = jm_okp_key("ED25519", out->octets, 32, 0);
  out->context = jm_eddsa_context(key, 0);
  EVP_PKEY_free(key);
  if (out->context == NULL) target_fail("OpenSSL has no use for the key");
}

static known_key *choose_key(cases_input *in) {
  static known_key fixed[CASES_ED25519_KEYS], made[MADE];
  static size_t next;
  const uint8_t which = cases_octet(in);
  if (which < 0xf8) {
    known_key *const one = &fixed[which % CASES_ED25519_KEYS];
    if (one->context == NULL) {
      one->fixed = cases_ed25519_fixed_key(which % CASES_ED25519_KEYS);
      memcpy(one->octets, one->fixed->octets, 32);
      open_key(one);
    }
    return one;
  }
  known_key *const one = &made[next++ % MADE];
  clanes_ed25519_key_free(one->table);
  EVP_MD_CTX_free(one->context);
  const BIGNUM *const anchors[] = {edwards_p(), BN_value_one(), NULL};
  BIGNUM *const y = BN_new();
  cases_number(in, y, 256, anchors);
  BN_bn2lebinpad(y, one->octets, 32);
  BN_free(y);
  open_key(one);
  return one;
}

typedef struct {
  const known_key *key;
  uint8_t *signature;
  uint8_t hash[64];
  int is_hashed, valid;
} signature;

// By the slow loop. What is wrong with others is counted, so that inputs are kept which are wrong in
// one thing only.
static int is_valid(const known_key *key, const uint8_t *signature, const uint8_t *hash) {
  edwards_point a = edwards_new(), given = edwards_new();
  BIGNUM *const h = BN_new(), *const s = BN_new();
  BN_CTX *const context = BN_CTX_new();
  uint8_t r[32], again[32];
  int valid = 0;
  if (edwards_decode(&a, key->octets)) {
    edwards_number(h, hash, 64);
    edwards_number(s, signature + 32, 32);
    const int is_below = BN_cmp(s, edwards_order()) < 0;
    BN_nnmod(h, h, edwards_order(), context);
    BN_nnmod(s, s, edwards_order(), context);
    edwards_negate(&a);
    edwards_combine(&a, h, &a, s);
    edwards_encode(r, &a);
    const int is_same = memcmp(r, signature, 32) == 0;
    int is_respelled = 0;
    if (!is_same && edwards_decode(&given, signature)) {
      edwards_encode(again, &given);
      is_respelled = memcmp(r, again, 32) == 0;
    }
    see((size_t)(is_below + 2 * is_same + 4 * is_respelled));
    valid = is_below && is_same;
  }
  BN_CTX_free(context);
  BN_free(h), BN_free(s);
  edwards_free(a), edwards_free(given);
  return valid;
}

static void make(cases_input *in, signature *out) {
  uint8_t message[256];
  out->key = choose_key(in);
  out->signature = target_array(64, 1);
  out->is_hashed = cases_octet(in) % 4 == 3;
  if (out->is_hashed) {
    cases_ed25519_hashed(in, out->key->octets, out->hash, out->signature);
    out->valid = is_valid(out->key, out->signature, out->hash);
    return;
  }
  const size_t count = cases_message(in, message, sizeof message);
  if (out->key->fixed != NULL) {
    cases_ed25519_signature(in, out->key->fixed, message, count, out->signature);
  } else {
    cases_octets(in, out->signature, 64);
  }
  jm_ed25519_hash(out->signature, out->key->octets, message, count, out->hash);
  out->valid = jm_eddsa_verify(out->key->context, message, count, out->signature, 64);
  // Valid ones are many, and the loop is slow.
  if (!out->valid && is_valid(out->key, out->signature, out->hash)) {
    target_show("key", out->key->octets, 32);
    target_show("signature", out->signature, 64);
    target_show("hash", out->hash, 64);
    target_fail("Ed25519: OpenSSL and the slow loop disagree");
  }
  if (out->key->table == NULL && out->valid) target_fail("Ed25519: OpenSSL has a key that isn't");
}

static void compare(const signature *one, clanes_unit unit, size_t at, size_t count,
                    uint8_t answer) {
  see(1024 + (size_t)(answer + 4 * (int)unit + 8 * (at % 8 == 0) + 16 * one->is_hashed));
  if (answer == one->valid) return;
  fprintf(stderr, "unit %d, %zu of %zu, answer %d\n", unit, at, count, answer);
  target_show("key", one->key->octets, 32);
  target_show("signature", one->signature, 64);
  target_show("hash", one->hash, 64);
  target_fail(one->valid ? "Ed25519: a good signature rejected"
                         : "Ed25519: a bad signature accepted");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  signature all[DIFFERENT];
  cases_input in = {data, size};
  size_t different = 0;
  for (size_t i = 1 + cases_octet(&in) % DIFFERENT; i > 0; i--) {
    make(&in, &all[different]);
    if (all[different].key->table == NULL) {
      free(all[different].signature);
    } else {
      different++;
    }
  }
  if (different == 0) return 0;
  const uint8_t shape = cases_octet(&in), step = cases_octet(&in);
  size_t count = different;
  if (shape >= 0xc0) count = 1 + cases_below(&in, shape >= 0xf8 ? MOST : 40);
  clanes_ed25519_check *const checks = target_array(count, sizeof *checks);
  uint8_t *const answers = target_array(count, 1);
  for (size_t i = 0; i < count; i++) {
    const signature *const one = &all[(i + i / different * step) % different];
    checks[i] = (clanes_ed25519_check){.key = one->key->table, .signature = one->signature};
    memcpy(checks[i].hash, one->hash, 64);
  }
  clanes_unit units[2];
  for (size_t u = target_units(units); u-- > 0;) {
    memset(answers, 0xa5, count);
    clanes_ed25519_verify(units[u], checks, count, answers);
    for (size_t i = 0; i < count; i++) {
      compare(&all[(i + i / different * step) % different], units[u], i, count, answers[i]);
    }
  }
  for (size_t i = 0; i < different; i++) free(all[i].signature);
  free(checks);
  free(answers);
  return 0;
}
