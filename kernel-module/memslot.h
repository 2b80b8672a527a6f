/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memslot.h - chapter 1: what memory the guest has. A slot says that the
 * guest's frames [base_gfn, base_gfn + npages) are the process' memory from
 * userspace_addr on: gfn -> hva for the guest's door, hva -> gfn for the host's.
 *
 * A reader is between slots_read_lock() and slots_read_unlock() (a fault, an ioctl) or
 * holds mmu_lock (the host's door); a writer holds slots_lock to write and publishes
 * under mmu_lock. How a slot is found, and what a reader holds: slot_lookup.h.
 */
#ifndef KVMSWAP_MEMSLOT_H
#define KVMSWAP_MEMSLOT_H

#include <linux/interval_tree.h>
#include <linux/kvm.h>
#include <linux/mmu_notifier.h>
#include <linux/types.h>

#include "addr.h"
#include "compat.h"

#define KVMSWAP_MAX_SLOTS	4096

struct rmap_head;
struct vm;

/* struct memslot - one run of guest memory. */
struct memslot {
	int id;				/* constant: the number that user space gave it */
	gfn_t base_gfn;			/* constant */
	unsigned long npages;		/* constant */
	hva_t userspace_addr;		/* 0 if kernel_mapped: no memory yet, no door finds it */
	u32 flags;			/* KVM_MEM_LOG_DIRTY_PAGES or 0 */
	unsigned long *dirty_bitmap;	/* one bit a page, while logging; atomic bit ops */
	struct rmap_head *rmap;		/* chapter 3: one chain a page, under mmu_lock */
	bool kernel_mapped;		/* constant; chapter 7: its memory is ours to map */
#ifdef CONFIG_KVMSWAP_SLOT_TREE
	bool leaving;			/* mmu_lock: nothing of it may be mapped any more */
	struct interval_tree_node hva_node;	/* mmu_lock */
#endif
#ifdef CONFIG_KVMSWAP_RANGE
	struct vm *vm;				/* protocol=interval, as the next */
	struct mmu_interval_notifier interval;
#endif
};

#ifdef CONFIG_KVMSWAP_MEMSLOT

/* struct memslots - every slot, by its number. */
struct memslots {
	int used;			/* numbers [0, used) may be in use */
	struct memslot *slot[KVMSWAP_MAX_SLOTS];
};

int set_memory_region(struct vm *vm, const struct kvm_userspace_memory_region *mem,
		      bool kernel_mapped);
int replace_slot(struct vm *vm, struct memslot *old, struct memslot *new);
int get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log);
void free_memslots(struct vm *vm);

hva_t memslot_hva(const struct memslot *slot, gfn_t gfn);
void hva_to_gfn_range(const struct memslot *slot, hva_t start, hva_t end, gfn_t *first,
		      gfn_t *last);
int gfn_to_hva(struct vm *vm, gfn_t gfn, hva_t *hva);
void mark_page_dirty(struct memslot *slot, gfn_t gfn);

int read_guest(struct vm *vm, gpa_t gpa, void *data, unsigned int len);
int write_guest(struct vm *vm, gpa_t gpa, const void *data, unsigned int len);

#ifdef CONFIG_KVMSWAP_SLOT_TREE

int slot_map_memory(struct vm *vm, struct memslot *slot);
void slot_unmap_memory(struct memslot *slot);

#else

static inline int slot_map_memory(struct vm *vm, struct memslot *slot)
{
	return -ENOTTY;
}

static inline void slot_unmap_memory(struct memslot *slot) { }

#endif

/* Is there memory behind the slot yet? If not, neither door may find it. */
static inline bool slot_has_memory(const struct memslot *slot)
{
	return slot->userspace_addr || !slot->kernel_mapped;
}

/* The next slot from number *@i on, or NULL. */
static inline struct memslot *next_slot(const struct memslots *slots, int *i)
{
	for (; *i < slots->used; (*i)++)
		if (slots->slot[*i])
			return slots->slot[*i];
	return NULL;
}

/*
 * for_each_slot() - visit the slots by their numbers; slots_lock or mmu_lock held.
 * checkpatch(MACRO_ARG_REUSE): a loop variable is used again
 */
#define for_each_slot(i, slot, vm)						\
	for ((i) = 0, (slot) = next_slot(&(vm)->memslots, &(i)); (slot);	\
	     (i)++, (slot) = next_slot(&(vm)->memslots, &(i)))

#else

struct memslots { };

static inline int set_memory_region(struct vm *vm, const struct kvm_userspace_memory_region *mem,
				    bool kernel_mapped)
{
	return -ENOTTY;
}

static inline int get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log)
{
	return -ENOTTY;
}

static inline void free_memslots(struct vm *vm) { }

static inline int gfn_to_hva(struct vm *vm, gfn_t gfn, hva_t *hva)
{
	return -EFAULT;
}

static inline int read_guest(struct vm *vm, gpa_t gpa, void *data, unsigned int len)
{
	return -EFAULT;
}

static inline int write_guest(struct vm *vm, gpa_t gpa, const void *data, unsigned int len)
{
	return -EFAULT;
}

#endif
#endif
