// Many octets or many signatures at once: kernels for public data, which use what the processor has
// at run time.
// Owns: nothing but its loops and the tables that they read. Must never: be given a secret (time and
// table look-ups depend on the data), or answer otherwise than the plain twin or the library that
// the tests compare each of them with.

#ifndef JOTMILL_CLANES_H
#define JOTMILL_CLANES_H

#include "cpu.h"
#include "ed25519.h"
#include "p256.h"
#include "rsa.h"
#include "sha512.h"
#include "text.h"

#endif
