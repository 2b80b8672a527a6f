// SPDX-License-Identifier: GPL-2.0
/*
 * audit.c - chapter 2: walk everything and check the invariants of the design:
 * (1) no stale spte, (2) each leaf spte on one rmap chain and each chain's entry a
 * leaf spte, (3) no page held from chapter 4 on, (9) a shadow page only where its
 * gfn and role belong. It shares no code with what it checks: it looks at the
 * tables alone.
 *
 * You come here from debugfs.c, or from fault.c and notifier.c (audit_check).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": audit: " fmt

#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "audit.h"
#include "rmap.h"
#include "slot_lookup.h"
#include "spte.h"

#define MAX_SUSPECTS	64
#define SUSPECT_TRIES	25	/* times 20 ms, for what is about to be cleared */
#define MAX_DETAILS	16

bool audit_always;

struct suspect {
	gfn_t gfn;
	u64 *sptep;
	u64 spte;
};

struct audit {
	struct vm *vm;
	unsigned long sptes, on_chains;
	unsigned long rmap_errors, role_errors, in_range;
	unsigned int nr_suspects;
	struct suspect suspect[MAX_SUSPECTS];
	char details[MAX_DETAILS][80];
	unsigned int nr_details;
};

/* One more finding: count it, and keep a line about the first few. */
static __printf(3, 4) void found(struct audit *a, unsigned long *count, const char *fmt, ...)
{
	va_list args;

	(*count)++;
	if (a->nr_details == MAX_DETAILS)
		return;
	va_start(args, fmt);
	vsnprintf(a->details[a->nr_details++], sizeof(a->details[0]), fmt, args);
	va_end(args);
}

/*
 * Call @visit for each present leaf spte.
 * checkpatch(OPEN_BRACE): it is a function, whatever its argument looks like
 */
static void for_each_leaf(struct audit *a,
			  void (*visit)(struct audit *a, gfn_t gfn, u64 *sptep))
{
	struct shadow_page *sp;
	int i;

	list_for_each_entry(sp, &a->vm->shadow.pages, link)
		for (i = 0; sp->role.level == 1 && i < SPTES_PER_PAGE; i++)
			if (sp->spt[i] & SPTE_PRESENT)
				visit(a, sp->gfns[i], &sp->spt[i]);
}

/* ---- invariant 9: shadow pages ---- */

static void audit_link(struct audit *a, const struct shadow_page *sp, int index)
{
	const struct shadow_page *child = sptep_to_sp(__va(sp->spt[index] & SPTE_FRAME));
	gfn_t gfn;

	if (child->role.level != sp->role.level - 1 || child->role.access & ~sp->role.access ||
	    child->role.pae != sp->role.pae || child->role.long_mode != sp->role.long_mode ||
	    child->role.nx != sp->role.nx || child->role.wp != sp->role.wp)
		found(a, &a->role_errors, "role: gfn %#llx role %#x leads to role %#x", sp->gfn,
		      sp->role.word, child->role.word);
	if (!sp->role.direct)
		return;
	gfn = sp->gfn + ((gfn_t)index << (9 * (sp->role.level - 1)));
	if (!child->role.direct || child->gfn != gfn)
		found(a, &a->role_errors, "role: direct gfn %#llx leads to %#llx, not %#llx",
		      sp->gfn, child->gfn, gfn);
}

static void audit_shadow_page(struct audit *a, const struct shadow_page *sp)
{
	const struct shadow_page *other;
	int i;

	list_for_each_entry(other, &a->vm->shadow.pages, link)
		if (other != sp && other->gfn == sp->gfn && other->role.word == sp->role.word)
			found(a, &a->role_errors, "role: gfn %#llx role %#x is there twice",
			      sp->gfn, sp->role.word);
	for (i = 0; i < SPTES_PER_PAGE; i++) {
		if (!(sp->spt[i] & SPTE_PRESENT)) {
			if (sp->spt[i])
				found(a, &a->role_errors, "role: not present, not zero: %#llx",
				      sp->spt[i]);
			continue;
		}
		if (sp->role.level > 1)
			audit_link(a, sp, i);
		else if (sp->role.direct && sp->gfns[i] != sp->gfn + i)
			found(a, &a->role_errors, "role: direct spte of gfn %#llx says %#llx",
			      sp->gfn + i, sp->gfns[i]);
	}
}

/* ---- invariant 2: rmaps ---- */

#ifdef CONFIG_KVMSWAP_RMAP
static void audit_leaf(struct audit *a, gfn_t gfn, u64 *sptep)
{
	struct memslot *slot = gfn_to_memslot(a->vm, gfn);
	unsigned int n;

	a->sptes++;
	if (!slot) {
		found(a, &a->rmap_errors, "rmap: gfn %#llx is mapped and in no slot", gfn);
		return;
	}
	n = rmap_times(gfn_to_rmap(slot, gfn), sptep);
	if (n != 1)
		found(a, &a->rmap_errors, "rmap: spte of gfn %#llx is %u times on its chain", gfn,
		      n);
}

