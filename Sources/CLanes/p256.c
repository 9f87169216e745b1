// ECDSA verification over P-256, many signatures at once.
// Owns: the way from octets to answers. Must never: be given a secret, or answer otherwise than
// FIPS 186-5, 6.4.2 says.

#include "p256_points.h"
#include <stdlib.h>

// In [1, n - 1].
static int in_range(const uint64_t a[4]) {
  uint64_t rest[4];
  return (a[0] | a[1] | a[2] | a[3]) != 0 && p256_minus(rest, a, p256_n.limb);
}

// Whether r and s are in range; if not, the case is that of r = s = 1.
static int prepare(const clanes_p256_check *check, p256_case *out) {
  out->key = check->key;
  p256_load(out->r, check->signature);
  p256_load(out->s, check->signature + 32);
  p256_load(out->e, check->digest);
  if (in_range(out->r) && in_range(out->s)) return 1;
  const uint64_t harmless[4] = {1, 0, 0, 0};
  memcpy(out->r, harmless, sizeof harmless);
  memcpy(out->s, harmless, sizeof harmless);
  return 0;
}

void clanes_p256_verify(clanes_unit unit, const clanes_p256_check *checks, size_t count,
                        uint8_t *answers) {
  const p256_unit with = *clanes_p256_unit(unit);
  if (count == 0) return;
  const size_t most = count < with.batch ? count : with.batch;
  // Without memory, and where there are too few, each is judged alone.
  void *const scratch =
      count < with.least ? NULL : aligned_alloc(64, (with.scratch(most) + 63) / 64 * 64);
  for (size_t at = 0; at < count; at += most) {
    const size_t now = count - at < most ? count - at : most;
    p256_case cases[P256_MOST];
    uint8_t sums[P256_MOST];
    for (size_t i = 0; i < now; i++) {
      answers[at + i] = (uint8_t)prepare(&checks[at + i], &cases[i]);
    }
    if (scratch != NULL) with.judge(cases, now, scratch, sums);
    for (size_t i = 0; i < now; i++) {
      uint64_t second[4];
      if (!answers[at + i]) continue;
      if (scratch == NULL) {
        answers[at + i] = (uint8_t)clanes_p256_alone(&cases[i]);
      } else if (sums[i] == P256_OPEN || p256_second_x(second, cases[i].r)) {
        answers[at + i] = (uint8_t)clanes_p256_alone(&cases[i]) | CLANES_REDONE;
      } else {
        answers[at + i] = sums[i];
      }
    }
  }
  free(scratch);
}
