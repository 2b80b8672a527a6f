/* SPDX-License-Identifier: GPL-2.0 */
/*
 * abi.h - what a guest program and its monitor agree on: where things lie in
 * guest memory, which ports mean what, and the parameter block. Included by both
 * sides, in 16, 32 and 64-bit code and in assembly: only macros and fixed-size types.
 *
 * Next: ../vmm/libvmm.h (the monitor's side), guest.h (the guest's).
 */
#ifndef GUEST_ABI_H
#define GUEST_ABI_H

/* Guest-physical layout; all of it identity-mapped in every mode. */
#define ABI_GDT		0x1000	/* the monitor's flat GDT */
#define ABI_IDT		0x2000	/* an empty IDT: without one of your own a fault is a triple one */
#define ABI_PARAMS	0x3000	/* struct guest_params */
#define ABI_REAL_STACK	0x7000	/* vCPU n: the top is this minus n * ABI_REAL_STACK_SIZE */
#define ABI_REAL_STACK_SIZE 0x400
#define ABI_CODE	0x8000	/* the flat binary, entered at its first byte */
#define ABI_CODE_END	0x40000
#define ABI_STACKS	0x40000	/* vCPU n: ABI_STACK_SIZE bytes from here + n * ABI_STACK_SIZE */
#define ABI_STACK_SIZE	0x4000	/* a power of two, and so aligned */
#define ABI_SCRATCH	0x80000	/* free for the guest's own tables, to ABI_TABLES_END */
#define ABI_SCRATCH_END	0x100000
#define ABI_TABLES	0x100000	/* page tables that the monitor builds */
#define ABI_TABLES_END	0x180000
#define ABI_FREE	0x200000	/* from here on memory belongs to the workload */

/* Ports. */
#define ABI_PORT_CONSOLE 0xe9	/* out 8 bits: one character of a line of text */
#define ABI_PORT_EXIT	0xf4	/* out 8, 16, 32 bits: this vCPU is done, status 0 is good */
#define ABI_PORT_HOST	0xf8	/* out or in 32 bits: handed to the program's on_host() */
#define ABI_PORT_REPORT	0x500	/* out 32 bits to ABI_PORT_REPORT + 4 * n: report word n */
#define ABI_REPORTS	16

/* Report words that the swap workload uses. */
#define ABI_REPORT_PASS		0	/* passes done */
#define ABI_REPORT_CHECKED	1	/* words read back, in thousands */
#define ABI_REPORT_WRONG	2	/* words that were not what was written */

#define ABI_PARAMS_MAGIC 0x6b736d70

#ifndef __ASSEMBLER__
#include <stdint.h>

/** struct guest_params - written by the monitor at ABI_PARAMS before the first entry. */
struct guest_params {
	uint32_t magic;		/* ABI_PARAMS_MAGIC */
	uint32_t vcpus;		/* how many vCPUs run the program */
	uint64_t memory;	/* bytes of memory from guest-physical 0 */
	uint32_t mode;		/* enum vmm_mode */
	uint32_t passes;	/* the program's own arguments from here on */
	uint32_t seed;
	uint32_t words;		/* words written and checked in each page, 1 to 512 */
	uint64_t scratch_base;	/* guest-physical; memory that is used but not checked */
	uint64_t scratch_size;	/* bytes, 0: none */
	uint64_t work_base;	/* guest-physical; memory to work on */
	uint64_t work_size;	/* bytes */
};
#endif

#endif
