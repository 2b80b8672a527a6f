// SPDX-License-Identifier: GPL-2.0
/*
 * mm.c - the process whose memory the guest's is, and all that the host does to it:
 * map, unmap, swap out and in, write-protect, copy on write, replace, move. Each change
 * of its page table is in a section: the notifiers are called before it (notify.c), with
 * the page-table lock held once the entries have changed, and at its end, and only then
 * is the page let go of. Of mremap() 6.1 tells at the end alone.
 *
 * Faults of the process, and get_user_pages(), are in user.c.
 */
#include <stdlib.h>

#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>

#include "machine.h"
#include "mm.h"

struct mm_struct host_mm;
struct task_struct host_task;

static pte_t ptes[HOST_USER_PAGES];
static struct host_user_page user_pages[HOST_USER_PAGES];
struct host_hook host_section_begun, host_section_ends;

/** host_mm_start() - a process with an empty address space. */
void host_mm_start(void)
{
	memset(ptes, 0, sizeof(ptes));
	memset(user_pages, 0, sizeof(user_pages));
	memset(&host_mm, 0, sizeof(host_mm));
	init_rwsem(&host_mm.mmap_lock);
	spin_lock_init(&host_mm.page_table_lock);
	mutex_init(&host_mm.page_lock);
	host_mm.users = 1;
	host_mm.dir.mm = &host_mm;
	host_mm.pte = ptes;
	host_mm.user = user_pages;
	host_task = (struct task_struct){ .mm = &host_mm };
	host_notify_start();
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

static void run_elsewhere(struct host_hook *hook)
{
	struct host_context mine;

	host_other_context(&mine);
	host_run_hook(hook);
	host_own_context(&mine);
}

/* A section about @n pages. Who comes between its ends, runs at the two hooks. */
static struct mmu_notifier_range begin(int first, int n)
{
	struct mmu_notifier_range range = host_range(host_hva(first), host_hva(first + n));

	host_section_start(&range);
	run_elsewhere(&host_section_begun);
	return range;
}

static void end(const struct mmu_notifier_range *range)
{
	run_elsewhere(&host_section_ends);
	host_section_end(range, false);
}

/** host_clear_pte() - take a page out of the page table; the caller notifies. */
struct page *host_clear_pte(int i)
{
	struct page *page = NULL;

	host_step(__func__, "clears", "the host's entry", &ptes[i], true);
	if (pte_present(ptes[i]))
		page = pfn_to_page(pte_pfn(ptes[i]));
	ptes[i].val = 0;
	return page;
}

/** host_set_pte() - put a page in; it takes the caller's reference. */
void host_set_pte(int i, struct page *page, bool write)
{
	host_step(__func__, "sets", "the host's entry", &ptes[i], true);
	ptes[i].val = page_to_pfn(page) << PAGE_SHIFT | 1 | (write ? 2 : 0);
}

/* No longer writable; the caller notifies. */
static void protect_pte(int i)
{
	host_step(__func__, "protects", "the host's entry", &ptes[i], true);
	ptes[i].val &= ~2ULL;
}

static void forget_swap(int i)
{
	struct page *cache = user_pages[i].cache;

	free(user_pages[i].swap);
	user_pages[i].swap = NULL;
	user_pages[i].cache = NULL;
	user_pages[i].shared = false;
	if (cache)
		put_page(cache);
}

/* Clear a range, tell, and only then let go of the pages, as mmu_gather does. */
static void zap(int first, int n)
{
	struct page *gone[HOST_USER_PAGES];
	struct mmu_notifier_range range;
	int i;

	host_check(first + n <= HOST_USER_PAGES, "the test names too many pages");
	range = begin(first, n);
	spin_lock(&host_mm.page_table_lock);
	for (i = 0; i < n; i++) {
		gone[i] = host_clear_pte(first + i);
		forget_swap(first + i);
	}
	host_notify(&range);
	spin_unlock(&host_mm.page_table_lock);
	end(&range);
	for (i = 0; i < n; i++)
		if (gone[i])
			put_page(gone[i]);
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
	struct mmu_notifier_range range;
	int first = named(hva);
	unsigned int i;

	down_write(&host_mm.mmap_lock);
	range = begin(first, n);
	spin_lock(&host_mm.page_table_lock);
	for (i = first; i < first + n; i++) {
		protect_pte(i);		/* the next write asks */
		user_pages[i].writable = writable;
	}
	host_notify(&range);
	spin_unlock(&host_mm.page_table_lock);
	end(&range);
	up_write(&host_mm.mmap_lock);
}

/**
 * host_mremap() - move @n pages of the process from @from to @to, where nothing is.
 *
 * The entries move one by one. 6.12 tells while it holds the page-table lock; 6.1 only
 * flushes the CPUs' TLBs there, and calls when it has moved all.
 */
void host_mremap(unsigned long from, unsigned long to, unsigned int n)
{
	int first = named(from), there = named(to);
	struct mmu_notifier_range range;
	unsigned int i;

	down_write(&host_mm.mmap_lock);
	range = begin(first, n);
	spin_lock(&host_mm.page_table_lock);
	for (i = 0; i < n; i++) {
		host_check(!user_pages[there + i].mapped, "page %u is mapped", there + i);
		user_pages[there + i] = user_pages[first + i];
		user_pages[first + i] = (struct host_user_page){ };
		host_step(__func__, "moves", "the host's entry", &ptes[first + i], true);
		host_touches(&ptes[there + i], true);
		ptes[there + i] = ptes[first + i];
		ptes[first + i].val = 0;
	}
	if (!HOST_OLD_CALLS)
		host_notify(&range);
	spin_unlock(&host_mm.page_table_lock);
	end(&range);
	up_write(&host_mm.mmap_lock);
}

/* Write a page of the swap cache to swap, and free it; false if someone else holds it. */
static bool page_out(int i)
{
	struct page *page;

	host_step(__func__, "asks for", "the only reference to the page", NULL, true);
	page = user_pages[i].cache;
	if (!page || page->refs != 1)
		return false;
	user_pages[i].cache = NULL;
	user_pages[i].shared = false;
	user_pages[i].swap = malloc(PAGE_SIZE);
	host_check(user_pages[i].swap, "out of memory");
	memcpy(user_pages[i].swap, __va(page_to_pfn(page) << PAGE_SHIFT), PAGE_SIZE);
	put_page(page);
	return true;
}

/* Is there a page that is not the zero page? */
static bool has_own_page(int i)
{
	host_step(__func__, "reads", "the host's entry", &ptes[i], false);
	return pte_present(ptes[i]) && pfn_to_page(pte_pfn(ptes[i])) != host_zero_page();
}

/**
 * host_swap_out() - reclaim a page: take it out of the page table, tell, then
 * write it to swap. Who still holds it keeps it in memory, in the swap cache.
 *
 * Return: true if it went.
 */
bool host_swap_out(unsigned long hva)
{
	struct mmu_notifier_range range;
	int i = named(hva);
	bool went;

	if (!has_own_page(i))
		return false;
	mutex_lock(&host_mm.page_lock);
	range = begin(i, 1);
	spin_lock(&host_mm.page_table_lock);
	if (has_own_page(i)) {
		user_pages[i].cache = host_clear_pte(i);
		host_notify(&range);
	}
	spin_unlock(&host_mm.page_table_lock);
	end(&range);
	went = page_out(i);
	mutex_unlock(&host_mm.page_lock);
	return went;
}

/** host_reclaim_cache() - try again what host_swap_out() had to leave in memory. */
bool host_reclaim_cache(unsigned long hva)
{
	return page_out(named(hva));
}

/**
 * host_write_protect() - share it with a child, as fork() does. The next write makes
 * a copy, and the old page goes, as if the child had exited.
 *
 * Return: true if it was writable.
 */
bool host_write_protect(unsigned long hva)
{
	struct mmu_notifier_range range;
	bool was_writable = false;
	int i = named(hva);

	down_write(&host_mm.mmap_lock);
	if (pte_present(ptes[i])) {
		range = begin(i, 1);
		spin_lock(&host_mm.page_table_lock);
		was_writable = pte_write(ptes[i]);
		protect_pte(i);
		user_pages[i].shared = true;
		host_notify(&range);
		spin_unlock(&host_mm.page_table_lock);
		end(&range);
	}
	up_write(&host_mm.mmap_lock);
	return was_writable;
}

/**
 * host_replace() - another page with the same contents, as migration and KSM do.
 *
 * Return: true if it was replaced, false if it is not there or someone holds it.
 */
bool host_replace(unsigned long hva)
{
	struct page *old = NULL, *new;
	struct mmu_notifier_range range;
	int i = named(hva);
	bool write;

	if (!has_own_page(i))
		return false;
	new = host_alloc_page();
	mutex_lock(&host_mm.page_lock);
	range = begin(i, 1);
	spin_lock(&host_mm.page_table_lock);
	if (has_own_page(i)) {
		write = pte_write(ptes[i]);
		old = host_clear_pte(i);
		host_notify(&range);
		if (old->refs == 1) {
			memcpy(__va(page_to_pfn(new) << PAGE_SHIFT),
			       __va(page_to_pfn(old) << PAGE_SHIFT), PAGE_SIZE);
			host_set_pte(i, new, write);
		} else {		/* it is put back, as migration does */
			host_set_pte(i, old, write);
			old = NULL;
		}
	}
	spin_unlock(&host_mm.page_table_lock);
	end(&range);
	mutex_unlock(&host_mm.page_lock);
	put_page(old ? old : new);
	return old;
}

/** host_mm_exit() - the process ends: release comes first, then its pages go. */
void host_mm_exit(void)
{
	if (!host_mm.users)
		return;
	host_mm.users = 0;
	host_notify_exit();
	down_write(&host_mm.mmap_lock);
	zap(0, HOST_USER_PAGES);
	up_write(&host_mm.mmap_lock);
}

/** host_mm_stop() - the process is gone, and nobody asks about it any more. */
void host_mm_stop(void)
{
	host_mm_exit();
	host_notify_stop();
}

unsigned long vm_mmap(void *file, unsigned long address, unsigned long size, unsigned long prot,
		      unsigned long flags, unsigned long offset)
{
	int n = size >> PAGE_SHIFT, first, i;

	host_check(!file && !address && !offset && n && (flags & MAP_ANONYMOUS),
		   "vm_mmap() of anything else than new memory");
	down_write(&host_mm.mmap_lock);
	up_write(&host_mm.mmap_lock);
	if (host_allocation_fails())
		return -ENOMEM;
	for (first = 0; first + n <= HOST_USER_PAGES; first = i + 1) {
		for (i = first; i < first + n && !user_pages[i].mapped; i++)
			;
		if (i < first + n)
			continue;
		host_mmap(host_hva(first), n, prot & PROT_WRITE);
		return host_hva(first);
	}
	return -ENOMEM;
}

int vm_munmap(unsigned long address, unsigned long size)
{
	host_munmap(address, size >> PAGE_SHIFT);
	return 0;
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
