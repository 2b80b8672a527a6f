/* SPDX-License-Identifier: GPL-2.0 */
/*
 * climb.S - a guest that changes its mode by itself, with MOV CR and WRMSR alone:
 * real -> protected -> 32-bit paging -> PAE -> long mode, and all the way back down
 * to real mode. In each it writes a word and says where it is. The monitor starts it
 * in real mode; entry: edi is the vCPU's number, which is all that is used.
 */
#include "abi.h"

#define CR0_PE	1
#define CR0_PG	0x80000000
#define CR4_PSE	0x10
#define CR4_PAE	0x20
#define EFER	0xc0000080
#define EFER_LME 0x100

#define CODE32	0x08
#define DATA32	0x10
#define CODE64	0x18
#define CODE16	0x20
#define DATA16	0x28

/* Tables in the scratch area; all map 4 MiB (or 1 GiB in steps) onto itself. */
#define PD32	ABI_SCRATCH
#define PDPT	(ABI_SCRATCH + 0x1000)
#define PD_PAE	(ABI_SCRATCH + 0x2000)
#define PML4	(ABI_SCRATCH + 0x3000)
#define PDPT64	(ABI_SCRATCH + 0x4000)

#define WORDS	(ABI_SCRATCH + 0x8000)	/* each mode adds one, through its own mapping */

	.section .start, "ax"
	.globl _start
	.code16
_start:	mov $text_real, %si
	call say16
	movl $1, %eax
	mov $(WORDS >> 4), %bx
	mov %bx, %es
	movl %eax, %es:0

	cli
	lgdtl gdt_pointer
	mov %cr0, %eax
	or $CR0_PE, %al
	mov %eax, %cr0
	ljmpl $CODE32, $protected

/* print the text at ds:si; dx, ax are lost */
say16:	mov $ABI_PORT_CONSOLE, %dx
1:	lodsb
	test %al, %al
	jz 2f
	out %al, %dx
	jmp 1b
2:	ret

	.code32
say32:	mov $ABI_PORT_CONSOLE, %edx
1:	mov (%esi), %al
	inc %esi
	test %al, %al
	jz 2f
	out %al, %dx
	jmp 1b
2:	ret

protected:
	mov $DATA32, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $(ABI_STACKS + ABI_STACK_SIZE), %esp
	mov $text_protected, %esi
	call say32
	movl $2, WORDS + 4

	/* 32-bit paging: one 4 MiB page */
	movl $0x83, PD32
	mov %cr4, %eax
	or $CR4_PSE, %eax
	mov %eax, %cr4
	mov $PD32, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	jmp 1f
1:	mov $text_paging, %esi
	call say32
	movl $3, WORDS + 8

	/* PAE: the same with two 2 MiB pages; paging must be off meanwhile */
	mov %cr0, %eax
	and $~CR0_PG, %eax
	mov %eax, %cr0
	movl $(PD_PAE + 1), PDPT
	movl $0x83, PD_PAE
	movl $0x200083, PD_PAE + 8
	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $PDPT, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	jmp 1f
1:	mov $text_pae, %esi
	call say32
	movl $4, WORDS + 12

	/* long mode */
	mov %cr0, %eax
	and $~CR0_PG, %eax
	mov %eax, %cr0
	movl $(PDPT64 + 3), PML4
	movl $(PD_PAE + 3), PDPT64
	mov $EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov $PML4, %eax
	mov %eax, %cr3
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	jmp 1f
1:	mov $text_compat, %esi
	call say32
	movl $5, WORDS + 16
	ljmp $CODE64, $long_mode

	.code64
long_mode:
	mov $text_long, %esi
	mov $ABI_PORT_CONSOLE, %edx
1:	lodsb
	test %al, %al
	jz 2f
	out %al, %dx
	jmp 1b
2:	movabs $WORDS + 20, %rbx
	movl $6, (%rbx)
	mov $0x123456789abcdef0, %r12	/* upper halves live only here */
	mov %r12, 4(%rbx)
	cmp %r12, 4(%rbx)
	jne bad64
	/* LMA must be set by now */
	mov $EFER, %ecx
	rdmsr
	bt $10, %eax
	jnc bad64
	push $CODE32
	lea down(%rip), %rax
	push %rax
	lretq
bad64:	mov $9, %eax
	out %eax, $ABI_PORT_EXIT

	.code32
down:	mov %cr0, %eax
	and $~CR0_PG, %eax
	mov %eax, %cr0
	mov $EFER, %ecx
	rdmsr
	and $~EFER_LME, %eax
	wrmsr
	mov %cr4, %eax
	and $~(CR4_PAE | CR4_PSE), %eax
	mov %eax, %cr4
	mov $text_down, %esi
	call say32
	ljmp $CODE16, $down16

	.code16
down16:	mov $DATA16, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %ss
	mov %cr0, %eax
	and $~CR0_PE, %al
	mov %eax, %cr0
	ljmp $0, $real_again
real_again:
	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $ABI_REAL_STACK, %sp
	mov $text_again, %si
	call say16
	/* all six words are there */
	mov $(WORDS >> 4), %ax
	mov %ax, %es
	xor %ebx, %ebx
	xor %eax, %eax
	mov $6, %cx
1:	addl %es:(%bx), %eax
	add $4, %bx
	loop 1b
	sub $21, %eax			/* 1 + 2 + ... + 6 */
	mov $text_sum, %si
	jz 2f
	mov $text_bad, %si
2:	push %eax
	call say16
	pop %eax
	out %eax, $ABI_PORT_EXIT

	.section .rodata
text_real:	.asciz "real mode\n"
text_protected:	.asciz "protected mode\n"
text_paging:	.asciz "32-bit paging\n"
text_pae:	.asciz "PAE\n"
text_compat:	.asciz "long mode, 32-bit code\n"
text_long:	.asciz "long mode, 64-bit code\n"
text_down:	.asciz "protected mode again\n"
text_again:	.asciz "real mode again\n"
text_sum:	.asciz "the words of all modes are there\n"
text_bad:	.asciz "the words of some mode are WRONG\n"

	.balign 8
gdt:	.quad 0
	.quad 0x00cf9b000000ffff	/* CODE32 */
	.quad 0x00cf93000000ffff	/* DATA32 */
	.quad 0x00af9b000000ffff	/* CODE64 */
	.quad 0x00009b000000ffff	/* CODE16 */
	.quad 0x000093000000ffff	/* DATA16 */
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.long gdt
	.section .note.GNU-stack, "", @progbits
