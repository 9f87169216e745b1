// Which instructions a kernel may use.

#ifndef JOTMILL_CLANES_CPU_H
#define JOTMILL_CLANES_CPU_H

/// What a kernel runs on. A kernel is never told to use what `clanes_has` denies.
typedef enum {
  /// C alone, on any processor.
  CLANES_PORTABLE = 0,
  /// AVX-512 F, DQ, BW, VL, IFMA, VBMI: eight lanes of 64 bits.
  CLANES_IFMA = 1,
} clanes_unit;

/// Whether processor and operating system have it (CPUID and XGETBV), asked once.
int clanes_has(clanes_unit unit);

/// What a kernel says of a signature: these bits together.
enum {
  CLANES_VALID = 1,
  /// It met a case that its fast formulas leave out, and was judged alone by others.
  CLANES_REDONE = 2,
};

#endif
