// SPDX-License-Identifier: GPL-2.0
/*
 * vmcb.c - chapter 0: the virtual machine control block of one vCPU: what the
 * guest may do without us, its state as after a reset, and one trip into the
 * guest and back with all of the host's state put aside and restored.
 *
 * You come here from run.c. vmcb_enter() calls vmenter.S; then see exit.c.
 */
#include <linux/bitops.h>
#include <linux/gfp.h>
#include <linux/hw_breakpoint.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/mce.h>
#include <asm/msr.h>
#include <asm/tlbflush.h>
#include <asm/trapnr.h>

#include "event.h"
#include "svm.h"
#include "trace.h"
#include "vcpu.h"

#define ALL_DR_INTERCEPTS	0x00ff00ff	/* writes, reads of DR0 to DR7 */
#define DR7_ENABLE_MASK		(DR_LOCAL_ENABLE_MASK | DR_GLOBAL_ENABLE_MASK)

static const u8 intercepts[] = {
	/* vcpu->cr* are what the guest sees; the hardware's are those of the shadow tables */
	INTERCEPT_CR0_READ, INTERCEPT_CR3_READ, INTERCEPT_CR4_READ, INTERCEPT_CR8_READ,
	INTERCEPT_CR0_WRITE, INTERCEPT_CR3_WRITE, INTERCEPT_CR4_WRITE, INTERCEPT_CR8_WRITE,
	/* a #DB or #AC whose delivery raises the next one would never end by itself */
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_DB,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_PF,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_AC,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_MC,
	/* what is the host's comes first */
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_SMI, INTERCEPT_INIT,
	INTERCEPT_SHUTDOWN,
	/* instructions */
	INTERCEPT_CPUID, INTERCEPT_HLT, INTERCEPT_INVLPG, INTERCEPT_IOIO_PROT,
	INTERCEPT_MSR_PROT, INTERCEPT_RDPMC, INTERCEPT_WBINVD, INTERCEPT_INVD,
	INTERCEPT_TASK_SWITCH, INTERCEPT_VMMCALL,
	/* instructions that the guest does not have */
	INTERCEPT_RSM, INTERCEPT_VMRUN, INTERCEPT_VMLOAD, INTERCEPT_VMSAVE, INTERCEPT_STGI,
	INTERCEPT_CLGI, INTERCEPT_SKINIT, INTERCEPT_INVLPGA, INTERCEPT_RDTSCP,
	INTERCEPT_MONITOR, INTERCEPT_MWAIT, INTERCEPT_XSETBV, INTERCEPT_RDPRU,
};

static void reset_segment(struct vmcb_seg *seg, u16 attrib)
{
	seg->attrib = attrib;
	seg->limit = 0xffff;
}

/**
 * vmcb_reset() - the hardware's part of a vCPU as it is after RESET.
 * @vcpu: the vCPU; not running.
 *
 * Context: vcpu->mutex, or nobody else knows the vCPU yet.
 * Source: AMD manual, "Processor State After INIT and RESET".
 */
void vmcb_reset(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb_control_area *control = &svm->vmcb->control;
	struct vmcb_save_area *save = &svm->vmcb->save;
	u64 tsc_offset = control->tsc_offset;
	int i;

	memset(svm->vmcb, 0, sizeof(*svm->vmcb));

	for (i = 0; i < ARRAY_SIZE(intercepts); i++)
		__set_bit(intercepts[i], (unsigned long *)control->intercepts);
	if (boot_cpu_has(X86_FEATURE_INVPCID))
		__set_bit(INTERCEPT_INVPCID, (unsigned long *)control->intercepts);
	control->iopm_base_pa = svm_io_bitmap_pa();
	control->msrpm_base_pa = svm_msr_bitmap_pa();
	control->int_ctl = V_INTR_MASKING_MASK;
	control->tsc_offset = tsc_offset;

	reset_segment(&save->es, SEG_P | SEG_S | 2);	/* data, writable */
	save->ss = save->es;
	save->ds = save->es;
	save->fs = save->es;
	save->gs = save->es;
	reset_segment(&save->cs, SEG_P | SEG_S | 0xa);	/* code, readable */
	save->cs.selector = 0xf000;
	save->cs.base = 0xffff0000;
	reset_segment(&save->gdtr, 0);
	reset_segment(&save->idtr, 0);
	reset_segment(&save->ldtr, SEG_P | 2);		/* LDT */
	reset_segment(&save->tr, SEG_P | 3);		/* busy 16-bit TSS */
	svm->flush = true;
}

/**
 * vmcb_create() - the VMCB of a new vCPU, not yet reset.
 * @vcpu: the vCPU, with vcpu->svm allocated.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM; vmcb_free() is right after either.
 */
int vmcb_create(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;

	svm->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return svm->vmcb ? 0 : -ENOMEM;
}

/**
 * vmcb_free() - free what vmcb_create() allocated.
 * @vcpu: the vCPU; it will not run again.
 *
 * Context: process.
 */
void vmcb_free(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;

	if (svm->vmcb)
		svm_forget_vmcb(svm->vmcb);
	free_page((unsigned long)svm->vmcb);
}

/*
 * The guest's registers, as the hardware must have them so that the guest sees
 * its own: paging is always on and in a format with NX, since the shadow tables
 * are; WP is on, or the supervisor could write what a shadow pte protects; no
 * global pages; caches as the host has them.
 */
