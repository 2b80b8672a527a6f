// SPDX-License-Identifier: GPL-2.0
/*
 * slot_legacy.c - chapter 7: slots whose memory we map ourselves, for the first form of
 * the ioctl, KVM_SET_MEMORY_REGION. Such a slot is there before its memory is: its
 * userspace_addr is 0, and neither door finds it, until the memory is mapped.
 *
 * You come here from memslot.c.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/mman.h>

#include "memslot.h"
#include "pause.h"
#include "slot_lookup.h"

/**
 * slot_map_memory() - map memory for a slot of ours, and let both doors find it.
 * @vm: the VM.
 * @slot: the slot, in the VM's table and without memory. If this fails it still is.
 *
 * The memory is shared, so that a child of fork() and the guest go on to see the same.
 * Whoever unmaps it behind our back has a guest without memory, no worse.
 *
 * Context: in the VM's process, slots_lock held to write; takes mmap_lock, mmu_lock;
 * sleeps.
 * Return: 0; -ENOMEM, or what else vm_mmap() says.
 * Source: the seed's x86.c hunk in kvm_arch_set_memory_region().
 */
int slot_map_memory(struct vm *vm, struct memslot *slot)
{
	unsigned long addr;
	int err;

	lockdep_assert_held_write(&vm->slots_lock);

	pause_here(PAUSE_SLOT_MAPPING);
	addr = vm_mmap(NULL, 0, slot->npages * PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(addr))
		return addr;
	slot->userspace_addr = addr;
	err = replace_slot(vm, NULL, slot);
	if (err) {
		vm_munmap(addr, slot->npages * PAGE_SIZE);
		slot->userspace_addr = 0;
	}
	return err;
}

/**
 * slot_unmap_memory() - unmap what slot_map_memory() has mapped, if it has.
 * @slot: the slot; nobody finds it any more.
 *
 * A VM that goes leaves the memory to its process, which may be gone by then.
 *
 * Context: in the VM's process, slots_lock held to write; takes mmap_lock; sleeps.
 */
void slot_unmap_memory(struct memslot *slot)
{
	if (slot->kernel_mapped && slot->userspace_addr)
		vm_munmap(slot->userspace_addr, slot->npages * PAGE_SIZE);
}
