// SPDX-License-Identifier: GPL-2.0
/*
 * user.c - the process touches its memory: faults bring pages in from swap or copy
 * them on write. On it stand get_user_pages_fast(), the kernel's accesses to user
 * memory, and what the tests use to look at memory without moving anything.
 */
#include <stdlib.h>

#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/uaccess.h>

#include "machine.h"
#include "mm.h"

struct host_hook host_before_cmpxchg;

void pagefault_disable(void)
{
	host_disable_faults(true);
}

void pagefault_enable(void)
{
	host_disable_faults(false);
}

static void *page_data(const struct page *page)
{
	return __va(page_to_pfn(page) << PAGE_SHIFT);
}

/* The contents of a page that is not there: from the swap cache, from swap, or zeros. */
static struct page *absent_page(int i, bool write)
{
	struct host_user_page *user = &host_mm.user[i];
	struct page *page = user->cache;

	if (page) {
		user->cache = NULL;
	} else if (user->swap) {
		page = host_alloc_page();
		memcpy(page_data(page), user->swap, PAGE_SIZE);
		free(user->swap);
		user->swap = NULL;
	} else if (write) {
		page = host_alloc_page();
	} else {
		page = host_zero_page();
		get_page(page);
	}
	return page;
}

static void fault_absent(int i, bool write)
{
	spin_lock(&host_mm.page_table_lock);
	if (!pte_present(host_mm.pte[i]))
		host_set_pte(i, absent_page(i, write), write);
	spin_unlock(&host_mm.page_table_lock);
}

/* The process' page is read-only: may it just be made writable? */
static bool is_its_own(int i, const struct page *page)
{
	return page != host_zero_page() && !host_mm.user[i].shared;
}

/*
 * A write to a page that is read-only: it is the process' alone, whoever else holds
 * it (PageAnonExclusive in the kernel), or a copy takes its place.
 */
static void fault_copy(int i)
{
	struct mmu_notifier_range range = host_range(host_hva(i), host_hva(i + 1));
	u64 was = host_mm.pte[i].val;
	struct page *old = pfn_to_page(was >> PAGE_SHIFT), *new = NULL;

	if (!is_its_own(i, old)) {
		new = host_alloc_page();
		host_section_start(&range);
	}
	spin_lock(&host_mm.page_table_lock);
	if (host_mm.pte[i].val != was) {	/* it has changed meanwhile: look again */
		old = new;
	} else if (!new) {
		host_set_pte(i, old, true);
	} else {
		memcpy(page_data(new), page_data(old), PAGE_SIZE);
		host_mm.user[i].shared = false;
		host_clear_pte(i);
		host_notify(&range);
		host_set_pte(i, new, true);
	}
	spin_unlock(&host_mm.page_table_lock);
	if (!new)
		return;
	host_section_end(&range, old != new);
	put_page(old);
}

/* May the process touch this page at all? */
static bool may_touch(int i, bool write)
{
	const struct host_user_page *user = &host_mm.user[i];

	return host_mm.users && user->mapped && !user->poisoned && (!write || user->writable);
}

/*
 * The entry of @hva, after a fault if one is needed and allowed; NULL is -EFAULT. Until the
 * next step of this CPU it stays what it is.
 */
static pte_t *touch(unsigned long hva, bool write)
{
	int i = host_index(hva);
	pte_t *pte;

	if (i < 0)
		return NULL;
	pte = &host_mm.pte[i];
	for (;;) {
		host_step(__func__, "reads", "the host's entry", pte, false);
		if (!may_touch(i, write))
			return NULL;
		if (pte_present(*pte) && (!write || pte_write(*pte)))
			return pte;
		if (host_faults_disabled())
			return NULL;
		down_read(&host_mm.mmap_lock);
		if (!may_touch(i, write))
			;
		else if (!pte_present(*pte))
			fault_absent(i, write);
		else if (write && !pte_write(*pte))
			fault_copy(i);
		up_read(&host_mm.mmap_lock);
	}
}

int get_user_pages_fast(unsigned long hva, int n, unsigned int flags, struct page **pages)
{
	pte_t *pte;

	host_check(n == 1, "one page at a time");
	might_sleep();
	if (host_allocation_fails())
		return -ENOMEM;
	pte = touch(hva, flags & FOLL_WRITE);
	if (!pte)
		return -EFAULT;
	pages[0] = pfn_to_page(pte_pfn(*pte));
	get_page(pages[0]);
	return 1;
}

