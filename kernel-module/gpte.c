// SPDX-License-Identifier: GPL-2.0
/*
 * gpte.c - chapter 2: what an entry of the guest's page tables says, in each of the
 * three formats: 32-bit, PAE, long mode.
 *
 * You come here from walk.c, which follows the entries, and root.c, which compares
 * them with what it has.
 */
#include "gpte.h"
#include "walk.h"

/* PSE-36: bits 16:13 of a 4 MiB entry are bits 35:32 of its address. */
#define PSE36_HIGH	GENMASK_ULL(16, 13)

/**
 * root_role() - the role of the tables that a vCPU's CR3 points at.
 * @vcpu: the vCPU.
 *
 * Outside long mode the hardware's tables have three levels, the topmost of four
 * entries: the roots that we keep are those four, of level 2.
 *
 * Context: vcpu->mutex held.
 * Return: the role; its quadrant is 0.
 */
union role root_role(const struct vcpu *vcpu)
{
	union role role = { .word = 0 };

	role.level = is_long_mode(vcpu) ? 4 : 2;
	role.access = ACC_ALL;
	if (!is_paging(vcpu)) {
		role.direct = 1;
		role.dirty = 1;
		role.wp = 1;
		return role;
	}
	role.pae = is_pae(vcpu);
	role.long_mode = is_long_mode(vcpu);
	role.nx = !!(vcpu->efer & EFER_NX);
	role.wp = !!(vcpu->cr0 & X86_CR0_WP);
	role.pse = !role.pae && (vcpu->cr4 & X86_CR4_PSE);
	return role;
}

/**
 * gpte_is_large() - does this guest entry map a page of 2 MiB, 4 MiB or 1 GiB?
 * @role: of the table it is in.
 * @gpte: the entry.
 *
 * Context: any.
 * Return: true if it does.
 * Source: AMD manual, "Page-Size (PS) Bit".
 */
bool gpte_is_large(union role role, u64 gpte)
{
	if (!(gpte & GPTE_LARGE))
		return false;
	if (role.level == 2)
		return role.pae || role.pse;
	return role.level == 3 && role.long_mode;
}

/**
 * gpte_access() - what a guest entry allows.
 * @role: of the table it is in.
 * @gpte: the entry.
 *
 * Context: any.
 * Return: ACC_* bits.
 * Source: AMD manual, "Page-Protection Checks".
 */
unsigned int gpte_access(union role role, u64 gpte)
{
	unsigned int access = 0;

	if (gpte & GPTE_WRITABLE)
		access |= ACC_WRITE;
	if (gpte & GPTE_USER)
		access |= ACC_USER;
	if (!role.nx || !(gpte & GPTE_NX))
		access |= ACC_EXEC;
	return access;
}

/**
 * gpte_gfn() - the frame that a guest entry points at.
 * @role: of the table it is in.
 * @gpte: the entry.
 *
 * Context: any.
 * Return: guest frame number, in 4 KiB pages: of the next table, or the first of
 * the page it maps.
 * Source: AMD manual, "Page-Translation-Table Entry Fields", "Page-Size Extensions".
 */
gfn_t gpte_gfn(union role role, u64 gpte)
{
	gfn_t gfn = (gpte & GPTE_FRAME) >> PAGE_SHIFT;

	if (!gpte_is_large(role, gpte))
		return gfn;
	if (role.pae)
		return gfn & ~((1ULL << (9 * (role.level - 1))) - 1);
	return (gfn & ~0x3ffULL) | ((gpte & PSE36_HIGH) >> 13) << (32 - PAGE_SHIFT);
}

/**
 * gpte_reserved() - has a guest entry a bit set that must be clear?
 * @vcpu: whose mode and physical address width say which.
 * @gpte: a present entry.
 * @level: of the table it is in, 1 to 4.
 *
 * Context: vcpu->mutex held.
 * Return: true if it has, and using it is a fault.
 * Source: AMD manual, "Reserved Bits" in "Page-Translation-Table Entry Fields".
 */
bool gpte_reserved(const struct vcpu *vcpu, u64 gpte, int level)
{
	union role role = root_role(vcpu);
	u64 reserved = 0;
	bool large;

	role.level = level;
	large = gpte_is_large(role, gpte);
	if (!role.pae)
		return large && (gpte & GENMASK_ULL(21, 17));

	reserved = GENMASK_ULL(51, 0) & ~(BIT_ULL(vcpu->maxphyaddr) - 1);
	if (!role.nx)
		reserved |= GPTE_NX;
	if (!role.long_mode)
		reserved |= GENMASK_ULL(62, 52);
	if (level == 4 || (level == 3 && !vcpu->has_gbpages))
		reserved |= GPTE_LARGE;
	if (level == 4)
		reserved |= GPTE_GLOBAL;
	if (large && level == 2)
		reserved |= GENMASK_ULL(20, 13);
	if (large && level == 3)
		reserved |= GENMASK_ULL(29, 13);
	return gpte & reserved;
}
