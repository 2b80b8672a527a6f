/* SPDX-License-Identifier: GPL-2.0 */
/* Sequence locks: the write side is a spinlock, the reader only looks. */
#ifndef HOST_LINUX_SEQLOCK_H
#define HOST_LINUX_SEQLOCK_H

#include <linux/spinlock.h>

typedef struct {
	struct host_lock dep;
	unsigned int sequence;	/* odd while someone writes */
} seqlock_t;

#define seqlock_init(lock) do {					\
	host_lock_init(&(lock)->dep, #lock, true);		\
	(lock)->sequence = 0;					\
} while (0)

static inline void write_seqlock(seqlock_t *lock)
{
	host_lock_write(&lock->dep);
	lock->sequence++;
}

static inline void write_sequnlock(seqlock_t *lock)
{
	lock->sequence++;
	host_unlock(&lock->dep);
}

/* A reader waits for the writer, so for whatever lock a writer may wait for. */
static inline unsigned int read_seqbegin(seqlock_t *lock)
{
	host_lock_order(&lock->dep);
	host_check(!(lock->sequence & 1), "read_seqbegin() would spin for ever");
	return lock->sequence;
}

static inline bool read_seqretry(const seqlock_t *lock, unsigned int sequence)
{
	return lock->sequence != sequence;
}

#endif
