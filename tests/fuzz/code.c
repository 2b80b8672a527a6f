// SPDX-License-Identifier: GPL-2.0
/*
 * code.c - code that nobody would write: bytes at random, or a soup of instructions
 * that each mean something to a hypervisor. A soup gets further than noise; where it
 * jumps into the middle of an instruction it is noise again.
 *
 * You come here from image.c. (AMD manual, volume 3, for the encodings.)
 */
#include <string.h>

#include "fuzz.h"

struct emitter {
	struct source *s;
	uint8_t *at, *end;
	int bits;
};

static void byte(struct emitter *e, uint8_t value)
{
	if (e->at < e->end)
		*e->at++ = value;
}

static void bytes(struct emitter *e, uint64_t value, int count)
{
	for (; count > 0; count--, value >>= 8)
		byte(e, value);
}

static uint8_t any(struct emitter *e)
{
	return choose(e->s, 256);
}

/* Somewhere in the guest's memory, or at an edge, or just beyond. */
static uint32_t address(struct emitter *e)
{
	switch (choose(e->s, 8)) {
	case 0:
		return ABI_TABLES + choose(e->s, NR_TABLE_PAGES * PAGE);
	case 1:
		return ABI_CODE + choose(e->s, PAGE);
	case 2:
		return ABI_STACKS + choose(e->s, ABI_STACK_SIZE);
	case 3:
		return GUEST_SIZE - 4 + choose(e->s, 8);
	case 4:
		return choose_number(e->s);
	case 5:
		return (choose(e->s, GUEST_SIZE / PAGE) + 1) * PAGE - choose(e->s, 4);
	default:
		return ABI_FREE + choose(e->s, GUEST_SIZE - ABI_FREE);
	}
}

/* ModRM, SIB and displacement: an absolute address of 32 bits, in any mode. */
static void absolute(struct emitter *e, int reg, uint32_t where)
{
	byte(e, (e->bits == 64 ? 4 : 5) | reg << 3);
	if (e->bits == 64)
		byte(e, 0x25);
	bytes(e, where, 4);
}

/* In 16-bit code: operands and addresses of 32 bits. */
static void wide(struct emitter *e)
{
	if (e->bits == 16)
		bytes(e, 0x6667, 2);
}

static void load_register(struct emitter *e, int reg, uint32_t value)
{
	if (e->bits == 16)
		byte(e, 0x66);
	byte(e, 0xb8 | reg);
	bytes(e, value, 4);
}

/* ---- the soup: each writes an instruction, or two or three that belong together ---- */

static void soup_noise(struct emitter *e)
{
	int i, count = 1 + choose(e->s, 6);

	for (i = 0; i < count; i++)
		byte(e, any(e));
}

static void soup_prefix(struct emitter *e)
{
	static const uint8_t prefixes[] = {
		0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x48, 0x4f,
	};

	byte(e, prefixes[choose(e->s, COUNT(prefixes))]);
}

/* An access by an instruction that a processor, and an MMIO emulator, may know. */
static void soup_access(struct emitter *e)
{
	static const uint8_t opcodes[] = {
		0x88, 0x89, 0x8a, 0x8b, 0x86, 0x87, 0x00, 0x01, 0x03, 0x31, 0x39, 0xc6, 0xc7,
		0xfe, 0xff, 0xf6, 0xf7, 0x80, 0x81, 0x83, 0x8f, 0x63, 0xd9, 0xdd,
	};
	static const uint8_t long_opcodes[] = {
		0xb6, 0xb7, 0xbe, 0xbf, 0xb0, 0xb1, 0xc0, 0xc1, 0xc7, 0xab, 0xb3, 0xbb, 0x10,
		0x11, 0x28, 0x29, 0x6f, 0x7f, 0xae, 0x18,
	};

	if (choose_one_in(e->s, 4))
		soup_prefix(e);
	wide(e);
	if (choose_one_in(e->s, 3)) {
		byte(e, 0x0f);
		byte(e, long_opcodes[choose(e->s, COUNT(long_opcodes))]);
	} else {
		byte(e, opcodes[choose(e->s, COUNT(opcodes))]);
	}
	absolute(e, choose(e->s, 8), address(e));
}

static void soup_load(struct emitter *e)
{
	load_register(e, choose(e->s, 8), choose(e->s, 2) ? address(e) : choose_number(e->s));
}

static void soup_string(struct emitter *e)
{
	static const uint8_t opcodes[] = {
		0x6c, 0x6d, 0x6e, 0x6f, 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae,
	};

	load_register(e, 1, choose(e->s, 0x3000));
	load_register(e, 6, address(e));
	load_register(e, 7, ABI_FREE + choose(e->s, GUEST_SIZE - ABI_FREE));
	if (choose_one_in(e->s, 8))
		byte(e, 0xfd);
	if (choose(e->s, 4))
		byte(e, choose(e->s, 2) ? 0xf2 : 0xf3);
	wide(e);
	byte(e, opcodes[choose(e->s, COUNT(opcodes))]);
}

