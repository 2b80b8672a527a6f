// SPDX-License-Identifier: GPL-2.0
/*
 * shadow.c - chapter 2: shadow pages. How they are made from what was set aside,
 * found again by gfn and role, and dropped, the oldest first, when there are too many.
 *
 * You come here from root.c, which hangs them into a vCPU's tree. Next: spte.c, for
 * the entries of the lowest ones.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "rmap.h"
#include "spte.h"
#include "tlb.h"

/* One fault needs one for each level; a vCPU's root is up to four more. */
#define SHADOW_PAGES_MIN	(KVMSWAP_MAX_VCPUS * (4 + 4))

static unsigned int max_shadow_pages = 1024;
module_param(max_shadow_pages, uint, 0444);
MODULE_PARM_DESC(max_shadow_pages, "most shadow pages a VM may have (at least 128)");

/* ---- shadow pages are made and freed ---- */

static void free_shadow_page(struct shadow_page *sp)
{
	if (sp->spt)
		free_page((unsigned long)sp->spt);
	if (sp->gfns)
		free_page((unsigned long)sp->gfns);
	kfree(sp);
}

static void *alloc_shadow_page(void)
{
	struct shadow_page *sp = kzalloc(sizeof(*sp), GFP_KERNEL_ACCOUNT);

	if (!sp)
		return NULL;
	sp->spt = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	sp->gfns = (gfn_t *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!sp->spt || !sp->gfns) {
		free_shadow_page(sp);
		return NULL;
	}
	/* From an entry's address to its shadow page: see sptep_to_sp(). */
	set_page_private(virt_to_page(sp->spt), (unsigned long)sp);
	return sp;
}

/**
 * mmu_topup() - set aside what one fault may need under mmu_lock.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held, mmu_lock not; may sleep.
 * Return: 0 or -ENOMEM.
 */
int mmu_topup(struct vcpu *vcpu)
{
	struct mmu_cache *pages = &vcpu->mmu.pages, *descs = &vcpu->mmu.rmap_descs;

	while (pages->nr < MMU_CACHE_SIZE) {
		void *sp = alloc_shadow_page();

		if (!sp)
			return -ENOMEM;
		pages->object[pages->nr++] = sp;
	}
	while (IS_ENABLED(CONFIG_KVMSWAP_RMAP) && descs->nr < MMU_CACHE_SIZE) {
		void *desc = rmap_desc_alloc();

		if (!desc)
			return -ENOMEM;
		descs->object[descs->nr++] = desc;
	}
	return 0;
}

/**
 * mmu_cache_take() - take an object that mmu_topup() set aside.
 * @cache: one of the vCPU's caches; never empty here, or the sizes are wrong.
 *
 * Context: vcpu->mutex held; does not sleep.
 * Return: the object.
 */
void *mmu_cache_take(struct mmu_cache *cache)
{
	return cache->object[--cache->nr];
}

static struct hlist_head *shadow_bucket(struct vm *vm, gfn_t gfn)
{
	return &vm->shadow.hash[hash_64(gfn, SHADOW_HASH_BITS)];
}

/**
 * get_shadow_page() - the shadow page of a gfn and role.
 * @vcpu: whose cache a new one is taken from.
 * @gfn: the guest table's frame, or the first frame that a direct one maps.
 * @role: the role.
 * @cached: set if it was there already; then what hangs below it may have gone
 * stale while nothing led to it.
 *
 * Context: mmu_lock held, after mmu_topup(); does not sleep.
 * Return: the shadow page; a new one is empty.
 */
struct shadow_page *get_shadow_page(struct vcpu *vcpu, gfn_t gfn, union role role, bool *cached)
{
	struct vm *vm = vcpu->vm;
	struct shadow_page *sp;

	lockdep_assert_held(&vm->mmu_lock);

	hlist_for_each_entry(sp, shadow_bucket(vm, gfn), hash) {
		if (sp->gfn == gfn && sp->role.word == role.word) {
			*cached = true;
			return sp;
		}
	}
	*cached = false;
	sp = mmu_cache_take(&vcpu->mmu.pages);
	sp->gfn = gfn;
	sp->role = role;
	list_add_tail(&sp->link, &vm->shadow.pages);
	hlist_add_head(&sp->hash, shadow_bucket(vm, gfn));
	vm->shadow.nr++;
	stat_inc(vm, shadow_pages);
	return sp;
}

/**
 * child_page() - the shadow page that an upper entry points at.
 * @spte: a present entry of a shadow page of level 2 or more.
 *
 * Context: mmu_lock held, so that it stays.
 * Return: the shadow page.
 */
struct shadow_page *child_page(u64 spte)
{
	return sptep_to_sp(__va(spte & SPTE_FRAME));
}

