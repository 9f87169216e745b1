// Which instructions the kernels for text use; words, and the strings of JSON.

#include "CLanes.h"

#include <string.h>

clanes_text clanes_text_best(clanes_text most) {
#if defined(__x86_64__)
  // Asked once: the answer is kept by the compiler's run-time library, the operating system's
  // consent to the wide registers included.
  if (most >= CLANES_TEXT_AVX512 && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vbmi"))
    return CLANES_TEXT_AVX512;
  if (most >= CLANES_TEXT_AVX2 && __builtin_cpu_supports("avx2")) return CLANES_TEXT_AVX2;
#else
  (void)most;
#endif
  return CLANES_TEXT_PORTABLE;
}

// A bit for each letter and dot among the octets below 64, and among the 64 above them.
static const uint64_t word_below = 1ull << '-' | 1ull << '.' | 0x3ffull << '0';
static const uint64_t word_above =
    0x3ffffffull << ('A' - 64) | 1ull << ('_' - 64) | 0x3ffffffull << ('a' - 64);

// Adds up to 64 octets of which `good` begin a word on; whether it may go on behind them.
static inline int extend(clanes_word *word, uint64_t good, uint64_t dots) {
  const size_t more = ~good == 0 ? 64 : (size_t)__builtin_ctzll(~good);
  if (more < 64) dots &= (1ull << more) - 1;
  for (; dots != 0; dots &= dots - 1) {
    if (word->dots < 2) word->dot[word->dots] = word->count + (size_t)__builtin_ctzll(dots);
    word->dots++;
  }
  word->count += more;
  return more == 64;
}

static clanes_word word_portable(const uint8_t *text, size_t count) {
  clanes_word word = {0};
  while (word.count < count) {
    const uint8_t c = text[word.count];
    const uint64_t good = c < 64 ? word_below >> c : c < 128 ? word_above >> (c - 64) : 0;
    if ((good & 1) == 0) break;
    extend(&word, 1, c == '.');
  }
  return word;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx512f,avx512bw,avx512vbmi"))) static clanes_word word_avx512(
    const uint8_t *text, size_t count) {
  const __m512i below = _mm512_maskz_set1_epi8(word_below, -1);
  const __m512i above = _mm512_maskz_set1_epi8(word_above, -1);
  clanes_word word = {0};
  while (word.count < count) {
    const size_t rest = count - word.count;
    // What is missing reads as zero, which is no letter.
    const __mmask64 there = rest >= 64 ? ~0ull : (1ull << rest) - 1;
    const __m512i octets = _mm512_maskz_loadu_epi8(there, text + word.count);
    const __m512i letters = _mm512_permutex2var_epi8(below, octets, above);
    // The look-up takes no notice of the top bit: it must be in the letters, and not in the octets.
    const __mmask64 good = _mm512_movepi8_mask(_mm512_andnot_si512(octets, letters));
    if (!extend(&word, good, _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8('.')))) break;
  }
  return word;
}

__attribute__((target("avx512f,avx512bw"))) static void marks_avx512(
    const uint8_t *text, size_t count, uint64_t *marks) {
  for (size_t at = 0; at <= count; at += 64) {
    const size_t rest = count - at;
    const __mmask64 there = rest >= 64 ? ~0ull : (1ull << rest) - 1;
    const __m512i octets = _mm512_maskz_loadu_epi8(there, text + at);
    // Signed: what is no ASCII is below a space too, and so is what is missing.
    marks[at / 64] = _mm512_cmplt_epi8_mask(octets, _mm512_set1_epi8(0x20)) |
                     _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8('"')) |
                     _mm512_cmpeq_epi8_mask(octets, _mm512_set1_epi8('\\'));
  }
}

// A bit for each of 64 octets at `text`, made of what `half` says of 32.
#define BOTH_HALVES(half, text) \
  ((uint64_t)half(_mm256_loadu_si256((const __m256i *)(text))) | \
   (uint64_t)half(_mm256_loadu_si256((const __m256i *)((text) + 32))) << 32)

__attribute__((target("avx2"))) static inline uint32_t dots_avx2(__m256i octets) {
  return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(octets, _mm256_set1_epi8('.')));
}

__attribute__((target("avx2"))) static inline __m256i between(__m256i octets, char first, char last) {
  // Signed: what is no ASCII is below everything.
  return _mm256_andnot_si256(
      _mm256_cmpgt_epi8(octets, _mm256_set1_epi8(last)),
      _mm256_cmpgt_epi8(octets, _mm256_set1_epi8((char)(first - 1))));
}

__attribute__((target("avx2"))) static inline uint32_t words_avx2(__m256i octets) {
  const __m256i lower = _mm256_or_si256(octets, _mm256_set1_epi8(0x20));
  const __m256i letters = _mm256_or_si256(between(lower, 'a', 'z'), between(octets, '0', '9'));
  const __m256i signs = _mm256_or_si256(
      between(octets, '-', '.'), _mm256_cmpeq_epi8(octets, _mm256_set1_epi8('_')));
  return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(letters, signs));
}

__attribute__((target("avx2"))) static inline uint32_t marks_of(__m256i octets) {
  const __m256i low = _mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), octets);
  const __m256i quotes = _mm256_cmpeq_epi8(octets, _mm256_set1_epi8('"'));
  const __m256i slashes = _mm256_cmpeq_epi8(octets, _mm256_set1_epi8('\\'));
  return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(low, quotes), slashes));
}

__attribute__((target("avx2"))) static clanes_word word_avx2(const uint8_t *text, size_t count) {
  clanes_word word = {0};
  while (word.count < count) {
    const uint8_t *at = text + word.count;
    uint8_t last[64] = {0};
    if (count - word.count < 64) at = memcpy(last, at, count - word.count);
    if (!extend(&word, BOTH_HALVES(words_avx2, at), BOTH_HALVES(dots_avx2, at))) break;
  }
  return word;
}

__attribute__((target("avx2"))) static void marks_avx2(
    const uint8_t *text, size_t count, uint64_t *marks) {
  for (size_t at = 0; at + 64 <= count; at += 64) marks[at / 64] = BOTH_HALVES(marks_of, text + at);
  uint8_t last[64] = {0};
  memcpy(last, text + count / 64 * 64, count % 64);
  marks[count / 64] = BOTH_HALVES(marks_of, last);
}

clanes_word clanes_word_at(clanes_text most, const uint8_t *text, size_t count) {
  switch (clanes_text_best(most)) {
  case CLANES_TEXT_AVX512: return word_avx512(text, count);
  case CLANES_TEXT_AVX2: return word_avx2(text, count);
  case CLANES_TEXT_PORTABLE: return word_portable(text, count);
  }
}

int clanes_json_marks(clanes_text most, const uint8_t *text, size_t count, uint64_t *marks) {
  switch (clanes_text_best(most)) {
  case CLANES_TEXT_AVX512: marks_avx512(text, count, marks); return 1;
  case CLANES_TEXT_AVX2: marks_avx2(text, count, marks); return 1;
  case CLANES_TEXT_PORTABLE: return 0;
  }
}

#else

clanes_word clanes_word_at(clanes_text most, const uint8_t *text, size_t count) {
  (void)most;
  return word_portable(text, count);
}

int clanes_json_marks(clanes_text most, const uint8_t *text, size_t count, uint64_t *marks) {
  (void)most, (void)text, (void)count, (void)marks;
  return 0;
}

#endif
