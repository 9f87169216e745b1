// The IFMA unit of P-256, for now the portable one.

#include "p256_points.h"

const p256_unit *p256_unit_of(clanes_unit unit) {
  (void)unit;
  return &p256_portable;
}
