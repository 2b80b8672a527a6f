/* SPDX-License-Identifier: GPL-2.0 */
/* A physical page, and a process with its own page table; see page.c and mm.c. */
#ifndef HOST_LINUX_MM_TYPES_H
#define HOST_LINUX_MM_TYPES_H

#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)
#define PAGE_MASK	(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)	(((x) + PAGE_SIZE - 1) & PAGE_MASK)
#define offset_in_page(x) ((unsigned long)(x) & ~PAGE_MASK)

struct page {
	int refs;		/* 0: free */
	bool dirty;
	bool kernel;		/* get_zeroed_page() gave it */
	unsigned long private;
	bool head;		/* of a huge page; its other parts are not modelled */
	bool anon;
	void *mapping;
	bool hugetlb;
};

/* An entry of the process' page table: present in bit 0, writable in bit 1, the frame. */
typedef struct {
	u64 val;
} pte_t;

/* The tables above it are not modelled: each leads to the same process. */
typedef struct {
	struct mm_struct *mm;
} pgd_t, p4d_t, pud_t, pmd_t;

struct mmu_notifier;
struct host_user_page;

struct mm_struct {
	struct rw_semaphore mmap_lock;
	spinlock_t page_table_lock;
	struct mutex page_lock;			/* of all pages: one at a time is reclaimed */
	int users;				/* 0: it has exited */
	struct mmu_notifier *notifier;
	pgd_t dir;
	pte_t *pte;				/* HOST_USER_PAGES of each */
	struct host_user_page *user;
};

#endif
