/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmenter.S - chapter 0: the world switch. VMRUN swaps the control registers,
 * RIP, RSP, RAX and some segments; all else is exchanged here.
 *
 * You come here from vmcb_enter() in vmcb.c and return there; exit.c then asks
 * why the guest was left.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>

/* Offsets in vcpu->regs: enum vcpu_reg, eight bytes each. */
#define RCX	(1 * 8)
#define RDX	(2 * 8)
#define RBX	(3 * 8)
#define RBP	(5 * 8)
#define RSI	(6 * 8)
#define RDI	(7 * 8)
#define R8	(8 * 8)
#define R9	(9 * 8)
#define R10	(10 * 8)
#define R11	(11 * 8)
#define R12	(12 * 8)
#define R13	(13 * 8)
#define R14	(14 * 8)
#define R15	(15 * 8)

.section .noinstr.text, "ax"

/*
 * void svm_enter_guest(unsigned long *regs, unsigned long vmcb_pa,
 *			unsigned long host_vmcb_pa)
 *
 * The stack from the pushes on until the pops; VMRUN keeps RSP in the host
 * save area and #VMEXIT brings it back:
 *
 *	64(%rsp)	return address
 *	56		%rbp
 *	48		%r15
 *	40		%r14
 *	32		%r13
 *	24		%r12
 *	16		%rbx
 *	 8		host_vmcb_pa
 *	 0		regs
 *
 * GIF: CLGI holds back interrupts and NMIs alike, so that none is taken while
 * FS, GS (per-CPU data!), TR and the system call MSRs are the guest's. The
 * host's IF must be set at VMRUN, for with V_INTR_MASKING it is what lets
 * physical interrupts end the guest (AMD manual, "Global Interrupt Flag, STGI
 * and CLGI Instructions"; "Virtualizing APIC.TPR" and "V_INTR_MASKING"). It is
 * set well before VMRUN, whose guest must not inherit STI's shadow.
 *
 * Context: interrupts and preemption off, SVM enabled on this CPU.
 */
SYM_FUNC_START(svm_enter_guest)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdx
	push	%rdi

	clgi
	sti

	mov	%rdx, %rax
	vmsave	%rax			/* host FS GS TR LDTR, SYSCALL and SYSENTER MSRs */
	mov	%rsi, %rax
	vmload	%rax			/* the guest's */

	mov	RCX(%rdi), %rcx
	mov	RDX(%rdi), %rdx
	mov	RBX(%rdi), %rbx
	mov	RBP(%rdi), %rbp
	mov	RSI(%rdi), %rsi
	mov	R8(%rdi), %r8
	mov	R9(%rdi), %r9
	mov	R10(%rdi), %r10
	mov	R11(%rdi), %r11
	mov	R12(%rdi), %r12
	mov	R13(%rdi), %r13
	mov	R14(%rdi), %r14
	mov	R15(%rdi), %r15
	mov	RDI(%rdi), %rdi

	VM_CLEAR_CPU_BUFFERS

	vmrun	%rax

	/* %rax is the VMCB again and %rsp ours; every other register is the guest's */
	vmsave	%rax
	pop	%rax
	mov	%rcx, RCX(%rax)
	mov	%rdx, RDX(%rax)
	mov	%rbx, RBX(%rax)
	mov	%rbp, RBP(%rax)
	mov	%rsi, RSI(%rax)
	mov	%rdi, RDI(%rax)
	mov	%r8, R8(%rax)
	mov	%r9, R9(%rax)
	mov	%r10, R10(%rax)
	mov	%r11, R11(%rax)
	mov	%r12, R12(%rax)
	mov	%r13, R13(%rax)
	mov	%r14, R14(%rax)
	mov	%r15, R15(%rax)

	pop	%rax
	vmload	%rax			/* the host's GS base among them: per-CPU data is back */

	/* The guest trained the return predictors: before the first RET, undo that. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RETPOLINE
	UNTRAIN_RET
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT

	/* Leave no value of the guest's to speculation. */
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%edi, %edi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	cli
	stgi				/* a pending NMI is taken here */

	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET
SYM_FUNC_END(svm_enter_guest)
