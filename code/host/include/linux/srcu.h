/* SPDX-License-Identifier: GPL-2.0 */
/* Sleepable RCU: readers are counted; who waits for them gives them their turn. See wait.c. */
#ifndef HOST_LINUX_SRCU_H
#define HOST_LINUX_SRCU_H

#include <linux/lockdep.h>
#include <linux/rcupdate.h>

struct srcu_struct {
	struct host_lock dep;
	void *object;		/* what init_srcu_struct() allocates */
};

int host_init_srcu(struct srcu_struct *srcu, const char *name);
void cleanup_srcu_struct(struct srcu_struct *srcu);
int host_srcu_read_lock(struct srcu_struct *srcu, const char *where);
void srcu_read_unlock(struct srcu_struct *srcu, int index);
void synchronize_srcu_expedited(struct srcu_struct *srcu);

#define srcu_read_lock(srcu) host_srcu_read_lock(srcu, __func__)
#define init_srcu_struct(srcu) host_init_srcu(srcu, #srcu)

static inline bool srcu_read_lock_held(const struct srcu_struct *srcu)
{
	return host_lock_held(&srcu->dep);
}

#define srcu_dereference_check(pointer, srcu, ok) \
	rcu_dereference_protected(pointer, (ok) || srcu_read_lock_held(srcu))

#endif