static void audit_chain(struct audit *a, gfn_t gfn, const struct rmap_head *rmapp)
{
	const u64 *sptep = rmap_next(rmapp, NULL);

	/* A chain that has an entry twice leads back to it for ever: no more than there can be. */
	for (; sptep && a->on_chains <= a->sptes; sptep = rmap_next(rmapp, sptep)) {
		a->on_chains++;
		if (!(*sptep & SPTE_PRESENT) || sptep_to_gfn(sptep) != gfn)
			found(a, &a->rmap_errors, "rmap: chain of gfn %#llx has spte %#llx", gfn,
			      *sptep);
	}
}

static void audit_chains(struct audit *a)
{
	struct memslot *slot;
	int i;

	/* A slot may have millions of pages with no chain: little is done for each. */
	for_each_slot(i, slot, a->vm) {
		const struct rmap_head *rmap = slot->rmap;
		unsigned long page, npages = slot->npages;

		for (page = 0; page < npages; page++)
			if (rmap[page].val)
				audit_chain(a, slot->base_gfn + page, &rmap[page]);
	}
	if (a->on_chains != a->sptes)
		found(a, &a->rmap_errors, "rmap: %lu leaf sptes, %lu on chains", a->sptes,
		      a->on_chains);
}
#else	/* no chains to check yet: count, and look for pages without a slot */
static void audit_leaf(struct audit *a, gfn_t gfn, u64 *sptep)
{
	a->sptes++;
	if (!gfn_to_memslot(a->vm, gfn))
		found(a, &a->rmap_errors, "rmap: gfn %#llx is mapped and in no slot", gfn);
}

static void audit_chains(struct audit *a)
{
}
#endif

static void audit_structure(struct audit *a)
{
	const struct shadow_page *sp;

	lockdep_assert_held(&a->vm->mmu_lock);

	list_for_each_entry(sp, &a->vm->shadow.pages, link)
		audit_shadow_page(a, sp);
	for_each_leaf(a, audit_leaf);
	audit_chains(a);
}

/* ---- invariant 1: what does the host map there? ---- */

/*
 * Is this frame part of the huge zero page? When the host splits its entry for it
 * into entries for the small zero page, it tells nobody: both read as zeros, and before
 * a page of its own takes their place it does tell (mm/huge_memory.c,
 * __split_huge_pmd()).
 */
static bool is_huge_zero(u64 pfn)
{
	struct page *head = compound_head(pfn_to_page(pfn));

	return PageHead(head) && !PageAnon(head) && !head->mapping &&
	       !memchr_inv(page_address(pfn_to_page(pfn)), 0, PAGE_SIZE);
}

/*
 * The host's frame at @hva, if its entry is present and @write is allowed. Reads
 * the page tables without their locks (mmu_lock is held, and is inside of them);
 * mmap_lock is held to write, so no table is freed, but by khugepaged of Linux 6.12, and
 * that waits for RCU readers, of which we are one with a spinlock held.
 */
static bool host_maps(struct mm_struct *mm, hva_t hva, u64 pfn, bool write)
{
	pgd_t *pgd = pgd_offset(mm, hva);
	p4d_t *p4d;
	pud_t *pud, pudval;
	pmd_t *pmd, pmdval;
	pte_t pte;

	if (pgd_none(*pgd))
		return false;
	p4d = p4d_offset(pgd, hva);
	if (p4d_none(*p4d))
		return false;
	pud = pud_offset(p4d, hva);
	pudval = READ_ONCE(*pud);
	if (pud_none(pudval) || !pud_present(pudval))
		return false;
	if (pud_leaf(pudval))
		return pud_pfn(pudval) + ((hva & ~PUD_MASK) >> PAGE_SHIFT) == pfn &&
		       (!write || pud_write(pudval));
	pmd = pmd_offset(&pudval, hva);
	pmdval = READ_ONCE(*pmd);
	if (pmd_none(pmdval) || !pmd_present(pmdval))
		return false;
	if (pmd_leaf(pmdval))
		return pmd_pfn(pmdval) + ((hva & ~PMD_MASK) >> PAGE_SHIFT) == pfn &&
		       (!write || pmd_write(pmdval));
	pte = READ_ONCE(*pte_offset_kernel(&pmdval, hva));
	if (!write && pte_present(pte) && is_zero_pfn(pte_pfn(pte)) && is_huge_zero(pfn))
		return true;
	return pte_present(pte) && !pte_protnone(pte) && pte_pfn(pte) == pfn &&
	       (!write || pte_write(pte));
}

static bool is_stale(struct vm *vm, gfn_t gfn, u64 spte)
{
	hva_t hva;

	if (gfn_to_hva(vm, gfn, &hva))
		return true;
	return !host_maps(vm->mm, hva, spte_pfn(spte), spte & SPTE_WRITABLE);
}

static void suspect_leaf(struct audit *a, gfn_t gfn, u64 *sptep)
{
	if (a->nr_suspects < MAX_SUSPECTS && is_stale(a->vm, gfn, *sptep))
		a->suspect[a->nr_suspects++] = (struct suspect){ gfn, sptep, *sptep };
}

