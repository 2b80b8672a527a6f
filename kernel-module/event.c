// SPDX-License-Identifier: GPL-2.0
/*
 * event.c - chapter 0: exceptions and interrupts that wait for the next entry.
 * One exception at most, one interrupt at most: what is more is merged into a
 * double fault, then a triple fault, as the architecture has it.
 *
 * You come here from exit.c and emulate.c (a fault of the guest's own) and from
 * fault.c; vmcb.c takes the event along into the guest.
 */
#include <asm/trapnr.h>

#include "event.h"
#include "svm.h"
#include "vcpu.h"

enum exception_class {
	BENIGN,
	CONTRIBUTORY,
	PAGE_FAULT,
};

static enum exception_class exception_class(u8 vector)
{
	switch (vector) {
	case X86_TRAP_PF:
		return PAGE_FAULT;
	case X86_TRAP_DE:
	case X86_TRAP_TS:
	case X86_TRAP_NP:
	case X86_TRAP_SS:
	case X86_TRAP_GP:
		return CONTRIBUTORY;
	default:
		return BENIGN;
	}
}

static void set_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error_code)
{
	struct svm_vcpu *svm = vcpu->svm;

	svm->exception.pending = true;
	svm->exception.vector = vector;
	svm->exception.has_error = has_error;
	svm->exception.error_code = error_code;
}

/*
 * A second exception while the first was being delivered. Two benign ones are
 * handled one after the other: the newer goes first, and running the instruction
 * again raises the older once more. (AMD manual, "#DF-Double-Fault Exception".)
 */
static void merge_exception(struct vcpu *vcpu, u8 vector, bool has_error, u32 error_code)
{
	struct svm_vcpu *svm = vcpu->svm;
	enum exception_class first, second;

	if (!svm->exception.pending) {
		set_exception(vcpu, vector, has_error, error_code);
		return;
	}
	first = exception_class(svm->exception.vector);
	second = exception_class(vector);
	if (svm->exception.vector == X86_TRAP_DF) {
		svm->exception.pending = false;
		svm->triple_fault = true;
	} else if ((first == CONTRIBUTORY && second == CONTRIBUTORY) ||
		   (first == PAGE_FAULT && second != BENIGN)) {
		set_exception(vcpu, X86_TRAP_DF, true, 0);
	} else {
		set_exception(vcpu, vector, has_error, error_code);
	}
}

/**
 * queue_exception() - give the guest an exception without an error code.
 * @vcpu: the vCPU.
 * @vector: the exception, X86_TRAP_*.
 *
 * Context: vcpu->mutex held.
 */
void queue_exception(struct vcpu *vcpu, u8 vector)
{
	merge_exception(vcpu, vector, false, 0);
}

/**
 * queue_exception_error() - give the guest an exception with an error code.
 * @vcpu: the vCPU.
 * @vector: the exception, X86_TRAP_*.
 * @error_code: what the guest finds on its stack.
 *
 * The processor pushes no error code in real mode.
 *
 * Context: vcpu->mutex held.
 */
void queue_exception_error(struct vcpu *vcpu, u8 vector, u32 error_code)
{
	merge_exception(vcpu, vector, vcpu->cr0 & X86_CR0_PE, error_code);
}

/**
 * inject_page_fault() - give the guest a #PF that is its own.
 * @vcpu: the vCPU.
 * @fault: the address for CR2 and the error code.
 *
 * Context: vcpu->mutex held.
 */
void inject_page_fault(struct vcpu *vcpu, const struct guest_fault *fault)
{
	vcpu->cr2 = fault->address;
	queue_exception_error(vcpu, X86_TRAP_PF, fault->error_code);
}

/**
 * queue_debug_exception() - give the guest a #DB.
 * @vcpu: the vCPU.
 * @cause: the bits of DR6 that say why.
 *
 * The processor clears only the breakpoint bits of DR6 by itself, and DR7.GD, so
 * that the handler may touch the debug registers.
 *
 * Context: vcpu->mutex held.
 * Source: AMD manual, "Debug-Status Register (DR6)".
 */
void queue_debug_exception(struct vcpu *vcpu, unsigned long cause)
{
	struct svm_vcpu *svm = vcpu->svm;

	svm->dr6 = (svm->dr6 & ~DR_TRAP_BITS) | DR6_RESERVED | cause;
	svm->dr7 &= ~DR7_GD;
	queue_exception(vcpu, X86_TRAP_DB);
}

/**
 * queue_interrupt() - give the guest an external interrupt at the next entry.
 * @vcpu: the vCPU.
 * @vector: the interrupt, 0 to 255.
 *
 * Whoever asks has to know that the guest can take one: kvm_run's
 * ready_for_interrupt_injection says so.
 *
 * Context: vcpu->mutex held.
 */
void queue_interrupt(struct vcpu *vcpu, u8 vector)
{
	vcpu->svm->interrupt.pending = true;
	vcpu->svm->interrupt.waits = false;
	vcpu->svm->interrupt.vector = vector;
}

/**
 * event_reset() - forget all that is pending.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held.
 */
void event_reset(struct vcpu *vcpu)
{
	vcpu->svm->exception.pending = false;
	vcpu->svm->interrupt.pending = false;
	vcpu->svm->triple_fault = false;
}

/**
 * interrupts_allowed() - would the guest take an interrupt before its next instruction?
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held.
 * Return: true if RFLAGS.IF is set and no STI or MOV SS holds interrupts back.
 */
bool interrupts_allowed(struct vcpu *vcpu)
{
	return (vcpu->rflags & X86_EFLAGS_IF) &&
	       !(vcpu->svm->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK);
}

