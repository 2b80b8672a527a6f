// SPDX-License-Identifier: GPL-2.0
/*
 * shadow.c - chapter 2: shadow pages. How they are found, linked into a tree that
 * the hardware can walk, compared with the guest's tables when the guest flushes,
 * and dropped when there are too many.
 *
 * You come here from fault.c (shadow_walk) or vcpu.c (mmu_load, mmu_invlpg).
 * Next: spte.c, for the entry at the end of the walk.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "memslot.h"
#include "rmap.h"
#include "spte.h"
#include "tlb.h"
#include "walk.h"

/* One fault needs one for each level; a vCPU's root is up to four more. */
#define SHADOW_PAGES_MIN	(KVMSWAP_MAX_VCPUS * (4 + 4))

static unsigned int max_shadow_pages = 1024;
module_param(max_shadow_pages, uint, 0444);
MODULE_PARM_DESC(max_shadow_pages, "most shadow pages a VM may have (at least 128)");

/* An entry that points at another shadow page: what it allows is in the leaf. */
#define SPTE_TABLE	(SPTE_PRESENT | SPTE_WRITABLE | SPTE_USER | SPTE_ACCESSED)

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

/*
 * The shadow page of (gfn, role). @cached: it was there already, and what hangs
 * below it may have gone stale while nothing led to it.
 */
static struct shadow_page *get_shadow_page(struct vcpu *vcpu, gfn_t gfn, union role role,
					   bool *cached)
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

static struct shadow_page *child_page(u64 spte)
{
	return sptep_to_sp(__va(spte & SPTE_FRAME));
}

/* Clear one entry of a shadow page, whatever it points at. */
static void clear_entry(struct vm *vm, struct shadow_page *sp, int index)
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

/* ---- what an entry should point at ---- */

/**
 * shadow_gpte_gpa() - where the guest entry is that an entry shadows.
 * @sp: a shadow page that is not direct.
 * @index: of the entry, 0 to 511.
 *
 * Context: any.
 * Return: guest physical address, in bytes.
 */
gpa_t shadow_gpte_gpa(const struct shadow_page *sp, int index)
{
	gpa_t table = sp->gfn << PAGE_SHIFT;

	if (sp->role.pae)
		return table + index * 8;
	/* A 32-bit table has 1024 entries; one of its upper ones covers two of ours. */
	if (sp->role.level == 1)
		return table + (sp->role.quadrant * 512 + index) * 4;
	return table + (sp->role.quadrant * 256 + index / 2) * 4;
}

/**
 * child_of() - which shadow page belongs below an entry.
 * @sp: a shadow page of level 2 or more.
 * @index: of the entry, 0 to 511.
 * @gpte: the guest entry that it shadows; not looked at if @sp is direct.
 * @gfn: set to the child's gfn.
 * @role: set to the child's role.
 *
 * Context: any.
 */
void child_of(const struct shadow_page *sp, int index, u64 gpte, gfn_t *gfn, union role *role)
{
	int child_bits = 9 * (sp->role.level - 1);	/* of gfn that the child covers */

	*role = sp->role;
	role->level--;
	role->quadrant = 0;
	if (sp->role.direct) {
		*gfn = sp->gfn + ((gfn_t)index << child_bits);
		return;
	}
	role->access &= gpte_access(sp->role, gpte);
	*gfn = gpte_gfn(sp->role, gpte);
	if (gpte_is_large(sp->role, gpte)) {
		role->direct = 1;
		role->dirty = !!(gpte & SPTE_DIRTY);
		if (!sp->role.pae)
			*gfn += (index & 1) << child_bits;
	} else if (!sp->role.pae) {
		role->quadrant = index & 1;
	}
}

/* Does the guest's entry still lead to this child? Then the link may stay. */
static bool link_allowed(const struct vcpu *vcpu, const struct shadow_page *sp, int index,
			 u64 gpte)
{
	const struct shadow_page *child = child_page(sp->spt[index]);
	union role role;
	gfn_t gfn;

	if (!(gpte & SPTE_PRESENT) || !(gpte & SPTE_ACCESSED) ||
	    gpte_reserved(vcpu, gpte, sp->role.level))
		return false;
	child_of(sp, index, gpte, &gfn, &role);
	return child->gfn == gfn && child->role.word == role.word;
}

