// SPDX-License-Identifier: GPL-2.0
/*
 * regs.c - chapter 0: a vCPU's registers as user space sees them. What is refused
 * here, and what only when the hardware refuses it, is as on stock KVM.
 *
 * You come here from the ioctls in vcpu.c.
 */
#include <asm/fpu/api.h>
#include <asm/fpu/xstate.h>

#include "emulate.h"
#include "event.h"
#include "msr.h"
#include "svm.h"
#include "vcpu.h"
#include "walk.h"

#define EFER_VALID (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)

/**
 * get_regs() - KVM_GET_REGS.
 * @vcpu: the vCPU.
 * @regs: filled in.
 *
 * Context: vcpu->mutex held.
 */
void get_regs(struct vcpu *vcpu, struct kvm_regs *regs)
{
	regs->rax = vcpu->regs[REG_RAX];
	regs->rbx = vcpu->regs[REG_RBX];
	regs->rcx = vcpu->regs[REG_RCX];
	regs->rdx = vcpu->regs[REG_RDX];
	regs->rsi = vcpu->regs[REG_RSI];
	regs->rdi = vcpu->regs[REG_RDI];
	regs->rsp = vcpu->regs[REG_RSP];
	regs->rbp = vcpu->regs[REG_RBP];
	regs->r8 = vcpu->regs[REG_R8];
	regs->r9 = vcpu->regs[REG_R9];
	regs->r10 = vcpu->regs[REG_R10];
	regs->r11 = vcpu->regs[REG_R11];
	regs->r12 = vcpu->regs[REG_R12];
	regs->r13 = vcpu->regs[REG_R13];
	regs->r14 = vcpu->regs[REG_R14];
	regs->r15 = vcpu->regs[REG_R15];
	regs->rip = vcpu->rip;
	regs->rflags = vcpu->rflags;
}

/**
 * set_regs() - KVM_SET_REGS.
 * @vcpu: the vCPU; an exception that waits for it is dropped.
 * @regs: the values.
 *
 * Context: vcpu->mutex held.
 */
void set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	vcpu->regs[REG_RAX] = regs->rax;
	vcpu->regs[REG_RBX] = regs->rbx;
	vcpu->regs[REG_RCX] = regs->rcx;
	vcpu->regs[REG_RDX] = regs->rdx;
	vcpu->regs[REG_RSI] = regs->rsi;
	vcpu->regs[REG_RDI] = regs->rdi;
	vcpu->regs[REG_RSP] = regs->rsp;
	vcpu->regs[REG_RBP] = regs->rbp;
	vcpu->regs[REG_R8] = regs->r8;
	vcpu->regs[REG_R9] = regs->r9;
	vcpu->regs[REG_R10] = regs->r10;
	vcpu->regs[REG_R11] = regs->r11;
	vcpu->regs[REG_R12] = regs->r12;
	vcpu->regs[REG_R13] = regs->r13;
	vcpu->regs[REG_R14] = regs->r14;
	vcpu->regs[REG_R15] = regs->r15;
	vcpu->rip = regs->rip;
	vcpu->rflags = regs->rflags | X86_EFLAGS_FIXED;
	vcpu->svm->exception.pending = false;
}

static void get_segment(struct kvm_segment *out, const struct vmcb_seg *seg)
{
	memset(out, 0, sizeof(*out));
	out->base = seg->base;
	out->limit = seg->limit;
	out->selector = seg->selector;
	out->type = seg->attrib & SEG_TYPE_MASK;
	out->s = !!(seg->attrib & SEG_S);
	out->dpl = (seg->attrib >> SEG_DPL_SHIFT) & 3;
	out->present = !!(seg->attrib & SEG_P);
	out->avl = !!(seg->attrib & SEG_AVL);
	out->l = !!(seg->attrib & SEG_L);
	out->db = !!(seg->attrib & SEG_DB);
	/* the hardware does not keep G: a limit that needs it has it */
	out->g = seg->limit > 0xfffff;
	out->unusable = !out->present;
}

