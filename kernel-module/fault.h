/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fault.h - chapter 2: the guest's door. A #PF exit comes in from exit.c and
 * leaves as an spte, as the guest's own fault, as MMIO, or as an error.
 */
#ifndef KVMSWAP_FAULT_H
#define KVMSWAP_FAULT_H

#include "kvmswap.h"

/* What page_fault() found; a negative errno ends KVM_RUN with that error. */
enum fault_result {
	FAULT_RESUME = 1,	/* enter the guest again: fixed, injected, or to be retried */
	FAULT_MMIO,		/* no memslot there: *gpa says where, emulate the access */
	FAULT_UNMAPPED,		/* chapters 0 and 1: nothing can map it, tell user space */
};

/* Why a fault does not map what it found: the guest runs into it again. */
enum retry_why {
	RETRY_INVALIDATED,	/* the host has changed its entries, or is about to */
	RETRY_GUEST_TABLES,	/* the guest has changed its tables */
	RETRY_SLOT,		/* user space has changed the slot */
};

#ifdef CONFIG_KVMSWAP_SHADOW

int page_fault(struct vcpu *vcpu, gva_t gva, u32 error_code, gpa_t *gpa);

#else

static inline int page_fault(struct vcpu *vcpu, gva_t gva, u32 error_code, gpa_t *gpa)
{
	*gpa = gva;
	return FAULT_UNMAPPED;
}

#endif
#endif
