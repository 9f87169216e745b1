// The whole operations on OpenSSL's libcrypto that JOSE needs, as static inline functions, so that
// Swift never builds an OSSL_PARAM list, calls a variadic function or holds a pointer across a call.
//
// Rules: every function leaves OpenSSL's error queue empty. A pointer that is returned is owned by
// the caller. Nothing here decides what is acceptable: JOSE checks sizes, curves and algorithms.

#ifndef JOTMILL_COPENSSL_SHIM_H
#define JOTMILL_COPENSSL_SHIM_H

#include "encoded.h"
#include "encryption.h"
#include "hashes.h"
#include "keys.h"
#include "openssl.h"
#include "passwords.h"
#include "signatures.h"

#endif