/**
 * event_pending() - does an event wait for the next entry already?
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held.
 * Return: true if so.
 */
bool event_pending(struct vcpu *vcpu)
{
	return vcpu->svm->exception.pending || vcpu->svm->interrupt.pending;
}

/*
 * A fault, as opposed to a trap or an abort, runs its instruction again: RF in the
 * flags that the guest's handler returns to keeps breakpoints quiet then.
 */
static bool is_fault(u8 vector)
{
	switch (vector) {
	case X86_TRAP_DB:
	case X86_TRAP_BP:
	case X86_TRAP_OF:
	case X86_TRAP_DF:
	case X86_TRAP_MC:
		return false;
	default:
		return true;
	}
}

/* What the hardware does with a virtual interrupt once the guest can take one. */
enum virtual_interrupt {
	VIRQ_NONE,		/* there is none */
	VIRQ_WINDOW,		/* exit, so that we learn of it: SVM_EXIT_VINTR */
	VIRQ_DELIVER,		/* deliver it */
};

/* Its priority is above any: the guest's TPR is user space's to look at. */
static void set_virtual_interrupt(struct vmcb_control_area *control,
				  enum virtual_interrupt what, u8 vector)
{
	control->int_ctl &= ~V_IRQ_INJECTION_BITS_MASK;
	control->int_vector = vector;
	if (what != VIRQ_NONE)
		control->int_ctl |= V_IRQ_MASK | V_INTR_PRIO_MASK | V_IGN_TPR_MASK;
	__assign_bit(INTERCEPT_VINTR, (unsigned long *)control->intercepts, what == VIRQ_WINDOW);
}

/**
 * event_load() - put the pending event into the VMCB, for this entry.
 * @vcpu: the vCPU.
 *
 * An exception goes before an interrupt. Whatever has to wait, an interrupt or
 * user space that wants to send one, gets an interrupt window.
 *
 * An interrupt that the guest can take is delivered as a virtual interrupt, any
 * other is forced on it, but for one that let an exception go first: it is not to
 * interrupt the exception's handler. (QEMU 7.2 may deliver a forced one twice: its
 * exception number stays behind in the CPU, to be found when the emulator's loop is left
 * before the next exit.) While it is being delivered there can be no window, so with one
 * wanted the end of its handler is intercepted.
 *
 * Context: vcpu->mutex held; interrupts may be off.
 * Source: AMD manual, "Event Injection" and "Virtual Interrupts".
 */
void event_load(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb_control_area *control = &svm->vmcb->control;
	bool window = READ_ONCE(vcpu->run->request_interrupt_window);

	control->event_inj = 0;
	control->event_inj_err = 0;
	svm->interrupt.virtual = false;
	if (svm->exception.pending) {
		control->event_inj = svm->exception.vector | SVM_EVTINJ_TYPE_EXEPT |
				     SVM_EVTINJ_VALID;
		if (svm->exception.has_error) {
			control->event_inj |= SVM_EVTINJ_VALID_ERR;
			control->event_inj_err = svm->exception.error_code;
		}
		if (is_fault(svm->exception.vector))
			vcpu->rflags |= X86_EFLAGS_RF;
		svm->interrupt.waits = true;
		window |= svm->interrupt.pending;
	} else if (svm->interrupt.pending && interrupts_allowed(vcpu)) {
		svm->interrupt.virtual = true;
	} else if (svm->interrupt.pending && svm->interrupt.waits) {
		window = true;
	} else if (svm->interrupt.pending) {
		control->event_inj = svm->interrupt.vector | SVM_EVTINJ_TYPE_INTR |
				     SVM_EVTINJ_VALID;
	}

	__assign_bit(INTERCEPT_IRET, (unsigned long *)control->intercepts,
		     svm->interrupt.virtual && window);
	if (svm->interrupt.virtual)
		set_virtual_interrupt(control, VIRQ_DELIVER, svm->interrupt.vector);
	else
		set_virtual_interrupt(control, window ? VIRQ_WINDOW : VIRQ_NONE, 0);
}

/**
 * event_store() - after an exit: which event was delivered, which was cut short?
 * @vcpu: the vCPU.
 *
 * If the exit came while an event was being delivered, say by a #PF on the stack
 * or on the IDT, it is queued again. INT n, INT3 and INTO are not: their RIP is
 * still at the instruction, which will run again.
 *
 * Context: vcpu->mutex held; interrupts may be off.
 * Source: AMD manual, "EXITINTINFO" in "Interrupts and Exceptions during #VMEXIT".
 */
void event_store(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct vmcb_control_area *control = &svm->vmcb->control;
	u32 info = control->exit_int_info;
	u8 vector = info & SVM_EXITINTINFO_VEC_MASK;
	bool untaken = svm->interrupt.virtual && (control->int_ctl & V_IRQ_MASK);

	if (svm->exception.pending)
		svm->exception.pending = false;
	else if (svm->interrupt.virtual || !svm->interrupt.waits)
		svm->interrupt.pending = untaken;

	if (!(info & SVM_EXITINTINFO_VALID))
		return;
	switch (info & SVM_EXITINTINFO_TYPE_MASK) {
	case SVM_EXITINTINFO_TYPE_INTR:
		queue_interrupt(vcpu, vector);
		break;
	case SVM_EXITINTINFO_TYPE_EXEPT:
		if (vector == X86_TRAP_BP || vector == X86_TRAP_OF)
			break;
		/* QEMU 7.2 reports a virtual interrupt cut short so, and keeps it as well */
		if (untaken && vector == svm->interrupt.vector)
			break;
		set_exception(vcpu, vector, info & SVM_EXITINTINFO_VALID_ERR,
			      control->exit_int_info_err);
		break;
	}
}
