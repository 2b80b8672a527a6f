/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rmap.h - chapter 3: who maps this page? Each page of a memslot has a chain of
 * the leaf sptes that map it. All of it is under mmu_lock.
 *
 * You come here from spte.c (an spte comes or goes), memslot.c (a slot goes, or
 * its writes are logged) and, from chapter 4 on, notifier.c.
 */
#ifndef KVMSWAP_RMAP_H
#define KVMSWAP_RMAP_H

#include "kvmswap.h"

#ifdef CONFIG_KVMSWAP_RMAP

/*
 * struct rmap_head - one page's chain, in the seed's shape: 0 for none, a
 * pointer to the only spte, or, with bit 0 set, to a list of struct rmap_desc.
 */
struct rmap_head {
	unsigned long val;
};

#define RMAP_MAX	256	/* sptes on one chain, about: a longer one begins anew */

void *rmap_desc_alloc(void);
void rmap_add(struct vcpu *vcpu, struct memslot *slot, gfn_t gfn, u64 *sptep);
void rmap_remove(struct vm *vm, gfn_t gfn, u64 *sptep);
u64 *rmap_next(const struct rmap_head *rmapp, const u64 *sptep);
unsigned int rmap_times(const struct rmap_head *rmapp, const u64 *sptep);
int unmap_rmapp(struct vm *vm, struct memslot *slot, gfn_t gfn);
bool rmap_write_protect(struct vm *vm, struct memslot *slot, gfn_t gfn);

int rmap_alloc_slot(struct memslot *slot);
void rmap_free_slot(struct memslot *slot);
void unmap_slot(struct vm *vm, struct memslot *slot);
void write_protect_slot(struct vm *vm, struct memslot *slot, const unsigned long *which);

static inline struct rmap_head *gfn_to_rmap(const struct memslot *slot, gfn_t gfn)
{
	return &slot->rmap[gfn - slot->base_gfn];
}

#else

static inline void *rmap_desc_alloc(void)
{
	return NULL;
}

static inline void rmap_add(struct vcpu *vcpu, struct memslot *slot, gfn_t gfn, u64 *sptep) { }
static inline void rmap_remove(struct vm *vm, gfn_t gfn, u64 *sptep) { }

static inline int rmap_alloc_slot(struct memslot *slot)
{
	return 0;
}

static inline void rmap_free_slot(struct memslot *slot) { }

/* Nobody knows which sptes map the slot: all must go. */
static inline void unmap_slot(struct vm *vm, struct memslot *slot)
{
	zap_all_shadow_pages(vm);
}

static inline void write_protect_slot(struct vm *vm, struct memslot *slot,
				      const unsigned long *which)
{
}

#endif
#endif
