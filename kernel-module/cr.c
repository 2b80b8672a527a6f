// SPDX-License-Identifier: GPL-2.0
/*
 * cr.c - chapter 0: the control registers, as the guest sees them. What a write
 * may contain, and which ones make the shadow of the guest's memory another.
 *
 * You come here from mov_cr.c, msr.c (EFER) and regs.c. Next: walk.c, which
 * reads the guest's tables by these registers.
 */
#include <asm/processor-flags.h>
#include <asm/msr-index.h>

#include "cpuid.h"
#include "emulate.h"
#include "svm.h"
#include "walk.h"

#define CR0_VALID	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | \
			 X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | \
			 X86_CR0_PG)
#define CR4_VALID	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | \
			 X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE | \
			 X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

/**
 * mmu_changed() - the guest's memory is another one now, or must be read again.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held; may sleep.
 */
void mmu_changed(struct vcpu *vcpu)
{
	mmu_unload(vcpu);
	vcpu->svm->flush = true;
}

/**
 * cr0_valid() - can CR0 have this value at all?
 * @cr0: the value.
 *
 * Context: any.
 * Return: true if it can.
 * Source: AMD manual, "CR0 Register".
 */
bool cr0_valid(u64 cr0)
{
	return !(cr0 >> 32) &&
	       !((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD)) &&
	       !((cr0 & X86_CR0_PG) && !(cr0 & X86_CR0_PE));
}

/**
 * cr4_valid() - does CR4 have only bits that the guest's CPU has?
 * @cr4: the value.
 *
 * OSXSAVE is none of them: the intercept of XSETBV cannot be relied on.
 *
 * Context: any.
 * Return: true if so.
 * Source: AMD manual, "CR4 Register".
 */
bool cr4_valid(u64 cr4)
{
	return !(cr4 & ~CR4_VALID);
}

/*
 * PAE paging: the four page-directory pointers are read when CR3 is loaded, and by some
 * changes of CR0 and CR4. The root was made from the old ones, so it must not outlive them.
 */
static bool pae_tables_fault(struct vcpu *vcpu, unsigned long cr3)
{
	if (load_pdptrs(vcpu, cr3))
		return true;
	mmu_changed(vcpu);
	return false;
}

/* Paging is being switched on while EFER.LME is set: what long mode asks for. */
static bool can_enter_long_mode(struct vcpu *vcpu)
{
	return is_pae(vcpu) && !(vmcb_save(vcpu)->cs.attrib & SEG_L);
}

/**
 * set_cr0() - MOV to CR0, LMSW.
 * @vcpu: the vCPU.
 * @cr0: the new value; reserved bits of the lower half are ignored.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 0; 1 the guest gets a #GP.
 * Source: AMD manual, "CR0 Register" and "Enabling and Activating Long Mode".
 */
int set_cr0(struct vcpu *vcpu, unsigned long cr0)
{
	unsigned long old = vcpu->cr0;
	bool paging;

	if (!cr0_valid(cr0))
		return 1;
	cr0 = (cr0 & CR0_VALID) | X86_CR0_ET;
	paging = cr0 & X86_CR0_PG;

	if (paging && !(old & X86_CR0_PG) && (vcpu->efer & EFER_LME)) {
		if (!can_enter_long_mode(vcpu))
			return 1;
		vcpu->efer |= EFER_LMA;
	}
	if (!paging && is_64bit_code(vcpu))
		return 1;
	if (paging && !is_long_mode(vcpu) && is_pae(vcpu) &&
	    ((cr0 ^ old) & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)) &&
	    pae_tables_fault(vcpu, vcpu->cr3))
		return 1;
	if (!paging)
		vcpu->efer &= ~EFER_LMA;

	vcpu->cr0 = cr0;
	if ((cr0 ^ old) & (X86_CR0_PG | X86_CR0_WP))
		mmu_changed(vcpu);
	return 0;
}

/**
 * set_cr3() - MOV to CR3: other page tables, or the same to be read again.
 * @vcpu: the vCPU.
 * @cr3: the new value.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 0; 1 the guest gets a #GP.
 * Source: AMD manual, "CR3 Register".
 */
int set_cr3(struct vcpu *vcpu, unsigned long cr3)
{
	if (is_long_mode(vcpu)) {
		if (cr3 >> vcpu->maxphyaddr)
			return 1;
	} else if (is_paging(vcpu) && is_pae(vcpu) && pae_tables_fault(vcpu, cr3)) {
		return 1;
	}
	vcpu->cr3 = cr3;
	mmu_changed(vcpu);
	return 0;
}

/**
 * set_cr4() - MOV to CR4.
 * @vcpu: the vCPU.
 * @cr4: the new value.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 0; 1 the guest gets a #GP.
 * Source: AMD manual, "CR4 Register".
 */
int set_cr4(struct vcpu *vcpu, unsigned long cr4)
{
	unsigned long changed = vcpu->cr4 ^ cr4;

	if (!cr4_valid(cr4))
		return 1;
	if (is_long_mode(vcpu) && !(cr4 & X86_CR4_PAE))
		return 1;
	if (is_paging(vcpu) && !is_long_mode(vcpu) && (cr4 & X86_CR4_PAE) &&
	    (changed & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE)) &&
	    pae_tables_fault(vcpu, vcpu->cr3))
		return 1;
	vcpu->cr4 = cr4;
	if (changed & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE))
		mmu_changed(vcpu);
	return 0;
}

/**
 * set_cr8() - MOV to CR8: the task priority. It is user space's to act on.
 * @vcpu: the vCPU.
 * @cr8: the new value.
 *
 * Context: vcpu->mutex held.
 * Return: 0; 1 the guest gets a #GP.
 */
int set_cr8(struct vcpu *vcpu, unsigned long cr8)
{
	if (cr8 & ~0xfUL)
		return 1;
	vcpu->cr8 = cr8;
	return 0;
}

/**
 * set_efer() - WRMSR to EFER.
 * @vcpu: the vCPU.
 * @efer: the new value; LMA is the processor's and cannot be written.
 *
 * Context: vcpu->mutex held; may sleep.
 * Return: 0; 1 the guest gets a #GP.
 * Source: AMD manual, "Extended Feature Enable Register (EFER)".
 */
int set_efer(struct vcpu *vcpu, u64 efer)
{
	u64 changed = vcpu->efer ^ efer;
	u64 valid = EFER_SCE | EFER_LMA;

	if (cpuid_has_long_mode(vcpu))
		valid |= EFER_LME;
	if (cpuid_has_nx(vcpu))
		valid |= EFER_NX;
	if (efer & ~valid)
		return 1;
	if (is_paging(vcpu) && (changed & EFER_LME))
		return 1;
	vcpu->efer = (efer & ~EFER_LMA) | (vcpu->efer & EFER_LMA);
	if (changed & EFER_NX)
		mmu_changed(vcpu);
	return 0;
}
