// SPDX-License-Identifier: GPL-2.0
/*
 * mmio.c - accesses where the guest has no memory: the monitor sees each with its
 * address, size and data, and the guest gets what the monitor answers. Simple moves
 * of all sizes, to and from all kinds of operands. Built for 32 and 64 bits.
 */
#include "tables.h"

#define DEVICE	0x10000000ul	/* guest-physical; no slot is there */
#define WINDOW	0x40000000ul	/* where it is mapped, in modes with paging */

static unsigned int failures;
static word device;

static void check(const char *what, word found, word want)
{
	print("%s: %lx%s\n", what, found, found == want ? "" : " WRONG");
	failures += found != want;
}

/* store_b(offset, value), load_b(offset) and so on: one plain move each. */
#define MOVES(suffix, type)							\
	static void store_##suffix(word offset, type value)			\
	{									\
		asm volatile("mov" #suffix " %0, (%1)"				\
			     : : "q"(value), "r"(device + offset) : "memory");	\
	}									\
										\
	static type load_##suffix(word offset)					\
	{									\
		type value;							\
										\
		asm volatile("mov" #suffix " (%1), %0"				\
			     : "=q"(value) : "r"(device + offset) : "memory");	\
		return value;							\
	}

MOVES(b, uint8_t)
MOVES(w, uint16_t)
MOVES(l, uint32_t)

static void moves(void)
{
	word index = 3;
	uint32_t value;

	store_b(0, 0x11);
	store_b(1, 0x22);
	store_w(2, 0x4433);
	store_l(4, 0x88776655);
	check("one byte", load_b(1), 0x22);
	check("two bytes", load_w(0), 0x2211);
	check("four bytes", load_l(0), 0x44332211);
	check("four bytes more", load_l(4), 0x88776655);
	asm volatile("movl $0x1234567, 8(%0)" : : "r"(device) : "memory");
	check("an immediate", load_l(8), 0x1234567);
	asm volatile("movl %0, 16(%1,%2,4)" : : "r"(0xcafe), "r"(device), "r"(index) : "memory");
	asm volatile("movl 16(%1,%2,4), %0" : "=r"(value) : "r"(device), "r"(index) : "memory");
	check("base, index and scale", value, 0xcafe);
	asm volatile("movzbl 4(%1), %0" : "=r"(value) : "r"(device) : "memory");
	check("byte, zero-extended", value, 0x55);
	asm volatile("movsbl 7(%1), %0" : "=r"(value) : "r"(device) : "memory");
	check("byte, sign-extended", value, 0xffffff88);
	asm volatile("movzwl 6(%1), %0" : "=r"(value) : "r"(device) : "memory");
	check("word, zero-extended", value, 0x8877);
#if GUEST_BITS == 64
	uint64_t wide;

	asm volatile("movq %0, 32(%1)" : : "r"(0x1122334455667788ul), "r"(device) : "memory");
	asm volatile("movq 32(%1), %0" : "=r"(wide) : "r"(device) : "memory");
	check("eight bytes", wide, 0x1122334455667788ul);
	asm volatile("movl 32(%1), %k0" : "+r"(wide) : "r"(device) : "memory");
	check("four bytes clear the rest of a register", wide, 0x55667788);
	asm volatile("mov %0, %%r13\n movb %%r13b, 40(%1)\n movb 40(%1), %%r9b\n movzbl %%r9b, %k0"
		     : "+r"(wide) : "r"(device) : "r9", "r13", "memory");
	check("the registers of REX", wide, 0x88);
#else
	asm volatile("movl %%ds:12(%1), %%eax\n movb $0x5a, %%ah\n movb %%ah, 12(%1)\n"
		     "movl 12(%1), %0" : "=r"(value) : "r"(device) : "eax", "memory");
	check("a high byte register", value & 0xff, 0x5a);
#endif
}

unsigned int guest_main(unsigned int vcpu, const struct guest_params *params)
{
	(void)vcpu;
	(void)params;
	device = DEVICE;
	cpu_init(0);
#ifdef LEVELS
	map(WINDOW, DEVICE, ALL);
	flush_all();
	device = WINDOW;
#endif
	moves();
	print("%u checks failed\n", failures);
	return failures != 0;
}
