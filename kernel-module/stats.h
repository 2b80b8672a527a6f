/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stats.h - what a VM counts about itself. One list makes the fields and the
 * lines of debugfs' "stats" file alike; debugfs.c prints them.
 */
#ifndef KVMSWAP_STATS_H
#define KVMSWAP_STATS_H

#include <linux/atomic.h>

/*
 * checkpatch(COMPLEX_MACRO): a list, not a value
 * checkpatch(MACRO_ARG_REUSE): S is applied to each name
 */
/*			name			what one more means */
#define KVMSWAP_STATS(S) \
	S(exits)		/* the guest was left, for any reason */ \
	S(faults)		/* a #PF exit was taken in */ \
	S(faults_fixed)		/* ... and ended with an spte set */ \
	S(faults_injected)	/* ... and was the guest's own: it got a #PF */ \
	S(faults_mmio)		/* ... and no memslot was there */ \
	S(faults_retried)	/* ... and an invalidation came in between: run again */ \
	S(faults_gpte_moved)	/* ... and the guest changed its tables meanwhile */ \
	S(faults_slot_moved)	/* ... and user space changed the slot meanwhile */ \
	S(sptes_set)		/* a leaf spte became present */ \
	S(sptes_cleared)	/* a leaf spte became not present, for any reason */ \
	S(sptes_unmapped)	/* ... because the host asked for the page */ \
	S(pages_pinned)		/* page references held by sptes, now (0 from chapter 4 on) */ \
	S(asked_clear_flush_young) /* the host asked in this way whether a page is young */ \
	S(asked_clear_young)	/* ... or in this one */ \
	S(asked_test_young)	/* ... or in this one, which changes nothing */ \
	S(pages_aged)		/* a page was, and its accessed bits are cleared */ \
	S(invalidations)	/* the host's callback ran */ \
	S(shadow_pages)		/* shadow pages, now */ \
	S(shadow_pages_dropped)	/* shadow pages dropped to stay under the bound */ \
	S(tlb_flushes)		/* flush_remote_tlbs() had something to do */ \
	S(kicks)		/* a vCPU was in guest mode and got an IPI */ \
	S(invlpgs)		/* INVLPG exits */ \
	S(cr3_loads)		/* roots loaded */ \
	S(audits)		/* times the audit ran */ \
	S(audit_failures)	/* invariants it found broken */

/* checkpatch(TRAILING_SEMICOLON): a declaration for each name of the list */
#define KVMSWAP_STAT_FIELD(name) atomic64_t name;
struct vm_stats {
	KVMSWAP_STATS(KVMSWAP_STAT_FIELD)
};

#undef KVMSWAP_STAT_FIELD

/** stat_inc() - count one event of this VM; any context. */
#define stat_inc(vm, name)	atomic64_inc(&(vm)->stats.name)
#define stat_dec(vm, name)	atomic64_dec(&(vm)->stats.name)

#endif
