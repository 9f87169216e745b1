// Points of edwards25519 and tables of their multiples, in plain C.
// Owns: decoding a point, the sum of two, and the tables for B and for a public key. Must never:
// see a secret (it branches on what it computes).
//
// A scalar is read in windows of some bits, each a signed digit. A table has, for each window, the
// point's multiples by the digit at its place, so that a product is a sum of entries and nothing is
// doubled.

#ifndef JOTMILL_CLANES_ED25519_TABLES_H
#define JOTMILL_CLANES_ED25519_TABLES_H

#include "ed25519_field.h"
#include <pthread.h>

/// (y - x) / 2, d x y and (y + x) / 2 of a point. The halves spare the doubling of Z in a sum. Read
/// backwards it is the negative point, but for the product's sign.
typedef struct {
  packed difference, product, sum;
} multiple;

/// Extended coordinates: x = X / Z, y = Y / Z, x y = T / Z. All tight.
typedef struct {
  element x, y, z, t;
} point;

/// Digits have `BITS` bits, from -2^(BITS - 1) to 2^(BITS - 1) - 1, but the highest is from 0 to
/// `TOP`, as far as a scalar below L can take it. A window has the multiples by 0, 1 and on to
/// 2^(BITS - 1), the highest those to `TOP`.
enum {
  BASE_BITS = 9,
  BASE_WINDOWS = 28,
  BASE_TOP = 512,
  BASE_WINDOW = 1 + (1 << (BASE_BITS - 1)),

  KEY_BITS = 8,
  KEY_WINDOWS = 32,
  KEY_TOP = 16,
  KEY_WINDOW = 1 + (1 << (KEY_BITS - 1)),
};

/// Tables begin where a cache line does, so that an element never lies across two.
struct clanes_ed25519_key {
  _Alignas(64) multiple table[(KEY_WINDOWS - 1) * KEY_WINDOW + 1 + KEY_TOP];
};

static const element curve_d = {
    {0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
static const element root_of_minus_one = {
    {0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

/// at + m, or at - m: the addition of RFC 8032, section 5.1.4, with all of E, F, G and H halved.
/// Since d is no square it is right for every two points, equal ones and the identity included.
static inline point sum(const point *at, const multiple *m, int negative) {
  const packed *left = negative ? &m->sum : &m->difference;
  const packed *right = negative ? &m->difference : &m->sum;
  const element a = multiply(subtract(at->y, at->x), unpack(left));
  const element b = multiply(add(at->y, at->x), unpack(right));
  const element c = multiply(at->t, unpack(&m->product));
  const element e = subtract(b, a), h = add(b, a);
  const element less = subtract(at->z, c), more = add(at->z, c);
  const element f = negative ? more : less, g = negative ? less : more;
  return (point){multiply(e, f), multiply(g, h), multiply(f, g), multiply(e, h)};
}

/// The point that RFC 8032 encodes so, and what it leaves out but OpenSSL decodes: y from p on, and
/// x = 0 with the sign bit. 0 if there is none.
static int decode(point *out, const uint8_t octets[32]) {
  const packed y_octets = load_packed(octets);
  const element y = unpack(&y_octets);
  const element y2 = square(y, 1);
  const element u = subtract(y2, one), v = add(multiply(y2, curve_d), one);
  // x^2 = u / v: a root, if there is one, is u (u v)^((p - 5) / 8), or that times a root of -1.
  const element uv = multiply(u, v);
  element power_11;
  const element power = multiply(square(power_250(uv, &power_11), 2), uv);
  element x = multiply(u, power);
  const element found = multiply(square(x, 1), v);
  if (!same(found, u)) {
    if (!same(subtract(zero, found), u)) return 0;
    x = multiply(x, root_of_minus_one);
  }
  if ((pack(x).word[0] & 1) != octets[31] >> 7) x = multiply(subtract(zero, x), one);
  *out = (point){x, y, one, multiply(x, y)};
  return 1;
}

/// `count` points, 1 to BATCH, as entries of a table.
static void normalize(const point *points, size_t count, multiple *out) {
  element halves[BATCH];
  for (size_t i = 0; i < count; i++) halves[i] = add(points[i].z, points[i].z);
  invert_each(halves, count);
  for (size_t i = 0; i < count; i++) {
    const element x = multiply(points[i].x, halves[i]), y = multiply(points[i].y, halves[i]);
    const element product = multiply(multiply(add(x, x), add(y, y)), curve_d);
    out[i] = (multiple){pack(subtract(y, x)), pack(product), pack(add(y, x))};
  }
}

/// The multiples of `at` by 0 to `last`; `at` becomes its multiple by `last`.
static void make_window(multiple *window, point *at, int last) {
  const point identity = {zero, one, one, zero};
  normalize(&identity, 1, window);
  normalize(at, 1, window + 1);
  point points[64];
  int made = 1, waiting = 0;
  while (made < last) {
    *at = sum(at, window + 1, 0);
    points[waiting++] = *at;
    if (waiting == 64 || made + waiting == last) {
      normalize(points, (size_t)waiting, window + made + 1);
      made += waiting;
      waiting = 0;
    }
  }
}

static void make_table(multiple *table, point at, int bits, int windows, int top) {
  const int last = 1 << (bits - 1);
  for (int i = 0; i < windows - 1; i++) {
    make_window(table, &at, last);
    at = sum(&at, table + last, 0);
    table += last + 1;
  }
  make_window(table, &at, top);
}

_Alignas(64) static multiple base_table[(BASE_WINDOWS - 1) * BASE_WINDOW + 1 + BASE_TOP];

static void make_base_table(void) {
  // y = 4/5 and x even (RFC 8032, section 5.1).
  uint8_t base[32];
  for (int i = 0; i < 32; i++) base[i] = i == 0 ? 0x58 : 0x66;
  point at;
  if (decode(&at, base)) make_table(base_table, at, BASE_BITS, BASE_WINDOWS, BASE_TOP);
}

/// Multiples of B, made at the first call in a process.
static const multiple *base_multiples(void) {
  static pthread_once_t made = PTHREAD_ONCE_INIT;
  pthread_once(&made, make_base_table);
  return base_table;
}

/// Multiples of -A, since R = sB - hA.
static int make_key_table(struct clanes_ed25519_key *key, const uint8_t octets[32]) {
  point at;
  if (!decode(&at, octets)) return 0;
  at.x = multiply(subtract(zero, at.x), one);
  at.t = multiply(subtract(zero, at.t), one);
  make_table(key->table, at, KEY_BITS, KEY_WINDOWS, KEY_TOP);
  return 1;
}

#endif
