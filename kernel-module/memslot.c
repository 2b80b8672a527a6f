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
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "kvmswap.h"
#include "protocol.h"
#include "rmap.h"
#include "slot_lookup.h"
#include "tlb.h"

/* As stock KVM: page counts of a slot fit an int. */
#define MAX_SLOT_PAGES ((1UL << 31) - 1)

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
 * hva_to_gfn_range() - which guest frames of this slot are in a range of the process.
 * @slot: the slot; part of the range is in it, part of a page being all of it.
 * @start: host virtual address, in bytes.
 * @end: host virtual address, in bytes, behind the range.
 * @first: set to the first guest frame number.
 * @last: set to the guest frame number behind the last.
 *
 * Context: mmu_lock held; does not sleep.
 * Source: the seed's mmu.c hunk, the arithmetic in kvm_unmap_hva().
 */
void hva_to_gfn_range(const struct memslot *slot, hva_t start, hva_t end, gfn_t *first,
		      gfn_t *last)
{
	hva_t slot_end = slot->userspace_addr + slot->npages * PAGE_SIZE;
	hva_t from = max(start, slot->userspace_addr), to = min(end, slot_end);

	*first = slot->base_gfn + ((from - slot->userspace_addr) >> PAGE_SHIFT);
	*last = slot->base_gfn + ((to - 1 - slot->userspace_addr) >> PAGE_SHIFT) + 1;
}

/**
 * gfn_to_hva() - where a guest frame is in the VM's process.
 * @vm: the VM.
 * @gfn: guest frame number, in pages.
 * @hva: set to the host virtual address, in bytes.
 *
 * Context: as gfn_to_memslot().
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
 * Context: between slots_read_lock() and slots_read_unlock(), so that the bitmap
 * stays; does not sleep.
 */
void mark_page_dirty(struct memslot *slot, gfn_t gfn)
{
	unsigned long *bitmap = READ_ONCE(slot->dirty_bitmap);

	if (bitmap)
		set_bit(gfn - slot->base_gfn, bitmap);
}

