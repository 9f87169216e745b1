// Many octets at once: kernels for public text, which use what the processor has at run time.
// Owns: nothing but its loops. Must never: be given a secret (time and table look-ups depend on the
// data), or answer otherwise than the plain twin that the tests compare each of them with.

#ifndef JOTMILL_CLANES_H
#define JOTMILL_CLANES_H

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
