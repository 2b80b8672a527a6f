// SPDX-License-Identifier: GPL-2.0
/*
 * image.c - a hostile guest: its memory and its registers, as a picture of modes.c
 * with some or all of it replaced: code, page tables, where exceptions go, registers.
 *
 * You come here from guests.c and calls.c.
 */
#include <string.h>

#include "fuzz.h"

#define CODE_SIZE 1024		/* bytes of it; the rest of its page is HLT */

static int bits_of(enum vmm_mode mode)
{
	return vmm_mode_bits(mode);
}

/* A page table entry: as a rule a page of the guest's, sometimes a table, or nonsense. */
static uint64_t random_entry(struct source *s)
{
	uint64_t frame = choose(s, GUEST_SIZE / PAGE) * PAGE;
	uint64_t flags = choose(s, 0x1000);

	switch (choose(s, 8)) {
	case 0:
		return choose_word(s);
	case 1:
		return choose_number(s) << 12 | flags;
	case 2:			/* a table of these tables, maybe itself */
		frame = ABI_TABLES + choose(s, NR_TABLE_PAGES) * PAGE;
		break;
	case 3:			/* a large page */
		frame &= -(2ul << 20);
		flags |= 0x80;
		break;
	case 4:
		flags |= 0x80;
		break;
	}
	if (choose_one_in(s, 16))
		frame |= 1ull << (32 + choose(s, 32));
	return frame | flags | (choose_one_in(s, 8) ? 0 : 7);
}

static void poke_tables(struct source *s, int entry_size, unsigned int pokes)
{
	for (; pokes; pokes--) {
		size_t place = ABI_TABLES + (choose(s, NR_TABLE_PAGES) * PAGE);
		/* the first entries and the last are those that are used */
		size_t index = choose(s, 2) ? choose(s, 8) : choose(s, PAGE / entry_size);
		uint64_t entry = random_entry(s);

		memory_write(place + index * entry_size, &entry, entry_size);
	}
}

static void random_tables(struct source *s, int entry_size)
{
	static __thread uint8_t page[PAGE];
	struct source more;
	unsigned int i, n;

	source_seed(&more, choose_word(s), 1);
	for (n = 0; n < NR_TABLE_PAGES; n++) {
		for (i = 0; i < PAGE; i += entry_size) {
			uint64_t entry = random_entry(&more);

			memcpy(page + i, &entry, entry_size);
		}
		memory_write(ABI_TABLES + n * PAGE, page, PAGE);
	}
}

/* Exceptions come back into the code, anywhere. No task gates: see clear.c. */
static void random_gates(struct source *s, int bits)
{
	uint16_t gates[0x800] = { 0 };
	struct source more;
	int vector;

	source_seed(&more, choose_word(s), 2);
	for (vector = 0; vector < 256; vector++) {
		uint32_t handler = ABI_CODE + choose(&more, CODE_SIZE);
		uint8_t type = choose(&more, 4) ? 14 : 15;
		uint16_t *gate = gates + vector * (bits / 8);

		if (bits == 16) {
			gate[0] = handler & 0xf;
			gate[1] = handler >> 4;
			continue;
		}
		gate[0] = handler;
		gate[1] = bits == 64 ? VMM_SEL_CODE64 : VMM_SEL_CODE32;
		gate[2] = 0x8000 | type << 8 | choose(&more, 2) * 0x6000 |
			  (bits == 64 && choose_one_in(&more, 16));	/* on a stack of its own */
		gate[3] = handler >> 16;
	}
	memory_write(bits == 16 ? 0 : ABI_IDT, gates, 256 * (bits / 4));
}

