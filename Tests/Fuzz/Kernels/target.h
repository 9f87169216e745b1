// What the fuzz targets of this folder share: each is one file, linked with all of CLanes.
// Owns: how a finding is told, and what a run counts. Must never: let a finding pass.

#ifndef JOTMILL_FUZZ_TARGET_H
#define JOTMILL_FUZZ_TARGET_H

#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "../../../Sources/CLanes/include/CLanes.h"
#include "../../../Sources/COpenSSL/shim.h"
#include "../Cases/include/Cases.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void target_show(const char *name, const uint8_t *octets, size_t count) {
  fprintf(stderr, "%s: ", name);
  for (size_t i = 0; i < count; i++) fprintf(stderr, "%02x", octets[i]);
  fputc('\n', stderr);
}

/// Ends the process, which libFuzzer takes for a crash and keeps the input.
_Noreturn static inline void target_fail(const char *what) {
  fprintf(stderr, "FOUND: %s\n", what);
  abort();
}

/// What there is to run on here: the portable unit first.
static inline size_t target_units(clanes_unit units[2]) {
  units[0] = CLANES_PORTABLE;
  units[1] = CLANES_IFMA;
  return clanes_has(CLANES_IFMA) ? 2 : 1;
}

/// Counted as covered code is: an input that is the first to show something is kept.
#define TARGET_COUNTERS(count)                                                       \
  __attribute__((section("__libfuzzer_extra_counters"))) static uint8_t seen[count]; \
  static inline void see(size_t what) {                                              \
    if (what < (count)) seen[what] = 1;                                              \
  }

/// An array of exactly this size on the heap, so that a step beyond it is found.
static inline void *target_array(size_t count, size_t size) {
  void *const out = malloc(count * size);
  if (out == NULL && count * size != 0) abort();
  return out;
}

static inline void *target_copy(const void *octets, size_t count) {
  void *const out = target_array(count, 1);
  if (count > 0) memcpy(out, octets, count);
  return out;
}

#endif
