// ECDSA's integers mod n, P-256's order, in plain C, and how they choose entries of the tables.
// Owns: the arithmetic mod n. Must never: see a secret (time and addresses depend on the values).

#include "p256_points.h"

// 2^512 mod n.
static const uint64_t square_r[4] = {
    0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620};

// out = a b / 2^256 mod n, below n, for a below 2^256 and b below n. The running sum t is below 2 n
// after each step, since it is at most (t + (2^64 - 1) (n + n)) / 2^64.
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

// One window's digit is 2 t + 1 - 2^bits, where t is its bits of u / 2; with u odd and a bit 1 set
// above the last window, the digits' sum is u. So no digit is 0, and the entry for t is its lower
// bits, all inverted where its highest bit is 0: then it is subtracted.
static void terms_of(const uint64_t u[4], const p256_point *multiples, int bits, int windows,
                     p256_term *terms) {
  // For even u it is n - u that is odd, and all terms change sign.
  uint64_t odd[5] = {u[0], u[1], u[2], u[3], (uint64_t)1 << (bits * windows - 256)};
  const uint64_t even = ~u[0] & 1;
  if (even) p256_minus(odd, p256_n.limb, u);
  const uint64_t lower = ((uint64_t)1 << (bits - 1)) - 1;
  for (int i = 0; i < windows; i++) {
    const int at = bits * i + 1;
    // Shifted in two steps, since a shift by 64 is none.
    const uint64_t t = odd[at / 64] >> at % 64 | odd[at / 64 + 1] << 1 << (63 - at % 64);
    const uint64_t minus = ~(t >> (bits - 1)) & 1;
    const uint64_t entry = (t ^ -minus) & lower;
    terms[i] = (p256_term)(multiples + ((size_t)i << (bits - 1)) + entry) | (minus ^ even);
  }
}

void clanes_p256_terms(const p256_case *cases, size_t count, p256_term terms[][P256_TERMS]) {
  // The product of all s before a case's.
  uint64_t before[P256_MOST][4], product[4] = {1, 0, 0, 0}, inverse[4];
  for (size_t i = 0; i < count; i++) {
    memcpy(before[i], product, sizeof product);
    multiply(product, product, cases[i].s);
  }
  p256_inverse(inverse, product, &p256_n);
  // So that 1 / s comes out as 2^256 / s.
  multiply(inverse, inverse, square_r);
  for (size_t i = count; i-- > 0;) {
    uint64_t of_s[4], u[4];
    multiply(of_s, inverse, before[i]);
    multiply(inverse, inverse, cases[i].s);
    multiply(u, cases[i].r, of_s);
    terms_of(u, cases[i].key->multiples, P256_KEY_BITS, P256_KEY_WINDOWS, terms[i]);
    multiply(u, cases[i].e, of_s);
    terms_of(u, clanes_p256_base(), P256_BASE_BITS, P256_BASE_WINDOWS, terms[i] + P256_KEY_WINDOWS);
  }
}
