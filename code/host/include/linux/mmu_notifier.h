/* SPDX-License-Identifier: GPL-2.0 */
/* Who asks to be told when the process loses a page; see mm.c. */
#ifndef HOST_LINUX_MMU_NOTIFIER_H
#define HOST_LINUX_MMU_NOTIFIER_H

#include <linux/mm_types.h>

struct mmu_notifier_ops {
	void (*release)(struct mmu_notifier *mn, struct mm_struct *mm);
	void (*invalidate_range)(struct mmu_notifier *mn, struct mm_struct *mm,
				 unsigned long start, unsigned long end);
};

struct mmu_notifier {
	const struct mmu_notifier_ops *ops;
	bool released;
};

int mmu_notifier_register(struct mmu_notifier *mn, struct mm_struct *mm);
void mmu_notifier_unregister(struct mmu_notifier *mn, struct mm_struct *mm);

#endif
