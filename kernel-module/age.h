/* SPDX-License-Identifier: GPL-2.0 */
/*
 * age.h - chapter 6: has the guest used this page of late? The host asks before it
 * takes a page back, and a page that is in use stays.
 */
#ifndef KVMSWAP_AGE_H
#define KVMSWAP_AGE_H

#include "kvmswap.h"

#ifdef CONFIG_KVMSWAP_AGE

int notifier_clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm,
			       unsigned long start, unsigned long end);
int notifier_clear_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start,
			 unsigned long end);
int notifier_test_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long address);

#else

/* Not answered: the host takes a page that only the guest uses for one that nobody does. */
#define notifier_clear_flush_young	NULL
#define notifier_clear_young		NULL
#define notifier_test_young		NULL

#endif
#endif
