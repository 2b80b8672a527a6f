/* SPDX-License-Identifier: GPL-2.0 */
/*
 * churn.h - what the guest of chapter 7 and its monitor agree on. The guest's address
 * space has windows. The monitor has runs of memory, each a slot when it is in a window,
 * and goes on putting runs into windows, moving them, and taking them out.
 */
#ifndef GUEST_CHURN_H
#define GUEST_CHURN_H

#include "abi.h"

#define CHURN_PAGES	32	/* of a run, and of a window */
#define CHURN_RUNS	24
#define CHURN_WINDOWS	16
#define CHURN_LAST	CHURN_WINDOWS	/* a window more, for memory of the kernel's making */
#define CHURN_BASE	0x1000000u	/* the first window */

#define CHURN_EMPTY	0xffffffffu	/* no run is there; and what is read there */
#define CHURN_ZEROES	0xfffffffeu	/* fresh memory, which nobody has tagged */

/* The words of a page: what it is, and one for each vCPU to write. */
#define CHURN_TAG(run, page)	(((run) + 1u) << 16 | (page))
#define CHURN_OWN(vcpu)		(64 + 4 * (vcpu))	/* bytes into the page */

/* struct churn_table - at ABI_FREE. */
struct churn_table {
	uint32_t generation;		/* odd while a slot is being changed */
	uint32_t stop;			/* the guest may end */
	uint32_t in_window[CHURN_WINDOWS + 1];	/* a run, CHURN_EMPTY or CHURN_ZEROES */
	struct {			/* by the guest */
		uint32_t sure;		/* visits with no change meanwhile: each word is checked */
		uint32_t empty;		/* ... of them where no slot was */
		uint32_t unsure;	/* visits while slots changed: less is known */
		uint32_t wrong;		/* words */
	} vcpu[2];
};

#endif