/* Is this suspect still a leaf spte of the VM, unchanged, and still wrong? */
static bool still_stale(struct audit *a, const struct suspect *s)
{
	const struct shadow_page *sp;

	list_for_each_entry(sp, &a->vm->shadow.pages, link)
		if (sp->role.level == 1 && s->sptep >= sp->spt &&
		    s->sptep < sp->spt + SPTES_PER_PAGE)
			return *s->sptep == s->spte && is_stale(a->vm, s->gfn, s->spte);
	return false;
}

/*
 * A mismatch may be an invalidation on its way: the host has cleared its entry and
 * is about to call us. Those that hold mmap_lock are done, since we hold it; the
 * others (reclaim, migration) are given time. What is left is stale for good.
 */
static void audit_stale(struct audit *a)
{
	unsigned int i, left;
	int tries;

	for (tries = 0; a->nr_suspects && tries < SUSPECT_TRIES; tries++) {
		msleep(20);
		spin_lock(&a->vm->mmu_lock);
		for (i = left = 0; i < a->nr_suspects; i++)
			if (still_stale(a, &a->suspect[i]))
				a->suspect[left++] = a->suspect[i];
		a->nr_suspects = left;
		spin_unlock(&a->vm->mmu_lock);
	}
}

/**
 * audit_report() - run the whole audit and print its result.
 * @vm: the VM.
 * @m: where to: a line "name value" for each count, then details.
 *
 * Context: process, no locks held; takes mmap_lock to write and mmu_lock; sleeps
 * up to half a second if something looks stale.
 * Return: 0; -ENOMEM; -EINTR if killed.
 */
int audit_report(struct vm *vm, struct seq_file *m)
{
	bool alive = mmget_not_zero(vm->mm);
	struct audit *a;
	unsigned int i;
	int err = 0;

	a = kvzalloc(sizeof(*a), GFP_KERNEL);
	if (!a) {
		err = -ENOMEM;
		goto out_mm;
	}
	a->vm = vm;
	if (alive && mmap_write_lock_killable(vm->mm)) {
		err = -EINTR;
		goto out_free;
	}
	spin_lock(&vm->mmu_lock);
	audit_structure(a);
	if (alive)
		for_each_leaf(a, suspect_leaf);
	spin_unlock(&vm->mmu_lock);
	if (alive) {
		audit_stale(a);
		mmap_write_unlock(vm->mm);
	}

	stat_inc(vm, audits);
	atomic64_add(a->rmap_errors + a->role_errors + a->nr_suspects, &vm->stats.audit_failures);
	seq_printf(m, "leaf_sptes %lu\n", a->sptes);
	seq_printf(m, "stale_sptes %u\n", a->nr_suspects);
	seq_printf(m, "rmap_errors %lu\n", a->rmap_errors);
	seq_printf(m, "role_errors %lu\n", a->role_errors);
	seq_printf(m, "pinned_pages %lld\n", atomic64_read(&vm->stats.pages_pinned));
	for (i = 0; i < a->nr_suspects; i++)
		seq_printf(m, "stale: gfn %#llx spte %#llx\n", a->suspect[i].gfn,
			   a->suspect[i].spte);
	for (i = 0; i < a->nr_details; i++)
		seq_printf(m, "%s\n", a->details[i]);
out_free:
	kvfree(a);
out_mm:
	if (alive)
		mmput(vm->mm);
	return err;
}

/* ---- while the VM runs ---- */

/* One at a time, under any VM's mmu_lock: it is too large for a stack. */
static DEFINE_SPINLOCK(check_lock);
static struct audit check;
static hva_t check_start, check_end;

static void range_leaf(struct audit *a, gfn_t gfn, u64 *sptep)
{
	hva_t hva;

	if (!gfn_to_hva(a->vm, gfn, &hva) && hva >= check_start && hva < check_end)
		found(a, &a->in_range, "range: gfn %#llx still mapped after its invalidation", gfn);
}

/**
 * __audit_check() - the slow half of audit_check().
 * @vm: the VM.
 * @start: as in audit_check().
 * @end: as in audit_check().
 *
 * Context: mmu_lock held; does not sleep. Slow: it is for tests with small guests.
 */
void __audit_check(struct vm *vm, hva_t start, hva_t end)
{
	unsigned long errors;
	unsigned int i;

	lockdep_assert_held(&vm->mmu_lock);

	spin_lock(&check_lock);
	memset(&check, 0, sizeof(check));
	check.vm = vm;
	check_start = start;
	check_end = end;
	audit_structure(&check);
	if (start < end)
		for_each_leaf(&check, range_leaf);
	errors = check.rmap_errors + check.role_errors + check.in_range;
	stat_inc(vm, audits);
	atomic64_add(errors, &vm->stats.audit_failures);
	for (i = 0; i < check.nr_details; i++)
		pr_err_ratelimited("%s\n", check.details[i]);
	spin_unlock(&check_lock);
}
