/* SPDX-License-Identifier: GPL-2.0 */
/* Pages, the process page table and get_user_pages(); see page.c and mm.c. */
#ifndef HOST_LINUX_MM_H
#define HOST_LINUX_MM_H

#include <linux/gfp.h>
#include <linux/mm_types.h>
#include <linux/sched.h>
#include <linux/version.h>

/* ---- physical pages ---- */

struct page *pfn_to_page(u64 pfn);
u64 page_to_pfn(const struct page *page);
void *__va(u64 pa);
u64 __pa(const void *va);

void get_page(struct page *page);
void put_page(struct page *page);

static inline struct page *virt_to_page(const void *va)
{
	return pfn_to_page(__pa(va) >> PAGE_SHIFT);
}

static inline void set_page_private(struct page *page, unsigned long private)
{
	page->private = private;
}

static inline unsigned long page_private(const struct page *page)
{
	host_check(page->refs > 0, "page_private() of a free page");
	return page->private;
}

static inline void *page_address(const struct page *page)
{
	return __va(page_to_pfn(page) << PAGE_SHIFT);
}

bool is_zero_pfn(u64 pfn);

#define compound_head(page)	(page)
#define PageHead(page)		((page)->head)
#define PageAnon(page)		((page)->anon)

static inline void set_page_dirty(struct page *page)
{
	host_check(page->refs > 0, "set_page_dirty() of a free page");
	page->dirty = true;
}

#define SetPageDirty(page) set_page_dirty(page)

/* ---- the process ---- */

#define FOLL_WRITE 1
#define FOLL_HWPOISON 0x100
#if !HOST_OLD_CALLS
#define FOLL_HONOR_NUMA_FAULT 0x1000
#endif

int get_user_pages_fast(unsigned long hva, int n, unsigned int flags, struct page **pages);
long get_user_pages_unlocked(unsigned long hva, unsigned long n, struct page **pages,
			     unsigned int flags);
unsigned long vm_mmap(void *file, unsigned long address, unsigned long size, unsigned long prot,
		      unsigned long flags, unsigned long offset);
int vm_munmap(unsigned long address, unsigned long size);

static inline int mmap_write_lock_killable(struct mm_struct *mm)
{
	return down_write_killable(&mm->mmap_lock);
}

static inline void mmap_write_unlock(struct mm_struct *mm)
{
	up_write(&mm->mmap_lock);
}

/* ---- its page table, for who walks it; there are no large pages ---- */

#define PMD_MASK (~((1UL << 21) - 1))
#define PUD_MASK (~((1UL << 30) - 1))

#define pgd_offset(mm, hva)	((void)(hva), &(mm)->dir)
#define p4d_offset(pgd, hva)	((void)(hva), (pgd))
#define pud_offset(p4d, hva)	((void)(hva), (p4d))
#define pmd_offset(pud, hva)	((void)(hva), (pud))
#define pgd_none(pgd)		(!(pgd).mm)
#define p4d_none(p4d)		(!(p4d).mm)
#define pud_none(pud)		(!(pud).mm)
#define pmd_none(pmd)		(!(pmd).mm)
#define pud_present(pud)	((pud).mm)
#define pmd_present(pmd)	((pmd).mm)
#define pud_leaf(pud)		((void)(pud), false)
#define pmd_leaf(pmd)		((void)(pmd), false)
#define pud_pfn(pud)		((void)(pud), 0ULL)
#define pmd_pfn(pmd)		((void)(pmd), 0ULL)
#define pud_write(pud)		((void)(pud), false)
#define pmd_write(pmd)		((void)(pmd), false)

pte_t *pte_offset_kernel(const pmd_t *pmd, unsigned long hva);

#define pte_present(pte)	((pte).val & 1)
#define pte_write(pte)		((pte).val & 2)
#define pte_protnone(pte)	((void)(pte), false)
#define pte_pfn(pte)		((pte).val >> PAGE_SHIFT)

#endif
