// Integers mod p = 2^255 - 19 in plain C: five limbs of 51 bits, little end first.
// Owns: that arithmetic and its octets. Must never: see a secret (it branches on what it computes).

#ifndef JOTMILL_CLANES_ED25519_FIELD_H
#define JOTMILL_CLANES_ED25519_FIELD_H

#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 uint128;

/// "Tight": each limb below 2^51 + 2^13. "Loose": each limb below 2^54. Products take loose ones
/// and give tight ones; a sum of four tight ones is loose.
typedef struct {
  uint64_t limb[5];
} element;

/// Below 2^255 and a word's low end first: how tables and encodings hold an element.
typedef struct {
  uint64_t word[4];
} packed;

enum { BATCH = 256 };

static const uint64_t low51 = ((uint64_t)1 << 51) - 1;
static const element zero = {{0}};
static const element one = {{1}};

static inline uint64_t load64(const uint8_t *octets) {
  uint64_t word = 0;
  for (int i = 0; i < 8; i++) word |= (uint64_t)octets[i] << (8 * i);
  return word;
}

static inline packed load_packed(const uint8_t octets[32]) {
  return (packed){{load64(octets), load64(octets + 8), load64(octets + 16), load64(octets + 24)}};
}

/// Bit 255 is left out. Tight.
static inline element unpack(const packed *a) {
  const uint64_t *word = a->word;
  return (element){{word[0] & low51, (word[0] >> 51 | word[1] << 13) & low51,
                    (word[1] >> 38 | word[2] << 26) & low51,
                    (word[2] >> 25 | word[3] << 39) & low51, (word[3] >> 12) & low51}};
}

/// Loose from a + b with limbs below 2^53 each.
static inline element add(element a, element b) {
  for (int i = 0; i < 5; i++) a.limb[i] += b.limb[i];
  return a;
}

/// a - b + 4p. Limbs of b are at most those of 4p, the lowest 2^53 - 76, as those of a sum of two
/// tight ones are; a's are below 2^53. Loose.
static inline element subtract(element a, element b) {
  const uint64_t four_p = ((uint64_t)1 << 53) - 4;
  a.limb[0] += four_p - 72 - b.limb[0];
  for (int i = 1; i < 5; i++) a.limb[i] += four_p - b.limb[i];
  return a;
}

/// Tight from columns below 2^115. Those of a product of loose ones: five terms below 2^108, of
/// which column i has 4 - i nineteenfold; the last has none, so that its carry is below 2^60 and 19
/// times that still is a word.
static inline element carry(uint128 c0, uint128 c1, uint128 c2, uint128 c3, uint128 c4) {
  c1 += (uint64_t)(c0 >> 51);
  c2 += (uint64_t)(c1 >> 51);
  c3 += (uint64_t)(c2 >> 51);
  c4 += (uint64_t)(c3 >> 51);
  const uint128 low = ((uint64_t)c0 & low51) + (uint128)19 * (uint64_t)(c4 >> 51);
  return (element){{(uint64_t)low & low51, ((uint64_t)c1 & low51) + (uint64_t)(low >> 51),
                    (uint64_t)c2 & low51, (uint64_t)c3 & low51, (uint64_t)c4 & low51}};
}

static inline element multiply(element a, element b) {
  const uint64_t a0 = a.limb[0], a1 = a.limb[1], a2 = a.limb[2], a3 = a.limb[3], a4 = a.limb[4];
  const uint64_t b0 = b.limb[0], b1 = b.limb[1], b2 = b.limb[2], b3 = b.limb[3], b4 = b.limb[4];
  const uint64_t n1 = 19 * b1, n2 = 19 * b2, n3 = 19 * b3, n4 = 19 * b4;
  return carry(
      (uint128)a0 * b0 + (uint128)a1 * n4 + (uint128)a2 * n3 + (uint128)a3 * n2 + (uint128)a4 * n1,
      (uint128)a0 * b1 + (uint128)a1 * b0 + (uint128)a2 * n4 + (uint128)a3 * n3 + (uint128)a4 * n2,
      (uint128)a0 * b2 + (uint128)a1 * b1 + (uint128)a2 * b0 + (uint128)a3 * n4 + (uint128)a4 * n3,
      (uint128)a0 * b3 + (uint128)a1 * b2 + (uint128)a2 * b1 + (uint128)a3 * b0 + (uint128)a4 * n4,
      (uint128)a0 * b4 + (uint128)a1 * b3 + (uint128)a2 * b2 + (uint128)a3 * b1 + (uint128)a4 * b0);
}

