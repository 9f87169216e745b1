// Inverses modulo an odd number below 2^256, by the division steps of Bernstein and Yang
// (https://gcd.cr.yp.to/safegcd-20190413.pdf), as many at a time as the low bits tell.
// Owns: this one algorithm. Must never: see a secret (its time depends on the values).

#ifndef JOTMILL_P256_INVERSE_H
#define JOTMILL_P256_INVERSE_H

#include <stdint.h>

typedef unsigned __int128 p256_wide;
typedef __int128 p256_signed_wide;

typedef struct {
  uint64_t limb[4];
  /// -1 / modulus mod 2^64.
  uint64_t minus_inverse;
} p256_modulus;

// Numbers here are five limbs of 62 bits, the highest one signed.
enum { P256_STEPS = 62 };
#define P256_LOW62 (UINT64_MAX >> 2)

/// 2^62 times the matrix that P256_STEPS division steps apply to (f, g). The sums |a| + |b| and
/// |c| + |d| are at most 2^62.
typedef struct {
  int64_t a, b, c, d;
} p256_matrix;

// f is odd. `delta` is Bernstein and Yang's, negated: below 0 where f and g change places.
static inline p256_matrix p256_steps(int64_t *delta, uint64_t f, uint64_t g) {
  uint64_t a = 1, b = 0, c = 0, d = 1;
  int64_t eta = *delta;
  int left = P256_STEPS;
  for (;;) {
    const int zeros = __builtin_ctzll(g | UINT64_MAX << left);
    g >>= zeros;
    a <<= zeros;
    b <<= zeros;
    eta -= zeros;
    left -= zeros;
    if (left == 0) break;
    if (eta < 0) {
      eta = -eta;
      uint64_t swap = f;
      f = g, g = -swap;
      swap = a, a = c, c = -swap;
      swap = b, b = d, d = -swap;
    }
    // So many low bits of g can be cleared before f and g change places again; 6 at most, since
    // -1 / f = f (f^2 - 2) mod 64.
    const int64_t limit = eta + 1 < left ? eta + 1 : left;
    const uint64_t mask = limit < 6 ? (1u << limit) - 1 : 63;
    const uint64_t times = f * g * (f * f - 2) & mask;
    g += f * times;
    c += a * times;
    d += b * times;
  }
  *delta = eta;
  return (p256_matrix){(int64_t)a, (int64_t)b, (int64_t)c, (int64_t)d};
}

// x, y = (a x + b y) / 2^62 and (c x + d y) / 2^62. Where these divisions would leave a remainder,
// `times_x` and `times_y` times m are added first. Each sum is below 2^127: the matrix's rows add
// up to at most 2^62, limbs are below 2^62, and `times` is below 2^63.
static inline void p256_apply(p256_matrix t, int64_t x[5], int64_t y[5], const int64_t m[5],
                              int64_t times_x, int64_t times_y) {
  p256_signed_wide sum_x = 0, sum_y = 0;
  for (int i = 0; i < 5; i++) {
    const int64_t xi = x[i], yi = y[i];
    sum_x += (p256_signed_wide)t.a * xi + (p256_signed_wide)t.b * yi;
    sum_y += (p256_signed_wide)t.c * xi + (p256_signed_wide)t.d * yi;
    sum_x += (p256_signed_wide)m[i] * times_x;
    sum_y += (p256_signed_wide)m[i] * times_y;
    if (i > 0) {
      x[i - 1] = (int64_t)((uint64_t)sum_x & P256_LOW62);
      y[i - 1] = (int64_t)((uint64_t)sum_y & P256_LOW62);
    }
    sum_x >>= P256_STEPS;
    sum_y >>= P256_STEPS;
  }
  x[4] = (int64_t)sum_x;
  y[4] = (int64_t)sum_y;
}

// What p256_apply must add of m for a sum that starts with `low`, so that its low 62 bits become 0;
// `start` of it, given for the signs of x and y, keeps both between -2m and m.
static inline int64_t p256_times(int64_t start, uint64_t low, uint64_t minus_inverse) {
  return start - (int64_t)(((uint64_t)start - minus_inverse * low) & P256_LOW62);
}

static inline void p256_split62(int64_t out[5], const uint64_t in[4]) {
  out[0] = (int64_t)(in[0] & P256_LOW62);
  out[1] = (int64_t)((in[0] >> 62 | in[1] << 2) & P256_LOW62);
  out[2] = (int64_t)((in[1] >> 60 | in[2] << 4) & P256_LOW62);
  out[3] = (int64_t)((in[2] >> 58 | in[3] << 6) & P256_LOW62);
  out[4] = (int64_t)(in[3] >> 56);
}

// x = sign x + add m, where `sign` is 1 or -1, and `add` 0 or 1.
static inline void p256_adjust62(int64_t x[5], int64_t sign, const int64_t m[5], int64_t add) {
  int64_t carry = 0;
  for (int i = 0; i < 5; i++) {
    const int64_t sum = x[i] * sign + m[i] * add + carry;
    x[i] = i < 4 ? (int64_t)((uint64_t)sum & P256_LOW62) : sum;
    carry = sum >> P256_STEPS;
  }
}

/// out = 1 / in mod `modulus`, below it. `in` is not 0, below the modulus, and prime to it.
static inline void p256_inverse(uint64_t out[4], const uint64_t in[4],
                                const p256_modulus *modulus) {
  // At all times f = d in and g = e in, mod m; at the end g = 0 and f = 1 or -1.
  int64_t m[5], f[5], g[5], d[5] = {0}, e[5] = {1}, delta = -1;
  const int64_t none[5] = {0};
  p256_split62(m, modulus->limb);
  p256_split62(f, modulus->limb);
  p256_split62(g, in);
  while (g[0] | g[1] | g[2] | g[3] | g[4]) {
    // The low limbs are below 2^62: enough for 62 steps.
    const p256_matrix t = p256_steps(&delta, (uint64_t)f[0], (uint64_t)g[0]);
    const int64_t d_sign = d[4] >> 63, e_sign = e[4] >> 63;
    const uint64_t d_low = (uint64_t)t.a * (uint64_t)d[0] + (uint64_t)t.b * (uint64_t)e[0];
    const uint64_t e_low = (uint64_t)t.c * (uint64_t)d[0] + (uint64_t)t.d * (uint64_t)e[0];
    p256_apply(t, d, e, m,
               p256_times((t.a & d_sign) + (t.b & e_sign), d_low, modulus->minus_inverse),
               p256_times((t.c & d_sign) + (t.d & e_sign), e_low, modulus->minus_inverse));
    p256_apply(t, f, g, none, 0, 0);
  }
  p256_adjust62(d, 1, m, d[4] < 0);
  p256_adjust62(d, f[4] < 0 ? -1 : 1, m, 0);
  p256_adjust62(d, 1, m, d[4] < 0);
  for (int i = 0; i < 4; i++) {
    out[i] = (uint64_t)d[i] >> 2 * i | (uint64_t)d[i + 1] << (62 - 2 * i);
  }
}

#endif
