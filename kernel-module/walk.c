// SPDX-License-Identifier: GPL-2.0
/*
 * walk.c - chapter 2: the guest's page walk, gva -> gfn. The hardware walks our
 * shadow tables, so the guest's own are walked here, with all that the guest may
 * expect of a walk: its faults with the right error code, its A and D bits set.
 *
 * You come here from fault.c. Next: memslot.c (gfn -> hva). How the walk is
 * turned into shadow pages is in root.c.
 */
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "gpte.h"
#include "slot_lookup.h"
#include "trace.h"
#include "vcpu.h"
#include "walk.h"

/* Other vCPUs that only set A and D bits make a walk begin anew a few times at most. */
#define MAX_WALKS 100

static void __user *gpte_user(struct vm *vm, gpa_t gpa)
{
	hva_t hva;

	if (gfn_to_hva(vm, gpa >> PAGE_SHIFT, &hva))
		return NULL;
	return (void __user *)(hva + offset_in_page(gpa));
}

static int read_gpte_user(void __user *user, bool pae, u64 *gpte)
{
	u32 narrow;

	if (pae)
		return get_user(*gpte, (u64 __user *)user);
	if (get_user(narrow, (u32 __user *)user))
		return -EFAULT;
	*gpte = narrow;
	return 0;
}

/**
 * read_gpte_atomic() - read a guest entry where nothing may sleep.
 * @vm: the VM.
 * @gpa: where the entry is, in bytes.
 * @pae: it has 8 bytes, not 4.
 * @gpte: set to the entry.
 *
 * Context: mmu_lock held, in the VM's process; does not sleep: a table that is
 * swapped out is not read.
 * Return: true if it was read.
 */
bool read_gpte_atomic(struct vm *vm, gpa_t gpa, bool pae, u64 *gpte)
{
	void __user *user = gpte_user(vm, gpa);
	int err;

	if (!user)
		return false;
	pagefault_disable();
	err = read_gpte_user(user, pae, gpte);
	pagefault_enable();
	return !err;
}

/* Set @bits in a guest entry as a CPU does: in one step, if it still is what we saw. */
static int set_gpte_bits(struct vm *vm, gpa_t gpa, bool pae, u64 *gpte, u64 bits)
{
	struct memslot *slot = gfn_to_memslot(vm, gpa >> PAGE_SHIFT);
	u64 old = *gpte;
	u32 narrow = old;
	void __user *user;
	int err;

	if (!slot)
		return -EFAULT;
	user = (void __user *)(memslot_hva(slot, gpa >> PAGE_SHIFT) + offset_in_page(gpa));
	if (pae)
		err = __try_cmpxchg_user((u64 __user *)user, &old, old | bits, fault_wide);
	else
		err = __try_cmpxchg_user((u32 __user *)user, &narrow, narrow | (u32)bits,
					 fault_narrow);
	if (err)
		return err < 0 ? err : -EAGAIN;
	*gpte |= bits;
	mark_page_dirty(slot, gpa >> PAGE_SHIFT);
	return 0;
}

/* May the access in @pferr be done to a page that allows @access? */
static bool access_allowed(const struct vcpu *vcpu, unsigned int access, u32 pferr)
{
	if ((pferr & PFERR_USER) && !(access & ACC_USER))
		return false;
	if ((pferr & PFERR_FETCH) && !(access & ACC_EXEC))
		return false;
	if (!(pferr & PFERR_WRITE) || (access & ACC_WRITE))
		return true;
	return !(pferr & PFERR_USER) && !(vcpu->cr0 & X86_CR0_WP);
}

static int guest_fault(const struct vcpu *vcpu, gva_t gva, u32 pferr, struct guest_fault *fault)
{
	/* Only a CPU that has NX on tells a fetch from a read. */
	if (!(is_pae(vcpu) && (vcpu->efer & EFER_NX)))
		pferr &= ~PFERR_FETCH;
	fault->address = gva;
	fault->error_code = pferr;
	return 1;
}

/* One walk from the top. -EAGAIN: an entry changed while its A or D bit was being set. */
static int walk_once(struct vcpu *vcpu, gva_t gva, u32 pferr, struct guest_walk *walk,
		     struct guest_fault *fault)
{
	union role role = root_role(vcpu);
	int bits = role.pae ? 9 : 10;	/* of gva that index a table */
	gfn_t table = (vcpu->cr3 & GPTE_FRAME) >> PAGE_SHIFT;
	struct vm *vm = vcpu->vm;
	int level, err;

	walk->level = 0;
	walk->root_level = role.level;
	walk->access = ACC_ALL;
	walk->pae = role.pae;
	if (role.direct) {
		walk->gfn = (u32)gva >> PAGE_SHIFT;
		return 0;
	}
	if (role.pae && !role.long_mode) {
		u64 pdpte = vcpu->pdptrs[(gva >> 30) & 3];

		if (!(pdpte & GPTE_PRESENT))
			return guest_fault(vcpu, gva, pferr, fault);
		table = (pdpte & GPTE_FRAME) >> PAGE_SHIFT;
	}

