// bcrypt through crypt_r(3), which Swift cannot see.
// Owns: the library's scratch memory, which is wiped. Must never: leave a password on the stack.

#define _GNU_SOURCE

#include "CSystem.h"

#include <string.h>

#ifdef __linux__
#include <crypt.h>
#include <stdlib.h>

static const char prefix[] = "$2b$";
static const size_t setting_len = 29, digest_len = 31, most_octets = 72;

int csystem_bcrypt(const unsigned char *password, size_t len, const char *setting, unsigned char *out) {
  char text[73];
  if (len > most_octets) len = most_octets;
  memcpy(text, password, len);
  text[len] = 0;
  // 32 KiB: too much for a thread's small stack.
  struct crypt_data *data = calloc(1, sizeof *data);
  int result = data == NULL ? 0 : -1;
  if (data != NULL) {
    const char *made = crypt_r(text, setting, data);
    // A library without bcrypt answers NULL or "*0", or takes the setting for another scheme's.
    if (made != NULL && strncmp(made, prefix, strlen(prefix)) == 0 &&
        strlen(made) == setting_len + digest_len) {
      memcpy(out, made + setting_len, digest_len);
      result = 1;
    }
    explicit_bzero(data, sizeof *data);
    free(data);
  }
  explicit_bzero(text, sizeof text);
  return result;
}
#else
int csystem_bcrypt(const unsigned char *password, size_t len, const char *setting, unsigned char *out) {
  (void)password, (void)len, (void)setting, (void)out;
  return -1;
}
#endif