long get_user_pages_unlocked(unsigned long hva, unsigned long n, struct page **pages,
			     unsigned int flags)
{
	int i = host_index(hva);

	if (i >= 0 && host_mm.user[i].poisoned)
		return flags & FOLL_HWPOISON ? -EHWPOISON : -EFAULT;
	return get_user_pages_fast(hva, n, flags, pages);
}

/* Copy within one page of user memory; false if it is not there. */
static bool copy_user_page(unsigned long hva, void *data, unsigned long n, bool write)
{
	pte_t *pte;
	u8 *at;

	if (!host_faults_disabled())
		might_sleep();
	pte = touch(hva, write);
	if (!pte)
		return false;
	at = (u8 *)page_data(pfn_to_page(pte_pfn(*pte))) + offset_in_page(hva);
	if (write)
		memcpy(at, data, n);
	else
		memcpy(data, at, n);
	return true;
}

/* Return: how many bytes were not copied, as the kernel's functions do. */
static unsigned long copy_user(unsigned long hva, void *data, unsigned long n, bool write)
{
	host_check(host_task.mm == &host_mm, "user memory of another process");
	while (n) {
		unsigned long part = min(n, PAGE_SIZE - offset_in_page(hva));

		if (!copy_user_page(hva, data, part, write))
			return n;
		hva += part;
		data += part;
		n -= part;
	}
	return 0;
}

unsigned long copy_from_user(void *to, const void __user *from, unsigned long n)
{
	return copy_user((unsigned long)from, to, n, false);
}

unsigned long copy_to_user(void __user *to, const void *from, unsigned long n)
{
	return copy_user((unsigned long)to, (void *)from, n, true);
}

int host_cmpxchg_user(void __user *user, void *old, u64 value, unsigned int size)
{
	struct host_context mine;
	u64 now = 0;

	host_other_context(&mine);
	host_run_hook(&host_before_cmpxchg);
	host_own_context(&mine);
	host_check(!((unsigned long)user & (size - 1)), "a cmpxchg across a boundary");
	if (copy_from_user(&now, user, size))
		return -EFAULT;
	/* A locked instruction is a write, even when it changes nothing. */
	if (memcmp(&now, old, size)) {
		memcpy(old, &now, size);
		return copy_to_user(user, &now, size) ? -EFAULT : 1;
	}
	return copy_to_user(user, &value, size) ? -EFAULT : 0;
}

pte_t *pte_offset_kernel(const pmd_t *pmd, unsigned long hva)
{
	static pte_t none;
	int i = host_index(hva);

	return i < 0 ? &none : &pmd->mm->pte[i];
}

/** host_present() - is a page in memory and in the page table? */
bool host_present(unsigned long hva)
{
	int i = host_index(hva);

	return i >= 0 && pte_present(host_mm.pte[i]);
}

/** host_user_pfn() - the frame that the process has there; 0 for none. */
u64 host_user_pfn(unsigned long hva)
{
	return host_present(hva) ? pte_pfn(host_mm.pte[host_index(hva)]) : 0;
}

/** host_pfn_to_hva() - which page of the process is this? (Not for the zero page.) */
bool host_pfn_to_hva(u64 pfn, unsigned long *hva)
{
	int i;

	for (i = 0; i < HOST_USER_PAGES; i++) {
		if (pte_present(host_mm.pte[i]) && pte_pfn(host_mm.pte[i]) == pfn) {
			*hva = host_hva(i);
			return true;
		}
	}
	return false;
}

/** host_contents() - a page of user memory, wherever it is; nothing moves. */
const void *host_contents(unsigned long hva)
{
	static const u64 zeros[PAGE_SIZE / 8];
	int i = host_index(hva);

	host_check(i >= 0 && host_mm.user[i].mapped, "the test looks at %#lx", hva);
	if (pte_present(host_mm.pte[i]))
		return page_data(pfn_to_page(pte_pfn(host_mm.pte[i])));
	if (host_mm.user[i].cache)
		return page_data(host_mm.user[i].cache);
	return host_mm.user[i].swap ? host_mm.user[i].swap : zeros;
}

/** host_peek() - eight bytes of user memory. */
u64 host_peek(unsigned long hva)
{
	u64 value;

	memcpy(&value, (const u8 *)host_contents(hva) + offset_in_page(hva), sizeof(value));
	return value;
}

/** host_poke() - the process writes eight bytes. */
void host_poke(unsigned long hva, u64 value)
{
	host_check(!copy_to_user((void *)hva, &value, sizeof(value)), "the test writes %#lx", hva);
}
