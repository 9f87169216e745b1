// Points of P-256, tables of their multiples, and sums of table entries: what both units share.
// Owns: how a multiple u P is written as a sum of table entries. Must never: see a secret.

#ifndef JOTMILL_P256_POINTS_H
#define JOTMILL_P256_POINTS_H

#include "CLanes.h"
#include "p256_field.h"
#include <string.h>

/// A point in affine form, never infinity: one line of the cache.
typedef struct {
  _Alignas(64) p256_fe x;
  p256_fe y;
} p256_point;

// u is cut into windows of so many bits; entry k of window i is (2k + 1) 2^(bits i) P.
enum {
  P256_KEY_BITS = 8,
  P256_KEY_WINDOWS = 32,
  P256_BASE_BITS = 11,
  P256_BASE_WINDOWS = 24,
  P256_TERMS = P256_KEY_WINDOWS + P256_BASE_WINDOWS,
};

struct clanes_p256_key {
  p256_point multiples[P256_KEY_WINDOWS << (P256_KEY_BITS - 1)];
};

/// The multiples of G, made once.
const p256_point *clanes_p256_base(void);

/// A table entry's address, plus 1 where it is subtracted.
typedef uintptr_t p256_term;

static inline p256_point p256_entry(p256_term term) {
  p256_point point = *(const p256_point *)(term & ~(p256_term)1);
  if (term & 1) point.y = p256_negate(point.y);
  return point;
}

/// One signature: r and s in [1, n - 1], and the digest, all in plain form.
typedef struct {
  const clanes_p256_key *key;
  uint64_t r[4], s[4], e[4];
} p256_case;

/// For each of up to P256_MOST cases u1 G + u2 Q as a sum of P256_TERMS terms, where u1 = e / s and
/// u2 = r / s mod n. Q's are the first P256_KEY_WINDOWS. u1 = 0 gives G's terms the sum n G.
void clanes_p256_terms(const p256_case *cases, size_t count, p256_term terms[][P256_TERMS]);

/// Whether x(u1 G + u2 Q) = r mod n, by formulas for all points.
int clanes_p256_alone(const p256_case *a_case);

/// The sum of a and b, of which x differs, given 1 / (b.x - a.x).
static inline p256_point p256_chord(p256_point a, p256_point b, p256_fe inverse) {
  const p256_fe slope = p256_mul(p256_sub(b.y, a.y), inverse);
  p256_point sum;
  sum.x = p256_sub(p256_sub(p256_sqr(slope), a.x), b.x);
  sum.y = p256_sub(p256_mul(slope, p256_sub(a.x, sum.x)), a.y);
  return sum;
}

/// What a unit says of a case: 0, CLANES_VALID, or P256_OPEN where two points that it had to add
/// have equal x: then clanes_p256_alone must judge it. r + n is not looked at.
enum { P256_OPEN = 4, P256_MOST = 128 };

typedef struct {
  /// How many cases are worth its while, and how many it takes at once: P256_MOST at most.
  size_t least, batch;
  /// What it needs of memory for `count` cases, aligned to 64.
  size_t (*scratch)(size_t count);
  void (*judge)(const p256_case *cases, size_t count, void *scratch, uint8_t *answers);
} p256_unit;

extern const p256_unit clanes_p256_portable;
const p256_unit *clanes_p256_unit(clanes_unit unit);

/// The order of P-256's points.
static const p256_modulus p256_n = {
    {0xf3b9cac2fc632551, 0xbce6faada7179e84, UINT64_MAX, 0xffffffff00000000}, 0xccd1c8aaee00bc4f};

/// From big-endian octets.
static inline void p256_load(uint64_t out[4], const uint8_t octets[32]) {
  for (int i = 0; i < 4; i++) {
    uint64_t word = 0;
    for (int j = 0; j < 8; j++) word = word << 8 | octets[24 - 8 * i + j];
    out[i] = word;
  }
}

/// Where r + n is below p, it may be the sum's x too. Returns 0 where it is not.
static inline int p256_second_x(uint64_t out[4], const uint64_t r[4]) {
  uint64_t rest[4];
  return !p256_plus(out, r, p256_n.limb) && p256_minus(rest, out, p256_p.limb);
}

#endif
