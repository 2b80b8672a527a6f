/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fiber_switch() - keep what the caller must find again on its own stack, and go on where
 * the other was left.
 *
 *   rdi: where the caller's stack pointer goes      rsi: the other's
 *
 *   stack pointer ->  r15 r14 r13 r12 rbx rbp  return address
 */
	.text
	.globl	fiber_switch
	.type	fiber_switch, @function
fiber_switch:
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rdi)
	mov	%rsi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
	.size	fiber_switch, . - fiber_switch

	.section .note.GNU-stack, "", @progbits