/* Bit @bit of a register, by BTS, BTR or BTC (@how: 0xe8, 0xf0, 0xf8). */
static void change_bit(struct emitter *e, int reg, uint8_t how, uint8_t bit)
{
	if (e->bits == 16)
		byte(e, 0x66);
	bytes(e, 0xba0f, 2);
	byte(e, how | reg);
	byte(e, bit);
}

static void soup_control_register(struct emitter *e)
{
	static const uint8_t numbers[] = { 0, 0, 2, 3, 3, 4, 4, 8 };
	uint8_t modrm = 0xc0 | numbers[choose(e->s, COUNT(numbers))] << 3 | choose(e->s, 8);

	bytes(e, 0x200f, 2);
	byte(e, modrm);
	if (choose(e->s, 2))
		change_bit(e, modrm & 7, 0xe8 | choose(e->s, 3) << 3, choose(e->s, 32));
	bytes(e, 0x220f, 2);
	byte(e, modrm);
}

/*
 * The uppermost table: an entry goes, or becomes as another one, the processor is as a rule
 * made to read it again, and then something that it leads to is used.
 */
static void soup_roots(struct emitter *e)
{
	static const struct {
		uint8_t cr, bit;
	} read_again[] = { { 0, 30 }, { 0, 30 }, { 0, 16 }, { 3, 3 }, { 4, 4 }, { 4, 7 } };
	/* so much memory is behind 8 bytes there: with PAE, or without */
	uint64_t used = choose(e->s, 2) ? 30 : 23;
	uint32_t to = choose(e->s, 4), steps;
	size_t i;

	for (steps = e->bits == 16 ? 0 : 1 + choose(e->s, 3); steps; steps--) {
		if (choose(e->s, 3)) {
			byte(e, 0x8b);
			absolute(e, 0, ABI_TABLES + (choose(e->s, 2) ? 0 : choose(e->s, 4) * 8));
			byte(e, 0x89);
			absolute(e, 0, ABI_TABLES + to * 8);
		} else {
			byte(e, 0xc7);
			absolute(e, 0, ABI_TABLES + to * 8);
			bytes(e, 0, 4);
		}
		if (!choose(e->s, 4))
			continue;
		i = choose(e->s, COUNT(read_again));
		bytes(e, 0xc0200f | read_again[i].cr << 19, 3);
		change_bit(e, 0, 0xf8, read_again[i].bit);
		bytes(e, 0xc0220f | read_again[i].cr << 19, 3);
	}
	used = address(e) | (uint64_t)to << (e->bits == 64 ? 39 : used);
	byte(e, 0xa1);
	bytes(e, used, e->bits / 8);
}

/* A page table entry, the page behind it, INVLPG of some page. */
static void soup_table(struct emitter *e)
{
	uint32_t entry = choose(e->s, GUEST_SIZE / PAGE + 16) * PAGE | choose(e->s, 0x1000);

	wide(e);
	if (e->bits == 64 && choose_one_in(e->s, 4))
		byte(e, 0x48);
	byte(e, 0xc7);
	absolute(e, 0, (ABI_TABLES + choose(e->s, NR_TABLE_PAGES * PAGE)) & ~3u);
	bytes(e, choose(e->s, 4) ? entry | 7 : choose_word(e->s), 4);
	if (choose(e->s, 2)) {
		wide(e);
		bytes(e, 0x010f, 2);
		absolute(e, 7, address(e));
	}
	if (choose(e->s, 2))
		soup_access(e);
}

static void soup_msr(struct emitter *e)
{
	static const uint32_t msrs[] = {
		0x10, 0x1b, 0x3a, 0x8b, 0xfe, 0x174, 0x175, 0x176, 0x179, 0x1a0, 0x1d9, 0x200,
		0x277, 0x2ff, 0x400, 0xc0000080, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083,
		0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0xc0010015,
		0xc001001f, 0xc0010114, 0xc0010117,
	};

	static const uint32_t same_on_all[] = {
		0x174, 0x175, 0x176, 0xc0000080, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083,
		0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102,
	};

	if (run_compared)	/* stock KVM has MSRs that its CPUID does not tell of */
		load_register(e, 1, same_on_all[choose(e->s, COUNT(same_on_all))]);
	else
		load_register(e, 1, choose_one_in(e->s, 8) ? choose_word(e->s) :
			      msrs[choose(e->s, COUNT(msrs))]);
	if (choose(e->s, 2)) {
		bytes(e, 0x320f, 2);
		return;
	}
	load_register(e, 0, choose_number(e->s));
	load_register(e, 2, choose(e->s, 2) ? 0 : choose_number(e->s));
	bytes(e, 0x300f, 2);
}

static void soup_port(struct emitter *e)
{
	static const uint8_t opcodes[] = { 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef };
	uint8_t opcode = opcodes[choose(e->s, COUNT(opcodes))];

	if (choose_one_in(e->s, 4))
		soup_prefix(e);
	byte(e, opcode);
	if (opcode < 0xe8)
		byte(e, any(e));
}

