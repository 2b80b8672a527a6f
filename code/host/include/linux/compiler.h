/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel asks of its compiler. */
#ifndef HOST_LINUX_COMPILER_H
#define HOST_LINUX_COMPILER_H

#include "step.h"

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define READ_ONCE(x) ({							\
	const volatile __typeof__(x) *host_at = &(x);			\
									\
	host_step(__func__, "reads", #x, (const void *)host_at, false);	\
	*host_at;							\
})
#define WRITE_ONCE(x, value) do {					\
	volatile __typeof__(x) *host_at = &(x);				\
									\
	host_step(__func__, "writes", #x, (const void *)host_at, true);	\
	*host_at = (value);						\
} while (0)

#define __printf(text, first) __attribute__((format(printf, text, first)))

/* For sparse only. */
#define __user
#define __rcu
#define __acquires(lock)
#define __releases(lock)
#define __must_hold(lock)

#endif
