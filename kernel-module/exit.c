// SPDX-License-Identifier: GPL-2.0
/*
 * exit.c - chapter 0: why was the guest left? One handler a reason; each returns 1
 * to enter the guest again, 0 to end KVM_RUN with vcpu->run filled in, or a negative
 * errno to end it so.
 *
 * You come here from run.c. A #PF goes on to fault.c: the guest's door. An
 * instruction goes on to emulate.c.
 */
#include <linux/mm.h>
#include <asm/trapnr.h>

#include "emulate.h"
#include "event.h"
#include "fault.h"
#include "slot_lookup.h"
#include "svm.h"
#include "vcpu.h"
#include "walk.h"

/**
 * exit_internal_error() - end KVM_RUN with what we cannot go on from.
 * @vcpu: the vCPU.
 * @suberror: KVM_INTERNAL_ERROR_*.
 * @ndata: how many words there are, at most 16.
 * @data: the words.
 *
 * Context: vcpu->mutex held.
 * Return: 0, to leave for user space.
 */
int exit_internal_error(struct vcpu *vcpu, u32 suberror, int ndata, const u64 *data)
{
	struct kvm_run *run = vcpu->run;
	int i;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = ndata;
	for (i = 0; i < ndata; i++)
		run->internal.data[i] = data[i];
	return 0;
}

static int exit_unexpected(struct vcpu *vcpu)
{
	struct vmcb_control_area *control = &vcpu->svm->vmcb->control;
	u64 data[] = { control->exit_code, control->exit_info_1, control->exit_info_2 };

	return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
				   ARRAY_SIZE(data), data);
}

/* Chapters 0 and 1: nothing can map it. Say what we know: from chapter 1 on the hva. */
static int exit_unmapped(struct vcpu *vcpu, gva_t gva, u32 error_code)
{
	u64 data[5] = { vcpu->svm->vmcb->control.exit_code, gva, error_code };
	struct guest_fault fault;
	int ndata = 3;
	gpa_t gpa;
	hva_t hva;

	if (!gva_to_gpa(vcpu, gva, 0, &gpa, &fault)) {
		int slots = slots_read_lock(vcpu->vm);

		if (!gfn_to_hva(vcpu->vm, gpa >> PAGE_SHIFT, &hva)) {
			data[3] = gpa;
			data[4] = hva + offset_in_page(gpa);
			ndata = 5;
		}
		slots_read_unlock(vcpu->vm, slots);
	}
	return exit_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, ndata, data);
}

static int handle_page_fault(struct vcpu *vcpu)
{
	struct vmcb_control_area *control = &vcpu->svm->vmcb->control;
	u32 error_code = control->exit_info_1;
	gva_t gva = control->exit_info_2;
	gpa_t gpa;
	int r;

	r = page_fault(vcpu, gva, error_code, &gpa);
	switch (r) {
	case FAULT_RESUME:
		return 1;
	case FAULT_MMIO:
		return emulate_mmio(vcpu, gva, gpa, error_code);
	case FAULT_UNMAPPED:
		return exit_unmapped(vcpu, gva, error_code);
	default:
		return r;
	}
}

/* The guest's own #DB and #AC: intercepted only so that they cannot loop in hardware. */
static int handle_debug(struct vcpu *vcpu)
{
	queue_debug_exception(vcpu, vmcb_save(vcpu)->dr6 ^ DR6_RESERVED);
	return 1;
}

static int handle_alignment(struct vcpu *vcpu)
{
	queue_exception_error(vcpu, X86_TRAP_AC, 0);
	return 1;
}

/* The guest wants its debug registers: it has the real ones until its next exit. */
static int lend_debug_registers(struct vcpu *vcpu)
{
	vcpu->svm->dr_lent = true;
	return 1;
}

static int inject_ud(struct vcpu *vcpu)
{
	queue_exception(vcpu, X86_TRAP_UD);
	return 1;
}

/* The VMCB is undefined after a shutdown: the vCPU starts anew, as after INIT. */
static int handle_shutdown(struct vcpu *vcpu)
{
	vcpu_reset(vcpu, true);
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return 0;
}

static int handle_refused(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = EXIT_CODE_INVALID;
	run->fail_entry.cpu = vcpu->cpu;
	return 0;
}

/**
 * handle_exit() - do what the guest was left for.
 * @vcpu: the vCPU, just back from vmcb_enter().
 *
 * Context: vcpu->mutex held, interrupts on; may sleep.
 * Return: 1 enter the guest again; 0 back to user space, vcpu->run says why; a
 * negative errno ends KVM_RUN with it.
 * Source: AMD manual, "SVM Intercept Exit Codes".
 */
int handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->svm->vmcb->control.exit_code) {
	case SVM_EXIT_EXCP_BASE + X86_TRAP_PF:
		return handle_page_fault(vcpu);
	case SVM_EXIT_EXCP_BASE + X86_TRAP_DB:
		return handle_debug(vcpu);
	case SVM_EXIT_EXCP_BASE + X86_TRAP_AC:
		return handle_alignment(vcpu);

	case SVM_EXIT_EXCP_BASE + X86_TRAP_MC:
	case SVM_EXIT_INTR:
	case SVM_EXIT_NMI:
	case SVM_EXIT_SMI:
	case SVM_EXIT_INIT:
		return 1;	/* the host's, and taken by now */
	case SVM_EXIT_VINTR:
	case SVM_EXIT_IRET:
		return 1;	/* run.c looks who waits for an interrupt window */

	case SVM_EXIT_READ_CR0 ... SVM_EXIT_READ_CR8:
	case SVM_EXIT_WRITE_CR0 ... SVM_EXIT_WRITE_CR8:
		return emulate_mov_cr(vcpu);
	case SVM_EXIT_READ_DR0 ... SVM_EXIT_READ_DR7:
	case SVM_EXIT_WRITE_DR0 ... SVM_EXIT_WRITE_DR7:
		return lend_debug_registers(vcpu);
	case SVM_EXIT_INVLPG:
		return emulate_invlpg(vcpu);
	case SVM_EXIT_CPUID:
		return emulate_cpuid(vcpu);
	case SVM_EXIT_HLT:
		return emulate_hlt(vcpu);
	case SVM_EXIT_IOIO:
		return emulate_io(vcpu);
	case SVM_EXIT_MSR:
		return emulate_msr(vcpu);
	case SVM_EXIT_VMMCALL:
		return emulate_vmmcall(vcpu);
	case SVM_EXIT_WBINVD:
	case SVM_EXIT_INVD:
		return emulate_nop(vcpu);

	case SVM_EXIT_RDPMC:
		return inject_gp(vcpu);
	case SVM_EXIT_RSM:
	case SVM_EXIT_VMRUN:
	case SVM_EXIT_VMLOAD:
	case SVM_EXIT_VMSAVE:
	case SVM_EXIT_STGI:
	case SVM_EXIT_CLGI:
	case SVM_EXIT_SKINIT:
	case SVM_EXIT_INVLPGA:
	case SVM_EXIT_RDTSCP:
	case SVM_EXIT_MONITOR:
	case SVM_EXIT_MWAIT:
	case SVM_EXIT_XSETBV:
	case SVM_EXIT_RDPRU:
	case SVM_EXIT_INVPCID:
		return inject_ud(vcpu);

	case SVM_EXIT_SHUTDOWN:
		return handle_shutdown(vcpu);
	case EXIT_CODE_INVALID:
		return handle_refused(vcpu);
	default:
		return exit_unexpected(vcpu);
	}
}
