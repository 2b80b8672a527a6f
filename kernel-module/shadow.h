/* SPDX-License-Identifier: GPL-2.0 */
/*
 * shadow.h - chapter 2: shadow pages. A shadow page is a page table that the
 * hardware walks in place of one of the guest's; it belongs to one (gfn, role),
 * is found again by it, and outlives CR3 loads.
 *
 * The guest may write its own tables freely, nothing is write-protected for
 * that. A shadow page is a cache of a table, as a TLB is, and the guest must
 * flush it as it must flush a TLB: at INVLPG and at each load of a root the
 * guest's entries are read again and what no longer agrees is dropped.
 *
 * You come here from fault.c. shadow.c has the pages, root.c the tree that a vCPU makes
 * of them. Next: spte.h.
 */
#ifndef KVMSWAP_SHADOW_H
#define KVMSWAP_SHADOW_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/types.h>

#include "addr.h"

struct vm;
struct vcpu;
struct guest_walk;

#define SPTES_PER_PAGE	512

/* What a guest's tables allow; read is implied. */
#define ACC_EXEC	BIT(0)
#define ACC_WRITE	BIT(1)
#define ACC_USER	BIT(2)
#define ACC_ALL		(ACC_EXEC | ACC_WRITE | ACC_USER)

/*
 * union role - all that, beside its gfn, decides what a shadow page holds.
 *
 * Two uses of one guest table that differ in any of this need two shadow pages:
 * mixing them up is the oldest and the newest bug of shadow paging.
 */
union role {
	u32 word;
	struct {
		u32 level:3;		/* 1: its entries map 4 KiB pages; up to 4 */
		u32 direct:1;		/* no guest table behind it: gfn is the first it maps */
		u32 quadrant:2;		/* which part of a 32-bit guest's table of 1024 */
		u32 access:3;		/* ACC_*: what the levels above allow */
		u32 dirty:1;		/* direct: the guest's large entry has D set */
		u32 pae:1;		/* guest entries have 8 bytes */
		u32 long_mode:1;
		u32 nx:1;		/* EFER.NX: bit 63 means something */
		u32 wp:1;		/* CR0.WP */
		u32 pse:1;		/* CR4.PSE: a 32-bit table may hold 4 MiB entries */
	};
};

#ifdef CONFIG_KVMSWAP_SHADOW

/* struct shadow_page - one page table for the hardware. Under mmu_lock. */
struct shadow_page {
	struct list_head link;		/* shadow.pages, oldest first */
	struct hlist_node hash;		/* shadow.hash */
	gfn_t gfn;
	union role role;
	u64 *spt;			/* the table: SPTES_PER_PAGE entries */
	gfn_t *gfns;			/* level 1: the gfn that each present spte maps */
	unsigned int root_count;	/* vCPUs that have it as (part of) their root */
	unsigned long synced;		/* the last sync that visited it */
	bool victim;			/* about to be dropped */
};

#define SHADOW_HASH_BITS 8

/* struct shadow - the shadow pages of a VM. Under mmu_lock. */
struct shadow {
	struct list_head pages;		/* oldest first */
	struct hlist_head hash[1 << SHADOW_HASH_BITS];
	unsigned int nr;
	unsigned long syncs;		/* counts them, so that each visits a page once */
};

/*
 * struct mmu_cache - objects set aside before mmu_lock is taken, since nothing
 * may be allocated under it. Covered by vcpu->mutex.
 */
#define MMU_CACHE_SIZE 4
struct mmu_cache {
	int nr;
	void *object[MMU_CACHE_SIZE];
};

struct vcpu_mmu {
	/* vcpu->mutex; the shadow pages themselves under mmu_lock */
	u64 *pae_root;			/* a page below 4 GiB, as CR3 outside long mode needs;
					 * allocated and freed with the vCPU
					 */
	hpa_t root_hpa;			/* what the hardware's CR3 gets */
	bool loaded;			/* the root below is the one that CR3 asks for */
	struct shadow_page *root[4];	/* [0] in long mode, up to four else */
	struct mmu_cache pages;		/* of struct shadow_page */
	struct mmu_cache rmap_descs;	/* chapter 3 */
};

/* shadow.c */
void mmu_init_vm(struct vm *vm);
void mmu_destroy_vm(struct vm *vm);
void mmu_destroy(struct vcpu *vcpu);
int mmu_topup(struct vcpu *vcpu);
void *mmu_cache_take(struct mmu_cache *cache);
struct shadow_page *get_shadow_page(struct vcpu *vcpu, gfn_t gfn, union role role, bool *cached);
struct shadow_page *child_page(u64 spte);
void clear_entry(struct vm *vm, struct shadow_page *sp, int index);
void make_shadow_pages_available(struct vm *vm);
void zap_all_shadow_pages(struct vm *vm);

/* root.c */
int mmu_load(struct vcpu *vcpu);
void mmu_unload(struct vcpu *vcpu);
void mmu_invlpg(struct vcpu *vcpu, gva_t gva);
void mmu_forget(struct vcpu *vcpu, gva_t gva);
u64 *shadow_walk(struct vcpu *vcpu, const struct guest_walk *walk, gva_t gva);

#else

struct shadow { };

struct vcpu_mmu {
	u64 *pae_root;			/* a page below 4 GiB that maps nothing;
					 * allocated and freed with the vCPU
					 */
	hpa_t root_hpa;
};

static inline void mmu_init_vm(struct vm *vm) { }

static inline void mmu_destroy_vm(struct vm *vm) { }
static inline void mmu_destroy(struct vcpu *vcpu) { }

static inline int mmu_load(struct vcpu *vcpu)
{
	return 0;
}

static inline void mmu_unload(struct vcpu *vcpu) { }
static inline void mmu_invlpg(struct vcpu *vcpu, gva_t gva) { }
static inline void zap_all_shadow_pages(struct vm *vm) { }

#endif
#endif