/**
 * clear_entry() - clear one entry of a shadow page, whatever it points at.
 * @vm: the VM.
 * @sp: the shadow page.
 * @index: of a present entry, 0 to 511.
 *
 * Context: mmu_lock held; does not sleep. A flush of the TLBs is owed.
 */
void clear_entry(struct vm *vm, struct shadow_page *sp, int index)
{
	if (sp->role.level == 1) {
		drop_spte(vm, &sp->spt[index]);
	} else {
		WRITE_ONCE(sp->spt[index], 0);
		vm->tlbs_dirty = true;
	}
}

static void clear_all_entries(struct vm *vm, struct shadow_page *sp)
{
	int i;

	for (i = 0; i < SPTES_PER_PAGE; i++)
		if (sp->spt[i] & SPTE_PRESENT)
			clear_entry(vm, sp, i);
}

/* ---- shadow pages are dropped ---- */

/* Drop the @want oldest shadow pages that are nobody's root. */
static void drop_oldest(struct vm *vm, unsigned int want)
{
	struct shadow_page *sp, *next;
	LIST_HEAD(victims);
	int i;

	list_for_each_entry(sp, &vm->shadow.pages, link) {
		if (!want)
			break;
		if (sp->root_count)
			continue;
		sp->victim = true;
		want--;
	}
	/* No back pointers: one pass over the others finds all entries that lead here. */
	list_for_each_entry_safe(sp, next, &vm->shadow.pages, link) {
		if (sp->victim) {
			clear_all_entries(vm, sp);
			hlist_del(&sp->hash);
			list_move(&sp->link, &victims);
			continue;
		}
		for (i = 0; sp->role.level > 1 && i < SPTES_PER_PAGE; i++)
			if ((sp->spt[i] & SPTE_PRESENT) && child_page(sp->spt[i])->victim)
				clear_entry(vm, sp, i);
	}
	/* A CPU may be walking them at this moment. */
	flush_remote_tlbs(vm);
	list_for_each_entry_safe(sp, next, &victims, link) {
		vm->shadow.nr--;
		stat_dec(vm, shadow_pages);
		free_shadow_page(sp);
	}
}

/**
 * make_shadow_pages_available() - keep the VM under its bound.
 * @vm: the VM; a fault is about to make up to four shadow pages.
 *
 * Drops the oldest eighth when the bound is reached, so that a guest that makes
 * page tables without end pays for it itself.
 *
 * Context: mmu_lock held; does not sleep.
 */
void make_shadow_pages_available(struct vm *vm)
{
	unsigned int max = max_t(unsigned int, max_shadow_pages, SHADOW_PAGES_MIN);
	unsigned int before = vm->shadow.nr;

	lockdep_assert_held(&vm->mmu_lock);

	if (before + MMU_CACHE_SIZE <= max)
		return;
	drop_oldest(vm, max / 8);
	atomic64_add(before - vm->shadow.nr, &vm->stats.shadow_pages_dropped);
}

/**
 * zap_all_shadow_pages() - drop every spte of the VM.
 * @vm: the VM. Roots in use stay, empty: they still are what their CR3 names.
 *
 * Context: mmu_lock held; does not sleep. Flushes the TLBs.
 */
void zap_all_shadow_pages(struct vm *vm)
{
	struct shadow_page *sp;

	lockdep_assert_held(&vm->mmu_lock);

	list_for_each_entry(sp, &vm->shadow.pages, link)
		clear_all_entries(vm, sp);
	drop_oldest(vm, vm->shadow.nr);
}

/* ---- the life of a VM and a vCPU ---- */

/**
 * mmu_init_vm() - a VM without shadow pages.
 * @vm: the VM, known to nobody yet.
 *
 * Context: any.
 */
void mmu_init_vm(struct vm *vm)
{
	INIT_LIST_HEAD(&vm->shadow.pages);
}

/**
 * mmu_destroy_vm() - free all shadow pages, when the VM goes.
 * @vm: the VM; no vCPU has a root.
 *
 * Context: process, nobody else knows the VM; takes mmu_lock.
 */
void mmu_destroy_vm(struct vm *vm)
{
	spin_lock(&vm->mmu_lock);
	zap_all_shadow_pages(vm);
	spin_unlock(&vm->mmu_lock);
}

/**
 * mmu_destroy() - let go of a vCPU's root and caches, when the VM goes.
 * @vcpu: the vCPU; nobody runs it.
 *
 * Context: process; takes mmu_lock.
 */
void mmu_destroy(struct vcpu *vcpu)
{
	mmu_unload(vcpu);
	while (vcpu->mmu.pages.nr)
		free_shadow_page(mmu_cache_take(&vcpu->mmu.pages));
	while (vcpu->mmu.rmap_descs.nr)
		kfree(mmu_cache_take(&vcpu->mmu.rmap_descs));
}
