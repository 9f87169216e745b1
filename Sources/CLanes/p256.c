// ECDSA verification over P-256, many signatures at once.
// Owns: the integers mod n, and the way from octets to answers. Must never: be given a secret, or
// answer otherwise than FIPS 186-5, 6.4.2 says.

#include "p256_points.h"
#include <stdlib.h>

// 2^512 mod n.
static const uint64_t square_r[4] = {
    0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620};

// out = a b / 2^256 mod n, below n. a is below 2^256 and b below n: the running sum stays below
// 2^64 (2^256 + n), and ends below 2 n.
static void multiply(uint64_t out[4], const uint64_t a[4], const uint64_t b[4]) {
  uint64_t t[5] = {0};
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    p256_wide sum = (p256_wide)a[i] * b[0] + t[0];
    const uint64_t m = (uint64_t)sum * p256_n.minus_inverse;
    p256_wide with = (p256_wide)m * p256_n.limb[0] + (uint64_t)sum;
#pragma clang loop unroll(full)
    for (int j = 1; j < 4; j++) {
      sum = (p256_wide)a[i] * b[j] + t[j] + (uint64_t)(sum >> 64);
      with = (p256_wide)m * p256_n.limb[j] + (uint64_t)sum + (uint64_t)(with >> 64);
      t[j - 1] = (uint64_t)with;
    }
    sum = (p256_wide)t[4] + (uint64_t)(sum >> 64) + (uint64_t)(with >> 64);
    t[3] = (uint64_t)sum;
    t[4] = (uint64_t)(sum >> 64);
  }
  p256_below(out, t, t[4], p256_n.limb);
}

// In [1, n - 1].
static int in_range(const uint64_t a[4]) {
  uint64_t rest[4];
  return (a[0] | a[1] | a[2] | a[3]) != 0 && p256_subtract(rest, a, p256_n.limb);
}

// u1, u2 and r of every check. `answers`: whether r and s are in range; where not, the case is that
// of r = s = 1.
static void prepare(const clanes_p256_check *checks, size_t count, p256_case *cases,
                    uint8_t *answers) {
  const uint64_t harmless[4] = {1, 0, 0, 0};
  uint64_t product[4] = {1, 0, 0, 0};
  for (size_t i = 0; i < count; i++) {
    // Until s is inverted, u1 holds it, and u2 the product of all s before it.
    p256_case *const one = &cases[i];
    one->key = checks[i].key;
    p256_load(one->r, checks[i].signature);
    p256_load(one->u1, checks[i].signature + 32);
    answers[i] = in_range(one->r) && in_range(one->u1);
    if (!answers[i]) {
      memcpy(one->r, harmless, sizeof harmless);
      memcpy(one->u1, harmless, sizeof harmless);
    }
    memcpy(one->u2, product, sizeof product);
    multiply(product, product, one->u1);
  }
  uint64_t inverse[4];
  p256_inverse(inverse, product, &p256_n);
  // So that 1 / s comes out as 2^256 / s.
  multiply(inverse, inverse, square_r);
  for (size_t i = count; i-- > 0;) {
    p256_case *const one = &cases[i];
    uint64_t of_s[4], digest[4];
    multiply(of_s, inverse, one->u2);
    multiply(inverse, inverse, one->u1);
    p256_load(digest, checks[i].digest);
    multiply(one->u1, digest, of_s);
    multiply(one->u2, one->r, of_s);
  }
}

void clanes_p256_verify(clanes_unit unit, const clanes_p256_check *checks, size_t count,
                        uint8_t *answers) {
  const p256_unit with = *p256_unit_of(unit);
  if (count == 0) return;
  const size_t most = count < with.batch ? count : with.batch;
  void *const scratch = count < with.least ? NULL : aligned_alloc(64, with.scratch(most));
  for (size_t at = 0; at < count; at += most) {
    const size_t now = count - at < most ? count - at : most;
    p256_case cases[P256_MOST];
    uint8_t sums[P256_MOST];
    prepare(checks + at, now, cases, answers + at);
    if (scratch != NULL) with.judge(cases, now, scratch, sums);
    for (size_t i = 0; i < now; i++) {
      uint64_t second[4];
      if (!answers[at + i]) continue;
      if (scratch == NULL) {
        answers[at + i] = (uint8_t)p256_alone(&cases[i]);
      } else if (sums[i] == P256_OPEN || p256_second_x(second, cases[i].r)) {
        answers[at + i] = (uint8_t)p256_alone(&cases[i]) | CLANES_REDONE;
      } else {
        answers[at + i] = sums[i];
      }
    }
  }
  free(scratch);
}
