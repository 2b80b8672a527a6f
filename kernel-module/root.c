// SPDX-License-Identifier: GPL-2.0
/*
 * root.c - chapter 2: a vCPU's tree of shadow pages, from its root down. Made as
 * faults need it, walked by the hardware, and compared with the guest's tables when
 * the guest flushes.
 *
 * You come here from run.c (mmu_load), emulate.c (mmu_invlpg) or fault.c
 * (shadow_walk). Next: shadow.c, for the pages it is made of; spte.c, for the entry at
 * its end.
 */
#include <linux/mm.h>

#include "gpte.h"
#include "shadow.h"
#include "slot_lookup.h"
#include "spte.h"
#include "walk.h"

/* An entry that points at another shadow page: what it allows is in the leaf. */
#define SPTE_TABLE	(SPTE_PRESENT | SPTE_WRITABLE | SPTE_USER | SPTE_ACCESSED)

/* ---- what an entry should point at ---- */

/* Where the guest entry is that an entry of a shadow page, not a direct one, stands for. */
static gpa_t shadow_gpte_gpa(const struct shadow_page *sp, int index)
{
	gpa_t table = sp->gfn << PAGE_SHIFT;

	if (sp->role.pae)
		return table + index * 8;
	/* A 32-bit table has 1024 entries; one of its upper ones covers two of ours. */
	if (sp->role.level == 1)
		return table + (sp->role.quadrant * 512 + index) * 4;
	return table + (sp->role.quadrant * 256 + index / 2) * 4;
}

/*
 * Which shadow page, by gfn and role, belongs below an entry of @sp, a page of level 2
 * or more. @gpte is the guest's entry; it is not looked at if @sp is direct.
 */
static void child_of(const struct shadow_page *sp, int index, u64 gpte, gfn_t *gfn,
		     union role *role)
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
 * Compare all that hangs below @sp, down to the tables of level @lowest, with the guest's
 * tables. The depth is that of the tables, at most four; a table that contains itself is
 * visited once a level.
 */
static void sync_tree(struct vcpu *vcpu, struct shadow_page *sp, int lowest)
{
	int i;

	if (sp->role.direct || sp->role.level < lowest || sp->synced == vcpu->vm->shadow.syncs)
		return;
	sp->synced = vcpu->vm->shadow.syncs;
	for (i = 0; i < SPTES_PER_PAGE; i++)
		if (sync_entry(vcpu, sp, i) && sp->role.level > 1)
			sync_tree(vcpu, child_page(sp->spt[i]), lowest);
}

/* ---- roots ---- */

static struct shadow_page *get_root(struct vcpu *vcpu, gfn_t gfn, union role role)
{
	struct shadow_page *sp;
	bool cached;

	sp = get_shadow_page(vcpu, gfn, role, &cached);
	sp->root_count++;
	if (cached)
		sync_tree(vcpu, sp, 1);
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
 * Context: vcpu->mutex held, in the VM's process; takes mmu_lock; may sleep before
 * that.
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

/* Compare the entries on the way to one address, from its root to its leaf. */
static void sync_path(struct vcpu *vcpu, gva_t gva)
{
	struct shadow_page *sp = root_of(vcpu, gva);

	while (sp) {
		int index = shadow_index(gva, sp->role.level);

		/* An entry of a 32-bit directory is two of ours, perhaps of one large page. */
		if (!sp->role.pae && sp->role.level == 2)
			sync_entry(vcpu, sp, index ^ 1);
		if (!sync_entry(vcpu, sp, index) || sp->role.level == 1)
			break;
		sp = child_page(sp->spt[index]);
	}
}

/**
 * mmu_invlpg() - the guest flushes one address: INVLPG.
 * @vcpu: the vCPU.
 * @gva: guest virtual address, in bytes.
 *
 * Of the leaf entries that of @gva alone is compared with the guest's. Of the upper ones
 * all are: a processor forgets what it has cached of them, whatever the address, and
 * a guest may rely on that when it frees a table.
 *
 * Context: vcpu->mutex held, in the VM's process; takes mmu_lock; does not sleep.
 * Source: AMD manual, "INVLPG", and "Translation Cache Extension (TCE) Bit", without which
 * we are.
 */
void mmu_invlpg(struct vcpu *vcpu, gva_t gva)
{
	struct vm *vm = vcpu->vm;
	int i;

	stat_inc(vm, invlpgs);
	if (!vcpu->mmu.loaded)
		return;
	spin_lock(&vm->mmu_lock);
	vm->shadow.syncs++;
	for (i = 0; i < 4; i++)
		if (vcpu->mmu.root[i])
			sync_tree(vcpu, vcpu->mmu.root[i], 2);
	sync_path(vcpu, gva);
	spin_unlock(&vm->mmu_lock);
	make_request(vcpu, REQ_TLB_FLUSH);
}

/**
 * mmu_forget() - the guest gets a #PF for an address: no older translation of it stays.
 * @vcpu: the vCPU.
 * @gva: guest virtual address, in bytes.
 *
 * A processor forgets the one that it had when it faults, so that the guest's handler
 * may look at the address right away.
 *
 * Context: vcpu->mutex held, in the VM's process; takes mmu_lock; does not sleep.
 * Source: AMD manual, "Translation-Lookaside Buffer (TLB)".
 */
void mmu_forget(struct vcpu *vcpu, gva_t gva)
{
	if (!vcpu->mmu.loaded)
		return;
	spin_lock(&vcpu->vm->mmu_lock);
	sync_path(vcpu, gva);
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
			sync_tree(vcpu, child, 1);
		}
		WRITE_ONCE(*entry, __pa(child->spt) | SPTE_TABLE);
		sp = child;
	}
	return &sp->spt[shadow_index(gva, 1)];
}
