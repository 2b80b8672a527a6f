/* SPDX-License-Identifier: GPL-2.0 */
/*
 * trap.S - into the guest's kernel and back: the gates of the IDT, the way into
 * ring 3 and out of it. The stack at trap_common, lowest first:
 *
 *   registers (struct frame in cpu.c), vector, error code, ip, cs, flags, [sp, ss]
 */
	.section .note.GNU-stack, "", @progbits
	.text

/* Sixteen bytes a gate; the CPU pushes an error code for 8, 10 to 14 and 17. */
	.macro gate
	.balign 16
	.if !((vector == 8) | ((vector >= 10) & (vector <= 14)) | (vector == 17))
	push $0
	.endif
	push $vector
	jmp trap_common
	.endm

	.balign 16
	.globl trap_gates
trap_gates:
	.set vector, 0
	.rept 32
	gate
	.set vector, vector + 1
	.endr

#if GUEST_BITS == 64
	.code64
trap_common:
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	mov %rsp, %rdi
	cld
	call on_trap
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

/*
 * word user_call(function, argument, user_sp, word *kernel_sp): leaves the kernel's
 * stack pointer where user_return finds it again.
 */
	.globl user_call
user_call:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rcx)
	mov %rsi, %rbx
	push $0x33		/* VMM_SEL_UDATA */
	push %rdx
	pushfq
	push $0x43		/* VMM_SEL_UCODE64 */
	push $1f
	mov %rdi, %rax
	mov %rbx, %rdi
	iretq
1:	call *%rax		/* ring 3 */
	int $0x80

/* Gate 0x80: come back from ring 3; rax is the function's result. */
	.globl user_return
user_return:
	mov %rax, %rbx
	call kernel_sp
	mov (%rax), %rsp
	mov %rbx, %rax
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
#else
	.code32
trap_common:
	push %eax
	push %ecx
	push %edx
	push %ebx
	push %ebp
	push %esi
	push %edi
	push %ds
	push %es
	mov $0x10, %eax		/* VMM_SEL_DATA */
	mov %eax, %ds
	mov %eax, %es
	push %esp
	cld
	call on_trap
	pop %eax
	pop %es
	pop %ds
	pop %edi
	pop %esi
	pop %ebp
	pop %ebx
	pop %edx
	pop %ecx
	pop %eax
	add $8, %esp
	iret

	.globl user_call
user_call:
	push %ebx
	push %ebp
	push %esi
	push %edi
	mov 20(%esp), %eax	/* function */
	mov 24(%esp), %ebx	/* argument */
	mov 28(%esp), %edx	/* user stack */
	mov 32(%esp), %ecx
	mov %esp, (%ecx)
	mov $0x33, %ecx		/* VMM_SEL_UDATA */
	mov %ecx, %ds
	mov %ecx, %es
	push %ecx
	push %edx
	pushf
	push $0x3b		/* VMM_SEL_UCODE32 */
	push $1f
	iret
1:	push %ebx		/* ring 3 */
	call *%eax
	int $0x80

	.globl user_return
user_return:
	mov $0x10, %edx
	mov %edx, %ds
	mov %edx, %es
	mov %eax, %ebx
	call kernel_sp
	mov (%eax), %esp
	mov %ebx, %eax
	pop %edi
	pop %esi
	pop %ebp
	pop %ebx
	ret
#endif
