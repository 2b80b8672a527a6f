/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ask-text.S - what the vCPUs of chapter 8's demo do, in 64-bit mode; ask.c copies it into
 * the guest's memory and sets the registers. r8: where to tell, [0] what, [4] that it is told.
 */
	.section .rodata
	.globl ask_text, ask_text_count, ask_text_end
ask_text:				/* rdi: the address to read */
	mov	(%rdi), %eax
	mov	%eax, (%r8)
	movl	$1, 4(%r8)
	hlt

ask_text_count:				/* rdi: where to write; rsi: how many pages */
	mov	%esi, (%rdi)
	add	$4096, %rdi
	dec	%rsi
	jnz	ask_text_count
1:	incl	(%r8)
	jmp	1b
ask_text_end:
	.section .note.GNU-stack, "", @progbits
