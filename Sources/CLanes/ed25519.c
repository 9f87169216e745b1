// Ed25519 (RFC 8032) verification, many signatures at once.
// Owns: the kernel's interface and its portable twin. Must never: be given a secret, or judge by
// another equation than OpenSSL's: R is, octet for octet, the encoding of sB - hA.

#include "CLanes.h"
#include "ed25519_lanes.h"
#include "ed25519_scalar.h"
#include <stdlib.h>
#include <string.h>

clanes_ed25519_key *clanes_ed25519_key_new(const uint8_t octets[32]) {
  clanes_ed25519_key *key = aligned_alloc(_Alignof(clanes_ed25519_key), sizeof *key);
  if (key && !make_key_table(key, octets)) {
    free(key);
    return NULL;
  }
  return key;
}

void clanes_ed25519_key_free(clanes_ed25519_key *key) { free(key); }

size_t clanes_ed25519_key_bytes(void) { return sizeof(clanes_ed25519_key); }

/// `at` and the multiple of the table's point by `factor`.
static inline point sum_windows(
    point at, const multiple *table, const scalar *factor, int bits, int windows) {
  const int half = 1 << (bits - 1);
  for (int i = 0; i < windows; i++) {
    // The highest digit may have a bit more: above it there are none.
    const int digit = read_bits(factor, bits * i, bits + (i == windows - 1)) - half;
    at = sum(&at, table + abs(digit), digit < 0);
    table += half + 1;
  }
  return at;
}

/// 1 to BATCH of them.
static void verify_portable(const clanes_ed25519_check *checks, size_t count, uint8_t *answers) {
  const multiple *base = base_multiples();
  point sums[BATCH];
  element inverses[BATCH];
  for (size_t i = 0; i < count; i++) {
    digits read;
    answers[i] = read_digits(&read, checks[i].signature + 32, checks[i].hash) ? CLANES_VALID : 0;
    const point identity = {zero, one, one, zero};
    sums[i] = sum_windows(identity, base, &read.base, BASE_BITS, BASE_WINDOWS);
    sums[i] = sum_windows(sums[i], checks[i].key->table, &read.key, KEY_BITS, KEY_WINDOWS);
    inverses[i] = sums[i].z;
  }
  invert_each(inverses, count);
  for (size_t i = 0; i < count; i++) {
    packed r = pack(multiply(sums[i].y, inverses[i]));
    r.word[3] |= pack(multiply(sums[i].x, inverses[i])).word[0] << 63;
    const packed given = load_packed(checks[i].signature);
    if (memcmp(&r, &given, sizeof r) != 0) answers[i] = 0;
  }
}

void clanes_ed25519_verify(clanes_unit unit, const clanes_ed25519_check *checks, size_t count,
                           uint8_t *answers) {
  (void)unit;
  while (count > 0) {
    const size_t now = count < BATCH ? count : BATCH;
#if defined(__x86_64__)
    if (unit == CLANES_IFMA)
      verify_lanes(checks, now, answers);
    else
#endif
      verify_portable(checks, now, answers);
    checks += now, answers += now, count -= now;
  }
}
