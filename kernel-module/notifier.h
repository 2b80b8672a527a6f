/* SPDX-License-Identifier: GPL-2.0 */
/*
 * notifier.h - chapter 4: the host's door. The VM asks its mm to say when a page
 * is taken back, and from then on need not hold the pages it maps.
 */
#ifndef KVMSWAP_NOTIFIER_H
#define KVMSWAP_NOTIFIER_H

#include "kvmswap.h"

#ifdef CONFIG_KVMSWAP_NOTIFIER

int notifier_register(struct vm *vm);
void notifier_unregister(struct vm *vm);

/* The host tells when a page goes: no spte needs to hold it. */
static inline bool sptes_pin_pages(void)
{
	return false;
}

#else

static inline int notifier_register(struct vm *vm)
{
	return 0;
}

static inline void notifier_unregister(struct vm *vm) { }

/* Nobody tells when a page goes: each spte holds a reference to its page. */
static inline bool sptes_pin_pages(void)
{
	return true;
}

#endif
#endif
