/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cpu.h - the guest as an operating system: its own GDT, TSS and IDT, control
 * registers, ring 3, and accesses that survive a fault. For 32 and 64-bit programs.
 * The code is in cpu.c and trap.S.
 */
#ifndef CPU_H
#define CPU_H

#include "guest.h"

#define CR0_WP	(1ul << 16)
#define CR4_PSE	(1ul << 4)
#define CR4_PAE	(1ul << 5)
#define CR4_PGE	(1ul << 7)
#define EFER	0xc0000080u
#define EFER_NXE (1u << 11)

#define PF_P	1u	/* of a #PF's error code: the page was present */
#define PF_W	2u
#define PF_U	4u
#define PF_RSVD	8u
#define PF_I	16u

#define VECTOR_DB 1
#define VECTOR_BP 3
#define VECTOR_UD 6
#define VECTOR_GP 13
#define VECTOR_PF 14
#define VECTOR_SYSCALL 0x80
#define NO_FAULT 0xffu

/** struct fault - the last one that this vCPU took. */
struct fault {
	unsigned int vector;	/* NO_FAULT: none since forget_fault() */
	unsigned int error;
	word cr2;
	word ip;
	unsigned int count;	/* since the start */
};

/**
 * cpu_init() - load this vCPU's own descriptor tables.
 *
 * vCPU 0 must come first: it fills the IDT.
 */
void cpu_init(unsigned int vcpu);

/** vcpu_id() - the number that cpu_init() was given; 0 before it. */
unsigned int vcpu_id(void);

struct fault *last_fault(void);
void forget_fault(void);

/**
 * in_user_mode() - call @function with @argument in ring 3, on a stack of its own.
 *
 * All that it touches must be mapped for user mode. Return: what it returned.
 */
word in_user_mode(word (*function)(word argument), word argument);

/* What try_*() answer: did it work? If not, last_fault() knows why. */
bool try_read(word address, uint32_t *value);
bool try_write(word address, uint32_t value);
/* @address: of the two instructions of put_probe() */
bool try_exec(word address);
/* put_probe() - code for try_exec() at @address, which must be writable */
void put_probe(word address);

word read_cr0(void);
void write_cr0(word value);
word read_cr3(void);
void write_cr3(word value);
word read_cr4(void);
void write_cr4(word value);
uint64_t read_msr(uint32_t msr);
void write_msr(uint32_t msr, uint64_t value);

static inline void flush_all(void)
{
	write_cr3(read_cr3());
}

static inline void invlpg(word address)
{
	asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

#endif