/* The accessed bit of a data segment that is loaded is set, whatever it was told. */
static void get_data_segment(struct kvm_segment *out, const struct vmcb_seg *seg)
{
	get_segment(out, seg);
	if (!out->unusable)
		out->type |= 1;
}

static void set_segment(struct vmcb_seg *seg, const struct kvm_segment *in)
{
	seg->base = in->base;
	seg->limit = in->limit;
	seg->selector = in->selector;
	seg->attrib = (in->type & SEG_TYPE_MASK) |
		      (in->s & 1 ? SEG_S : 0) |
		      (in->dpl & 3) << SEG_DPL_SHIFT |
		      ((in->present & 1) && !in->unusable ? SEG_P : 0) |
		      (in->avl & 1 ? SEG_AVL : 0) |
		      (in->l & 1 ? SEG_L : 0) |
		      (in->db & 1 ? SEG_DB : 0) |
		      (in->g & 1 ? SEG_G : 0);
}

/**
 * get_sregs() - KVM_GET_SREGS.
 * @vcpu: the vCPU.
 * @sregs: filled in.
 *
 * Context: vcpu->mutex held.
 */
void get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs)
{
	const struct vmcb_save_area *save = vmcb_save(vcpu);
	const struct svm_vcpu *svm = vcpu->svm;

	memset(sregs, 0, sizeof(*sregs));
	get_segment(&sregs->cs, &save->cs);
	get_data_segment(&sregs->ds, &save->ds);
	get_data_segment(&sregs->es, &save->es);
	get_data_segment(&sregs->fs, &save->fs);
	get_data_segment(&sregs->gs, &save->gs);
	get_segment(&sregs->ss, &save->ss);
	sregs->ss.dpl = save->cpl;
	if (sregs->ss.unusable)
		sregs->ss.db = 0;
	get_segment(&sregs->tr, &save->tr);
	sregs->tr.type |= 2;	/* busy: a task register that is loaded always is */
	get_segment(&sregs->ldt, &save->ldtr);
	sregs->gdt.base = save->gdtr.base;
	sregs->gdt.limit = save->gdtr.limit;
	sregs->idt.base = save->idtr.base;
	sregs->idt.limit = save->idtr.limit;
	sregs->cr0 = vcpu->cr0;
	sregs->cr2 = vcpu->cr2;
	sregs->cr3 = vcpu->cr3;
	sregs->cr4 = vcpu->cr4;
	sregs->cr8 = vcpu->cr8;
	sregs->efer = vcpu->efer;
	sregs->apic_base = vcpu->apic_base;
	if (svm->interrupt.pending)
		sregs->interrupt_bitmap[svm->interrupt.vector / 64] |=
			1ULL << (svm->interrupt.vector % 64);
}

static bool sregs_valid(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	if (!cr0_valid(sregs->cr0) || !cr4_valid(sregs->cr4) || (sregs->efer & ~EFER_VALID))
		return false;
	if (!apic_base_valid(vcpu, sregs->apic_base))
		return false;
	if ((sregs->efer & EFER_LME) && (sregs->cr0 & X86_CR0_PG))
		return (sregs->cr4 & X86_CR4_PAE) && (sregs->efer & EFER_LMA) &&
		       !(sregs->cr3 >> vcpu->maxphyaddr);
	return !(sregs->efer & EFER_LMA) && !sregs->cs.l;
}

/**
 * set_sregs() - KVM_SET_SREGS.
 * @vcpu: the vCPU.
 * @sregs: the values.
 *
 * Checked is what would break us, and what contradicts itself about long mode.
 * The hardware refuses the rest at the next entry (KVM_EXIT_FAIL_ENTRY).
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 0 or -EINVAL, and nothing is changed.
 * Source: Documentation/virt/kvm/api.rst, KVM_SET_SREGS.
 */
