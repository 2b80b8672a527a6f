/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest-text.S - what the demos' guest can do, in 64-bit mode. guest.c copies it into the
 * guest's memory, so it must not care where it is, and sets the registers:
 * rdi: address of the first word; rsi: how many pages; edx: the first word. The result is
 * in eax; HLT gives the vCPU back.
 */
	.section .rodata
	.globl guest_text, guest_text_read, guest_text_write, guest_text_check, guest_text_end
guest_text:
guest_text_read:
	mov	(%rdi), %eax
	hlt

guest_text_write:
	mov	%edx, (%rdi)
	add	$4096, %rdi
	inc	%edx
	dec	%rsi
	jnz	guest_text_write
	hlt

guest_text_check:			/* eax: how many words are wrong */
	xor	%eax, %eax
1:	cmp	%edx, (%rdi)
	je	2f
	inc	%eax
2:	add	$4096, %rdi
	inc	%edx
	dec	%rsi
	jnz	1b
	hlt
guest_text_end:
	.section .note.GNU-stack, "", @progbits
