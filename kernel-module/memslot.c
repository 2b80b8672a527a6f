// SPDX-License-Identifier: GPL-2.0
/*
 * memslot.c - chapter 1: what memory the guest has, gfn -> hva, and the ioctls
 * that say so. A slot may be made, moved, deleted, or have its writes logged.
 *
 * You come here from fault.c (gfn -> hva) or vm.c (an ioctl). The host's door
 * asks the other way round, hva -> gfn, in notifier.c.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "kvmswap.h"
#include "rmap.h"
#include "tlb.h"

/* As stock KVM: page counts of a slot fit an int. */
#define MAX_SLOT_PAGES ((1UL << 31) - 1)

static void assert_slots_held(struct vm *vm)
{
	lockdep_assert(lockdep_is_held(&vm->slots_lock) || lockdep_is_held(&vm->mmu_lock));
}

/**
 * gfn_to_memslot() - find the slot that a guest frame is in.
 * @vm: the VM.
 * @gfn: guest frame number, in pages.
 *
 * Context: slots_lock or mmu_lock held; does not sleep.
 * Return: the slot, or NULL if the guest has no memory there.
 */
struct memslot *gfn_to_memslot(struct vm *vm, gfn_t gfn)
{
	int i;

	assert_slots_held(vm);
	for (i = 0; i < vm->memslots.used; i++) {
		struct memslot *slot = &vm->memslots.slot[i];

		if (gfn >= slot->base_gfn && gfn - slot->base_gfn < slot->npages)
			return slot;
	}
	return NULL;
}

/**
 * memslot_hva() - where a guest frame of this slot is in the VM's process.
 * @slot: the slot.
 * @gfn: guest frame number, in pages, inside the slot.
 *
 * Context: as gfn_to_memslot().
 * Return: host virtual address, in bytes.
 */
hva_t memslot_hva(const struct memslot *slot, gfn_t gfn)
{
	return slot->userspace_addr + (gfn - slot->base_gfn) * PAGE_SIZE;
}

/**
 * gfn_to_hva() - where a guest frame is in the VM's process.
 * @vm: the VM.
 * @gfn: guest frame number, in pages.
 * @hva: set to the host virtual address, in bytes.
 *
 * Context: slots_lock or mmu_lock held; does not sleep.
 * Return: 0, or -EFAULT if the guest has no memory there.
 */
int gfn_to_hva(struct vm *vm, gfn_t gfn, hva_t *hva)
{
	struct memslot *slot = gfn_to_memslot(vm, gfn);

	if (!slot)
		return -EFAULT;
	*hva = memslot_hva(slot, gfn);
	return 0;
}

/**
 * mark_page_dirty() - note that the guest, or we for it, wrote this page.
 * @slot: the page's slot; nothing happens unless its writes are logged.
 * @gfn: guest frame number, in pages.
 *
 * Context: slots_lock held to read, so that the bitmap stays; does not sleep.
 */
void mark_page_dirty(struct memslot *slot, gfn_t gfn)
{
	if (slot->dirty_bitmap)
		set_bit(gfn - slot->base_gfn, slot->dirty_bitmap);
}

/* Copy between @data and guest memory, a page at a time. */
static int copy_guest(struct vm *vm, gpa_t gpa, void *data, unsigned int len, bool write)
{
	lockdep_assert_held(&vm->slots_lock);

	while (len) {
		unsigned int n = min_t(unsigned int, len, PAGE_SIZE - offset_in_page(gpa));
		struct memslot *slot = gfn_to_memslot(vm, gpa >> PAGE_SHIFT);
		void __user *user;

		if (!slot)
			return -EFAULT;
		user = (void __user *)(memslot_hva(slot, gpa >> PAGE_SHIFT) + offset_in_page(gpa));
		if (write ? copy_to_user(user, data, n) : copy_from_user(data, user, n))
			return -EFAULT;
		if (write)
			mark_page_dirty(slot, gpa >> PAGE_SHIFT);
		gpa += n;
		data += n;
		len -= n;
	}
	return 0;
}

/**
 * read_guest() - copy out of guest memory.
 * @vm: the VM.
 * @gpa: guest physical address, in bytes.
 * @data: where to.
 * @len: how many bytes.
 *
 * Context: slots_lock held to read, in the VM's process; may sleep and swap in.
 * Return: 0, or -EFAULT if there is no slot or the process has nothing there.
 */
