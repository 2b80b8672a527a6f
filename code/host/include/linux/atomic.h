/* SPDX-License-Identifier: GPL-2.0 */
/* Atomics and barriers, by the compiler. */
#ifndef HOST_LINUX_ATOMIC_H
#define HOST_LINUX_ATOMIC_H

#include <linux/bitops.h>
#include <linux/types.h>

typedef struct {
	s64 counter;
} atomic64_t;

static inline s64 atomic64_read(const atomic64_t *v)
{
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED);
}

static inline void atomic64_add(s64 n, atomic64_t *v)
{
	__atomic_fetch_add(&v->counter, n, __ATOMIC_RELAXED);
}

static inline void atomic64_inc(atomic64_t *v)
{
	atomic64_add(1, v);
}

static inline void atomic64_dec(atomic64_t *v)
{
	atomic64_add(-1, v);
}

#define xchg(ptr, value) ({							\
	host_step(__func__, "exchanges", "*" #ptr, ptr, true);			\
	__atomic_exchange_n(ptr, value, __ATOMIC_SEQ_CST);			\
})
#define smp_load_acquire(ptr) ({						\
	host_step(__func__, "reads", "*(" #ptr ")", ptr, false);		\
	__atomic_load_n(ptr, __ATOMIC_ACQUIRE);					\
})
#define smp_store_release(ptr, value) do {					\
	host_step(__func__, "writes", "*(" #ptr ")", ptr, true);		\
	__atomic_store_n(ptr, value, __ATOMIC_RELEASE);				\
} while (0)
#define smp_mb__after_atomic()		__atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif
