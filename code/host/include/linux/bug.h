/* SPDX-License-Identifier: GPL-2.0 */
/* What is a splat in the kernel is a failed test here. */
#ifndef HOST_LINUX_BUG_H
#define HOST_LINUX_BUG_H

#include <stdbool.h>

void __attribute__((noreturn, format(printf, 3, 4)))
host_fail(const char *file, int line, const char *format, ...);

/** host_check() - the machine's rules: end the test, with the reason, if one is broken. */
#define host_check(ok, ...) do {				\
	if (!(ok))						\
		host_fail(__FILE__, __LINE__, __VA_ARGS__);	\
} while (0)

#define WARN_ON_ONCE(bad) ({				\
	bool warn = (bad);				\
							\
	host_check(!warn, "WARN_ON_ONCE(%s)", #bad);	\
	warn;						\
})

#endif
