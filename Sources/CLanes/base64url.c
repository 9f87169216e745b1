// base64url text by 64 octets at once with AVX-512, or by 32 with AVX2.

#include "CLanes.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define X 0x80

// Six bits for each letter, the top bit for all others; then where the octets of four times six
// bits stand, the last one first.
static const uint8_t values[128] __attribute__((aligned(64))) = {
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, 62, X, X,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X, X, X, X, X, X,
    X, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X, X, X, X, 63,
    X, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X, X, X, X, X,
};
static const uint8_t joined[64] __attribute__((aligned(64))) = {
    2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 18, 17, 16, 22,
    21, 20, 26, 25, 24, 30, 29, 28, 34, 33, 32, 38, 37, 36, 42, 41,
    40, 46, 45, 44, 50, 49, 48, 54, 53, 52, 58, 57, 56, 62, 61, 60,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
};

#undef X

__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static size_t decode_avx512(
    const uint8_t *text, size_t count, uint8_t *out) {
  const __m512i low = _mm512_load_si512(values), high = _mm512_load_si512(values + 64);
  const __m512i join = _mm512_load_si512(joined);
  const __mmask64 octets = 0xffffffffffff;
  size_t at = 0;
  while (at < count) {
    const size_t rest = count - at;
    // What is missing of the last block reads as the letter of zero.
    const __mmask64 there = rest >= 64 ? ~0ull : (1ull << rest) - 1;
    const __m512i letters = _mm512_mask_loadu_epi8(_mm512_set1_epi8('A'), there, text + at);
    __m512i bits = _mm512_permutex2var_epi8(low, letters, high);
    if (_mm512_movepi8_mask(_mm512_or_si512(bits, letters)) != 0) return at;
    // 4 x 6 bits: to 2 x 12, to 24, and these three octets to where they belong.
    bits = _mm512_maddubs_epi16(bits, _mm512_set1_epi32(0x01400140));
    bits = _mm512_madd_epi16(bits, _mm512_set1_epi32(0x00011000));
    bits = _mm512_maskz_permutexvar_epi8(octets, join, bits);
    if (rest >= 64) {
      _mm512_mask_storeu_epi8(out + at / 4 * 3, octets, bits);
      at += 64;
      continue;
    }
    // Bits that are not used stand in the octet behind the last one: they must be zero.
    const __mmask64 full = (1ull << (rest * 3 / 4)) - 1;
    if (rest % 4 == 1 || (_mm512_test_epi8_mask(bits, bits) & ~full) != 0) return at;
    _mm512_mask_storeu_epi8(out + at / 4 * 3, full, bits);
    return count;
  }
  return at;
}

// Classes of octets by their high half; `wrong_low` has a class's bit where the low half is not in
// it. 0x01: '-', 0x02: digits, 0x04: A-O and a-o, 0x08: P-Z and '_', 0x10: p-z, 0x20: all others.
__attribute__((target("avx2"))) static inline __m256i classes(__m256i high) {
  const __m256i by_high = _mm256_setr_epi8(
      0x20, 0x20, 0x01, 0x02, 0x04, 0x08, 0x04, 0x10, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20,
      0x20, 0x20, 0x01, 0x02, 0x04, 0x08, 0x04, 0x10, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20);
  return _mm256_shuffle_epi8(by_high, high);
}

__attribute__((target("avx2"))) static inline __m256i high_half(__m256i text) {
  return _mm256_and_si256(_mm256_srli_epi32(text, 4), _mm256_set1_epi8(0x0f));
}

__attribute__((target("avx2"))) static size_t decode_avx2(
    const uint8_t *text, size_t count, uint8_t *out) {
  const __m256i wrong_low = _mm256_setr_epi8(
      0x25, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x23, 0x3b, 0x3b, 0x3a, 0x3b, 0x33,
      0x25, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x23, 0x3b, 0x3b, 0x3a, 0x3b, 0x33);
  // What is added to a letter to get its six bits; '_' gets 33 more than its neighbours.
  const __m256i shifts = _mm256_setr_epi8(
      0, 0, 17, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0,
      0, 0, 17, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m256i pack = _mm256_setr_epi8(
      2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,
      2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
  const __m256i join = _mm256_setr_epi32(0, 1, 2, 4, 5, 6, -1, -1);
  size_t at = 0;
  while (at + 32 <= count) {
    const __m256i letters = _mm256_loadu_si256((const __m256i *)(text + at));
    const __m256i high = high_half(letters);
    const __m256i low = _mm256_and_si256(letters, _mm256_set1_epi8(0x0f));
    const __m256i wrong = _mm256_and_si256(classes(high), _mm256_shuffle_epi8(wrong_low, low));
    if (!_mm256_testz_si256(wrong, wrong)) break;
    const __m256i underscore = _mm256_cmpeq_epi8(letters, _mm256_set1_epi8('_'));
    __m256i bits = _mm256_add_epi8(letters, _mm256_shuffle_epi8(shifts, high));
    bits = _mm256_add_epi8(bits, _mm256_and_si256(underscore, _mm256_set1_epi8(33)));
    // 4 x 6 bits: to 2 x 12, to 24, and these three octets to where they belong.
    bits = _mm256_maddubs_epi16(bits, _mm256_set1_epi32(0x01400140));
    bits = _mm256_madd_epi16(bits, _mm256_set1_epi32(0x00011000));
    bits = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(bits, pack), join);
    _mm256_storeu_si256((__m256i *)(out + at / 4 * 3), bits);
    at += 32;
  }
  return at;
}

size_t clanes_base64url_decode(clanes_text most, const uint8_t *text, size_t count, uint8_t *out) {
  switch (clanes_text_best(most)) {
  case CLANES_TEXT_AVX512: return decode_avx512(text, count, out);
  case CLANES_TEXT_AVX2: return decode_avx2(text, count, out);
  case CLANES_TEXT_PORTABLE: return 0;
  }
}

#else

size_t clanes_base64url_decode(clanes_text most, const uint8_t *text, size_t count, uint8_t *out) {
  (void)most, (void)text, (void)count, (void)out;
  return 0;
}

#endif