int read_guest(struct vm *vm, gpa_t gpa, void *data, unsigned int len)
{
	return copy_guest(vm, gpa, data, len, false);
}

/**
 * write_guest() - copy into guest memory, and log the write.
 * @vm: the VM.
 * @gpa: guest physical address, in bytes.
 * @data: where from.
 * @len: how many bytes.
 *
 * Context: slots_lock held to read, in the VM's process; may sleep and swap in.
 * Return: 0, or -EFAULT if there is no slot or the process cannot write there.
 */
int write_guest(struct vm *vm, gpa_t gpa, const void *data, unsigned int len)
{
	return copy_guest(vm, gpa, (void *)data, len, true);
}

static bool slot_overlaps(struct vm *vm, const struct memslot *self, gfn_t base_gfn,
			  unsigned long npages)
{
	int i;

	for (i = 0; i < vm->memslots.used; i++) {
		const struct memslot *slot = &vm->memslots.slot[i];

		if (slot != self && slot->npages && base_gfn < slot->base_gfn + slot->npages &&
		    slot->base_gfn < base_gfn + npages)
			return true;
	}
	return false;
}

static int alloc_dirty_bitmap(struct memslot *slot)
{
	slot->dirty_bitmap = kvcalloc(BITS_TO_LONGS(slot->npages), sizeof(long),
				      GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	return slot->dirty_bitmap ? 0 : -ENOMEM;
}

/* What is wrong with the numbers alone. Everything here is -EINVAL, as on stock KVM. */
static bool region_is_sane(const struct kvm_userspace_memory_region *mem)
{
	if (mem->slot >= KVMSWAP_MAX_SLOTS)
		return false;
	if (mem->flags & ~KVM_MEM_LOG_DIRTY_PAGES)
		return false;
	if (mem->flags && !IS_ENABLED(CONFIG_KVMSWAP_RMAP))
		return false;
	if ((mem->memory_size | mem->guest_phys_addr | mem->userspace_addr) & ~PAGE_MASK)
		return false;
	if (mem->guest_phys_addr + mem->memory_size < mem->guest_phys_addr)
		return false;
	if (mem->memory_size >> PAGE_SHIFT > MAX_SLOT_PAGES)
		return false;
	return access_ok((void __user *)(unsigned long)mem->userspace_addr, mem->memory_size);
}

/*
 * Publish @new in place of @slot. What the guest has mapped of the old one goes
 * first, in the same critical section, so that no spte outlives its slot.
 */
static void publish_slot(struct vm *vm, struct memslot *slot, const struct memslot *new,
			 bool unmap)
{
	lockdep_assert_held_write(&vm->slots_lock);

	spin_lock(&vm->mmu_lock);
	if (unmap)
		unmap_slot(vm, slot);
	*slot = *new;
	vm->memslots.used = max_t(int, vm->memslots.used, slot - vm->memslots.slot + 1);
	if (new->dirty_bitmap)
		write_protect_slot(vm, slot);
	if (unmap)
		sync_all_vcpus(vm);
	spin_unlock(&vm->mmu_lock);
}

static int create_slot(struct vm *vm, struct memslot *slot, struct memslot *new)
{
	int err;

	if (slot_overlaps(vm, slot, new->base_gfn, new->npages))
		return -EEXIST;
	err = rmap_alloc_slot(new);
	if (err)
		return err;
	if (new->flags & KVM_MEM_LOG_DIRTY_PAGES) {
		err = alloc_dirty_bitmap(new);
		if (err) {
			rmap_free_slot(new);
			return err;
		}
	}
	publish_slot(vm, slot, new, false);
	return 0;
}

static int delete_slot(struct vm *vm, struct memslot *slot)
{
	struct memslot old = *slot, none = { };

	if (!old.npages)
		return -EINVAL;
	publish_slot(vm, slot, &none, true);
	rmap_free_slot(&old);
	kvfree(old.dirty_bitmap);
	return 0;
}

/* The slot is there: it may move in guest memory, and its writes may be logged or not. */
static int change_slot(struct vm *vm, struct memslot *slot, struct memslot *new)
{
	bool moved = new->base_gfn != slot->base_gfn;
	struct memslot old = *slot;
	int err;

	if (new->npages != old.npages || new->userspace_addr != old.userspace_addr)
		return -EINVAL;
	if (moved && slot_overlaps(vm, slot, new->base_gfn, new->npages))
		return -EEXIST;
	if (!moved && new->flags == old.flags)
		return 0;

	new->rmap = old.rmap;
	if (new->flags & KVM_MEM_LOG_DIRTY_PAGES) {
		new->dirty_bitmap = old.dirty_bitmap;
		if (!new->dirty_bitmap) {
			err = alloc_dirty_bitmap(new);
			if (err)
				return err;
		}
	}
	publish_slot(vm, slot, new, moved);
	if (!new->dirty_bitmap)
		kvfree(old.dirty_bitmap);
	return 0;
}

/**
 * set_memory_region() - KVM_SET_USER_MEMORY_REGION: make, change or delete a slot.
 * @vm: the VM.
 * @mem: what user space asks for; memory_size 0 (bytes) deletes the slot.
 *
 * Context: process, no locks held; takes slots_lock to write, then mmu_lock.
 * Return: 0; -EINVAL for numbers that make no sense (unaligned, wrapping, too
 * large, no such slot, a size or an address that changes); -EEXIST if it overlaps
 * another slot; -ENOMEM; -EINTR if killed while waiting.
 * Source: Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION; the seed's
 * kvm_main.c hunk, which publishes a slot under mmu_lock.
 */
int set_memory_region(struct vm *vm, const struct kvm_userspace_memory_region *mem)
{
	struct memslot new = {
		.base_gfn	= mem->guest_phys_addr >> PAGE_SHIFT,
		.npages		= mem->memory_size >> PAGE_SHIFT,
		.userspace_addr	= mem->userspace_addr,
		.flags		= mem->flags,
	};
	struct memslot *slot;
	int err;

	if (!region_is_sane(mem))
		return -EINVAL;
	if (down_write_killable(&vm->slots_lock))
		return -EINTR;
	slot = &vm->memslots.slot[mem->slot];
	if (!new.npages)
		err = delete_slot(vm, slot);
	else if (!slot->npages)
		err = create_slot(vm, slot, &new);
	else
		err = change_slot(vm, slot, &new);
	up_write(&vm->slots_lock);
	return err;
}

/**
 * free_memslots() - free what the slots hold, when the VM goes.
 * @vm: the VM; nothing maps its memory any more.
 *
 * Context: process, nobody else knows the VM.
 */
void free_memslots(struct vm *vm)
{
	int i;

	for (i = 0; i < vm->memslots.used; i++) {
		rmap_free_slot(&vm->memslots.slot[i]);
		kvfree(vm->memslots.slot[i].dirty_bitmap);
	}
}

#ifdef CONFIG_KVMSWAP_RMAP	/* without rmaps nobody can be made to fault on a write */
/**
 * get_dirty_log() - KVM_GET_DIRTY_LOG: which pages were written since last asked.
 * @vm: the VM.
 * @log: the slot's number and where its bitmap goes, one bit a page.
 *
 * Context: process, no locks held; takes slots_lock to write, then mmu_lock.
 * Return: 0; -EINVAL no such slot; -ENOENT its writes are not logged; -ENOMEM;
 * -EFAULT user space gave no room (the log is kept); -EINTR if killed.
 * Source: Documentation/virt/kvm/api.rst, KVM_GET_DIRTY_LOG.
 */
int get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log)
{
	unsigned long *bitmap, bytes, i;
	struct memslot *slot;
	int err = 0;

	if (log->slot >= KVMSWAP_MAX_SLOTS)
		return -EINVAL;
	if (down_write_killable(&vm->slots_lock))
		return -EINTR;

	slot = &vm->memslots.slot[log->slot];
	err = -ENOENT;
	if (!slot->dirty_bitmap)
		goto out_unlock;
	bytes = BITS_TO_LONGS(slot->npages) * sizeof(long);
	bitmap = slot->dirty_bitmap;
	err = -EFAULT;
	if (copy_to_user(log->dirty_bitmap, bitmap, bytes))
		goto out_unlock;

	/* No fault runs, so no bit is set in between; the next write must fault again. */
	spin_lock(&vm->mmu_lock);
	for_each_set_bit(i, bitmap, slot->npages)
		rmap_write_protect(vm, slot, slot->base_gfn + i);
	bitmap_zero(bitmap, slot->npages);
	flush_remote_tlbs(vm);
	spin_unlock(&vm->mmu_lock);
	err = 0;
out_unlock:
	up_write(&vm->slots_lock);
	return err;
}
#endif
