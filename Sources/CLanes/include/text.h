// Text by many octets at once: base64url, words of tokens, the strings of JSON. Public data only.

#ifndef JOTMILL_CLANES_TEXT_H
#define JOTMILL_CLANES_TEXT_H

#include <stddef.h>
#include <stdint.h>

/// The most that a kernel may use: it takes the best of what the processor has, up to that.
typedef enum {
  CLANES_TEXT_PORTABLE = 0,
  CLANES_TEXT_AVX2 = 1,
  /// AVX-512 F, BW, VBMI.
  CLANES_TEXT_AVX512 = 2,
} clanes_text;

/// What a kernel would take: the tests name what they have compared.
clanes_text clanes_text_best(clanes_text most);

/// Decodes base64url from the start of `text`. Returns how many letters it took: all of them, or
/// whole blocks up to one that holds another octet, is the last, or has bits set that are not used;
/// 0 without the instructions. The caller goes on from there. `out` needs room for 8 octets more
/// than the letters hold.
size_t clanes_base64url_decode(clanes_text most, const uint8_t *text, size_t count, uint8_t *out);

/// A row of base64url letters and dots.
typedef struct {
  size_t count;
  /// How many of them are dots, and where the first two are.
  size_t dots;
  size_t dot[2];
} clanes_word;

/// The row at the start of `text`, up to another octet or the end.
clanes_word clanes_word_at(clanes_text most, const uint8_t *text, size_t count);

/// Sets a bit for each octet of `text` that a string of JSON can't hold as it is, or that ends it:
/// a quote, a backslash, below 0x20, or no ASCII; the lowest bit stands for the first octet. The
/// bits behind the text are set too, at least one: `marks` has room for `count` / 64 + 1 words.
/// Returns 0, and sets nothing, without the instructions.
int clanes_json_marks(clanes_text most, const uint8_t *text, size_t count, uint64_t *marks);

#endif
