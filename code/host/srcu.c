// SPDX-License-Identifier: GPL-2.0
/* srcu.c - sleepable RCU, whose writers wait for its readers. See wait.c. */
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/wait.h>

#include "machine.h"

int host_init_srcu(struct srcu_struct *srcu, const char *name)
{
	*srcu = (struct srcu_struct){ .object = kvcalloc(1, 1, GFP_KERNEL) };
	if (!srcu->object)
		return -ENOMEM;
	host_lock_init(&srcu->dep, name, false);
	return 0;
}

void cleanup_srcu_struct(struct srcu_struct *srcu)
{
	host_check(!srcu->dep.readers, "SRCU is torn down under a reader");
	kvfree(srcu->object);
	srcu->dep.name = NULL;
}

int host_srcu_read_lock(struct srcu_struct *srcu, const char *where)
{
	host_lock_nested(&srcu->dep, where);
	return 1;
}

void srcu_read_unlock(struct srcu_struct *srcu, int index)
{
	host_check(index == 1, "srcu_read_unlock() of what srcu_read_lock() did not return");
	host_unlock(&srcu->dep);
}

void synchronize_srcu_expedited(struct srcu_struct *srcu)
{
	might_sleep();
	host_lock_order(&srcu->dep);
	host_step(__func__, "waits for", srcu->dep.name, &srcu->dep, true);
	while (srcu->dep.readers)
		host_wait((unsigned int *)&srcu->dep.readers, "for SRCU's readers");
}