/* What has no operand in memory. */
static void soup_plain(struct emitter *e)
{
	static const uint8_t one[] = {
		0x9c, 0x9d, 0x50, 0x58, 0x60, 0x61, 0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f,
		0xcc, 0xce, 0xf1, 0xf4, 0xfa, 0xfb, 0xfc, 0x9b, 0x98, 0x99, 0xd7, 0xc9,
	};
	static const uint8_t two[] = {
		0xa2, 0xa2, 0x06, 0x08, 0x09, 0x0b, 0x31, 0x33, 0x77, 0xaa, 0x05, 0x34, 0x35, 0x07,
	};

	if (choose(e->s, 2)) {
		byte(e, one[choose(e->s, COUNT(one))]);
	} else {
		byte(e, 0x0f);
		byte(e, two[choose(e->s, COUNT(two))]);
	}
}

/* SVM, MONITOR, XSETBV, SWAPGS, RDTSCP ...: all of 0F 01 with a register behind it. */
static void soup_system(struct emitter *e)
{
	bytes(e, 0x010f, 2);
	if (choose(e->s, 2))
		byte(e, 0xc0 | choose(e->s, 64));
	else
		absolute(e, choose(e->s, 8), address(e));
}

static void soup_segment(struct emitter *e)
{
	static const uint8_t selectors[] = {
		VMM_SEL_CODE32, VMM_SEL_DATA, VMM_SEL_CODE64, VMM_SEL_CODE16, VMM_SEL_DATA16,
		VMM_SEL_UDATA, VMM_SEL_UCODE32, VMM_SEL_UCODE64, 0, 0x58, 0x07,
	};
	uint8_t selector = selectors[choose(e->s, COUNT(selectors))];

	if (choose(e->s, 2)) {
		load_register(e, 0, selector);
		byte(e, 0x8e);
		byte(e, 0xc0 | choose(e->s, 6) << 3);
	} else if (e->bits == 64) {	/* push, push, retfq */
		bytes(e, 0x6a | selector << 8, 2);
		byte(e, 0x68);
		bytes(e, ABI_CODE + choose(e->s, PAGE), 4);
		bytes(e, 0xcb48, 2);
	} else {
		byte(e, choose(e->s, 2) ? 0x9a : 0xea);
		bytes(e, ABI_CODE + choose(e->s, PAGE), e->bits / 8);
		bytes(e, selector, 2);
	}
}

static void soup_jump(struct emitter *e)
{
	static const uint8_t opcodes[] = { 0xeb, 0x74, 0x75, 0x72, 0x73, 0xe2, 0xe3 };

	byte(e, opcodes[choose(e->s, COUNT(opcodes))]);
	byte(e, choose(e->s, 4) ? choose(e->s, 24) : any(e));
}

static void soup_interrupt(struct emitter *e)
{
	switch (choose(e->s, 4)) {
	case 0:
		if (e->bits == 64)
			byte(e, 0x48);
		byte(e, 0xcf);
		break;
	case 1:
		byte(e, 0xc3);
		break;
	default:
		bytes(e, 0xcd | any(e) << 8, 2);
	}
}

static const struct {
	void (*soup)(struct emitter *e);
	unsigned int weight;
} soups[] = {
	{ soup_noise, 2 }, { soup_prefix, 1 }, { soup_access, 8 }, { soup_load, 4 },
	{ soup_string, 3 }, { soup_control_register, 3 }, { soup_table, 5 }, { soup_msr, 2 },
	{ soup_roots, 3 },
	{ soup_port, 2 }, { soup_plain, 3 }, { soup_system, 2 }, { soup_segment, 2 },
	{ soup_jump, 3 }, { soup_interrupt, 1 },
};

static void write_soup(struct emitter *e)
{
	unsigned int sum = 0, pick;
	size_t i;

	for (i = 0; i < COUNT(soups); i++)
		sum += soups[i].weight;
	while (e->at < e->end && !source_ends(e->s)) {
		pick = choose(e->s, sum);
		for (i = 0; pick >= soups[i].weight; i++)
			pick -= soups[i].weight;
		soups[i].soup(e);
	}
	if (e->end - e->at >= 2)	/* jmp . */
		bytes(e, 0xfeeb, 2);
	memset(e->at, 0xf4, e->end - e->at);
}

/* No RDTSC, RDTSCP, RDRAND or RDSEED: what they say is another thing each time. */
static void without_chance(uint8_t *code, size_t len)
{
	size_t i;

	for (i = 0; i + 2 < len; i++)
		if (code[i] == 0x0f &&
		    (code[i + 1] == 0x31 || (code[i + 1] == 0x01 && code[i + 2] == 0xf9) ||
		     (code[i + 1] == 0xc7 && code[i + 2] >= 0xf0)))
			code[i] = 0x90;
}

void code_random(struct source *s, uint8_t *code, size_t len, int bits)
{
	struct emitter e = { s, code, code + len, bits };

	if (choose_one_in(s, 3))
		choose_fill(s, code, len);
	else
		write_soup(&e);
	clear_of_qemu_code(code, len, bits);
	if (run_compared)
		without_chance(code, len);
}