void image_random(struct source *s, enum vmm_mode mode)
{
	static __thread uint8_t code[PAGE];
	const struct picture *picture = &pictures[mode];
	int bits = bits_of(mode), entry_size = picture->sregs.cr4 & 0x20 ? 8 : 4;
	uint8_t nothing[PAGE] = { 0 };

	memory_write(0, nothing, PAGE);
	memory_write(ABI_GDT, picture->low, sizeof(picture->low));
	memory_write(ABI_TABLES, picture->tables, sizeof(picture->tables));
	memory_write(ABI_STACKS, nothing, PAGE);
	memset(code, 0xf4, sizeof(code));
	code_random(s, code, CODE_SIZE, bits);
	memory_write(ABI_CODE, code, sizeof(code));
	if (choose(s, 4))
		random_gates(s, bits);
	if (choose_one_in(s, 4)) {
		choose_fill(s, code, sizeof(code));
		clear_of_qemu_code(code, sizeof(code), bits);
		memory_write(ABI_FREE, code, sizeof(code));
	}
	switch (choose(s, 4)) {
	case 0:
		poke_tables(s, entry_size, 1 + choose(s, 16));
		break;
	case 1:
		if (choose(s, 2))
			random_tables(s, entry_size);
		break;
	}
}

static void random_segment(struct source *s, struct kvm_segment *segment)
{
	switch (choose(s, 6)) {
	case 0:
		segment->base = choose_number(s);
		break;
	case 1:
		segment->limit = choose_number(s);
		break;
	case 2:
		segment->type = choose(s, 16);
		break;
	case 3:
		segment->dpl = choose(s, 4);
		break;
	case 4:
		segment->unusable = choose(s, 2);
		segment->present = choose(s, 2);
		break;
	case 5:
		segment->l = choose(s, 2);
		segment->db = choose(s, 2);
		segment->g = choose(s, 2);
		break;
	}
}

static void user_mode(struct kvm_sregs *sregs)
{
	sregs->cs.dpl = 3;
	sregs->ss.dpl = 3;
	sregs->cs.selector = sregs->cs.l ? VMM_SEL_UCODE64 : VMM_SEL_UCODE32;
	sregs->ss.selector = VMM_SEL_UDATA;
}

static void spoil(struct source *s, struct kvm_sregs *sregs)
{
	struct kvm_segment *const segments[] = {
		&sregs->cs, &sregs->ds, &sregs->es, &sregs->fs, &sregs->gs, &sregs->ss, &sregs->ldt,
	};
	__u64 *const registers[] = {
		&sregs->cr0, &sregs->cr4, &sregs->efer, &sregs->cr3, &sregs->cr2, &sregs->cr8,
		&sregs->apic_base, &sregs->gdt.base, &sregs->idt.base,
	};

	switch (choose(s, 5)) {
	case 0:
		random_segment(s, segments[choose(s, COUNT(segments))]);
		break;
	case 1:
		*registers[choose(s, COUNT(registers))] = choose_number(s);
		break;
	case 2:
		sregs->cr3 = ABI_TABLES + choose(s, NR_TABLE_PAGES * PAGE);
		break;
	default:
		*registers[choose(s, 3)] ^= 1ull << choose(s, 33);
		break;
	}
}

void state_random(struct source *s, enum vmm_mode mode, struct kvm_sregs *sregs,
		  struct kvm_regs *regs)
{
	__u64 *const general[] = {
		&regs->rax, &regs->rbx, &regs->rcx, &regs->rdx, &regs->rsi, &regs->rdi,
		&regs->rbp, &regs->rsp, &regs->rflags,
	};
	int i;

	*sregs = pictures[mode].sregs;
	*regs = pictures[mode].regs;
	for (i = choose(s, 8); i > 0; i--)
		*general[choose(s, COUNT(general) - 1)] = choose_number(s);
	if (choose_one_in(s, 4))
		regs->rflags = (choose_number(s) & 0x3f7fd7) | 2;
	if (choose_one_in(s, 4))
		regs->rip = ABI_CODE + choose(s, CODE_SIZE);
	if (bits_of(mode) != 16 && choose_one_in(s, 4))
		user_mode(sregs);
	for (i = choose_one_in(s, 3) ? choose(s, 4) : 0; i > 0; i--)
		spoil(s, sregs);
	clear_of_qemu_sregs(sregs);
}
