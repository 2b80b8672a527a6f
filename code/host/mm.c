// SPDX-License-Identifier: GPL-2.0
/*
 * mm.c - the process whose memory the guest's is, and all that the host does to it:
 * map, unmap, swap out and in, write-protect, copy on write, replace. Each change
 * of its page table is followed by the notifier, with the page-table lock held and
 * before the page is let go of, as 6.1 calls .invalidate_range.
 *
 * Faults of the process, and get_user_pages(), are in user.c.
 */
#include <stdlib.h>

#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>

#include "machine.h"
#include "mm.h"

struct mm_struct host_mm;
struct task_struct host_task;

static pte_t ptes[HOST_USER_PAGES];
static struct host_user_page user_pages[HOST_USER_PAGES];

/** host_mm_start() - a process with an empty address space. */
void host_mm_start(void)
{
	memset(ptes, 0, sizeof(ptes));
	memset(user_pages, 0, sizeof(user_pages));
	memset(&host_mm, 0, sizeof(host_mm));
	init_rwsem(&host_mm.mmap_lock);
	spin_lock_init(&host_mm.page_table_lock);
	host_mm.users = 1;
	host_mm.dir.mm = &host_mm;
	host_mm.pte = ptes;
	host_mm.user = user_pages;
	host_task = (struct task_struct){ .mm = &host_mm };
}

/** host_index() - which of the process' pages is this? -1: outside of all. */
int host_index(unsigned long hva)
{
	if (hva < HOST_USER_BASE || hva >= host_hva(HOST_USER_PAGES))
		return -1;
	return (hva - HOST_USER_BASE) >> PAGE_SHIFT;
}

/* What a test names must be there. */
static int named(unsigned long hva)
{
	int i = host_index(hva);

	host_check(i >= 0, "the test names a page outside of the process: %#lx", hva);
	return i;
}

/** host_notify() - these pages are no longer what they were. */
void host_notify(int first, int n)
{
	struct mmu_notifier *mn = host_mm.notifier;

	lockdep_assert_held(&host_mm.page_table_lock);
	if (mn)
		mn->ops->invalidate_range(mn, &host_mm, host_hva(first), host_hva(first + n));
}

/** host_clear_pte() - take a page out of the page table; the caller notifies. */
struct page *host_clear_pte(int i)
{
	struct page *page = NULL;

	if (pte_present(ptes[i]))
		page = pfn_to_page(pte_pfn(ptes[i]));
	ptes[i].val = 0;
	return page;
}

/** host_set_pte() - put a page in; it takes the caller's reference. */
void host_set_pte(int i, struct page *page, bool write)
{
	ptes[i].val = page_to_pfn(page) << PAGE_SHIFT | 1 | (write ? 2 : 0);
}

static void forget_swap(int i)
{
	free(user_pages[i].swap);
	user_pages[i].swap = NULL;
	user_pages[i].shared = false;
	if (user_pages[i].cache)
		put_page(user_pages[i].cache);
	user_pages[i].cache = NULL;
}

/* Clear a range, tell, and only then let go of the pages, as mmu_gather does. */
static void zap(int first, int n)
{
	struct page *gone[HOST_USER_PAGES];
	int i;

	host_check(first + n <= HOST_USER_PAGES, "the test names too many pages");
	spin_lock(&host_mm.page_table_lock);
	for (i = 0; i < n; i++)
		gone[i] = host_clear_pte(first + i);
	host_notify(first, n);
	spin_unlock(&host_mm.page_table_lock);
	for (i = 0; i < n; i++) {
		if (gone[i])
			put_page(gone[i]);
		forget_swap(first + i);
	}
}

/** host_mmap() - give the process @n new pages at @hva. */
void host_mmap(unsigned long hva, unsigned int n, bool writable)
{
	int first = named(hva);
	unsigned int i;

	down_write(&host_mm.mmap_lock);
	for (i = 0; i < n; i++) {
		struct host_user_page *user = &user_pages[named(host_hva(first + i))];

		host_check(!user->mapped, "page %u is mapped already", first + i);
		*user = (struct host_user_page){ .mapped = true, .writable = writable };
	}
	up_write(&host_mm.mmap_lock);
}

/** host_munmap() - take them away. */
void host_munmap(unsigned long hva, unsigned int n)
{
	int first = named(hva);
	unsigned int i;

	down_write(&host_mm.mmap_lock);
	zap(first, n);
	for (i = 0; i < n; i++)
		user_pages[first + i].mapped = false;
	up_write(&host_mm.mmap_lock);
}

/** host_dontneed() - madvise(MADV_DONTNEED): they are zeros again. */
void host_dontneed(unsigned long hva, unsigned int n)
{
	down_read(&host_mm.mmap_lock);
	zap(named(hva), n);
	up_read(&host_mm.mmap_lock);
}

