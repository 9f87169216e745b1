// SHA-512 (FIPS 180-4) of eight messages at once, one in each lane of AVX-512.
// Owns: that hash of messages in three parts. Must never: be given a secret (its time depends on
// where each message ends).

#include "CLanes.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define LANES                                                                                 \
  __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,avx512vbmi"))) static

/// What was `words[i]`'s word j is `words[j]`'s word i.
LANES inline void transpose(__m512i words[8]) {
  __m512i pairs[8], quads[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm512_unpacklo_epi64(words[i], words[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi64(words[i], words[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; j++) {
      quads[i + j] = _mm512_shuffle_i64x2(pairs[i + j], pairs[i + j + 2], 0x88);
      quads[i + j + 2] = _mm512_shuffle_i64x2(pairs[i + j], pairs[i + j + 2], 0xdd);
    }
  }
  for (int j = 0; j < 4; j++) {
    words[j] = _mm512_shuffle_i64x2(quads[j], quads[j + 4], 0x88);
    words[j + 4] = _mm512_shuffle_i64x2(quads[j], quads[j + 4], 0xdd);
  }
}

/// Big-endian words, to and fro.
LANES inline __m512i swap(__m512i words) {
  return _mm512_shuffle_epi8(words, _mm512_set_epi64(0x08090a0b0c0d0e0f, 0x0001020304050607,
                                                     0x08090a0b0c0d0e0f, 0x0001020304050607,
                                                     0x08090a0b0c0d0e0f, 0x0001020304050607,
                                                     0x08090a0b0c0d0e0f, 0x0001020304050607));
}

/// Blocks of 128 octets that a message takes with its padding: a 1 bit and 16 octets of length.
static inline size_t blocks_of(const clanes_sha512_message *message) {
  return (64 + message->rest_octets + 1 + 16 + 127) / 128;
}

/// Words 8 * half and on of a block; zeros behind the message's last.
LANES inline __m512i half_block(const clanes_sha512_message *message, size_t block, size_t half) {
  if (block == 0 && half == 0) {
    const __m256i head = _mm256_loadu_si256((const __m256i *)message->head);
    const __m256i middle = _mm256_loadu_si256((const __m256i *)message->middle);
    return swap(_mm512_inserti64x4(_mm512_castsi256_si512(head), middle, 1));
  }
  const size_t at = 128 * block + 64 * half - 64, end = message->rest_octets;
  if (end >= 64 && at <= end - 64) return swap(_mm512_loadu_si512(message->rest + at));
  __m512i octets = _mm512_setzero_si512();
  if (at <= end) {
    const __mmask64 one_bit = (__mmask64)1 << (end - at);
    if (at < end) octets = _mm512_maskz_loadu_epi8(one_bit - 1, message->rest + at);
    octets = _mm512_mask_blend_epi8(one_bit, octets, _mm512_set1_epi8((char)0x80));
  }
  octets = swap(octets);
  if (half == 1 && block + 1 == blocks_of(message))
    octets = _mm512_mask_set1_epi64(octets, 0x80, (long long)(8 * (64 + end)));
  return octets;
}

LANES inline __m512i xor3(__m512i a, __m512i b, __m512i c) {
  return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}

LANES inline __m512i sum3(__m512i a, __m512i b, __m512i c) {
  return _mm512_add_epi64(_mm512_add_epi64(a, b), c);
}

static const uint64_t initial[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

static const uint64_t constants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

/// One block in each lane that `active` names.
LANES inline void compress(__m512i state[8], __m512i w[16], __mmask8 active) {
  __m512i v[8];
  for (int i = 0; i < 8; i++) v[i] = state[i];
  for (int first = 0; first < 80; first += 16) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) {
      // a to h of FIPS 180-4 stand one place further on in each round.
      const __m512i a = v[-i & 7], b = v[(1 - i) & 7], c = v[(2 - i) & 7];
      const __m512i e = v[(4 - i) & 7], f = v[(5 - i) & 7], g = v[(6 - i) & 7];
      const __m512i constant = _mm512_set1_epi64((long long)constants[first + i]);
      const __m512i input = _mm512_add_epi64(w[i], constant);
      const __m512i sigma_1 =
          xor3(_mm512_ror_epi64(e, 14), _mm512_ror_epi64(e, 18), _mm512_ror_epi64(e, 41));
      const __m512i choice = _mm512_ternarylogic_epi64(e, f, g, 0xca);
      const __m512i t1 = _mm512_add_epi64(sum3(input, v[(7 - i) & 7], choice), sigma_1);
      const __m512i sigma_0 =
          xor3(_mm512_ror_epi64(a, 28), _mm512_ror_epi64(a, 34), _mm512_ror_epi64(a, 39));
      const __m512i majority = _mm512_ternarylogic_epi64(a, b, c, 0xe8);
      v[(3 - i) & 7] = _mm512_add_epi64(v[(3 - i) & 7], t1);
      v[(7 - i) & 7] = sum3(majority, sigma_0, t1);
      if (first < 64) {
        const __m512i w1 = w[(i + 1) & 15], w14 = w[(i + 14) & 15];
        const __m512i s0 = xor3(_mm512_ror_epi64(w1, 1), _mm512_ror_epi64(w1, 8),
                                _mm512_srli_epi64(w1, 7));
        const __m512i s1 = xor3(_mm512_ror_epi64(w14, 19), _mm512_ror_epi64(w14, 61),
                                _mm512_srli_epi64(w14, 6));
        w[i] = sum3(_mm512_add_epi64(w[i], w[(i + 9) & 15]), s0, s1);
      }
    }
  }
  for (int i = 0; i < 8; i++)
    state[i] = _mm512_mask_add_epi64(state[i], active, state[i], v[i]);
}

LANES void hash_lanes(const clanes_sha512_message *messages, size_t count, uint8_t *out,
                      size_t stride) {
  size_t blocks[8], most = 0;
  for (size_t lane = 0; lane < count; lane++) {
    blocks[lane] = blocks_of(messages + lane);
    if (blocks[lane] > most) most = blocks[lane];
  }
  __m512i state[8];
  for (int i = 0; i < 8; i++) state[i] = _mm512_set1_epi64((long long)initial[i]);
  for (size_t block = 0; block < most; block++) {
    __m512i words[16];
    __mmask8 active = 0;
    for (size_t lane = 0; lane < 8; lane++) {
      const size_t message = lane < count ? lane : 0;
      words[lane] = half_block(messages + message, block, 0);
      words[lane + 8] = half_block(messages + message, block, 1);
      active |= (__mmask8)((block < blocks[message]) << lane);
    }
    transpose(words);
    transpose(words + 8);
    compress(state, words, active);
  }
  transpose(state);
  for (size_t lane = 0; lane < count; lane++)
    _mm512_storeu_si512(out + lane * stride, swap(state[lane]));
}

void clanes_sha512_x8(const clanes_sha512_message *messages, size_t count, uint8_t *out,
                      size_t stride) {
  hash_lanes(messages, count, out, stride);
}

#else

void clanes_sha512_x8(const clanes_sha512_message *messages, size_t count, uint8_t *out,
                      size_t stride) {
  // Without CLANES_IFMA nobody may call it.
  (void)messages, (void)count, (void)out, (void)stride;
  __builtin_trap();
}

#endif