/* Copy between @data and guest memory, a page at a time. */
static int copy_guest(struct vm *vm, gpa_t gpa, void *data, unsigned int len, bool write)
{
	lockdep_assert(slots_read_lock_held(vm));

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
 * Context: between slots_read_lock() and slots_read_unlock(), in the VM's process; may
 * sleep and swap in.
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
 * Context: between slots_read_lock() and slots_read_unlock(), in the VM's process; may
 * sleep and swap in.
 * Return: 0, or -EFAULT if there is no slot or the process cannot write there.
 */
int write_guest(struct vm *vm, gpa_t gpa, const void *data, unsigned int len)
{
	return copy_guest(vm, gpa, (void *)data, len, true);
}

static bool slot_overlaps(struct vm *vm, const struct memslot *self, gfn_t base_gfn,
			  unsigned long npages)
{
	const struct memslot *slot;
	int i;

	for_each_slot(i, slot, vm)
		if (slot != self && base_gfn < slot->base_gfn + slot->npages &&
		    slot->base_gfn < base_gfn + npages)
			return true;
	return false;
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

static unsigned long *alloc_dirty_bitmap(const struct memslot *slot)
{
	return kvcalloc(BITS_TO_LONGS(slot->npages), sizeof(long),
			GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
}

/* Free a slot, but for what another one has taken over. */
static void free_slot(struct memslot *slot, const struct memslot *heir)
{
	if (!heir || heir->rmap != slot->rmap)
		rmap_free_slot(slot);
	if (!heir || heir->dirty_bitmap != slot->dirty_bitmap)
		kvfree(slot->dirty_bitmap);
	kfree(slot);
}

/* A slot as @wanted, with the rmap and the bitmap that @wanted does not bring along. */
static struct memslot *alloc_slot(const struct memslot *wanted)
{
	struct memslot *slot = kmemdup(wanted, sizeof(*wanted), GFP_KERNEL_ACCOUNT);

	if (!slot)
		return NULL;
	if (!slot->rmap && rmap_alloc_slot(slot))
		goto out_free;
	if (!slot->dirty_bitmap && (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)) {
		slot->dirty_bitmap = alloc_dirty_bitmap(slot);
		if (!slot->dirty_bitmap)
			goto out_free;
	}
	return slot;

out_free:
	free_slot(slot, wanted);
	return NULL;
}

/**
 * replace_slot() - put one slot in the place of another, for both doors at once.
 * @vm: the VM.
 * @old: the slot that goes, or NULL. What the guest has mapped of it goes first, and
 * from then on nothing of it is mapped: no spte outlives its slot. Afterwards nobody
 * has it any more, and it is the caller's to free.
 * @new: the slot that comes, set up in full, or NULL. It has the number of @old.
 *
 * Context: process, slots_lock held to write; takes mmu_lock; sleeps.
 * Return: 0 or -ENOMEM, and then nothing has changed.
 * Source: the seed's kvm_main.c hunk, which publishes a slot under mmu_lock.
 */
int replace_slot(struct vm *vm, struct memslot *old, struct memslot *new)
{
	struct memslot *gone = old && slot_has_memory(old) ? old : NULL;
	struct memslot *come = new && slot_has_memory(new) ? new : NULL;
	int id = new ? new->id : old->id;
	int err;

	lockdep_assert_held_write(&vm->slots_lock);

	if (come) {
		err = protocol_slot_comes(vm, come);
		if (err)
			return err;
	}
	if (come || gone) {
		err = slot_index_prepare(vm, gone, come);
		if (err)
			goto out_come;
	}

	spin_lock(&vm->mmu_lock);
	if (gone) {
		slot_leaves(gone);
		unmap_slot(vm, gone);
	}
	protocol_hold_off(vm);
	vm->memslots.slot[id] = new;
	vm->memslots.used = max(vm->memslots.used, id + 1);
	if (come || gone)
		slot_index_publish(vm, gone, come);
	if (gone)
		sync_all_vcpus(vm);
	spin_unlock(&vm->mmu_lock);

	slots_wait_for_readers(vm);
	if (gone)
		protocol_slot_gone(gone);
	return 0;

out_come:
	if (come)
		protocol_slot_gone(come);
	return err;
}

static int create_slot(struct vm *vm, const struct memslot *wanted)
{
	struct memslot *new;
	int err;

	if (slot_overlaps(vm, NULL, wanted->base_gfn, wanted->npages))
		return -EEXIST;
	new = alloc_slot(wanted);
	if (!new)
		return -ENOMEM;
	err = replace_slot(vm, NULL, new);
	if (err)
		goto out_free;
	if (!slot_has_memory(new)) {
		err = slot_map_memory(vm, new);
		if (err)
			goto out_take_back;
	}
	return 0;

out_take_back:
	replace_slot(vm, new, NULL);	/* no door has found it: nothing can fail */
out_free:
	free_slot(new, NULL);
	return err;
}

static int delete_slot(struct vm *vm, struct memslot *slot)
{
	int err;

	if (!slot)
		return -EINVAL;
	err = replace_slot(vm, slot, NULL);
	if (err)
		return err;
	slot_unmap_memory(slot);
	free_slot(slot, NULL);
	return 0;
}

/* The frames change, the memory does not: another slot, which takes over the rest. */
static int move_slot(struct vm *vm, struct memslot *slot, struct memslot *wanted)
{
	struct memslot *new;
	int err;

	if (slot_overlaps(vm, slot, wanted->base_gfn, wanted->npages))
		return -EEXIST;
	wanted->rmap = slot->rmap;
	if (wanted->flags & KVM_MEM_LOG_DIRTY_PAGES)
		wanted->dirty_bitmap = slot->dirty_bitmap;
	new = alloc_slot(wanted);
	if (!new)
		return -ENOMEM;
	err = replace_slot(vm, slot, new);
	if (err)
		free_slot(new, slot);
	else
		free_slot(slot, new);
	return err;
}

/* From now on the slot's writes are logged, or no longer. */
static int set_slot_flags(struct vm *vm, struct memslot *slot, u32 flags)
{
	unsigned long *old = slot->dirty_bitmap, *bitmap = NULL;

	if (flags & KVM_MEM_LOG_DIRTY_PAGES) {
		bitmap = alloc_dirty_bitmap(slot);
		if (!bitmap)
			return -ENOMEM;
	}
	spin_lock(&vm->mmu_lock);
	slot->flags = flags;
	smp_store_release(&slot->dirty_bitmap, bitmap);	/* mark_page_dirty() sees it zeroed */
	if (bitmap)
		write_protect_slot(vm, slot, NULL);
	spin_unlock(&vm->mmu_lock);
	slots_wait_for_readers(vm);
	kvfree(old);
	return 0;
}

/* The slot is there: it may move in guest memory, and its writes may be logged or not. */
static int change_slot(struct vm *vm, struct memslot *slot, struct memslot *wanted)
{
	if (wanted->npages != slot->npages || wanted->userspace_addr != slot->userspace_addr)
		return -EINVAL;
	if (wanted->base_gfn != slot->base_gfn)
		return move_slot(vm, slot, wanted);
	return wanted->flags == slot->flags ? 0 : set_slot_flags(vm, slot, wanted->flags);
}

/**
 * set_memory_region() - KVM_SET_USER_MEMORY_REGION: make, change or delete a slot.
 * @vm: the VM.
 * @mem: what user space asks for; memory_size 0 (bytes) deletes the slot.
 * @kernel_mapped: it is KVM_SET_MEMORY_REGION: the memory is ours to map, and the
 * address in @mem is 0.
 *
 * Context: in the VM's process, no locks held; takes slots_lock to write, then mmap_lock
 * or mmu_lock.
 * Return: 0; -EINVAL for numbers that make no sense (unaligned, wrapping, too
 * large, no such slot, a size or an address that changes); -EEXIST if it overlaps
 * another slot; -ENOMEM; -EINTR if killed while waiting; -ERESTARTNOINTR a signal goes
 * first, then the call begins again.
 * Source: Documentation/virt/kvm/api.rst, KVM_SET_USER_MEMORY_REGION and
 * KVM_SET_MEMORY_REGION.
 */
int set_memory_region(struct vm *vm, const struct kvm_userspace_memory_region *mem,
		      bool kernel_mapped)
{
	struct memslot wanted = {
		.id		= mem->slot,
		.base_gfn	= mem->guest_phys_addr >> PAGE_SHIFT,
		.npages		= mem->memory_size >> PAGE_SHIFT,
		.userspace_addr	= mem->userspace_addr,
		.flags		= mem->flags,
		.kernel_mapped	= kernel_mapped,
	};
	struct memslot *slot;
	int err;

	if (!region_is_sane(mem))
		return -EINVAL;
	if (down_write_killable(&vm->slots_lock))
		return -EINTR;
	slot = vm->memslots.slot[array_index_nospec(wanted.id, KVMSWAP_MAX_SLOTS)];
	if (slot) {
		wanted.kernel_mapped = slot->kernel_mapped;
		if (kernel_mapped)
			wanted.userspace_addr = slot->userspace_addr;
	}
	if (!wanted.npages)
		err = delete_slot(vm, slot);
	else if (!slot)
		err = create_slot(vm, &wanted);
	else
		err = change_slot(vm, slot, &wanted);
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
	struct memslot *slot;
	int i;

	for_each_slot(i, slot, vm)
		free_slot(slot, NULL);
}

#ifdef CONFIG_KVMSWAP_RMAP	/* without rmaps nobody can be made to fault on a write */
/* Take the bits out of the slot's bitmap; from now on the next write of each page faults. */
static void take_dirty_bits(struct vm *vm, struct memslot *slot, unsigned long *bits)
{
	unsigned long i;

	spin_lock(&vm->mmu_lock);
	for (i = 0; i < BITS_TO_LONGS(slot->npages); i++)
		bits[i] = xchg(&slot->dirty_bitmap[i], 0);
	write_protect_slot(vm, slot, bits);
	spin_unlock(&vm->mmu_lock);
}

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
	unsigned long *bits = NULL, bytes, i;
	struct memslot *slot;
	int err = -ENOENT;

	if (log->slot >= KVMSWAP_MAX_SLOTS)
		return -EINVAL;
	if (down_write_killable(&vm->slots_lock))
		return -EINTR;
	slot = vm->memslots.slot[array_index_nospec(log->slot, KVMSWAP_MAX_SLOTS)];
	if (!slot || !slot->dirty_bitmap)
		goto out_unlock;
	err = -ENOMEM;
	bits = alloc_dirty_bitmap(slot);
	if (!bits)
		goto out_unlock;

	take_dirty_bits(vm, slot, bits);
	err = 0;
	bytes = BITS_TO_LONGS(slot->npages) * sizeof(long);
	if (copy_to_user(log->dirty_bitmap, bits, bytes)) {
		for_each_set_bit(i, bits, slot->npages)
			set_bit(i, slot->dirty_bitmap);
		err = -EFAULT;
	}
out_unlock:
	up_write(&vm->slots_lock);
	kvfree(bits);
	return err;
}
#endif
