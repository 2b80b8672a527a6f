// SPDX-License-Identifier: GPL-2.0
/*
 * lock.c - locks that know who holds them and in which order they are taken, as
 * the kernel's lockdep does. Where the kernel would wait, the test fails (wait.c), unless
 * it is one that explores interleavings. What happens "on another CPU" holds no lock of ours, see
 * host_other_context().
 */
#include <string.h>

#include "machine.h"

#define MAX_ORDERS 64

static struct host_context held;

/* Pairs of classes: the first was once held when the second was taken. */
static struct {
	const char *outer, *inner;
} orders[MAX_ORDERS] host_noted;

static int nr_orders host_noted;

/* Who gets this lock before us, the next time that we take it. */
struct host_lock *host_contended;
struct host_hook host_contends;

/** host_lock_init() - a lock that nobody holds. */
void host_lock_init(struct host_lock *lock, const char *name, bool spins)
{
	*lock = (struct host_lock){ .name = name, .spins = spins };
}

static bool order_known(const char *outer, const char *inner)
{
	int i;

	for (i = 0; i < nr_orders; i++)
		if (!strcmp(orders[i].outer, outer) && !strcmp(orders[i].inner, inner))
			return true;
	return false;
}

/** host_lock_order() - this lock is about to be taken, or waited for. */
void host_lock_order(struct host_lock *lock)
{
	int i;

	host_check(lock->name, "a lock is taken that was never initialized");
	for (i = 0; i < held.nr; i++) {
		const char *outer = held.held[i]->name;

		host_check(strcmp(outer, lock->name), "%s is taken inside of %s", lock->name,
			   outer);
		host_check(!order_known(lock->name, outer),
			   "%s is taken inside of %s, and was taken outside of it before",
			   lock->name, outer);
		if (order_known(outer, lock->name))
			continue;
		host_check(nr_orders < MAX_ORDERS, "too many orders of locks");
		orders[nr_orders].outer = outer;
		orders[nr_orders++].inner = lock->name;
	}
}

static void take(struct host_lock *lock)
{
	if (!lock->spins)
		might_sleep();
	host_lock_order(lock);
	host_check(held.nr < HOST_MAX_HELD, "too many locks are held");
	held.held[held.nr++] = lock;
}

/** host_lock_write() - take a lock for oneself alone. */
void host_lock_write(struct host_lock *lock, const char *where)
{
	struct host_context mine;

	if (lock == host_contended) {
		host_contended = NULL;
		host_other_context(&mine);
		host_run_hook(&host_contends);
		host_own_context(&mine);
	}
	host_lock_ready(lock, true, where);
	take(lock);
	lock->written = true;
}

/** host_lock_read() - take a lock together with other readers. */
void host_lock_read(struct host_lock *lock, const char *where)
{
	host_lock_ready(lock, false, where);
	take(lock);
	lock->readers++;
}

/** host_lock_nested() - take a lock as a reader who may have it already, and waits for nobody. */
void host_lock_nested(struct host_lock *lock, const char *where)
{
	host_lock_ready(lock, false, where);
	host_check(lock->name, "a lock is taken that was never initialized");
	host_check(held.nr < HOST_MAX_HELD, "too many locks are held");
	held.held[held.nr++] = lock;
	lock->readers++;
}

/** host_non_block() - from here on, or no longer, this context must not sleep. */
void host_non_block(bool start)
{
	held.non_block += start ? 1 : -1;
}

/** host_disable_faults() - from here on, or no longer, what is not there is an error. */
void host_disable_faults(bool start)
{
	held.no_faults += start ? 1 : -1;
}

bool host_faults_disabled(void)
{
	return held.no_faults;
}

/** host_unlock() - let go of a lock that this context holds. */
void host_unlock(struct host_lock *lock)
{
	int i = held.nr;

	while (i && held.held[i - 1] != lock)
		i--;
	host_check(i, "%s is let go of and was not held", lock->name);
	memmove(&held.held[i - 1], &held.held[i], (held.nr - i) * sizeof(held.held[0]));
	held.nr--;
	if (lock->readers)
		lock->readers--;
	else
		lock->written = false;
	host_released(lock);
}

/** host_lock_held() - does this context hold the lock? */
bool host_lock_held(const struct host_lock *lock)
{
	int i;

	for (i = 0; i < held.nr; i++)
		if (held.held[i] == lock)
			return true;
	return false;
}

void might_sleep(void)
{
	int i;

	host_check(!held.non_block, "might sleep where it was told not to");
	for (i = 0; i < held.nr; i++)
		host_check(!held.held[i]->spins, "might sleep, and holds %s", held.held[i]->name);
}

/** host_other_context() - from here on another CPU runs, which holds nothing. */
void host_other_context(struct host_context *mine)
{
	*mine = held;
	held = (struct host_context){ };
}

/** host_own_context() - back to where host_other_context() was called. */
void host_own_context(const struct host_context *mine)
{
	host_check(!held.nr, "the other CPU still holds %s", held.held[0]->name);
	host_check(!held.non_block, "the other CPU still must not sleep");
	held = *mine;
}

/** host_context_now() - what who runs now holds. */
const struct host_context *host_context_now(void)
{
	return &held;
}

/** host_locks_reset() - nobody holds anything: a test begins. */
void host_locks_reset(void)
{
	held = (struct host_context){ };
}

/** host_locks_held() - how many locks this context holds. */
int host_locks_held(void)
{
	return held.nr;
}

int cond_resched_lock(spinlock_t *lock)
{
	struct host_context mine;

	lockdep_assert_held(lock);
	spin_unlock(lock);
	might_sleep();
	if (host_resched.run) {
		host_other_context(&mine);
		host_run_hook(&host_resched);
		host_own_context(&mine);
	}
	spin_lock(lock);
	return 1;
}
