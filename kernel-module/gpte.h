/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gpte.h - chapter 2: an entry of the guest's own page tables.
 */
#ifndef KVMSWAP_GPTE_H
#define KVMSWAP_GPTE_H

#include "kvmswap.h"

/* The bits that we look at (AMD manual, "Page-Translation-Table Entry Fields"). */
#define GPTE_PRESENT	BIT_ULL(0)
#define GPTE_WRITABLE	BIT_ULL(1)
#define GPTE_USER	BIT_ULL(2)
#define GPTE_ACCESSED	BIT_ULL(5)
#define GPTE_DIRTY	BIT_ULL(6)
#define GPTE_LARGE	BIT_ULL(7)
#define GPTE_GLOBAL	BIT_ULL(8)
#define GPTE_NX		BIT_ULL(63)
#define GPTE_FRAME	GENMASK_ULL(51, 12)

union role root_role(const struct vcpu *vcpu);
bool gpte_is_large(union role role, u64 gpte);
unsigned int gpte_access(union role role, u64 gpte);
gfn_t gpte_gfn(union role role, u64 gpte);
bool gpte_reserved(const struct vcpu *vcpu, u64 gpte, int level);

#endif
