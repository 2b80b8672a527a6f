// SPDX-License-Identifier: GPL-2.0
/*
 * run.c - chapter 0: KVM_RUN. Enter the guest, do what it was left for, enter it
 * again, until user space is needed or a signal comes.
 *
 * You come here from vcpu.c. enter_guest() goes on to vmcb.c; handle_exit() in
 * exit.c is what follows.
 */
#include <linux/sched/signal.h>
#include <linux/signal.h>
#include <linux/task_work.h>
#include <linux/preempt.h>
#include <asm/fpu/api.h>

#include "event.h"
#include "svm.h"
#include "vcpu.h"

/* Since 6.12 this field's name in the kernel warns that user space may change it at any time. */
#ifndef HINT_UNSAFE_IN_KVM
#define HINT_UNSAFE_IN_KVM(field)	field
#endif

/*
 * Work of the thread that only the way back to user space does; in 6.12 the scheduler has
 * some for each running thread every 100 ms.
 */
static bool user_return_work(void)
{
	if (!test_thread_flag(TIF_NOTIFY_RESUME))
		return false;
#ifdef CONFIG_MEMCG
	if (current->memcg_nr_pages_over_high)
		return true;
#endif
	return task_work_pending(current);
}

/* What others asked of this vCPU while it was not looking. */
static void do_requests(struct vcpu *vcpu)
{
	if (test_and_clear_bit(REQ_MMU_SYNC, &vcpu->requests)) {
		mmu_unload(vcpu);
		vcpu->svm->flush = true;
	}
	if (test_and_clear_bit(REQ_TLB_FLUSH, &vcpu->requests))
		vcpu->svm->flush = true;
}

enum entry {
	ENTERED,	/* the guest ran, the VMCB says why it was left */
	BACKED_OUT,	/* something is to be done first */
	CPU_OFFLINE,	/* SVM is off here: a suspend, or the CPU is going away */
};

static bool must_back_out(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) || signal_pending(current) || need_resched();
}

/*
 * One trip into the guest. The order is the whole point: first say that we are
 * in guest mode, then look for requests; whoever makes one sets it first and looks at
 * the mode then (tlb.c). So either we see the request, or they see us and send an
 * interrupt, which waits until VMRUN and ends the guest at once.
 */
static enum entry enter_guest(struct vcpu *vcpu)
{
	enum entry entry = BACKED_OUT;

	preempt_disable();
	local_irq_disable();
	WRITE_ONCE(vcpu->cpu, smp_processor_id());	/* a flush may read an old one */
	smp_store_mb(vcpu->mode, IN_GUEST_MODE);	/* pairs with that in kick: tlb.c */
	if (!svm_cpu_enabled()) {
		entry = CPU_OFFLINE;
	} else if (!must_back_out(vcpu)) {
		vmcb_enter(vcpu);
		entry = ENTERED;
	}
	/* what the guest used, it used before: whoever sees the mode may free it */
	smp_store_release(&vcpu->mode, OUTSIDE_GUEST_MODE);
	local_irq_enable();
	preempt_enable();
	return entry;
}

static bool window_wanted(struct vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->request_interrupt_window) && interrupts_allowed(vcpu) &&
	       !event_pending(vcpu);
}

static int run_loop(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	enum entry entry;
	int r;

	for (;;) {
		do_requests(vcpu);
		r = vcpu->svm->triple_fault ? 1 : mmu_load(vcpu);
		if (r < 0)
			return r;
		if (r) {
			vcpu->svm->triple_fault = false;
			run->exit_reason = KVM_EXIT_SHUTDOWN;
			return 0;
		}
		entry = enter_guest(vcpu);
		if (entry == ENTERED) {
			stat_inc(vcpu->vm, exits);
			r = handle_exit(vcpu);
			if (r <= 0)
				return r;
		}
		if (window_wanted(vcpu)) {
			run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
			return 0;
		}
		if (signal_pending(current))
			return -EINTR;
		if (user_return_work())
			return -ERESTARTNOHAND;
		if (entry == CPU_OFFLINE)
			/* checkpatch(YIELD): we are frozen or moved off it, no event says when */
			yield();
		cond_resched();
	}
}

static void activate_sigmask(struct svm_vcpu *svm)
{
	if (svm->has_sigmask)
		sigprocmask(SIG_SETMASK, &svm->sigmask, &current->real_blocked);
}

static void deactivate_sigmask(struct svm_vcpu *svm)
{
	if (!svm->has_sigmask)
		return;
	sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
	sigemptyset(&current->real_blocked);
}

/* The second half of an I/O exit, then the guest. */
static int complete_and_run(struct vcpu *vcpu)
{
	int (*complete)(struct vcpu *vcpu) = vcpu->svm->complete;
	int r;

	if (complete) {
		vcpu->svm->complete = NULL;
		r = complete(vcpu);
		if (r <= 0)
			return r;
	}
	if (READ_ONCE(vcpu->run->HINT_UNSAFE_IN_KVM(immediate_exit)))
		return -EINTR;
	return run_loop(vcpu);
}

/**
 * vcpu_run() - KVM_RUN: run the guest until user space is needed.
 * @vcpu: the vCPU.
 *
 * The guest's FPU state is in the FPU from here until we return, and the scheduler
 * saves and restores it as the thread's own.
 *
 * Work that only the way back to user space does makes the kernel begin the system call
 * again. User space does not see it, but another ioctl of the vCPU that waits may come
 * between.
 *
 * Context: vcpu->mutex held, in the VM's process; sleeps.
 * Return: 0, vcpu->run->exit_reason says why; -EINTR a signal came, or
 * immediate_exit was set; -ERESTARTNOHAND the system call is to begin again; -EINVAL
 * kvm_run asks for what is not there; or an error of the guest's memory, -EFAULT or -ENOMEM.
 * Source: Documentation/virt/kvm/api.rst, KVM_RUN.
 */
int vcpu_run(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct kvm_run *run = vcpu->run;
	u64 cr8 = READ_ONCE(run->cr8);
	int r;

	if (READ_ONCE(run->kvm_valid_regs) || READ_ONCE(run->kvm_dirty_regs))
		return -EINVAL;
	if (cr8 & ~0xfULL)
		return -EINVAL;
	vcpu->cr8 = cr8;
	run->flags = 0;

	activate_sigmask(svm);
	fpu_swap_kvm_fpstate(&svm->fpu, true);
	run->exit_reason = KVM_EXIT_UNKNOWN;
	r = complete_and_run(vcpu);
	fpu_swap_kvm_fpstate(&svm->fpu, false);
	if (r == -EINTR || r == -ERESTARTNOHAND)
		run->exit_reason = KVM_EXIT_INTR;

	run->if_flag = !!(vcpu->rflags & X86_EFLAGS_IF);
	run->cr8 = vcpu->cr8;
	run->apic_base = vcpu->apic_base;
	run->ready_for_interrupt_injection = interrupts_allowed(vcpu) && !event_pending(vcpu);
	deactivate_sigmask(svm);
	/* No signal, so user space is not to know: the kernel does its work and comes back. */
	if (r == -ERESTARTNOHAND)
		set_thread_flag(TIF_SIGPENDING);
	return r;
}
