// SPDX-License-Identifier: GPL-2.0
/*
 * paging-access.c - who may do what with a page: present, writable, user, NX, CR0.WP,
 * reserved bits, and the accessed and dirty bits that an access leaves behind.
 * (AMD manual, volume 2, "Page-Protection Checks" and "Page-Translation-Table Entry
 * Fields".)
 */
#include "seen.h"

#define FETCH (LEVELS > 2 ? PF_I : 0)	/* EFER.NXE is on in these modes */

void test_present(void)
{
	word frame = new_frame();
	uint32_t value;

	print("-- present\n");
	*(volatile uint32_t *)frame = 0x11111111;
	faulted("read, not present", try_read(WINDOW + 8, &value), 0, WINDOW + 8);
	faulted("write, not present", try_write(WINDOW + 12, 1), PF_W, WINDOW + 12);
	faulted("fetch, not present", try_exec(WINDOW), FETCH, WINDOW);
	faulted("user read, not present", in_user_mode(user_read, WINDOW), PF_U, WINDOW);
	faulted("user write, not present", in_user_mode(user_write, WINDOW), PF_U | PF_W, WINDOW);
	map(WINDOW, frame, ALL);
	worked("read, now present, no flush", try_read(WINDOW, &value));
	check_word("word", value, 0x11111111);
	faulted("read across the end of the page", try_read(WINDOW + PAGE - 2, &value), 0,
		WINDOW + PAGE);
	map(WINDOW + PAGE, frame, ALL);
	worked("read across two pages", try_read(WINDOW + PAGE - 2, &value));
	check_word("word", value, 0x11110000);
	*entry(WINDOW, 1) = 0;
	invlpg(WINDOW);
	faulted("read, not present again", try_read(WINDOW, &value), 0, WINDOW);
	*entry(WINDOW, 2) &= ~P;
	invlpg(WINDOW);
	faulted("read, table not present", try_read(WINDOW + PAGE, &value), 0, WINDOW + PAGE);
	*entry(WINDOW, 2) |= P;
	worked("read, table present, no flush", try_read(WINDOW + PAGE, &value));
#if LEVELS == 4
	gp("read, not canonical", try_read(0x0000800000000000ul, &value));
#endif
	*entry(WINDOW + PAGE, 1) = 0;
	flush_all();
}

static void set(word va, int level, pte_t value)
{
	*entry(va, level) = value;
	invlpg(va);
}

void test_permissions(void)
{
	word frame = new_frame();
	pte_t table = *entry(WINDOW, 2);
	uint32_t value;

	print("-- permissions\n");
	put_probe(frame);
	set(WINDOW, 1, frame | P);
	worked("kernel page: read", try_read(WINDOW, &value));
	worked("kernel page: fetch", try_exec(WINDOW));
	faulted("kernel read-only page: write", try_write(WINDOW + 4, 1), PF_P | PF_W, WINDOW + 4);
	faulted("kernel page: user read", in_user_mode(user_read, WINDOW), PF_P | PF_U, WINDOW);
	faulted("kernel page: user write", in_user_mode(user_write, WINDOW), PF_P | PF_U | PF_W,
		WINDOW);
	faulted("kernel page: user fetch", in_user_mode(user_exec, WINDOW), PF_P | PF_U | FETCH,
		WINDOW);

	set(WINDOW, 1, frame | P | U);
	worked("user read-only page: user read", in_user_mode(user_read, WINDOW));
	worked("user read-only page: user fetch", in_user_mode(user_exec, WINDOW));
	faulted("user read-only page: user write", in_user_mode(user_write, WINDOW + 4),
		PF_P | PF_U | PF_W, WINDOW + 4);
	faulted("user read-only page: write, WP on", try_write(WINDOW + 4, 2), PF_P | PF_W,
		WINDOW + 4);
	write_cr0(read_cr0() & ~CR0_WP);
	worked("user read-only page: write, WP off", try_write(WINDOW + 4, 3));
	bits("after it", *entry(WINDOW, 1), A | D);
	check_word("word", *(volatile uint32_t *)(frame + 4), 3);
	faulted("... then user write, WP off", in_user_mode(user_write, WINDOW + 4),
		PF_P | PF_U | PF_W, WINDOW + 4);
	worked("... then user read, WP off", in_user_mode(user_read, WINDOW + 4));
	worked("... then write, WP off", try_write(WINDOW + 4, 4));
	write_cr0(read_cr0() | CR0_WP);
	faulted("... then write, WP on", try_write(WINDOW + 4, 5), PF_P | PF_W, WINDOW + 4);
	check_word("word", *(volatile uint32_t *)(frame + 4), 4);

	set(WINDOW, 1, frame | ALL);
	worked("user page: user write", in_user_mode(user_write, WINDOW + 4));
	check_word("word", *(volatile uint32_t *)(frame + 4), 0x75736572);
	set(WINDOW, 2, table & ~U);
	faulted("kernel table: user read", in_user_mode(user_read, WINDOW), PF_P | PF_U, WINDOW);
	worked("kernel table: write", try_write(WINDOW + 4, 6));
	set(WINDOW, 2, table & ~W);
	faulted("read-only table: write", try_write(WINDOW + 4, 7), PF_P | PF_W, WINDOW + 4);
	worked("read-only table: user read", in_user_mode(user_read, WINDOW));
	set(WINDOW, 2, table);
	worked("table restored: write", try_write(WINDOW + 4, 8));
#if LEVELS > 2
	set(WINDOW, 1, frame | ALL | NX);
	worked("NX page: read", try_read(WINDOW, &value));
	faulted("NX page: fetch", try_exec(WINDOW), PF_P | PF_I, WINDOW);
	faulted("NX page: user fetch", in_user_mode(user_exec, WINDOW), PF_P | PF_U | PF_I, WINDOW);
	set(WINDOW, 1, frame | ALL);
	worked("NX off: fetch", try_exec(WINDOW));
	set(WINDOW, 2, table | NX);
	faulted("NX table: fetch", try_exec(WINDOW), PF_P | PF_I, WINDOW);
	set(WINDOW, 2, table);
	worked("table restored: fetch", try_exec(WINDOW));
#endif
	set(WINDOW, 1, 0);
}

