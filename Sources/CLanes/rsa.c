// RSA's public operation s^65537 mod n: keys, and the plain twin of rsa_lanes.c.
// Owns: what is computed once of a modulus; Montgomery's multiplication in words of 64 bits. Must
// never: be given a secret (its time depends on the data), or answer otherwise than a plain
// s^65537 mod n.

#include "rsa_key.h"
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 uint128;

// Numbers are arrays of words, the lowest first.

static void words_of(uint64_t *words, const uint8_t *octets, size_t count) {
  for (size_t i = 0; i < count; i++) {
    const uint8_t *from = octets + 8 * (count - 1 - i);
    words[i] = 0;
    for (int j = 0; j < 8; j++) words[i] = words[i] << 8 | from[j];
  }
}

static void octets_of(uint8_t *octets, const uint64_t *words, size_t count) {
  for (size_t i = 0; i < 8 * count; i++) {
    octets[8 * count - 1 - i] = (uint8_t)(words[i / 8] >> (i % 8 * 8));
  }
}

static void limbs_of(uint64_t *limbs, const uint64_t *words, size_t octets) {
  for (size_t i = 0; i < rsa_limbs(octets); i++) {
    const size_t at = 52 * i / 64, shift = 52 * i % 64;
    const uint64_t low = at < octets / 8 ? words[at] : 0;
    const uint64_t high = at + 1 < octets / 8 ? words[at + 1] : 0;
    const uint128 both = (uint128)high << 64 | low;
    limbs[i] = (uint64_t)(both >> shift) & 0xfffffffffffff;
  }
}

// a - b, and what it borrows.
static uint64_t subtract(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t count) {
  uint64_t borrow = 0;
  for (size_t i = 0; i < count; i++) {
    const uint128 difference = (uint128)a[i] - b[i] - borrow;
    out[i] = (uint64_t)difference;
    borrow = (uint64_t)(difference >> 64) & 1;
  }
  return borrow;
}

// a and a word `top` above it, less than 2n together, mod n.
static void reduce(uint64_t *out, uint64_t top, const uint64_t *a, const clanes_rsa_key *key) {
  const size_t count = key->octets / 8;
  uint64_t less[RSA_WORDS];
  const uint64_t borrow = subtract(less, a, key->modulus, count);
  memmove(out, top >= borrow ? less : a, 8 * count);
}

// ab/R mod n, for a and b below n.
static void multiply(uint64_t *out, const uint64_t *a, const uint64_t *b,
                     const clanes_rsa_key *key) {
  const size_t count = key->octets / 8;
  const uint64_t *n = key->modulus;
  uint64_t t[RSA_WORDS + 1] = {0};
  for (size_t i = 0; i < count; i++) {
    // t = (t + a b[i] + q n) / 2^64 < 2n, for t < 2n. No sum overflows: (2^64 - 1)^2 and two words.
    uint128 x = (uint128)a[0] * b[i] + t[0];
    const uint64_t q = (uint64_t)x * key->inverse;
    uint128 y = (uint128)q * n[0] + (uint64_t)x;
    for (size_t j = 1; j < count; j++) {
      x = (uint128)a[j] * b[i] + t[j] + (x >> 64);
      y = (uint128)q * n[j] + (uint64_t)x + (y >> 64);
      t[j - 1] = (uint64_t)y;
    }
    y = (x >> 64) + (y >> 64) + t[count];
    t[count - 1] = (uint64_t)y;
    t[count] = (uint64_t)(y >> 64);
  }
  reduce(out, t[count], t, key);
}

// 2^(64 words + 2^squarings doublings) mod n.
static void power_of_two(uint64_t *out, size_t doublings, int squarings,
                         const clanes_rsa_key *key) {
  static const uint64_t zero[RSA_WORDS];
  const size_t count = key->octets / 8;
  // R - n: R mod n, for n is over R/2.
  subtract(out, zero, key->modulus, count);
  for (size_t i = 0; i < doublings; i++) {
    const uint64_t top = out[count - 1] >> 63;
    for (size_t j = count - 1; j > 0; j--) out[j] = out[j] << 1 | out[j - 1] >> 63;
    out[0] <<= 1;
    reduce(out, top, out, key);
  }
  for (int i = 0; i < squarings; i++) multiply(out, out, out, key);
}

clanes_rsa_key *clanes_rsa_key_new(const uint8_t *modulus, size_t octets) {
  if (octets != 256 && octets != 384 && octets != 512) return NULL;
  if (modulus[0] < 0x80 || modulus[octets - 1] % 2 == 0) return NULL;
  clanes_rsa_key *key = calloc(1, sizeof *key);
  if (key == NULL) return NULL;
  key->octets = octets;
  words_of(key->modulus, modulus, octets / 8);
  // Newton's steps for 1/n: n itself is right in 3 bits, and each doubles them.
  uint64_t inverse = key->modulus[0];
  for (int i = 0; i < 5; i++) inverse *= 2 - key->modulus[0] * inverse;
  key->inverse = 0 - inverse;

  power_of_two(key->square, octets / 8, 6, key);
  // The other R^2 is 2^(104 limbs), here with the factor 2^(64 words) that multiplying by 1 takes.
  uint64_t square[RSA_WORDS];
  const uint64_t one[RSA_WORDS] = {1};
  power_of_two(square, 104 * rsa_limbs(octets) / 32, 5, key);
  multiply(square, square, one, key);
  limbs_of(key->modulus52, key->modulus, octets);
  limbs_of(key->square52, square, octets);
  return key;
}

void clanes_rsa_key_free(clanes_rsa_key *key) { free(key); }

size_t clanes_rsa_key_bytes(size_t octets) {
  (void)octets;
  return sizeof(clanes_rsa_key);
}

// Whether the signature is below n; if so, what it opens to.
static uint32_t open_one(const clanes_rsa_key *key, const uint8_t *signature, uint8_t *out) {
  const size_t count = key->octets / 8;
  uint64_t s[RSA_WORDS], power[RSA_WORDS];
  words_of(s, signature, count);
  if (!subtract(power, s, key->modulus, count)) {
    memset(out, 0, key->octets);
    return 0;
  }
  multiply(power, s, key->square, key);
  for (int i = 0; i < 16; i++) multiply(power, power, power, key);
  multiply(power, power, s, key);
  octets_of(out, power, count);
  return 1;
}

uint32_t clanes_rsa_open(clanes_unit unit, size_t octets, const clanes_rsa_key *const *keys,
                         const uint8_t *const *signatures, size_t count, uint8_t *out) {
#if defined(__x86_64__)
  if (unit == CLANES_IFMA) return clanes_rsa_open_lanes(octets, keys, signatures, count, out);
#endif
  (void)unit;
  uint32_t below = 0;
  for (size_t i = 0; i < count; i++) {
    below |= open_one(keys[i], signatures[i], out + i * octets) << i;
  }
  return below;
}
