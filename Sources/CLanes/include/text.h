// base64url text by many letters at once.

#ifndef JOTMILL_CLANES_TEXT_H
#define JOTMILL_CLANES_TEXT_H

#include <stddef.h>
#include <stdint.h>

/// Decodes base64url from the start of `text` as long as there are 32 letters and all are of the
/// alphabet. Returns how many letters it took, 0 where the processor has no instructions for it: the
/// caller goes on from there. `out` needs room for 8 octets more than the letters hold.
size_t clanes_base64url_decode(const uint8_t *text, size_t count, uint8_t *out);

/// How many octets from the start of `text` on are base64url letters or dots, as far as that was
/// looked at: where the octet behind them is one too, or `count` is not reached, the caller goes on.
size_t clanes_word_prefix(const uint8_t *text, size_t count);

#endif
