/* SPDX-License-Identifier: GPL-2.0 */
/* Who asks to be told what the host does to the process' memory; see notify.c. */
#ifndef HOST_LINUX_MMU_NOTIFIER_H
#define HOST_LINUX_MMU_NOTIFIER_H

#include <linux/interval_tree.h>
#include <linux/mm_types.h>
#include <linux/version.h>

struct mmu_notifier;

#define MMU_NOTIFIER_RANGE_BLOCKABLE 1

struct mmu_notifier_range {
	struct mm_struct *mm;
	unsigned long start, end;	/* bytes */
	unsigned int flags;
};

static inline bool mmu_notifier_range_blockable(const struct mmu_notifier_range *range)
{
	return range->flags & MMU_NOTIFIER_RANGE_BLOCKABLE;
}

struct mmu_notifier_ops {
	void (*release)(struct mmu_notifier *mn, struct mm_struct *mm);
	int (*clear_flush_young)(struct mmu_notifier *mn, struct mm_struct *mm,
				 unsigned long start, unsigned long end);
	int (*clear_young)(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start,
			   unsigned long end);
	int (*test_young)(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long address);
	int (*invalidate_range_start)(struct mmu_notifier *mn,
				      const struct mmu_notifier_range *range);
	void (*invalidate_range_end)(struct mmu_notifier *mn,
				     const struct mmu_notifier_range *range);
#if HOST_OLD_CALLS
	void (*invalidate_range)(struct mmu_notifier *mn, struct mm_struct *mm,
				 unsigned long start, unsigned long end);
#else
	void (*arch_invalidate_secondary_tlbs)(struct mmu_notifier *mn, struct mm_struct *mm,
					       unsigned long start, unsigned long end);
#endif
};

struct mmu_notifier {
	const struct mmu_notifier_ops *ops;
	bool released;
};

int mmu_notifier_register(struct mmu_notifier *mn, struct mm_struct *mm);
void mmu_notifier_unregister(struct mmu_notifier *mn, struct mm_struct *mm);

/* ---- who asks about one range of addresses ---- */

struct mmu_interval_notifier;

struct mmu_interval_notifier_ops {
	bool (*invalidate)(struct mmu_interval_notifier *mni,
			   const struct mmu_notifier_range *range, unsigned long seq);
};

struct mmu_interval_notifier {
	struct interval_tree_node interval_tree;
	const struct mmu_interval_notifier_ops *ops;
	struct mm_struct *mm;			/* NULL: not inserted */
	unsigned long invalidate_seq;		/* of the last section that concerned it */
};

int mmu_interval_notifier_insert(struct mmu_interval_notifier *mni, struct mm_struct *mm,
				 unsigned long start, unsigned long length,
				 const struct mmu_interval_notifier_ops *ops);
void mmu_interval_notifier_remove(struct mmu_interval_notifier *mni);
unsigned long mmu_interval_read_begin(struct mmu_interval_notifier *mni);

static inline bool mmu_interval_read_retry(struct mmu_interval_notifier *mni, unsigned long seq)
{
	return mni->invalidate_seq != seq;
}

static inline void mmu_interval_set_seq(struct mmu_interval_notifier *mni, unsigned long seq)
{
	mni->invalidate_seq = seq;
}

#endif
