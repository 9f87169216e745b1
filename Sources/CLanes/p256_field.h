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

// a + b + carry; the new carry, 0 or 1, in its place.
P256_INLINE uint64_t p256_with_carry(uint64_t a, uint64_t b, uint64_t *carry) {
  const p256_wide sum = (p256_wide)a + b + *carry;
  *carry = (uint64_t)(sum >> 64);
  return (uint64_t)sum;
}

/// out = a + b mod 2^256; returns the carry.
P256_INLINE uint64_t p256_plus(uint64_t out[4], const uint64_t a[4], const uint64_t b[4]) {
  uint64_t carry = 0;
  for (int i = 0; i < 4; i++) out[i] = p256_with_carry(a[i], b[i], &carry);
  return carry;
}

/// out = a - b mod 2^256; returns 1 where a < b, else 0. Compilers know this form of it.
P256_INLINE uint64_t p256_minus(uint64_t out[4], const uint64_t a[4], const uint64_t b[4]) {
  uint64_t borrow = 0;
  for (int i = 0; i < 4; i++) {
    const uint64_t difference = a[i] - b[i], less = a[i] < b[i];
    out[i] = difference - borrow;
    borrow = less | (difference < borrow);
  }
  return borrow;
}

// a + 2^256 `high`, below 2 m, is taken below m, which is odd: by adding 2^256 - m.
P256_INLINE void p256_below(uint64_t out[4], const uint64_t a[4], uint64_t high,
                            const uint64_t m[4]) {
  uint64_t less[4];
  const uint64_t minus[4] = {~m[0] + 1, ~m[1], ~m[2], ~m[3]};
  const uint64_t take = -(p256_plus(less, a, minus) | high);
  for (int i = 0; i < 4; i++) out[i] = take ? less[i] : a[i];
}

P256_INLINE p256_fe p256_sub(p256_fe a, p256_fe b) {
  const uint64_t borrow = p256_minus(a.limb, a.limb, b.limb);
  uint64_t p[4];
  for (int i = 0; i < 4; i++) p[i] = p256_p.limb[i] & -borrow;
  p256_plus(a.limb, a.limb, p);
  return a;
}

P256_INLINE p256_fe p256_add(p256_fe a, p256_fe b) {
  const uint64_t carry = p256_plus(a.limb, a.limb, b.limb);
  p256_below(a.limb, a.limb, carry, p256_p.limb);
  return a;
}

P256_INLINE p256_fe p256_negate(p256_fe a) { return p256_sub((p256_fe){{0}}, a); }

// a b / 2^256 mod p. The running sum t is below 2 p after each step, since it is at most
// (t + (2^64 - 1) (p + p)) / 2^64. Within a step it is below 2^321: five limbs and a bit.
P256_INLINE p256_fe p256_mul(p256_fe a, p256_fe b) {
  uint64_t t0 = 0, t1 = 0, t2 = 0, t3 = 0, t4 = 0;
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const p256_wide x0 = (p256_wide)a.limb[0] * b.limb[i], x1 = (p256_wide)a.limb[1] * b.limb[i];
    const p256_wide x2 = (p256_wide)a.limb[2] * b.limb[i], x3 = (p256_wide)a.limb[3] * b.limb[i];
    // Low and high halves by themselves, so that each chain of carries has no more to wait for.
    uint64_t low = 0, high = 0, top = 0;
    t0 = p256_with_carry(t0, (uint64_t)x0, &low);
    t1 = p256_with_carry(t1, (uint64_t)x1, &low);
    t2 = p256_with_carry(t2, (uint64_t)x2, &low);
    t3 = p256_with_carry(t3, (uint64_t)x3, &low);
    t4 = p256_with_carry(t4, 0, &low);
    t1 = p256_with_carry(t1, (uint64_t)(x0 >> 64), &high);
    t2 = p256_with_carry(t2, (uint64_t)(x1 >> 64), &high);
    t3 = p256_with_carry(t3, (uint64_t)(x2 >> 64), &high);
    t4 = p256_with_carry(t4, (uint64_t)(x3 >> 64), &high);

    // m p is added, with p = -1 mod 2^64, which clears the lowest limb; the rest of p is
    // 2^96 + 2^192 P256_P3.
    const uint64_t m = t0;
    const p256_wide m3 = (p256_wide)m * P256_P3;
    t0 = p256_with_carry(t1, m << 32, &top);
    t1 = p256_with_carry(t2, m >> 32, &top);
    t2 = p256_with_carry(t3, (uint64_t)m3, &top);
    t3 = p256_with_carry(t4, (uint64_t)(m3 >> 64), &top);
    t4 = low + high + top;
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
