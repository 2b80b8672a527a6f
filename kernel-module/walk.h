/* SPDX-License-Identifier: GPL-2.0 */
/*
 * walk.h - chapter 2: the guest's own page walk, gva -> gfn, done in software
 * as the architecture has it: every format from 32-bit to long mode, reserved
 * bits, accessed and dirty bits, and the guest's own faults.
 */
#ifndef KVMSWAP_WALK_H
#define KVMSWAP_WALK_H

#include "kvmswap.h"

/* The page-fault error code (AMD manual, "#PF-Page-Fault Exception"). */
#define PFERR_PRESENT	BIT(0)
#define PFERR_WRITE	BIT(1)
#define PFERR_USER	BIT(2)
#define PFERR_RSVD	BIT(3)
#define PFERR_FETCH	BIT(4)

/* struct guest_fault - a #PF that is the guest's own affair. */
struct guest_fault {
	gva_t address;		/* for CR2 */
	u32 error_code;		/* PFERR_* */
};

static inline bool is_paging(const struct vcpu *vcpu)
{
	return vcpu->cr0 & X86_CR0_PG;
}

static inline bool is_long_mode(const struct vcpu *vcpu)
{
	return vcpu->efer & EFER_LMA;
}

static inline bool is_pae(const struct vcpu *vcpu)
{
	return vcpu->cr4 & X86_CR4_PAE;
}

#ifdef CONFIG_KVMSWAP_SHADOW

#define MAX_GUEST_LEVELS 4

/* struct guest_walk - what a walk of the guest's tables met; index is level - 1. */
struct guest_walk {
	int root_level;			/* of the first table walked: 4 in long mode, 2 else */
	int level;			/* of the entry that maps the page; 0 no paging */
	bool pae;			/* the entries have 8 bytes, not 4 */
	gfn_t gfn;			/* the 4 KiB frame that gva is in */
	unsigned int access;		/* ACC_* of the page, all levels combined */
	u64 gpte[MAX_GUEST_LEVELS];	/* the entries as last seen, A and D bits included */
	gpa_t gpte_gpa[MAX_GUEST_LEVELS];	/* where they are */
};

int walk_guest(struct vcpu *vcpu, gva_t gva, u32 pferr, struct guest_walk *walk,
	       struct guest_fault *fault);
bool walk_unchanged(struct vcpu *vcpu, const struct guest_walk *walk);
bool read_gpte_atomic(struct vm *vm, gpa_t gpa, bool pae, u64 *gpte);
int load_pdptrs(struct vcpu *vcpu, unsigned long cr3);

int gva_to_gpa(struct vcpu *vcpu, gva_t gva, u32 pferr, gpa_t *gpa, struct guest_fault *fault);
int read_guest_virt(struct vcpu *vcpu, gva_t gva, void *data, unsigned int len, u32 pferr,
		    struct guest_fault *fault);
int write_guest_virt(struct vcpu *vcpu, gva_t gva, const void *data, unsigned int len, u32 pferr,
		     struct guest_fault *fault);

#else

/* Without shadow paging there is no guest to emulate for: nothing can be read. */
static inline int load_pdptrs(struct vcpu *vcpu, unsigned long cr3)
{
	return 0;
}

static inline int gva_to_gpa(struct vcpu *vcpu, gva_t gva, u32 pferr, gpa_t *gpa,
			     struct guest_fault *fault)
{
	*gpa = gva;
	return is_paging(vcpu) ? -EFAULT : 0;
}

static inline int read_guest_virt(struct vcpu *vcpu, gva_t gva, void *data, unsigned int len,
				  u32 pferr, struct guest_fault *fault)
{
	return -EFAULT;
}

static inline int write_guest_virt(struct vcpu *vcpu, gva_t gva, const void *data,
				   unsigned int len, u32 pferr, struct guest_fault *fault)
{
	return -EFAULT;
}

#endif
#endif