	for (level = role.level; ; level--) {
		unsigned int shift = PAGE_SHIFT + bits * (level - 1);
		u64 index = (gva >> shift) & (BIT_ULL(bits) - 1);
		gpa_t gpa = (table << PAGE_SHIFT) + index * (role.pae ? 8 : 4);
		void __user *user = gpte_user(vm, gpa);
		u64 *gpte = &walk->gpte[level - 1];

		/* A table where the guest has no memory reads as if nothing were present. */
		if (!user)
			return guest_fault(vcpu, gva, pferr, fault);
		if (read_gpte_user(user, role.pae, gpte))
			return -EFAULT;
		walk->gpte_gpa[level - 1] = gpa;
		walk->level = level;
		if (!(*gpte & GPTE_PRESENT))
			return guest_fault(vcpu, gva, pferr, fault);
		if (gpte_reserved(vcpu, *gpte, level))
			return guest_fault(vcpu, gva, pferr | PFERR_PRESENT | PFERR_RSVD, fault);
		role.level = level;
		walk->access &= gpte_access(role, *gpte);
		table = gpte_gfn(role, *gpte);
		if (level == 1 || gpte_is_large(role, *gpte))
			break;
	}

	if (!access_allowed(vcpu, walk->access, pferr))
		return guest_fault(vcpu, gva, pferr | PFERR_PRESENT, fault);
	walk->gfn = table + ((gva & (BIT_ULL(PAGE_SHIFT + bits * (level - 1)) - 1)) >> PAGE_SHIFT);

	/* The walk succeeds: A in each entry it went through, D in the last if it is a write. */
	for (level = walk->root_level; level >= walk->level; level--) {
		u64 *gpte = &walk->gpte[level - 1];
		u64 want = GPTE_ACCESSED;

		if (level == walk->level && (pferr & PFERR_WRITE))
			want |= GPTE_DIRTY;
		if ((*gpte & want) == want)
			continue;
		err = set_gpte_bits(vm, walk->gpte_gpa[level - 1], role.pae, gpte, want);
		if (err)
			return err;
	}
	return 0;
}

/**
 * walk_guest() - what the guest's own tables say of an address.
 * @vcpu: the vCPU.
 * @gva: guest virtual address, in bytes.
 * @pferr: the access: PFERR_WRITE, PFERR_USER and PFERR_FETCH.
 * @walk: set to what was met on the way.
 * @fault: set if the guest's tables do not allow the access.
 *
 * If the guest must get @fault, what shadow pages have of an older translation is gone.
 *
 * Context: vcpu->mutex held, between slots_read_lock() and slots_read_unlock(), in the
 * VM's process; takes mmu_lock; may sleep and swap tables in. Sets the guest's A and D bits.
 * Return: 0; 1 if the guest must get @fault; -EFAULT if a table's memory is not
 * there for us; -EAGAIN another vCPU keeps changing the entries.
 * Source: AMD manual, "Page Translation and Protection".
 */
int walk_guest(struct vcpu *vcpu, gva_t gva, u32 pferr, struct guest_walk *walk,
	       struct guest_fault *fault)
{
	int n = 0, ret;

	lockdep_assert(slots_read_lock_held(vcpu->vm));

	do {
		cond_resched();
		ret = walk_once(vcpu, gva, pferr, walk, fault);
	} while (ret == -EAGAIN && ++n < MAX_WALKS);
	if (!ret)
		trace_kvmswap_walk(vcpu, gva, walk->gfn, walk->level, walk->access);
	else if (ret == 1)
		mmu_forget(vcpu, gva);
	return ret;
}

/**
 * walk_unchanged() - are the guest's entries still what the walk saw?
 * @vcpu: the vCPU.
 * @walk: what walk_guest() found.
 *
 * The guest may have changed an entry and flushed it, on another vCPU, since the
 * walk; an spte made from the old entry would be a translation that was flushed.
 *
 * Context: mmu_lock held, in the VM's process; does not sleep.
 * Return: true if they are; false also if one cannot be read at the moment.
 */
bool walk_unchanged(struct vcpu *vcpu, const struct guest_walk *walk)
{
	int level;

	lockdep_assert_held(&vcpu->vm->mmu_lock);

	if (!walk->level)
		return true;
	for (level = walk->root_level; level >= walk->level; level--) {
		u64 now;

		if (!read_gpte_atomic(vcpu->vm, walk->gpte_gpa[level - 1], walk->pae, &now) ||
		    now != walk->gpte[level - 1])
			return false;
	}
	return true;
}