static bool leaf_allowed(const struct vcpu *vcpu, const struct shadow_page *sp, int index,
			 u64 gpte)
{
	return !gpte_reserved(vcpu, gpte, 1) && gpte_gfn(sp->role, gpte) == sp->gfns[index] &&
	       spte_allowed(sp->role, sp->spt[index], gpte);
}

/* Drop what no longer agrees with the guest's entry; true if the entry is still there. */
static bool sync_entry(struct vcpu *vcpu, struct shadow_page *sp, int index)
{
	bool ok;
	u64 gpte;

	if (!(sp->spt[index] & SPTE_PRESENT))
		return false;
	if (sp->role.direct)
		return true;
	ok = read_gpte_atomic(vcpu->vm, shadow_gpte_gpa(sp, index), sp->role.pae, &gpte);
	if (ok && sp->role.level == 1)
		ok = leaf_allowed(vcpu, sp, index, gpte);
	else if (ok)
		ok = link_allowed(vcpu, sp, index, gpte);
	if (!ok)
		clear_entry(vcpu->vm, sp, index);
	return ok;
}

/*
 * Compare all that hangs below @sp with the guest's tables. The depth is that of
 * the tables, at most four; a table that contains itself is visited once a level.
 */
static void sync_tree(struct vcpu *vcpu, struct shadow_page *sp)
{
	int i;

	if (sp->role.direct || sp->synced == vcpu->vm->shadow.syncs)
		return;
	sp->synced = vcpu->vm->shadow.syncs;
	for (i = 0; i < SPTES_PER_PAGE; i++)
		if (sync_entry(vcpu, sp, i) && sp->role.level > 1)
			sync_tree(vcpu, child_page(sp->spt[i]));
}

/* ---- roots ---- */

static struct shadow_page *get_root(struct vcpu *vcpu, gfn_t gfn, union role role)
{
	struct shadow_page *sp;
	bool cached;

	sp = get_shadow_page(vcpu, gfn, role, &cached);
	sp->root_count++;
	if (cached)
		sync_tree(vcpu, sp);
	return sp;
}

static void get_roots(struct vcpu *vcpu)
{
	gfn_t table = (vcpu->cr3 & SPTE_FRAME) >> PAGE_SHIFT;
	struct vcpu_mmu *mmu = &vcpu->mmu;
	union role role = root_role(vcpu);
	int i;

	vcpu->vm->shadow.syncs++;
	if (role.level == 4) {
		mmu->root[0] = get_root(vcpu, table, role);
		mmu->root_hpa = __pa(mmu->root[0]->spt);
		return;
	}
	for (i = 0; i < 4; i++) {
		gfn_t gfn = table;

		mmu->pae_root[i] = 0;
		if (role.direct) {
			gfn = (gfn_t)i << 18;	/* 1 GiB each */
		} else if (role.pae) {
			if (!(vcpu->pdptrs[i] & SPTE_PRESENT))
				continue;
			gfn = (vcpu->pdptrs[i] & SPTE_FRAME) >> PAGE_SHIFT;
		} else {
			role.quadrant = i;
		}
		mmu->root[i] = get_root(vcpu, gfn, role);
		/* This entry has no W or U bit: they are reserved here. */
		mmu->pae_root[i] = __pa(mmu->root[i]->spt) | SPTE_PRESENT;
	}
	mmu->root_hpa = __pa(mmu->pae_root);
}

/**
 * mmu_load() - make the hardware's CR3 stand for the guest's, before an entry.
 * @vcpu: the vCPU. Nothing is done if its root is loaded.
 *
 * Loading a root is a flush: all that the new tree has cached of the guest's
 * tables is compared with them.
 *
 * Context: vcpu->mutex held, in the VM's process; takes slots_lock and mmu_lock;
 * may sleep before that.
 * Return: 0; 1 if CR3 points outside the guest's memory; -ENOMEM; -EIO after the
 * mm's release.
 * Source: AMD manual, "Shadow Page Tables" and "CR3 Register".
 */
int mmu_load(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;
	int ret = 0;

	if (vcpu->mmu.loaded)
		return 0;
	ret = mmu_topup(vcpu);
	if (ret)
		return ret;

	spin_lock(&vm->mmu_lock);
	if (vm->dead) {
		ret = -EIO;
	} else if (is_paging(vcpu) && !gfn_to_memslot(vm, (vcpu->cr3 & SPTE_FRAME) >> PAGE_SHIFT)) {
		ret = 1;
	} else {
		make_shadow_pages_available(vm);
		get_roots(vcpu);
		vcpu->mmu.loaded = true;
		make_request(vcpu, REQ_TLB_FLUSH);
		stat_inc(vm, cr3_loads);
	}
	spin_unlock(&vm->mmu_lock);
	return ret;
}