int set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs)
{
	struct vmcb_save_area *save = vmcb_save(vcpu);
	int i;

	if (!sregs_valid(vcpu, sregs))
		return -EINVAL;

	set_segment(&save->cs, &sregs->cs);
	set_segment(&save->ds, &sregs->ds);
	set_segment(&save->es, &sregs->es);
	set_segment(&save->fs, &sregs->fs);
	set_segment(&save->gs, &sregs->gs);
	set_segment(&save->ss, &sregs->ss);
	save->cpl = sregs->ss.dpl & 3;
	set_segment(&save->tr, &sregs->tr);
	set_segment(&save->ldtr, &sregs->ldt);
	save->gdtr.base = sregs->gdt.base;
	save->gdtr.limit = sregs->gdt.limit;
	save->idtr.base = sregs->idt.base;
	save->idtr.limit = sregs->idt.limit;
	vcpu->cr0 = sregs->cr0;
	vcpu->cr2 = sregs->cr2;
	vcpu->cr3 = sregs->cr3;
	vcpu->cr4 = sregs->cr4;
	vcpu->efer = sregs->efer;
	vcpu->apic_base = sregs->apic_base;
	set_cr8(vcpu, sregs->cr8);
	mmu_changed(vcpu);
	if (is_paging(vcpu) && is_pae(vcpu) && !is_long_mode(vcpu))
		load_pdptrs(vcpu, vcpu->cr3);	/* if it fails, the old ones stay */

	for (i = 0; i < KVM_NR_INTERRUPTS; i++) {
		if (sregs->interrupt_bitmap[i / 64] & (1ULL << (i % 64))) {
			queue_interrupt(vcpu, i);
			break;
		}
	}
	return 0;
}

/**
 * get_fpu() - KVM_GET_FPU: the x87 and SSE registers, without MXCSR as ever.
 * @vcpu: the vCPU.
 * @fpu: filled in.
 *
 * Context: vcpu->mutex held, not within KVM_RUN: the state is in memory.
 */
void get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu)
{
	const struct fxregs_state *fx = &vcpu->svm->fpu.fpstate->regs.fxsave;

	memset(fpu, 0, sizeof(*fpu));
	memcpy(fpu->fpr, fx->st_space, sizeof(fpu->fpr));
	fpu->fcw = fx->cwd;
	fpu->fsw = fx->swd;
	fpu->ftwx = fx->twd;
	fpu->last_opcode = fx->fop;
	fpu->last_ip = fx->rip;
	fpu->last_dp = fx->rdp;
	memcpy(fpu->xmm, fx->xmm_space, sizeof(fpu->xmm));
}

/**
 * set_fpu() - KVM_SET_FPU.
 * @vcpu: the vCPU.
 * @fpu: the values.
 *
 * Context: vcpu->mutex held, not within KVM_RUN.
 */
void set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu)
{
	struct fpstate *fpstate = vcpu->svm->fpu.fpstate;
	struct fxregs_state *fx = &fpstate->regs.fxsave;

	memcpy(fx->st_space, fpu->fpr, sizeof(fpu->fpr));
	fx->cwd = fpu->fcw;
	fx->swd = fpu->fsw;
	fx->twd = fpu->ftwx;
	fx->fop = fpu->last_opcode;
	fx->rip = fpu->last_ip;
	fx->rdp = fpu->last_dp;
	memcpy(fx->xmm_space, fpu->xmm, sizeof(fpu->xmm));
	/* XRSTOR takes only the parts that the header names */
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		fpstate->regs.xsave.header.xfeatures |= XFEATURE_MASK_FPSSE;
}

/**
 * translate() - KVM_TRANSLATE: where does the guest's address lead?
 * @vcpu: the vCPU.
 * @tr: the address in, the answer out.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 0, also where it leads nowhere; a negative errno if its tables cannot be read.
 */
int translate(struct vcpu *vcpu, struct kvm_translation *tr)
{
	struct guest_fault fault;
	gpa_t gpa;
	int r;

	r = gva_to_gpa(vcpu, tr->linear_address, 0, &gpa, &fault);
	if (r < 0)
		return r;
	tr->physical_address = r ? ~0ULL : gpa;
	tr->valid = !r;
	tr->writeable = 1;
	tr->usermode = 0;
	return 0;
}
