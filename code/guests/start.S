/* SPDX-License-Identifier: GPL-2.0 */
/*
 * start.S - the first byte of a guest program, in the mode that the monitor chose:
 * edi is the vCPU's number, esi the parameter block, the stack is set. Calls
 * guest_main() and hands its result to the exit port.
 */
#include "abi.h"

	.section .start, "ax"
	.globl _start
#if GUEST_BITS == 64
	.code64
_start:	call	guest_main		/* the registers are those of the calling convention */
	mov	%eax, %edi
	call	guest_exit
#elif GUEST_BITS == 32
	.code32
_start:	push	%esi
	push	%edi
	call	guest_main
	push	%eax
	push	%eax
	call	guest_exit
#else
	.code16gcc
_start:	push	%esi
	push	%edi
	call	guest_main
	push	%eax
	push	%eax
	call	guest_exit
#endif
	.section .note.GNU-stack, "", @progbits
