// The few system calls that Swift cannot see: variadic ones, and those behind _GNU_SOURCE.
// Each returns what the call returns, with errno set; where the platform has no such call, it
// answers what a caller can go on with.

#ifndef JOTMILL_CSYSTEM_H
#define JOTMILL_CSYSTEM_H

#include <stddef.h>

/// How many cores this process may run on (its affinity mask), at least 1.
int csystem_usable_cores(void);

/// Asks for a larger kernel buffer of the pipe behind `fd`; -1 when it is no pipe or none is granted.
int csystem_set_pipe_size(int fd, int bytes);

/// The width of the terminal behind `fd` in columns, 0 when it is none.
int csystem_terminal_columns(int fd);

/// Forbids core dumps and reading this process's memory by other processes of the same user.
int csystem_forbid_dumps(void);

/// open(2) with a mode, which is variadic in C.
int csystem_openat(int directory, const char *path, int flags, unsigned mode);

/// bcrypt of the `len` octets of `password`, of which it takes 72 at most and none after a NUL.
/// `setting` is `$2b$`, the cost, `$` and the salt; the 31 letters of the digest go to `out`. 1, 0
/// when there is no memory, -1 where crypt(3) knows no bcrypt. Wipes what it held.
int csystem_bcrypt(const unsigned char *password, size_t len, const char *setting, unsigned char *out);

/// Monotonic seconds, for rates and progress.
double csystem_monotonic_seconds(void);

/// This process's peak resident memory in bytes.
long long csystem_peak_resident_bytes(void);

#endif
