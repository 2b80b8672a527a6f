/* SPDX-License-Identifier: GPL-2.0 */
/*
 * protocol.h - chapter 8: three ways for the two doors to agree, chosen when the module
 * is loaded (protocol=seqlock|range|interval), so that they can be compared in one boot:
 *
 *   seqlock   the host calls after it has changed its entries       notifier.c, seqlock.h
 *   range     it calls before and after: a count and a sequence     range.c
 *   interval  it keeps the count itself, for each slot's addresses  interval.c
 */
#ifndef KVMSWAP_PROTOCOL_H
#define KVMSWAP_PROTOCOL_H

#include "kvmswap.h"
#include "notifier.h"

#ifdef CONFIG_KVMSWAP_RANGE

/**
 * struct protocol - what a protocol does; all but @warning are set unless said so.
 * @name: the load parameter's value.
 * @warning: where it is not sound on this kernel; NULL if it is.
 * @ops: what the VM asks its mm to call.
 * @cuts_hugetlb: a callback may name a part of a hugetlb page and mean all of it.
 * @slot_comes: about to publish a slot; slots_lock held to write, may sleep; 0 or an
 * error. NULL if there is nothing to do.
 * @slot_gone: a slot is gone, nobody has it any more; as @slot_comes. NULL with it.
 * @hold_off: wait until a slot may be published; mmu_lock held, is let go and taken
 * again. NULL if there is nothing to wait for.
 * @retry_begin: see retry_begin().
 * @retry_needed: see retry_needed().
 */
struct protocol {
	const char *name;
	const char *warning;
	const struct mmu_notifier_ops *ops;
	bool cuts_hugetlb;
	int (*slot_comes)(struct vm *vm, struct memslot *slot);
	void (*slot_gone)(struct memslot *slot);
	void (*hold_off)(struct vm *vm);
	unsigned long (*retry_begin)(struct vm *vm, struct memslot *slot);
	bool (*retry_needed)(struct vm *vm, struct memslot *slot, gfn_t gfn, unsigned long seq);
};

extern const struct protocol *protocol;			/* constant, once loaded */
extern const struct protocol range_protocol;		/* range.c */
extern const struct protocol interval_protocol;		/* interval.c */

int protocol_choose(void);

static inline void protocol_init_vm(struct vm *vm)
{
	init_waitqueue_head(&vm->mmu_invalidate_done);
}

static inline const struct mmu_notifier_ops *protocol_ops(void)
{
	return protocol->ops;
}

static inline bool protocol_cuts_hugetlb(void)
{
	return protocol->cuts_hugetlb;
}

static inline int protocol_slot_comes(struct vm *vm, struct memslot *slot)
{
	return protocol->slot_comes ? protocol->slot_comes(vm, slot) : 0;
}

static inline void protocol_slot_gone(struct memslot *slot)
{
	if (protocol->slot_gone)
		protocol->slot_gone(slot);
}

static inline void protocol_hold_off(struct vm *vm)
{
	if (protocol->hold_off)
		protocol->hold_off(vm);
}

#else

static inline int protocol_choose(void)
{
	return 0;
}

static inline void protocol_init_vm(struct vm *vm) { }

#ifdef CONFIG_KVMSWAP_NOTIFIER
static inline const struct mmu_notifier_ops *protocol_ops(void)
{
	return &notifier_ops;
}
#endif

static inline bool protocol_cuts_hugetlb(void)
{
	return IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER) && INVALIDATE_RANGE_CUTS_HUGETLB;
}

static inline int protocol_slot_comes(struct vm *vm, struct memslot *slot)
{
	return 0;
}

static inline void protocol_slot_gone(struct memslot *slot) { }
static inline void protocol_hold_off(struct vm *vm) { }

#endif
#endif
