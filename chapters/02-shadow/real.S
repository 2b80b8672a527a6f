/* SPDX-License-Identifier: GPL-2.0 */
/*
 * real.S - a guest in real mode, which demo.c copies into its memory. bx: the first
 * segment; cx: how many pages. Each page gets the number of its segment as its first
 * word, then all are compared; ax: how many are wrong.
 */
	.section .rodata
	.globl real_text, real_text_end
	.code16
real_text:
	mov	%bx, %dx
	mov	%cx, %si
1:	mov	%dx, %ds
	mov	%dx, 0
	add	$0x100, %dx
	dec	%si
	jnz	1b

	mov	%bx, %dx
	mov	%cx, %si
	xor	%ax, %ax
2:	mov	%dx, %ds
	cmp	%dx, 0
	je	3f
	inc	%ax
3:	add	$0x100, %dx
	dec	%si
	jnz	2b
	hlt
real_text_end:
	.section .note.GNU-stack, "", @progbits
