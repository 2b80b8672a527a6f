/* SPDX-License-Identifier: GPL-2.0 */
/* Who holds what: really checked, see lock.c. */
#ifndef HOST_LINUX_LOCKDEP_H
#define HOST_LINUX_LOCKDEP_H

#include <linux/bug.h>
#include <linux/types.h>

/* struct host_lock - what lock.c knows of a lock of any kind. */
struct host_lock {
	const char *name;	/* locks of one name are of one class */
	bool spins;		/* whoever holds it must not sleep */
	bool written;
	int readers;
};

void host_lock_init(struct host_lock *lock, const char *name, bool spins);
void host_lock_write(struct host_lock *lock, const char *where);
void host_lock_read(struct host_lock *lock, const char *where);
void host_unlock(struct host_lock *lock);
void host_lock_order(struct host_lock *lock);
bool host_lock_held(const struct host_lock *lock);
void host_lock_nested(struct host_lock *lock, const char *where);
void host_non_block(bool start);

/* might_sleep() - fails the test where the kernel would say "sleeping in atomic context". */
void might_sleep(void);

#define lockdep_is_held(lock)	host_lock_held(&(lock)->dep)
#define lockdep_assert(ok)	host_check(ok, "lockdep_assert(%s)", #ok)
#define lockdep_assert_held(lock) \
	host_check(lockdep_is_held(lock), "%s is not held", #lock)
#define lockdep_assert_held_write(lock) \
	host_check((lock)->dep.written, "%s is not held to write", #lock)

#endif