/**
 * mmu_unload() - the root no longer fits: CR0, CR3, CR4 or EFER changed.
 * @vcpu: the vCPU. Its shadow pages stay, to be found again.
 *
 * Context: vcpu->mutex held; takes mmu_lock; does not sleep.
 */
void mmu_unload(struct vcpu *vcpu)
{
	int i;

	if (!vcpu->mmu.loaded)
		return;
	spin_lock(&vcpu->vm->mmu_lock);
	for (i = 0; i < 4; i++) {
		if (vcpu->mmu.root[i])
			vcpu->mmu.root[i]->root_count--;
		vcpu->mmu.root[i] = NULL;
	}
	vcpu->mmu.loaded = false;
	spin_unlock(&vcpu->vm->mmu_lock);
}

static struct shadow_page *root_of(const struct vcpu *vcpu, gva_t gva)
{
	return vcpu->mmu.root[is_long_mode(vcpu) ? 0 : (gva >> 30) & 3];
}

static int shadow_index(gva_t gva, int level)
{
	return (gva >> (PAGE_SHIFT + 9 * (level - 1))) & (SPTES_PER_PAGE - 1);
}

/**
 * mmu_invlpg() - the guest flushes one address: INVLPG.
 * @vcpu: the vCPU.
 * @gva: guest virtual address, in bytes.
 *
 * Only the entries on the way to @gva are compared with the guest's. An entry of
 * another address cannot be used before a fault has compared its way as well.
 *
 * Context: vcpu->mutex held, in the VM's process; takes mmu_lock; does not sleep.
 * Source: AMD manual, "INVLPG".
 */
void mmu_invlpg(struct vcpu *vcpu, gva_t gva)
{
	struct shadow_page *sp;

	stat_inc(vcpu->vm, invlpgs);
	if (!vcpu->mmu.loaded)
		return;
	spin_lock(&vcpu->vm->mmu_lock);
	sp = root_of(vcpu, gva);
	while (sp) {
		int index = shadow_index(gva, sp->role.level);

		/* An entry of a 32-bit directory is two of ours, perhaps of one large page. */
		if (!sp->role.pae && sp->role.level == 2)
			sync_entry(vcpu, sp, index ^ 1);
		if (!sync_entry(vcpu, sp, index) || sp->role.level == 1)
			break;
		sp = child_page(sp->spt[index]);
	}
	spin_unlock(&vcpu->vm->mmu_lock);
	make_request(vcpu, REQ_TLB_FLUSH);
}

/**
 * shadow_walk() - go down the shadow tree to the leaf spte of an address, and make
 * what is missing on the way.
 * @vcpu: the vCPU; its root is loaded.
 * @walk: what the guest's tables say, checked with walk_unchanged() just before.
 * @gva: guest virtual address, in bytes.
 *
 * Context: mmu_lock held, after mmu_topup() and make_shadow_pages_available();
 * does not sleep.
 * Return: the leaf entry, present or not.
 */
u64 *shadow_walk(struct vcpu *vcpu, const struct guest_walk *walk, gva_t gva)
{
	struct shadow_page *sp = root_of(vcpu, gva);
	struct vm *vm = vcpu->vm;

	lockdep_assert_held(&vm->mmu_lock);

	while (sp->role.level > 1) {
		int index = shadow_index(gva, sp->role.level);
		u64 *entry = &sp->spt[index];
		struct shadow_page *child;
		union role role;
		bool cached;
		gfn_t gfn;

		child_of(sp, index, walk->gpte[sp->role.level - 1], &gfn, &role);
		if (*entry & SPTE_PRESENT) {
			child = child_page(*entry);
			if (child->gfn == gfn && child->role.word == role.word) {
				sp = child;
				continue;
			}
			clear_entry(vm, sp, index);
			make_request(vcpu, REQ_TLB_FLUSH);
		}
		child = get_shadow_page(vcpu, gfn, role, &cached);
		if (cached) {
			vm->shadow.syncs++;
			sync_tree(vcpu, child);
		}
		WRITE_ONCE(*entry, __pa(child->spt) | SPTE_TABLE);
		sp = child;
	}
	return &sp->spt[shadow_index(gva, 1)];
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
