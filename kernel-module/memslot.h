/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memslot.h - chapter 1: what memory the guest has. A slot says that the
 * guest's frames [base_gfn, base_gfn + npages) are the process' memory from
 * userspace_addr on: gfn -> hva for the guest's door, hva -> gfn for the host's.
 *
 * A reader holds slots_lock (a fault, an ioctl) or mmu_lock (the host's door);
 * a writer holds slots_lock to write and publishes under mmu_lock.
 */
#ifndef KVMSWAP_MEMSLOT_H
#define KVMSWAP_MEMSLOT_H

#include <linux/kvm.h>
#include <linux/types.h>

#include "addr.h"

#define KVMSWAP_MAX_SLOTS	509	/* as many as stock KVM has always promised */

struct rmap_head;
struct vm;

/* struct memslot - one run of guest memory; npages == 0 means a free slot. */
struct memslot {
	gfn_t base_gfn;
	unsigned long npages;
	hva_t userspace_addr;		/* 0: not mapped yet, the host's door skips it */
	u32 flags;			/* KVM_MEM_LOG_DIRTY_PAGES or 0 */
	unsigned long *dirty_bitmap;	/* one bit a page, while logging; atomic bit ops */
	struct rmap_head *rmap;		/* chapter 3: one chain a page, under mmu_lock */
};

#ifdef CONFIG_KVMSWAP_MEMSLOT

struct memslots {
	int used;			/* slots [0, used) may be in use */
	struct memslot slot[KVMSWAP_MAX_SLOTS];
};

int set_memory_region(struct vm *vm, const struct kvm_userspace_memory_region *mem);
int get_dirty_log(struct vm *vm, const struct kvm_dirty_log *log);
void free_memslots(struct vm *vm);

struct memslot *gfn_to_memslot(struct vm *vm, gfn_t gfn);
hva_t memslot_hva(const struct memslot *slot, gfn_t gfn);
int gfn_to_hva(struct vm *vm, gfn_t gfn, hva_t *hva);
void mark_page_dirty(struct memslot *slot, gfn_t gfn);

int read_guest(struct vm *vm, gpa_t gpa, void *data, unsigned int len);
int write_guest(struct vm *vm, gpa_t gpa, const void *data, unsigned int len);

#else

struct memslots { };

static inline int set_memory_region(struct vm *vm, const struct kvm_userspace_memory_region *mem)
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
