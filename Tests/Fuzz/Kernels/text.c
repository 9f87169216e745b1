// base64url, words and the strings of JSON, with all that the processor has, against plain loops;
// SHA-512 of eight messages against OpenSSL's.
// Input: an octet that chooses which, then the text; or the messages' number and lengths.

#include "target.h"

TARGET_COUNTERS(128)

static int value_of(uint8_t letter) {
  static const char letters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const char *const found = letter == 0 ? NULL : strchr(letters, letter);
  return found == NULL ? -1 : (int)(found - letters);
}

// Letters only, but for the octets that the input puts among them.
static uint8_t *text_of(cases_input *in, size_t *count) {
  static const char letters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const uint8_t kind = cases_octet(in);
  *count = kind % 2 ? in->left : cases_below(in, 512);
  uint8_t *const text = target_array(*count, 1);
  if (kind % 2) {
    cases_octets(in, text, *count);
  } else {
    cases_spread(in, text, *count);
    for (size_t i = 0; i < *count; i++) text[i] = (uint8_t)letters[text[i] % 64];
    // Now and then a last letter without unused bits.
    if (kind & 64 && *count > 0) text[*count - 1] = kind & 128 ? 'A' : 'Q';
    for (size_t i = kind / 2 % 4; i > 0 && *count > 0; i--) {
      const size_t at = cases_below(in, 512);
      text[at % *count] = cases_octet(in);
    }
  }
  return text;
}

static void decode(clanes_text most, const uint8_t *text, size_t count) {
  // Room for what the letters hold, and the eight octets that may be written behind it.
  const size_t octets = count / 4 * 3 + (count % 4 > 1 ? count % 4 - 1 : 0);
  uint8_t *const out = target_array(octets + 8, 1);
  const size_t taken = clanes_base64url_decode(most, text, count, out);
  if (taken > count || (taken < count && taken % 4 != 0)) target_fail("base64url: took too much");
  if (taken % 4 == 1) target_fail("base64url: took one letter that holds nothing");
  uint32_t bits = 0;
  for (size_t i = 0; i < taken; i++) {
    const int value = value_of(text[i]);
    if (value < 0) target_fail("base64url: took what is no letter");
    bits = bits << 6 | (uint32_t)value;
    // Letter i completes the octet that begins in the one before it.
    if (i % 4 == 0) continue;
    const uint8_t octet = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    if (out[i - 1 - i / 4] != octet) target_fail("base64url: decoded wrong");
  }
  const size_t last = taken % 4;
  if (last != 0 && (bits & (last == 2 ? 15 : 3)) != 0) target_fail("base64url: took unused bits");
  free(out);
}

static void search(clanes_text most, const uint8_t *text, size_t count) {
  clanes_word expected = {0};
  for (; expected.count < count; expected.count++) {
    const uint8_t octet = text[expected.count];
    if (octet != '.' && value_of(octet) < 0) break;
    if (octet != '.') continue;
    if (expected.dots < 2) expected.dot[expected.dots] = expected.count;
    expected.dots++;
  }
  const clanes_word word = clanes_word_at(most, text, count);
  if (word.count != expected.count || word.dots != expected.dots) target_fail("word: another");
  for (size_t i = 0; i < 2 && i < word.dots; i++) {
    if (word.dot[i] != expected.dot[i]) target_fail("word: dots elsewhere");
  }
}

static void mark(clanes_text most, const uint8_t *text, size_t count) {
  const size_t words = count / 64 + 1;
  uint64_t *const marks = target_array(words, sizeof *marks);
  if (clanes_json_marks(most, text, count, marks)) {
    for (size_t i = 0; i < 64 * words; i++) {
      const int expected = i >= count || text[i] == '"' || text[i] == '\\' || text[i] < 0x20 ||
                           text[i] >= 0x80;
      if ((marks[i / 64] >> i % 64 & 1) != (uint64_t)expected) target_fail("JSON: marked wrong");
    }
  }
  free(marks);
}

static void hash(cases_input *in) {
  clanes_sha512_message messages[8];
  uint8_t *parts[8][3];
  if (!clanes_has(CLANES_IFMA)) return;
  const uint8_t shape = cases_octet(in);
  const size_t count = 1 + shape % 8, stride = 64 + (size_t)(shape / 8 % 4) * 24;
  for (size_t i = 0; i < count; i++) {
    const uint8_t kind = cases_octet(in);
    // Around the ends of blocks, where padding takes another, or anything.
    size_t rest = kind;
    if (kind >= 0x80) rest = (size_t)(kind / 16 - 7) * 64 + kind % 16 + 39;
    if (kind == 0xff) rest = cases_below(in, 5000);
    const size_t sizes[3] = {32, 32, rest};
    see(rest % 128);
    for (size_t part = 0; part < 3; part++) {
      parts[i][part] = target_array(sizes[part], 1);
      cases_spread(in, parts[i][part], sizes[part]);
    }
    messages[i] = (clanes_sha512_message){parts[i][0], parts[i][1], parts[i][2], rest};
  }
  const size_t room = (count - 1) * stride + 64;
  uint8_t *const out = target_array(room, 1), *const expected = target_array(room, 1);
  memset(out, 0xa5, room);
  memset(expected, 0xa5, room);
  clanes_sha512_x8(messages, count, out, stride);
  for (size_t i = 0; i < count; i++) {
    jm_ed25519_hash(messages[i].head, messages[i].middle, messages[i].rest,
                    messages[i].rest_octets, expected + i * stride);
    for (size_t part = 0; part < 3; part++) free(parts[i][part]);
  }
  if (memcmp(out, expected, room) != 0) target_fail("SHA-512 of eight: another hash");
  free(out);
  free(expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cases_input in = {data, size};
  const uint8_t which = cases_octet(&in);
  if (which % 4 == 3) {
    hash(&in);
    return 0;
  }
  size_t count;
  uint8_t *const text = text_of(&in, &count);
  for (clanes_text most = CLANES_TEXT_PORTABLE; most <= CLANES_TEXT_AVX512; most++) {
    decode(most, text, count);
    search(most, text, count);
    mark(most, text, count);
  }
  free(text);
  return 0;
}
