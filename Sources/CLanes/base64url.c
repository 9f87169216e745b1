// base64url text by 32 octets at once, with AVX2.

#include "CLanes.h"

#if defined(__x86_64__)
#include <immintrin.h>

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

__attribute__((target("avx2"))) static size_t word_prefix_avx2(const uint8_t *text, size_t count) {
  // As above, and the dot stands beside '-'.
  const __m256i wrong_low = _mm256_setr_epi8(
      0x25, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x23, 0x3b, 0x3b, 0x3a, 0x3a, 0x33,
      0x25, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x21, 0x23, 0x3b, 0x3b, 0x3a, 0x3a, 0x33);
  size_t at = 0;
  while (at + 32 <= count) {
    const __m256i letters = _mm256_loadu_si256((const __m256i *)(text + at));
    const __m256i low = _mm256_and_si256(letters, _mm256_set1_epi8(0x0f));
    const __m256i wrong =
        _mm256_and_si256(classes(high_half(letters)), _mm256_shuffle_epi8(wrong_low, low));
    const uint32_t good =
        (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(wrong, _mm256_setzero_si256()));
    if (good != 0xffffffff) return at + (size_t)__builtin_ctz(~good);
    at += 32;
  }
  return at;
}

// Asked once: the answer is kept by the compiler's run-time library, the operating system's consent
// to the wide registers included.
static inline int has_avx2(void) { return __builtin_cpu_supports("avx2"); }

size_t clanes_base64url_decode(const uint8_t *text, size_t count, uint8_t *out) {
  return count >= 32 && has_avx2() ? decode_avx2(text, count, out) : 0;
}

size_t clanes_word_prefix(const uint8_t *text, size_t count) {
  return count >= 32 && has_avx2() ? word_prefix_avx2(text, count) : 0;
}

#else

size_t clanes_base64url_decode(const uint8_t *text, size_t count, uint8_t *out) {
  (void)text, (void)count, (void)out;
  return 0;
}

size_t clanes_word_prefix(const uint8_t *text, size_t count) {
  (void)text, (void)count;
  return 0;
}

#endif
