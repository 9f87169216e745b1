// ECDSA with P-256: batches of up to 300 signatures by many keys, against EVP_PKEY_verify.
// Input: how many different signatures, for each a key and the signature with its digest, and how
// many times they are repeated, in which order.

#include "target.h"

enum { DIFFERENT = 8, MOST = 300, MADE = 8 };

TARGET_COUNTERS(1280)

typedef struct {
  cases_p256_key made;
  const cases_p256_key *key;
  clanes_p256_key *table;
  EVP_PKEY_CTX *context;
} known_key;

static void open_key(known_key *out) {
  uint8_t point[65] = {4};
  memcpy(point + 1, out->key->point, 64);
  uint8_t *const copy = target_copy(out->key->point, 64);
  out->table = clanes_p256_key_new(copy);
  free(copy);
  EVP_PKEY *const key = jm_ec_key("P-256", point, sizeof point, NULL, 0);
  out->context = jm_digest_signature_context(key, 256, 0, 0, 0);
  EVP_PKEY_free(key);
  if (out->table == NULL || out->context == NULL) target_fail("P-256: no use for a good key");
}

// Keys of the fixed set stay; a few others take each other's places.
static const known_key *choose_key(cases_input *in) {
  static known_key fixed[CASES_P256_KEYS], made[MADE];
  static size_t next;
  const uint8_t which = cases_octet(in);
  if (which < 0xfc) {
    known_key *const one = &fixed[which % CASES_P256_KEYS];
    if (one->key == NULL) {
      one->key = cases_p256_fixed_key(which % CASES_P256_KEYS);
      open_key(one);
    }
    return one;
  }
  known_key *const one = &made[next++ % MADE];
  if (one->key != NULL) {
    BN_free(one->made.d);
    clanes_p256_key_free(one->table);
    EVP_PKEY_CTX_free(one->context);
  }
  cases_p256_made_key(in, &one->made);
  one->key = &one->made;
  open_key(one);
  return one;
}

// A point that is none, or that has a coordinate from p on: both must say the same of it.
static void try_point(cases_input *in) {
  uint8_t point[65] = {4};
  memcpy(point + 1, cases_p256_fixed_key(cases_octet(in) % CASES_P256_KEYS)->point, 64);
  const uint8_t kind = cases_octet(in);
  if (kind % 4 == 0) cases_octets(in, point + 1, 64);
  if (kind % 4 == 1) cases_spread(in, point + 1, 64);
  if (kind % 4 == 2) memset(point + 1 + kind / 4 % 2 * 32, kind & 8 ? 0xff : 0, 32);
  if (kind % 4 == 3) cases_flip(in, point + 1, 64);
  EVP_PKEY *const key = jm_ec_key("P-256", point, sizeof point, NULL, 0);
  clanes_p256_key *const table = clanes_p256_key_new(point + 1);
  if ((key == NULL) != (table == NULL)) {
    target_show("point", point, sizeof point);
    target_fail("P-256: on the curve or not");
  }
  EVP_PKEY_free(key);
  clanes_p256_key_free(table);
}

typedef struct {
  const known_key *key;
  uint8_t *signature;
  uint8_t digest[32];
  int kind, valid;
} signature;

static void make(cases_input *in, signature *out) {
  out->key = choose_key(in);
  out->signature = target_array(64, 1);
  memset(out->digest, 0, sizeof out->digest);
  out->kind = cases_p256_signature(in, out->key->key, 1, out->digest, out->signature);
  uint8_t der[2 * 35 + 2];
  size_t n = jm_der_integer(der + 2, out->signature, 32);
  n += jm_der_integer(der + 2 + n, out->signature + 32, 32);
  der[0] = 0x30, der[1] = (uint8_t)n;
  out->valid = EVP_PKEY_verify(out->key->context, der, n + 2, out->digest, 32) == 1;
  ERR_clear_error();
}

static void compare(const signature *one, clanes_unit unit, size_t at, size_t count,
                    uint8_t answer) {
  see(1024 + (size_t)(one->kind + 8 * answer + 32 * (int)unit + 64 * (at % 8 == 0)));
  if (answer <= (CLANES_VALID | CLANES_REDONE) && (answer & CLANES_VALID) == one->valid) return;
  fprintf(stderr, "unit %d, kind %d, %zu of %zu, answer %d\n", unit, one->kind, at, count, answer);
  target_show("point", one->key->key->point, 64);
  target_show("signature", one->signature, 64);
  target_show("digest", one->digest, 32);
  target_fail(one->valid ? "P-256: a good signature rejected" : "P-256: a bad signature accepted");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  signature all[DIFFERENT];
  cases_input in = {data, size};
  const uint8_t first = cases_octet(&in);
  const size_t different = 1 + first % DIFFERENT;
  if (first >= 0xf0) try_point(&in);
  for (size_t i = 0; i < different; i++) make(&in, &all[i]);
  // Large batches are rare, and the more telling for their borders.
  const uint8_t shape = cases_octet(&in), step = cases_octet(&in);
  size_t count = different;
  if (shape >= 0xc0) count = 1 + cases_below(&in, shape >= 0xf8 ? MOST : 40);
  clanes_p256_check *const checks = target_array(count, sizeof *checks);
  uint8_t *const answers = target_array(count, 1);
  for (size_t i = 0; i < count; i++) {
    const signature *const one = &all[(i + i / different * step) % different];
    checks[i] = (clanes_p256_check){.key = one->key->table, .signature = one->signature};
    memcpy(checks[i].digest, one->digest, 32);
  }
  clanes_unit units[2];
  for (size_t u = target_units(units); u-- > 0;) {
    memset(answers, 0xa5, count);
    clanes_p256_verify(units[u], checks, count, answers);
    for (size_t i = 0; i < count; i++) {
      compare(&all[(i + i / different * step) % different], units[u], i, count, answers[i]);
    }
  }
  for (size_t i = 0; i < different; i++) free(all[i].signature);
  free(checks);
  free(answers);
  return 0;
}
