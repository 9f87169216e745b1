// Integers mod p, P-256's field, in four limbs of 64 bits: plain C.
// Owns: the field's arithmetic. Must never: see a secret (time may depend on values).
//
// A p256_fe stands for its limbs times 2^-256 mod p (Montgomery's form). The limbs are an integer
// below p, in all arguments and results; so equal elements have equal limbs.

#ifndef JOTMILL_P256_FIELD_H
#define JOTMILL_P256_FIELD_H

#include "p256_inverse.h"

typedef struct {
  uint64_t limb[4];
} p256_fe;

#define P256_INLINE static inline __attribute__((always_inline))

// The highest limb of p = 2^256 - 2^224 + 2^192 + 2^96 - 1.
#define P256_P3 0xffffffff00000001

static const p256_modulus p256_p = {{UINT64_MAX, 0xffffffff, 0, P256_P3}, 1};

static const p256_fe p256_one = {{1, 0xffffffff00000000, UINT64_MAX, 0xfffffffe}};
// p256_mul with them takes a plain integer to its form, and the inverse of an element's limbs to
// the inverse's form: 2^512 and 2^768 mod p.
static const p256_fe p256_to_form = {
    {3, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd}};
static const p256_fe p256_inverse_to_form = {
    {0xfffffffd0000000a, 0xffffffedfffffff7, 0x00000005fffffffc, 0x0000001800000001}};

static inline int p256_is_zero(p256_fe a) {
  return (a.limb[0] | a.limb[1] | a.limb[2] | a.limb[3]) == 0;
}

static inline int p256_equal(p256_fe a, p256_fe b) {
  return ((a.limb[0] ^ b.limb[0]) | (a.limb[1] ^ b.limb[1]) | (a.limb[2] ^ b.limb[2]) |
          (a.limb[3] ^ b.limb[3])) == 0;
}

/// out = a - b mod 2^256; returns 1 where a < b, else 0.
static inline uint64_t p256_subtract(uint64_t out[4], const uint64_t a[4], const uint64_t b[4]) {
  uint64_t borrow = 0;
  for (int i = 0; i < 4; i++) {
    const p256_wide difference = (p256_wide)a[i] - b[i] - borrow;
    out[i] = (uint64_t)difference;
    borrow = (uint64_t)(difference >> 64) & 1;
  }
  return borrow;
}

// a + 2^256 `high`, below 2 m, is taken below m.
static inline void p256_below(uint64_t out[4], const uint64_t a[4], uint64_t high,
                              const uint64_t m[4]) {
  uint64_t less[4];
  const uint64_t keep = -(uint64_t)(p256_subtract(less, a, m) > high);
  for (int i = 0; i < 4; i++) out[i] = (a[i] & keep) | (less[i] & ~keep);
}

P256_INLINE p256_fe p256_sub(p256_fe a, p256_fe b) {
  p256_fe out;
  const uint64_t borrow = p256_subtract(out.limb, a.limb, b.limb);
  p256_wide sum = 0;
  for (int i = 0; i < 4; i++) {
    sum += (p256_wide)out.limb[i] + (p256_p.limb[i] & -borrow);
    out.limb[i] = (uint64_t)sum;
    sum >>= 64;
  }
  return out;
}

P256_INLINE p256_fe p256_add(p256_fe a, p256_fe b) {
  p256_wide sum = 0;
  for (int i = 0; i < 4; i++) {
    sum += (p256_wide)a.limb[i] + b.limb[i];
    a.limb[i] = (uint64_t)sum;
    sum >>= 64;
  }
  p256_below(a.limb, a.limb, (uint64_t)sum, p256_p.limb);
  return a;
}

P256_INLINE p256_fe p256_negate(p256_fe a) { return p256_sub((p256_fe){{0}}, a); }

// a b / 2^256 mod p. The running sum is below 2 * 2^64 p before each step divides it by 2^64, so
// that five limbs and a bit hold it, and it ends below 2 p.
P256_INLINE p256_fe p256_mul(p256_fe a, p256_fe b) {
  uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    p256_wide sum = (p256_wide)a.limb[0] * b.limb[i] + t0;
    // What is added of p, so that the lowest limb becomes 0: p = -1 mod 2^64.
    const uint64_t m = (uint64_t)sum;
    sum = (p256_wide)a.limb[1] * b.limb[i] + t1 + (uint64_t)(sum >> 64);
    t1 = (uint64_t)sum;
    sum = (p256_wide)a.limb[2] * b.limb[i] + t2 + (uint64_t)(sum >> 64);
    t2 = (uint64_t)sum;
    sum = (p256_wide)a.limb[3] * b.limb[i] + t3 + (uint64_t)(sum >> 64);
    t3 = (uint64_t)sum;
    const p256_wide high = (p256_wide)t4 + (uint64_t)(sum >> 64);

    // m (2^96 + 2^192 P256_P3), beside the -m that has cleared the lowest limb.
    sum = (p256_wide)t1 + (m << 32);
    t0 = (uint64_t)sum;
    sum = (p256_wide)t2 + (m >> 32) + (uint64_t)(sum >> 64);
    t1 = (uint64_t)sum;
    sum = (p256_wide)m * P256_P3 + t3 + (uint64_t)(sum >> 64);
    t2 = (uint64_t)sum;
    sum = high + (uint64_t)(sum >> 64);
    t3 = (uint64_t)sum;
    t4 = (uint64_t)(sum >> 64);
  }
  const uint64_t t[4] = {t0, t1, t2, t3};
  p256_fe out;
  p256_below(out.limb, t, t4, p256_p.limb);
  return out;
}

P256_INLINE p256_fe p256_sqr(p256_fe a) { return p256_mul(a, a); }

/// 1 / a; 0 has none.
P256_INLINE p256_fe p256_invert(p256_fe a) {
  p256_fe out;
  p256_inverse(out.limb, a.limb, &p256_p);
  return p256_mul(out, p256_inverse_to_form);
}

#endif
