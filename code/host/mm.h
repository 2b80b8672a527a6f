/* SPDX-License-Identifier: GPL-2.0 */
/* mm.h - what mm.c, user.c and notify.c share: the process' page table, an entry at a time. */
#ifndef HOST_MM_H
#define HOST_MM_H

struct mmu_notifier_range;
struct page;

int host_index(unsigned long hva);
struct page *host_clear_pte(int i);
void host_set_pte(int i, struct page *page, bool write);

void host_notify(const struct mmu_notifier_range *range);
void host_notify_start(void);
void host_notify_exit(void);
void host_notify_stop(void);

#endif