static void load_guest(struct vcpu *vcpu)
{
	struct vmcb_save_area *save = vmcb_save(vcpu);
	u64 efer = vcpu->efer | EFER_SVME | EFER_NX;

	if (!(efer & EFER_LMA))
		efer &= ~EFER_LME;
	save->efer = efer;
	save->cr0 = (vcpu->cr0 | X86_CR0_PG | X86_CR0_WP) & ~(X86_CR0_CD | X86_CR0_NW);
	save->cr2 = vcpu->cr2;
	save->cr3 = vcpu->mmu.root_hpa;
	save->cr4 = (vcpu->cr4 | X86_CR4_PAE | (cr4_read_shadow() & X86_CR4_MCE)) &
		    ~X86_CR4_PGE;
	save->rax = vcpu->regs[REG_RAX];
	save->rsp = vcpu->regs[REG_RSP];
	save->rip = vcpu->rip;
	save->rflags = vcpu->rflags;
}

static void store_guest(struct vcpu *vcpu)
{
	struct vmcb_save_area *save = vmcb_save(vcpu);

	vcpu->regs[REG_RAX] = save->rax;
	vcpu->regs[REG_RSP] = save->rsp;
	vcpu->rip = save->rip;
	vcpu->rflags = save->rflags;
	vcpu->cr2 = save->cr2;
}

/*
 * DR0-3 are no part of the VMCB. They are loaded when the guest has a breakpoint
 * set, or wants to look at them; otherwise the host's stay. A DR6 without a
 * cause tells the cause of a #DB apart from what the guest left there.
 */
static void load_debug_registers(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb *vmcb = svm->vmcb;

	vmcb->control.intercepts[INTERCEPT_DR] = svm->dr_lent ? 0 : ALL_DR_INTERCEPTS;
	vmcb->save.dr6 = svm->dr_lent ? svm->dr6 : DR6_RESERVED;
	vmcb->save.dr7 = svm->dr7;
	if (!svm->dr_lent && !(svm->dr7 & DR7_ENABLE_MASK))
		return;
	set_debugreg(0, 7);	/* the host's breakpoints must not meet the guest's addresses */
	set_debugreg(svm->dr[0], 0);
	set_debugreg(svm->dr[1], 1);
	set_debugreg(svm->dr[2], 2);
	set_debugreg(svm->dr[3], 3);
}

/* #VMEXIT leaves DR7 off and DR6 with the guest's cause. */
static void restore_debug_registers(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb_save_area *save = &svm->vmcb->save;

	if (svm->dr_lent) {
		get_debugreg(svm->dr[0], 0);
		get_debugreg(svm->dr[1], 1);
		get_debugreg(svm->dr[2], 2);
		get_debugreg(svm->dr[3], 3);
		svm->dr6 = save->dr6;
		svm->dr7 = save->dr7;
		svm->dr_lent = false;
	}
	if (save->dr6 != DR6_RESERVED)
		set_debugreg(DR6_RESERVED, 6);
	if (hw_breakpoint_active())
		hw_breakpoint_restore();
}

/* RDPID reads the host's TSC_AUX past all intercepts: let it read zero. */
static void hide_tsc_aux(struct svm_vcpu *svm)
{
	if (!boot_cpu_has(X86_FEATURE_RDPID))
		return;
	rdmsrl(MSR_TSC_AUX, svm->host_tsc_aux);
	wrmsrl(MSR_TSC_AUX, 0);
}

static void restore_tsc_aux(struct svm_vcpu *svm)
{
	if (boot_cpu_has(X86_FEATURE_RDPID))
		wrmsrl(MSR_TSC_AUX, svm->host_tsc_aux);
}

/**
 * vmcb_enter() - run the guest until the hardware has a reason to leave it.
 * @vcpu: the vCPU; its root is loaded, its pending event is taken along.
 *
 * Afterwards vcpu->regs, rip, rflags and cr2 are the guest's again, and the
 * VMCB says why it was left. If the hardware refused the state, that state is
 * what it was before, and the exit code is EXIT_CODE_INVALID.
 *
 * Context: interrupts and preemption off, vcpu->mutex held, svm_cpu_enabled(),
 * vcpu->cpu is this CPU.
 * Source: AMD manual, "VMRUN Instruction" and "#VMEXIT".
 */
void vmcb_enter(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb_control_area *control = &svm->vmcb->control;

	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();

	svm_take_asid(vcpu);
	event_load(vcpu);
	load_guest(vcpu);
	load_debug_registers(vcpu);
	svm->saved = svm->vmcb->save;
	hide_tsc_aux(svm);
	trace_kvmswap_entry(vcpu);

	svm_enter_guest(vcpu->regs, __pa(svm->vmcb), svm_host_vmcb_pa());

	restore_tsc_aux(svm);
	if (control->exit_code == EXIT_CODE_INVALID) {
		/* the save area is garbage now, and not all of the guest's was loaded */
		svm->vmcb->save = svm->saved;
		svm_drop_asids(vcpu);
	} else {
		store_guest(vcpu);
		event_store(vcpu);
	}
	restore_debug_registers(vcpu);
	if (control->exit_code == SVM_EXIT_EXCP_BASE + X86_TRAP_MC) {
		/* The machine check is the host's: handle it as if it hit user mode. */
		struct pt_regs regs = { .cs = 3, .flags = X86_EFLAGS_IF };

		do_machine_check(&regs);
	}
	trace_kvmswap_exit(vcpu, control->exit_code, control->exit_info_1, control->exit_info_2);
}
