// SPDX-License-Identifier: GPL-2.0
/*
 * page.c - physical memory: an arena of pages, each with a struct page. A free
 * page is poisoned for AddressSanitizer, so that whoever still uses it is caught,
 * and no CPU may still be able to reach it.
 */
#include <sanitizer/asan_interface.h>

#include <linux/mm.h>

#include "machine.h"

#define FREED		0xdb	/* what whoever still reads it without a sanitizer finds */
#define FIRST_PFN 0x1000	/* so that a frame is never a small number, or a gfn */

static struct page pages[HOST_PAGES];
static u8 arena[HOST_PAGES * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static int used, next;
static struct page *zero_page;

bool host_pfn_valid(u64 pfn)
{
	return pfn >= FIRST_PFN && pfn < FIRST_PFN + HOST_PAGES;
}

struct page *pfn_to_page(u64 pfn)
{
	host_check(host_pfn_valid(pfn), "there is no frame %#llx", pfn);
	return &pages[pfn - FIRST_PFN];
}

u64 page_to_pfn(const struct page *page)
{
	host_check(page >= pages && page < pages + HOST_PAGES, "no struct page");
	return page - pages + FIRST_PFN;
}

void *__va(u64 pa)
{
	host_check(host_pfn_valid(pa >> PAGE_SHIFT), "there is no memory at %#llx", pa);
	return arena + (pa - (FIRST_PFN << PAGE_SHIFT));
}

u64 __pa(const void *va)
{
	u64 offset = (const u8 *)va - arena;

	host_check(offset < HOST_PAGES * PAGE_SIZE, "%p is not in physical memory", va);
	return offset + (FIRST_PFN << PAGE_SHIFT);
}

/** host_alloc_page() - a page full of zeros, with one reference. */
struct page *host_alloc_page(void)
{
	struct page *page;
	int i;

	/* Round and round: a page that was freed is not used again at once. */
	for (i = 0; i < HOST_PAGES && pages[next].refs; i++)
		next = (next + 1) % HOST_PAGES;
	page = &pages[next];
	host_check(!page->refs, "out of physical pages");
	next = (next + 1) % HOST_PAGES;
	*page = (struct page){ .refs = 1 };
	used++;
	ASAN_UNPOISON_MEMORY_REGION(__va(page_to_pfn(page) << PAGE_SHIFT), PAGE_SIZE);
	memset(__va(page_to_pfn(page) << PAGE_SHIFT), 0, PAGE_SIZE);
	return page;
}

/** host_pages_reset() - all pages are free, whatever a failed test left. */
void host_pages_reset(void)
{
	memset(pages, 0, sizeof(pages));
	zero_page = NULL;
	used = 0;
	ASAN_POISON_MEMORY_REGION(arena, HOST_PAGES * PAGE_SIZE);
}

void get_page(struct page *page)
{
	host_touches(page, true);
	host_check(page->refs > 0, "get_page() of a free page");
	page->refs++;
}

void put_page(struct page *page)
{
	u64 pfn = page_to_pfn(page);

	host_step(__func__, "lets go of", "a page", page, true);
	host_check(page->refs > 0, "put_page() of a free page");
	if (page->refs == 1)
		cpus_check_freed(pfn);
	if (--page->refs)
		return;
	host_note("frame %#llx is free", pfn);
	memset(__va(pfn << PAGE_SHIFT), FREED, PAGE_SIZE);
	ASAN_POISON_MEMORY_REGION(__va(pfn << PAGE_SHIFT), PAGE_SIZE);
	used--;
}

unsigned long get_zeroed_page(gfp_t flags)
{
	struct page *page;

	(void)flags;
	if (host_allocation_fails())
		return 0;
	page = host_alloc_page();
	page->kernel = true;
	return (unsigned long)__va(page_to_pfn(page) << PAGE_SHIFT);
}

void free_page(unsigned long address)
{
	struct page *page = virt_to_page((void *)address);

	host_check(page->kernel && page->refs == 1 && !offset_in_page(address),
		   "free_page() of what get_zeroed_page() did not give");
	put_page(page);
}

/** host_zero_page() - the page that all untouched memory is, until written. */
struct page *host_zero_page(void)
{
	if (!zero_page) {
		zero_page = host_alloc_page();
		used--;		/* it stays for ever */
	}
	return zero_page;
}

bool is_zero_pfn(u64 pfn)
{
	return pfn_to_page(pfn) == host_zero_page();
}

int host_pages_used(void)
{
	return used;
}

bool host_page_is_free(u64 pfn)
{
	return !pfn_to_page(pfn)->refs;
}
