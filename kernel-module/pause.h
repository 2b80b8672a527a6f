/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pause.h - named points at which the module can be made to wait, so that a race
 * is shown on purpose and not hoped for. A point costs one read of a variable
 * while it is off. Root arms and releases it through debugfs:
 *
 *   cd /sys/kernel/debug/kvmswap/pause
 *   echo 1 > fault_window; cat fault_window; echo 0 > fault_window
 */
#ifndef KVMSWAP_PAUSE_H
#define KVMSWAP_PAUSE_H

#include <linux/compiler.h>
#include <linux/types.h>

struct dentry;

/* Each point, and where it waits. */
enum pause_point {
	PAUSE_FAULT_WINDOW,	/* page_fault(): after GUP, before mmu_lock */
	PAUSE_INVALIDATE,	/* the host calls: before mmu_lock, maybe under a pt lock */
	PAUSE_INVALIDATE_ENTRY,	/* the host has changed its entries and calls: before any lock */
	PAUSE_BETWEEN,		/* chapter 8: the sptes are gone, the host's entries not yet */
	PAUSE_SLOT_MAPPING,	/* slot_map_memory(): the slot is there, its memory not */
	NR_PAUSE_POINTS
};

extern int pause_state[NR_PAUSE_POINTS];

void __pause_here(enum pause_point point);
void pause_debugfs_init(struct dentry *parent);

/**
 * pause_here() - wait here if root has armed this point.
 * @point: which point this is.
 *
 * The first thread to arrive is held, with interrupts on, until the point is
 * released; others pass. It gives up by itself after ten seconds (the file seconds
 * says how many), so that a forgotten point never hangs the host. Where a spinlock is
 * held it keeps its CPU meanwhile: who is to release it must not have to run there.
 *
 * Context: any that allows spinning with interrupts on.
 */
static inline void pause_here(enum pause_point point)
{
	if (unlikely(READ_ONCE(pause_state[point])))
		__pause_here(point);
}

#endif