void test_accessed_dirty(void)
{
	word frame = new_frame();
	volatile pte_t *pte = map(WINDOW, frame, ALL);
	volatile pte_t *pde = entry(WINDOW, 2);
	uint32_t value;

	print("-- accessed and dirty\n");
	*pde &= ~A;
	invlpg(WINDOW);
	bits("untouched", *pte, 0);
	bits("untouched, table", *pde & A, 0);
	try_read(WINDOW, &value);
	bits("read", *pte, A);
	bits("read, table", *pde & A, A);
	try_write(WINDOW, 1);
	bits("written", *pte, A | D);
	*pte &= ~(A | D);
	invlpg(WINDOW);
	try_read(WINDOW, &value);
	bits("cleared, then read", *pte, A);
	*pte &= ~A;
	invlpg(WINDOW);
	try_write(WINDOW, 2);
	bits("cleared, then written", *pte, A | D);
	*pte &= ~D;
	flush_all();
	try_read(WINDOW, &value);
	bits("D cleared, CR3 loaded, read", *pte, A);
	try_write(WINDOW, 3);
	bits("then written", *pte, A | D);
	*pte = frame | P;
	invlpg(WINDOW);
	try_write(WINDOW, 4);
	forget_fault();
	bits("read-only, write refused", *pte & D, 0);
	*pte = frame | ALL;
	invlpg(WINDOW);
	in_user_mode(user_write, WINDOW);
	bits("written by ring 3", *pte, A | D);
	*pte = 0;
	invlpg(WINDOW);
}

void test_reserved(void)
{
	uint32_t value;

	print("-- reserved bits\n");
#if LEVELS > 2
	word frame = new_frame();
	pte_t table = *entry(WINDOW, 2);

	put_probe(frame);
	set(WINDOW, 1, frame | ALL | 1ull << 51);
	faulted("bit 51: read", try_read(WINDOW, &value), PF_P | PF_RSVD, WINDOW);
	faulted("bit 51: write", try_write(WINDOW, 1), PF_P | PF_RSVD | PF_W, WINDOW);
	faulted("bit 51: user read", in_user_mode(user_read, WINDOW), PF_P | PF_RSVD | PF_U,
		WINDOW);
	faulted("bit 51: fetch", try_exec(WINDOW), PF_P | PF_RSVD | PF_I, WINDOW);
	set(WINDOW, 1, frame | ALL | 1ull << 40);
	faulted("bit 40 (40 bits of physical address): read", try_read(WINDOW, &value),
		PF_P | PF_RSVD, WINDOW);
	set(WINDOW, 1, frame | ALL);
	worked("bits gone: read", try_read(WINDOW, &value));
	set(WINDOW, 2, table | 1ull << 45);
	faulted("table, bit 45: read", try_read(WINDOW, &value), PF_P | PF_RSVD, WINDOW);
	set(WINDOW, 2, table);
	worked("bit gone: read", try_read(WINDOW, &value));

	set(WINDOW, 1, frame | ALL | NX);
	write_msr(EFER, read_msr(EFER) & ~(uint64_t)EFER_NXE);
	flush_all();
	faulted("NX bit with EFER.NXE off: read", try_read(WINDOW, &value), PF_P | PF_RSVD, WINDOW);
	faulted("NX bit with EFER.NXE off: fetch", try_exec(WINDOW), PF_P | PF_RSVD, WINDOW);
	write_msr(EFER, read_msr(EFER) | EFER_NXE);
	flush_all();
	worked("EFER.NXE on: read", try_read(WINDOW, &value));
	faulted("EFER.NXE on: fetch", try_exec(WINDOW), PF_P | PF_I, WINDOW);
	set(LARGE, 2, ALL | PS | 1 << 13);
	faulted("2 MiB page, bit 13: read", try_read(LARGE, &value), PF_P | PF_RSVD, LARGE);
	set(LARGE, 2, ALL | PS | 1 << 20);
	faulted("2 MiB page, bit 20: write", try_write(LARGE, 1), PF_P | PF_RSVD | PF_W, LARGE);
#else
	set(LARGE, 2, ALL | PS | 1 << 21);
	faulted("4 MiB page, bit 21: read", try_read(LARGE, &value), PF_P | PF_RSVD, LARGE);
#endif
#if LEVELS == 4
	table = *entry(LARGE, 3);
	set(LARGE, 3, ALL | PS | 1 << 29);
	faulted("1 GiB page, bit 29: read", try_read(LARGE, &value), PF_P | PF_RSVD, LARGE);
	set(LARGE, 3, table);
	*entry(1ul << 40, 4) = new_frame() | ALL | PS;
	faulted("level 4, bit 7: read", try_read(1ul << 40, &value), PF_P | PF_RSVD, 1ul << 40);
	*entry(1ul << 40, 4) = new_frame() | ALL | 1 << 8;
	faulted("level 4, bit 8: read", try_read(1ul << 40, &value), PF_P | PF_RSVD, 1ul << 40);
	*entry(1ul << 40, 4) = 0;
#endif
	set(LARGE, 2, 0);
	set(WINDOW, 1, 0);
}
