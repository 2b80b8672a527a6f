/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest-text.S - what the guest can do, in 64-bit mode. guest.c copies it into the guest's
 * memory, so it must not care where it is, and sets the registers:
 *
 *   rdi  address of the first page		rsi  how many pages
 *   rdx  the key				rcx  the mask
 *
 * A word of the pattern is the key plus its own address, as far as the mask lets
 * it through, so that a page in the wrong place is noticed. The last word of a page
 * is not part of the pattern: it belongs to the toucher.
 */
	.section .rodata
	.globl guest_text, guest_text_fill, guest_text_check, guest_text_touch, guest_text_look
	.globl guest_text_store, guest_text_end
guest_text:
guest_text_fill:
	mov	$511, %r8d
1:	mov	%rdi, %rax
	and	%rcx, %rax
	add	%rdx, %rax
	mov	%rax, (%rdi)
	add	$8, %rdi
	dec	%r8d
	jnz	1b
	add	$8, %rdi
	dec	%rsi
	jnz	guest_text_fill
	hlt

guest_text_check:			/* rbx: how many words are wrong */
	xor	%ebx, %ebx
2:	mov	$511, %r8d
1:	mov	%rdi, %rax
	and	%rcx, %rax
	add	%rdx, %rax
	cmp	%rax, (%rdi)
	je	3f
	inc	%rbx
3:	add	$8, %rdi
	dec	%r8d
	jnz	1b
	add	$8, %rdi
	dec	%rsi
	jnz	2b
	hlt

/*
 * Round and round: the last word of each page must hold the number of the round
 * before, and gets that of this one. r12: struct toucher (guest.c).
 */
guest_text_touch:
	mov	(%r12), %rbx
4:	lea	1(%rbx), %rax
	lea	4088(%rdi), %r9
	mov	%rsi, %r10
1:	cmp	%rbx, (%r9)
	je	3f
	cmpq	$0, 16(%r12)		/* are they meant to get lost? */
	jne	3f
	incq	8(%r12)
3:	mov	%rax, (%r9)
	add	$4096, %r9
	dec	%r10
	jnz	1b
	mov	%rax, %rbx
	mov	%rbx, (%r12)
	jmp	4b

/* Round and round, but only reading: the first word of each page is the pattern's. */
guest_text_look:
	mov	%rdi, %r9
	mov	%rsi, %r10
1:	mov	%r9, %rax
	and	%rcx, %rax
	add	%rdx, %rax
	cmp	%rax, (%r9)
	je	3f
	incq	8(%r12)
3:	add	$4096, %r9
	dec	%r10
	jnz	1b
	incq	(%r12)
	jmp	guest_text_look

/* Round and round: the word that the host gives is stored at rdi, unless it is 0. */
guest_text_store:
	mov	24(%r12), %rax
	test	%rax, %rax
	jz	1f
	mov	%rax, (%rdi)
1:	incq	(%r12)
	jmp	guest_text_store
guest_text_end:
	.section .note.GNU-stack, "", @progbits
