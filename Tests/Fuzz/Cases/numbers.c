// Numbers and octets out of a fuzzer's input.
// Owns: reading it. Must never: fail on an input, or read beyond it.

#include "shared.h"

BN_CTX *cases_context(void) {
  static BN_CTX *context;
  if (context == NULL) context = BN_CTX_new();
  return context;
}

uint8_t cases_octet(cases_input *in) {
  if (in->left == 0) return 0;
  in->left--;
  return *in->at++;
}

size_t cases_below(cases_input *in, size_t limit) {
  const size_t low = cases_octet(in);
  if (limit <= 256) return low % limit;
  return (low | (size_t)cases_octet(in) << 8) % limit;
}

void cases_octets(cases_input *in, uint8_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = cases_octet(in);
}

// SplitMix64.
static uint64_t next(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

void cases_expand(uint64_t seed, uint8_t *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (i % 8 == 0) seed = next(&seed);
    out[i] = (uint8_t)(seed >> i % 8 * 8);
  }
}

void cases_spread(cases_input *in, uint8_t *out, size_t count) {
  cases_expand(cases_below(in, 65536), out, count);
}

size_t cases_message(cases_input *in, uint8_t *out, size_t limit) {
  // Long ones are rare: they cost time and show little.
  size_t count = cases_octet(in);
  const uint8_t kind = cases_octet(in);
  if (kind >= 0xf0) count *= 16;
  if (count > limit) count = limit;
  if (kind % 2 == 0) {
    cases_spread(in, out, count);
  } else {
    cases_octets(in, out, count);
  }
  return count;
}

// Limbs of so many bits: how the kernels and OpenSSL cut their numbers, and windows.
static const int widths[8] = {64, 52, 51, 26, 32, 10, 8, 43};

static void number_of_limbs(cases_input *in, BIGNUM *out, int bits) {
  const int width = widths[cases_octet(in) % 8];
  uint8_t pattern[32], random[8];
  cases_spread(in, pattern, sizeof pattern);
  const uint8_t likes = cases_octet(in);
  BIGNUM *const limb = BN_new();
  BN_zero(out);
  for (int i = 0; i * width < bits; i++) {
    BN_lshift(out, out, width);
    switch ((pattern[i % 32] & likes) % 8) {
    case 0: break;
    case 1: case 2: case 3:
      BN_one(limb);
      BN_lshift(limb, limb, width);
      BN_sub_word(limb, 1);
      BN_add(out, out, limb);
      break;
    case 4: BN_add_word(out, 1); break;
    case 5:
      BN_one(limb);
      BN_lshift(limb, limb, width);
      BN_sub_word(limb, 2);
      BN_add(out, out, limb);
      break;
    default:
      cases_expand((uint64_t)pattern[i % 32] << 16 | (uint64_t)i, random, sizeof random);
      BN_bin2bn(random, sizeof random, limb);
      BN_mask_bits(limb, width);
      BN_add(out, out, limb);
    }
  }
  BN_free(limb);
}

// 2^a - 2^b, or -2^a + 2^b mod 2^bits.
static void run_of_ones(cases_input *in, BIGNUM *out, int bits) {
  const int a = (int)cases_below(in, (size_t)bits + 1), b = (int)cases_below(in, (size_t)bits + 1);
  BIGNUM *const other = BN_new();
  BN_zero(out);
  BN_set_bit(out, a);
  BN_zero(other);
  BN_set_bit(other, b);
  BN_sub(out, out, other);
  BN_free(other);
}

static void near_anchor(cases_input *in, BIGNUM *out, const BIGNUM *const *anchors) {
  size_t count = 0;
  while (anchors[count] != NULL) count++;
  const size_t which = cases_below(in, count + 1);
  if (which < count) {
    BN_copy(out, anchors[which]);
  } else {
    BN_zero(out);
  }
  const uint8_t away = cases_octet(in);
  // Mostly the anchor itself, or one beside it.
  const BN_ULONG by = away < 64 ? 0 : away < 128 ? 1 : away & 63;
  if (away & 1) {
    BN_add_word(out, by);
  } else {
    BN_sub_word(out, by);
  }
}

void cases_number(cases_input *in, BIGNUM *out, int bits, const BIGNUM *const *anchors) {
  uint8_t octets[512];
  const size_t count = (size_t)(bits + 7) / 8;
  const uint8_t kind = cases_octet(in) % 8;
  switch (kind) {
  case 0: case 1: case 2:
    if (kind == 0) {
      cases_octets(in, octets, count);
    } else {
      cases_spread(in, octets, count);
    }
    BN_bin2bn(octets, (int)count, out);
    break;
  case 3: case 4: number_of_limbs(in, out, bits); break;
  case 5: run_of_ones(in, out, bits); break;
  default: near_anchor(in, out, anchors);
  }
  // BN_mask_bits fails where there is nothing to cut off.
  if (BN_is_negative(out)) {
    BIGNUM *const whole = BN_new();
    BN_zero(whole);
    BN_set_bit(whole, bits);
    BN_add(out, out, whole);
    BN_free(whole);
  }
  if (BN_is_negative(out)) BN_set_negative(out, 0);
  BN_mask_bits(out, bits);
}

void cases_flip(cases_input *in, uint8_t *octets, size_t count) {
  const size_t bit = cases_below(in, 8 * count);
  octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
}