/// a to the power 2^times.
static inline element square(element a, int times) {
  do {
    const uint64_t a0 = a.limb[0], a1 = a.limb[1], a2 = a.limb[2], a3 = a.limb[3], a4 = a.limb[4];
    const uint64_t d0 = 2 * a0, d1 = 2 * a1, n3 = 19 * a3, n4 = 19 * a4;
    a = carry((uint128)a0 * a0 + (uint128)d1 * n4 + (uint128)(2 * a2) * n3,
              (uint128)d0 * a1 + (uint128)(2 * a2) * n4 + (uint128)a3 * n3,
              (uint128)d0 * a2 + (uint128)a1 * a1 + (uint128)(2 * a3) * n4,
              (uint128)d0 * a3 + (uint128)d1 * a2 + (uint128)a4 * n4,
              (uint128)d0 * a4 + (uint128)d1 * a3 + (uint128)a2 * a2);
  } while (--times > 0);
  return a;
}

/// a to the power 2^250 - 1, and to the power 11.
static element power_250(element a, element *power_11) {
  const element a2 = square(a, 1);
  const element a9 = multiply(square(a2, 2), a);
  *power_11 = multiply(a9, a2);
  const element x5 = multiply(square(*power_11, 1), a9);
  const element x10 = multiply(square(x5, 5), x5);
  const element x20 = multiply(square(x10, 10), x10);
  const element x40 = multiply(square(x20, 20), x20);
  const element x50 = multiply(square(x40, 10), x10);
  const element x100 = multiply(square(x50, 50), x50);
  const element x200 = multiply(square(x100, 100), x100);
  return multiply(square(x200, 50), x50);
}

/// a to the power p - 2 = 2^255 - 21.
static element invert(element a) {
  element power_11;
  const element x250 = power_250(a, &power_11);
  return multiply(square(x250, 5), power_11);
}

/// Puts in place of each of `count` elements, 1 to BATCH and none of them 0, its inverse, for one
/// inversion and three products each (Montgomery's trick).
static void invert_each(element *elements, size_t count) {
  element before[BATCH];
  element product = elements[0];
  for (size_t i = 1; i < count; i++) {
    before[i] = product;
    product = multiply(product, elements[i]);
  }
  element inverse = invert(product);
  for (size_t i = count - 1; i > 0; i--) {
    const element own = multiply(inverse, before[i]);
    inverse = multiply(inverse, elements[i]);
    elements[i] = own;
  }
  elements[0] = inverse;
}

/// The one representative below p of a loose one.
static packed pack(element a) {
  // The first round leaves limbs of 51 bits, but the lowest up to 152 above. If that carries in the
  // second round, what is left of it is below 152, so that 19 more leave a value below 2^255.
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 4; i++) {
      a.limb[i + 1] += a.limb[i] >> 51;
      a.limb[i] &= low51;
    }
    a.limb[0] += 19 * (a.limb[4] >> 51);
    a.limb[4] &= low51;
  }
  // a is at least p just where a + 19 reaches 2^255; then a - p is a + 19 without bit 255.
  uint64_t over = (a.limb[0] + 19) >> 51;
  for (int i = 1; i < 5; i++) over = (a.limb[i] + over) >> 51;
  a.limb[0] += 19 * over;
  for (int i = 0; i < 4; i++) {
    a.limb[i + 1] += a.limb[i] >> 51;
    a.limb[i] &= low51;
  }
  a.limb[4] &= low51;
  return (packed){{a.limb[0] | a.limb[1] << 51, a.limb[1] >> 13 | a.limb[2] << 38,
                   a.limb[2] >> 26 | a.limb[3] << 25, a.limb[3] >> 39 | a.limb[4] << 12}};
}

static int same(element a, element b) {
  const packed left = pack(a), right = pack(b);
  for (int i = 0; i < 4; i++)
    if (left.word[i] != right.word[i]) return 0;
  return 1;
}

#endif
