// SPDX-License-Identifier: GPL-2.0
/*
 * paging-change.c - page tables that change under the CPU: when INVLPG, a CR3 load
 * or a change of CR4.PGE must make a change seen, on this vCPU and on another.
 * (AMD manual, volume 2, "Translation-Lookaside Buffer (TLB)".)
 */
#include "seen.h"

#define ROUNDS 64
#define FRAMES 8
#define FIRST  0x1000	/* words of the frames: FIRST + number */

static word frames[FRAMES];

static void make_frames(void)
{
	int i;

	for (i = 0; i < FRAMES; i++) {
		frames[i] = new_frame();
		*(volatile uint32_t *)frames[i] = FIRST + i;
	}
}

/* Remap often, all over one table, and look each time. */
static void remap_often(void)
{
	unsigned int wrong = 0, i;
	uint32_t value;

	for (i = 0; i < ROUNDS * FRAMES; i++) {
		word va = WINDOW + i * 5 % 32 * PAGE;

		map(va, frames[i % FRAMES], ALL);
		invlpg(va);
		if (!try_read(va, &value) || value != FIRST + i % FRAMES)
			wrong++;
		if (i % 3 == 0) {
			*entry(va, 1) = 0;
			invlpg(va);
			if (try_read(va, &value))
				wrong++;
			forget_fault();
		}
	}
	check_word("remapped often: words that were wrong", wrong, 0);
	for (i = 0; i < 32; i++)
		*entry(WINDOW + i * PAGE, 1) = 0;
	flush_all();
}

static void global_pages(void)
{
	map(WINDOW, frames[0], ALL | G);
	invlpg(WINDOW);
	check_word("global page", read_word(WINDOW), FIRST);
	map(WINDOW, frames[1], ALL | G);
	invlpg(WINDOW);
	check_word("global page after INVLPG", read_word(WINDOW), FIRST + 1);
	map(WINDOW, frames[2], ALL | G);
	write_cr4(read_cr4() & ~CR4_PGE);
	check_word("global page after CR4.PGE off", read_word(WINDOW), FIRST + 2);
	map(WINDOW, frames[3], ALL | G);
	write_cr4(read_cr4() | CR4_PGE);
	check_word("global page after CR4.PGE on", read_word(WINDOW), FIRST + 3);
}

/* Another table in the place of the one that maps WINDOW, then back. */
static void swap_tables(void)
{
	volatile pte_t *pde = entry(WINDOW, 2);
	word table = new_frame();
	pte_t old = *pde;

	((volatile pte_t *)table)[0] = frames[6] | ALL;
	map(WINDOW, frames[5], ALL);
	flush_all();
	check_word("first table", read_word(WINDOW), FIRST + 5);
	*pde = table | ALL;
	invlpg(WINDOW);
	check_word("second table after INVLPG", read_word(WINDOW), FIRST + 6);
	*pde = old;
	flush_all();
	check_word("first table after CR3 load", read_word(WINDOW), FIRST + 5);
	((volatile pte_t *)table)[0] = frames[7] | ALL;	/* while nothing points to it */
	*pde = table | ALL;
	flush_all();
	check_word("second table, changed while unused", read_word(WINDOW), FIRST + 7);
	*pde = old;
	flush_all();
}

void test_changes(void)
{
	uint32_t value;

	print("-- changes\n");
	make_frames();
	map(WINDOW, frames[0], ALL);
	check_word("mapped", read_word(WINDOW), FIRST);
	map(WINDOW, frames[1], ALL);
	invlpg(WINDOW);
	check_word("remapped, INVLPG", read_word(WINDOW), FIRST + 1);
	map(WINDOW, frames[2], ALL);
	flush_all();
	check_word("remapped, CR3 load", read_word(WINDOW), FIRST + 2);
	map(WINDOW, frames[2], P);
	invlpg(WINDOW);
	faulted("made read-only, INVLPG", try_write(WINDOW + 4, 1), PF_P | PF_W, WINDOW + 4);
	map(WINDOW, frames[2], ALL);
	invlpg(WINDOW);
	worked("made writable, INVLPG", try_write(WINDOW + 4, 2));
	map(WINDOW + PAGE, frames[2], ALL);
	worked("the same frame twice", try_read(WINDOW + PAGE + 4, &value));
	check_word("word", value, 2);
	try_write(WINDOW + PAGE + 8, 3);
	try_read(WINDOW + 8, &value);
	check_word("written through one, read through the other", value, 3);
	global_pages();
	swap_tables();
	remap_often();
	print("faults taken: %u\n", last_fault()->count);
}

/* ---- two vCPUs, one set of tables ---- */

static volatile unsigned int stage;	/* odd: vCPU 1 has work; even: vCPU 0 has */
static volatile bool all_done;

static void other_vcpu(void)
{
	unsigned int wrong = 0, faults = 0, last = 0;
	uint32_t value;

	while (!all_done) {
		unsigned int now = stage;

		if (now == last || !(now & 1)) {
			cpu_relax();
			continue;
		}
		last = now;
		invlpg(WINDOW);
		if (now / 2 % 4 == 3) {
			faults += !try_read(WINDOW, &value);	/* it was taken away */
			forget_fault();
		} else if (!try_read(WINDOW, &value) || value != FIRST + now / 2 % FRAMES) {
			wrong++;
		} else {
			try_write(WINDOW + 4, now);
		}
		stage = now + 1;
	}
	check_word("the other vCPU changed the tables: words that were wrong", wrong, 0);
	check_word("pages that it took away: faults", faults, ROUNDS / 4);
	if (wrong || faults != ROUNDS / 4)
		failures++;
}

void test_together(unsigned int vcpu, unsigned int vcpus)
{
	unsigned int not_dirty = 0, lost = 0, round;
	volatile pte_t *pte;

	if (vcpu > 1)
		return;
	print("-- two of %u vCPUs\n", vcpus);
	if (vcpu == 1) {
		other_vcpu();
		return;
	}
	pte = entry(WINDOW, 1);
	for (round = 0; round < ROUNDS; round++) {
		unsigned int now = 2 * round + 1;
		bool there = now / 2 % 4 != 3;
		word frame = frames[now / 2 % FRAMES];

		*pte = there ? frame | ALL : 0;
		stage = now;
		while (stage == now)
			cpu_relax();
		if (!there)
			continue;
		if ((*pte & (A | D)) != (A | D))
			not_dirty++;
		if (*(volatile uint32_t *)(frame + 4) != now)
			lost++;
	}
	all_done = true;
	check_word("entries without A and D that the other vCPU should have set", not_dirty, 0);
	check_word("words of the other vCPU that did not come", lost, 0);
}
