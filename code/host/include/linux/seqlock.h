/* SPDX-License-Identifier: GPL-2.0 */
/* Sequence locks: the write side is a spinlock, the reader only looks. */
#ifndef HOST_LINUX_SEQLOCK_H
#define HOST_LINUX_SEQLOCK_H

#include <linux/spinlock.h>

void host_spin(const unsigned int *value, const char *what);

typedef struct {
	struct host_lock dep;
	unsigned int sequence;	/* odd while someone writes */
} seqlock_t;

#define seqlock_init(lock) do {					\
	host_lock_init(&(lock)->dep, #lock, true);		\
	(lock)->sequence = 0;					\
} while (0)

#define write_seqlock(lock) do {						\
	host_lock_write(&(lock)->dep, __func__);			\
	host_step(__func__, "makes odd", #lock, &(lock)->sequence, true);	\
	(lock)->sequence++;						\
} while (0)

static inline void write_sequnlock(seqlock_t *lock)
{
	host_step(__func__, "makes even", "the sequence", &lock->sequence, true);
	lock->sequence++;
	host_unlock(&lock->dep);
}

/* A reader waits for the writer, so for whatever lock a writer may wait for. */
static inline unsigned int read_seqbegin(seqlock_t *lock)
{
	host_lock_order(&lock->dep);
	host_step(__func__, "reads", "the sequence, when it is even", &lock->sequence, false);
	while (lock->sequence & 1)
		host_spin(&lock->sequence, "read_seqbegin()");
	return lock->sequence;
}

static inline bool read_seqretry(const seqlock_t *lock, unsigned int sequence)
{
	host_step(__func__, "reads", "the sequence again", &lock->sequence, false);
	return lock->sequence != sequence;
}

#endif