/** host_mprotect() - make them writable or read-only. */
void host_mprotect(unsigned long hva, unsigned int n, bool writable)
{
	int first = named(hva);
	unsigned int i;

	down_write(&host_mm.mmap_lock);
	spin_lock(&host_mm.page_table_lock);
	for (i = first; i < first + n; i++) {
		user_pages[i].writable = writable;
		ptes[i].val &= ~2ULL;	/* the next write asks */
	}
	host_notify(first, n);
	spin_unlock(&host_mm.page_table_lock);
	up_write(&host_mm.mmap_lock);
}

/* Write a page that nobody maps to swap, and free it; false if someone else holds it. */
static bool page_out(int i, struct page *page)
{
	if (page->refs != 1) {
		user_pages[i].cache = page;
		return false;
	}
	user_pages[i].cache = NULL;
	user_pages[i].shared = false;
	user_pages[i].swap = malloc(PAGE_SIZE);
	host_check(user_pages[i].swap, "out of memory");
	memcpy(user_pages[i].swap, __va(page_to_pfn(page) << PAGE_SHIFT), PAGE_SIZE);
	put_page(page);
	return true;
}

/**
 * host_swap_out() - reclaim a page: take it out of the page table, tell, then
 * write it to swap. Who still holds it keeps it in memory, in the swap cache.
 *
 * Return: true if it went.
 */
bool host_swap_out(unsigned long hva)
{
	int i = named(hva);
	struct page *page;

	if (!pte_present(ptes[i]) || pfn_to_page(pte_pfn(ptes[i])) == host_zero_page())
		return false;
	spin_lock(&host_mm.page_table_lock);
	page = host_clear_pte(i);
	host_notify(i, 1);
	spin_unlock(&host_mm.page_table_lock);
	return page_out(i, page);
}

/** host_reclaim_cache() - try again what host_swap_out() had to leave in memory. */
bool host_reclaim_cache(unsigned long hva)
{
	int i = named(hva);

	return user_pages[i].cache && page_out(i, user_pages[i].cache);
}

/**
 * host_write_protect() - share it with a child, as fork() does. The next write makes
 * a copy, and the old page goes, as if the child had exited.
 *
 * Return: true if it was writable.
 */
bool host_write_protect(unsigned long hva)
{
	int i = named(hva);
	bool was_writable = pte_write(ptes[i]);

	if (!pte_present(ptes[i]))
		return false;
	spin_lock(&host_mm.page_table_lock);
	ptes[i].val &= ~2ULL;
	user_pages[i].shared = true;
	host_notify(i, 1);
	spin_unlock(&host_mm.page_table_lock);
	return was_writable;
}

/**
 * host_replace() - another page with the same contents, as migration and KSM do.
 *
 * Return: true if it was replaced, false if it is not there or someone holds it.
 */
bool host_replace(unsigned long hva)
{
	int i = named(hva);
	struct page *old, *new;
	bool write = pte_write(ptes[i]);

	if (!pte_present(ptes[i]) || pfn_to_page(pte_pfn(ptes[i])) == host_zero_page())
		return false;
	new = host_alloc_page();
	spin_lock(&host_mm.page_table_lock);
	old = host_clear_pte(i);
	host_notify(i, 1);
	if (old->refs != 1) {		/* it is put back, as migration does */
		host_set_pte(i, old, write);
		spin_unlock(&host_mm.page_table_lock);
		put_page(new);
		return false;
	}
	memcpy(__va(page_to_pfn(new) << PAGE_SHIFT), __va(page_to_pfn(old) << PAGE_SHIFT),
	       PAGE_SIZE);
	host_set_pte(i, new, write);
	spin_unlock(&host_mm.page_table_lock);
	put_page(old);
	return true;
}

/** host_mm_exit() - the process ends: release comes first, then its pages go. */
void host_mm_exit(void)
{
	struct mmu_notifier *mn = host_mm.notifier;

	if (!host_mm.users)
		return;
	host_mm.users = 0;
	host_mm.notifier = NULL;
	if (mn && !mn->released) {
		mn->released = true;
		mn->ops->release(mn, &host_mm);
	}
	down_write(&host_mm.mmap_lock);
	zap(0, HOST_USER_PAGES);
	up_write(&host_mm.mmap_lock);
}

/** host_mm_stop() - the process is gone, and nobody asks about it any more. */
void host_mm_stop(void)
{
	host_mm_exit();
	host_check(!host_mm.notifier, "a notifier was never unregistered");
}

int mmu_notifier_register(struct mmu_notifier *mn, struct mm_struct *mm)
{
	down_write(&mm->mmap_lock);
	host_check(!mm->notifier && mm->users, "one notifier, of a process that is there");
	mn->released = false;
	mm->notifier = mn;
	up_write(&mm->mmap_lock);
	return 0;
}

void mmu_notifier_unregister(struct mmu_notifier *mn, struct mm_struct *mm)
{
	might_sleep();
	if (!mn->released) {
		mn->released = true;
		mn->ops->release(mn, mm);
	}
	if (mm->notifier == mn)
		mm->notifier = NULL;
}

bool mmget_not_zero(struct mm_struct *mm)
{
	if (!mm->users)
		return false;
	mm->users++;
	return true;
}

void mmput(struct mm_struct *mm)
{
	host_check(mm->users > 1, "mmput() of the process itself");
	mm->users--;
}