/**
 * load_pdptrs() - read the four top entries of a PAE guest, as a CR3 load does.
 * @vcpu: the vCPU; its pdptrs change only if all is well.
 * @cr3: where they are.
 *
 * Context: vcpu->mutex held, slots_lock not; in the VM's process; may sleep.
 * Return: 0; 1 if one has a reserved bit set (the guest gets #GP); -EFAULT if the
 * guest has no memory there.
 * Source: AMD manual, "CR3 Register", "Page-Directory Pointer Entries" in PAE mode.
 */
int load_pdptrs(struct vcpu *vcpu, unsigned long cr3)
{
	u64 reserved = GENMASK_ULL(63, 0) & ~(BIT_ULL(vcpu->maxphyaddr) - 1);
	u64 pdptrs[4];
	int i, slots, err;

	reserved |= GENMASK_ULL(2, 1) | GENMASK_ULL(8, 5);
	slots = slots_read_lock(vcpu->vm);
	err = read_guest(vcpu->vm, cr3 & GENMASK_ULL(31, 5), pdptrs, sizeof(pdptrs));
	slots_read_unlock(vcpu->vm, slots);
	if (err)
		return err;
	for (i = 0; i < 4; i++)
		if ((pdptrs[i] & GPTE_PRESENT) && (pdptrs[i] & reserved))
			return 1;
	memcpy(vcpu->pdptrs, pdptrs, sizeof(pdptrs));
	return 0;
}

/**
 * gva_to_gpa() - translate one address, for an instruction that we emulate.
 * @vcpu: the vCPU.
 * @gva: guest virtual address, in bytes.
 * @pferr: the access, as in walk_guest().
 * @gpa: set to the guest physical address, in bytes.
 * @fault: set if the guest's tables do not allow the access.
 *
 * Context: vcpu->mutex held, slots_lock not; in the VM's process; may sleep.
 * Return: as walk_guest().
 */
int gva_to_gpa(struct vcpu *vcpu, gva_t gva, u32 pferr, gpa_t *gpa, struct guest_fault *fault)
{
	struct guest_walk walk;
	int slots, ret;

	slots = slots_read_lock(vcpu->vm);
	ret = walk_guest(vcpu, gva, pferr, &walk, fault);
	slots_read_unlock(vcpu->vm, slots);
	if (!ret)
		*gpa = (walk.gfn << PAGE_SHIFT) | offset_in_page(gva);
	return ret;
}

static int copy_guest_virt(struct vcpu *vcpu, gva_t gva, void *data, unsigned int len, u32 pferr,
			   struct guest_fault *fault)
{
	struct vm *vm = vcpu->vm;
	struct guest_walk walk;
	int slots, ret = 0;

	slots = slots_read_lock(vm);
	while (len && !ret) {
		unsigned int n = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gva));
		gpa_t gpa;

		ret = walk_guest(vcpu, gva, pferr, &walk, fault);
		if (ret)
			break;
		gpa = (walk.gfn << PAGE_SHIFT) | offset_in_page(gva);
		if (pferr & PFERR_WRITE)
			ret = write_guest(vm, gpa, data, n);
		else
			ret = read_guest(vm, gpa, data, n);
		gva += n;
		data += n;
		len -= n;
	}
	slots_read_unlock(vm, slots);
	return ret;
}

/**
 * read_guest_virt() - read guest memory as the guest itself would.
 * @vcpu: the vCPU.
 * @gva: guest virtual address, in bytes; the range may cross pages.
 * @data: where to.
 * @len: how many bytes.
 * @pferr: PFERR_USER, PFERR_FETCH or 0.
 * @fault: set if the guest's tables do not allow it.
 *
 * Context: vcpu->mutex held, slots_lock not; in the VM's process; may sleep.
 * Return: 0; 1 if the guest must get @fault; -EFAULT if there is no memory.
 */
int read_guest_virt(struct vcpu *vcpu, gva_t gva, void *data, unsigned int len, u32 pferr,
		    struct guest_fault *fault)
{
	return copy_guest_virt(vcpu, gva, data, len, pferr & ~PFERR_WRITE, fault);
}

/**
 * write_guest_virt() - write guest memory as the guest itself would.
 * @vcpu: the vCPU.
 * @gva: guest virtual address, in bytes; the range may cross pages.
 * @data: where from.
 * @len: how many bytes.
 * @pferr: PFERR_USER or 0.
 * @fault: set if the guest's tables do not allow it; the part before is written.
 *
 * Context: vcpu->mutex held, slots_lock not; in the VM's process; may sleep.
 * Return: 0; 1 if the guest must get @fault; -EFAULT if there is no memory.
 */
int write_guest_virt(struct vcpu *vcpu, gva_t gva, const void *data, unsigned int len, u32 pferr,
		     struct guest_fault *fault)
{
	return copy_guest_virt(vcpu, gva, (void *)data, len, pferr | PFERR_WRITE, fault);
}
