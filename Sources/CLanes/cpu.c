#include "CLanes.h"

int clanes_has(clanes_unit unit) {
  if (unit == CLANES_PORTABLE) return 1;
#if defined(__x86_64__)
  // The compiler's run-time library asks once, and for the operating system's consent to the wide
  // registers too.
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi");
#else
  return 0;
#endif
}
