// SPDX-License-Identifier: GPL-2.0
/*
 * protocol.c - chapter 8: which protocol the module uses, and where it must not be
 * trusted.
 *
 * You come here from main.c. Next: range.c, which is the default.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "notifier.h"
#include "protocol.h"
#include "seqlock.h"

static char *protocol_name = "range";
module_param_named(protocol, protocol_name, charp, 0444);
MODULE_PARM_DESC(protocol, "how faults and invalidations agree: seqlock, range (default), interval");

const struct protocol *protocol;

static unsigned long seqlock_retry_begin(struct vm *vm, struct memslot *slot)
{
	return seqlock_sample(vm);
}

static bool seqlock_retry_needed(struct vm *vm, struct memslot *slot, gfn_t gfn,
				 unsigned long seq)
{
	return seqlock_moved(vm, seq);
}

/* Chapter 5's, as it was. */
static const struct protocol seqlock_protocol = {
	.name		= "seqlock",
	.warning	= INVALIDATE_RANGE_MISSES_MREMAP ?
			  "mremap() of guest memory while the host swaps leaves stale sptes" :
			  NULL,
	.ops		= &notifier_ops,
	.cuts_hugetlb	= INVALIDATE_RANGE_CUTS_HUGETLB,
	.retry_begin	= seqlock_retry_begin,
	.retry_needed	= seqlock_retry_needed,
};

/**
 * protocol_choose() - take the protocol that the load parameter names.
 *
 * Context: process, while the module is loaded.
 * Return: 0, or -EINVAL if there is none of that name.
 */
int protocol_choose(void)
{
	static const struct protocol *const all[] = {
		&seqlock_protocol, &range_protocol, &interval_protocol,
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (!strcmp(protocol_name, all[i]->name))
			protocol = all[i];
	if (!protocol) {
		pr_err("protocol=%s: there is seqlock, range and interval\n", protocol_name);
		return -EINVAL;
	}
	pr_info("protocol %s\n", protocol->name);
	if (protocol->warning)
		pr_warn("protocol %s is not sound on this kernel: %s; use range\n",
			protocol->name, protocol->warning);
	return 0;
}
