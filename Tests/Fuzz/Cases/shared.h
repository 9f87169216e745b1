// What the files of this folder share.

#ifndef JOTMILL_FUZZ_CASES_SHARED_H
#define JOTMILL_FUZZ_CASES_SHARED_H

#include "include/Cases.h"

/// `count` octets that `seed` stands for.
void cases_expand(uint64_t seed, uint8_t *out, size_t count);

/// One for the process: what is borrowed between BN_CTX_start and BN_CTX_end costs nothing.
BN_CTX *cases_context(void);

#endif
