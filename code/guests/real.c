// SPDX-License-Identifier: GPL-2.0
/*
 * real.c - a guest that stays in real mode: every segment of the first megabyte and
 * the piece above it, string instructions, software interrupts, a fault of its own.
 * Runs on one vCPU or several, each in segments of its own.
 */
#include "guest.h"

#define FIRST_SEG	0x2000	/* 128 KiB: above the program */
#define LAST_SEG	0x9000
#define STEP		52	/* bytes between the words that are checked */

static uint32_t wrong;

static void set_es(uint16_t segment)
{
	asm volatile("mov %w0, %%es" : : "r"(segment));
}

static void poke(uint16_t offset, uint32_t value)
{
	asm volatile("movl %0, %%es:(%1)" : : "r"(value), "b"((uint32_t)offset) : "memory");
}

static uint32_t peek(uint16_t offset)
{
	uint32_t value;

	asm volatile("movl %%es:(%1), %0" : "=r"(value) : "b"((uint32_t)offset) : "memory");
	return value;
}

static void look(unsigned int vcpu, uint32_t gpa, uint32_t want, uint32_t found)
{
	if (want == found)
		return;
	wrong++;
	wrong_word(vcpu, gpa, want, found);
}

static uint32_t fill_and_check(unsigned int vcpu, unsigned int vcpus)
{
	uint32_t checked = 0, segment, offset, pass;

	for (pass = 1; pass <= 2; pass++) {
		for (segment = FIRST_SEG + vcpu * 0x1000; segment <= LAST_SEG;
		     segment += 0x1000 * vcpus) {
			set_es(segment);
			for (offset = 0; offset <= 0xfffc; offset += STEP)
				poke(offset, expected(segment * 16 + offset, vcpu, pass));
		}
		for (segment = FIRST_SEG + vcpu * 0x1000; segment <= LAST_SEG;
		     segment += 0x1000 * vcpus) {
			set_es(segment);
			for (offset = 0; offset <= 0xfffc; offset += STEP, checked++)
				look(vcpu, segment * 16 + offset,
				     expected(segment * 16 + offset, vcpu, pass), peek(offset));
		}
	}
	set_es(0);
	return checked;
}

/* A 32-bit word that lies half in one page and half in the next. */
static void across_pages(unsigned int vcpu)
{
	set_es(FIRST_SEG);
	poke(0x0ffe, 0x12345678);
	look(vcpu, FIRST_SEG * 16 + 0x0ffe, 0x12345678, peek(0x0ffe));
	set_es(0);
}

/* Segment 0xffff reaches 64 KiB - 16 bytes above the first megabyte. */
static void above_one_megabyte(unsigned int vcpu)
{
	set_es(0xffff);
	poke(0x8010, 0xfeedface);
	set_es(0);
	look(vcpu, 0x8000, *(uint32_t *)0x8000, *(volatile uint32_t *)0x8000);
	set_es(0xffff);
	look(vcpu, 0x108000, 0xfeedface, peek(0x8010));
	set_es(0);
}

static void strings(unsigned int vcpu)
{
	uint32_t count = 0x1000, di = 0x100, sum = 0, i;

	set_es(FIRST_SEG + 0x800);
	asm volatile("cld; addr32 rep stosl"
		     : "+c"(count), "+D"(di) : "a"(0x01010101) : "memory");
	look(vcpu, 0, 0x4100, di);
	for (i = 0; i < 16; i++)
		sum += peek(0x100 + i * 0x400);
	look(vcpu, 0, 0x10101010, sum);
	set_es(0);
}

static volatile uint32_t interrupts;

/* The handlers of vectors 0x21 and 6 (#UD): count, and for #UD skip the 2 bytes. */
asm(".text\n"
	"int21:	incl %cs:interrupts\n"
	"	iretw\n"
	"ud:	pushl %ebp\n"
	"	movl %esp, %ebp\n"
	"	addw $2, 4(%bp)\n"
	"	addl $0x100, %cs:interrupts\n"
	"	popl %ebp\n"
	"	iretw\n");

extern const char int21[], ud[];

static void software_interrupts(void)
{
	volatile uint32_t *ivt = (volatile uint32_t *)0;
	uint32_t i;

	asm volatile("" : "+r"(ivt));	/* address 0 is where the table is */
	ivt[0x21] = (uint32_t)int21;	/* segment 0 */
	ivt[6] = (uint32_t)ud;
	for (i = 0; i < 5; i++)
		asm volatile("int $0x21" : : : "memory");
	asm volatile("ud2" : : : "memory");
	print("interrupts seen: %x\n", interrupts);
}

unsigned int guest_main(unsigned int vcpu, const struct guest_params *params)
{
	uint32_t checked = fill_and_check(vcpu, params->vcpus);

	print("real mode: %u words checked, %u wrong\n", checked, wrong);
	if (vcpu)
		return wrong != 0;
	across_pages(vcpu);
	above_one_megabyte(vcpu);
	strings(vcpu);
	software_interrupts();
	print("all: %u wrong\n", wrong);
	return wrong || interrupts != 0x105;
}
