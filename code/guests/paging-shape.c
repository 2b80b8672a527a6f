// SPDX-License-Identifier: GPL-2.0
/*
 * paging-shape.c - large pages, tables in their place and back, and tables that map
 * themselves. (AMD manual, volume 2, "Page Translation and Protection".)
 */
#include "seen.h"

#define MARK 0x600000ul		/* physical, in the workload's memory, unused here */

static void one_large(int level, const char *name)
{
	volatile pte_t *large = entry(LARGE, level);
	word base = mapped_bytes(level) > MARK ? 0 : MARK & ~(mapped_bytes(level) - 1);
	word va = LARGE + (MARK - base);
	pte_t old = *large;
	word table, frame;
	uint32_t value;

	print("-- large page of %s\n", name);
	*(volatile uint32_t *)MARK = 0xabcd0000 + level;
	*large = base | ALL | PS;
	invlpg(LARGE);
	bits("untouched", *large, 0);
	worked("read", try_read(va, &value));
	check_word("word", value, 0xabcd0000 + level);
	bits("read", *large, A);
	worked("read a neighbour", try_read(va + PAGE, &value));
	worked("write", try_write(va + 4, 0x77));
	bits("written", *large, A | D);
	check_word("word by the identity map", *(volatile uint32_t *)(MARK + 4), 0x77);
	worked("user write", in_user_mode(user_write, va + 8));
	*large = base | P | PS;
	invlpg(va);
	faulted("read-only: write", try_write(va + 4, 1), PF_P | PF_W, va + 4);
	faulted("read-only: user read", in_user_mode(user_read, va), PF_P | PF_U, va);
#if LEVELS > 2
	*large = base | ALL | PS | NX;
	invlpg(va);
	faulted("NX: fetch", try_exec(va), PF_P | PF_I, va);
#endif
	/* a clean large page: D is set by the first write, whichever page it hits */
	*large = base | ALL | PS | A;
	invlpg(va);
	try_read(va, &value);
	bits("clean, read", *large, A);
	try_write(va + 2 * PAGE, 9);
	bits("written elsewhere in it", *large, A | D);

	/* a table in its place: only the page in the window stays, and it is another */
	frame = new_frame();
	*(volatile uint32_t *)frame = 0x5151;
	table = new_frame();
	*large = table | ALL;
	map(va, frame, ALL);
	invlpg(va);
	worked("table in its place: read", try_read(va, &value));
	check_word("word", value, 0x5151);
	faulted("table in its place: read a neighbour", try_read(va + PAGE, &value), 0, va + PAGE);
	*large = base | ALL | PS;
	invlpg(va);
	worked("large again: read", try_read(va, &value));
	check_word("word", value, 0xabcd0000 + level);
	worked("large again: read a neighbour", try_read(va + PAGE, &value));
	*large = old;
	flush_all();
}

#if LEVELS == 2
/* Without CR4.PSE bit 7 of an upper entry means nothing: it points to a table. */
static void no_large_pages(void)
{
	word frame = new_frame();
	uint32_t value;

	if (*entry(0, 2) & PS)
		return;		/* the identity map needs them */
	*(volatile uint32_t *)frame = 0x7070;
	map(LARGE, frame, ALL);
	*entry(LARGE, 2) |= PS;
	write_cr4(read_cr4() & ~CR4_PSE);
	worked("bit 7 with CR4.PSE off: read", try_read(LARGE, &value));
	check_word("word", value, 0x7070);
	write_cr4(read_cr4() | CR4_PSE);
	*entry(LARGE, 2) &= ~PS;
	flush_all();
}
#endif

void test_large(void)
{
#if LEVELS == 2
	one_large(2, "4 MiB");
	no_large_pages();
#else
	one_large(2, "2 MiB");
#endif
#if LEVELS == 4
	one_large(3, "1 GiB");
#endif
}

/*
 * An entry of an upper table that points to that table itself makes the tables
 * appear in virtual memory. SELF is where the level 1 entries of the page at SPOT are.
 */
#if LEVELS == 4
#define SPOT	WINDOW
#define SELF_INDEX 510
#define SELF(va) (0xffffff0000000000ul + ((va) >> 12 & 0xfffffffff) * 8)
#elif LEVELS == 3
#define SPOT	0xc0000000ul
#define SELF_INDEX 511
#define SELF(va) (0xffe00000ul + ((va) >> 12 & 0x3ffff) * 8)
#else
#define SPOT	WINDOW
#define SELF_INDEX 1023
#define SELF(va) (0xffc00000ul + ((va) >> 12) * 4)
#endif

void test_self_map(void)
{
	volatile pte_t *upper, *seen, *self;
	word one = new_frame(), two = new_frame();
	unsigned int wrong = 0, i;

	print("-- tables that map themselves\n");
	map(SPOT, one, ALL);
	flush_all();
	upper = (volatile pte_t *)((word)entry(LEVELS == 3 ? SPOT : 0, LEVELS == 3 ? 2 : LEVELS) &
				   ~(PAGE - 1));
	upper[SELF_INDEX] = (word)upper | P | W;
	*(volatile uint32_t *)one = 1;
	*(volatile uint32_t *)two = 2;

	seen = (volatile pte_t *)SELF(SPOT);
	check("the entry seen through the tables", (*seen & FRAME) == one);
	check_word("first frame", read_word(SPOT), 1);
	*seen = two | ALL;
	invlpg(SPOT);
	check_word("second frame, set through the tables", read_word(SPOT), 2);
	check("the same in the identity map", (*entry(SPOT, 1) & FRAME) == two);
	for (i = 0; i < 32; i++) {
		*seen = (i & 1 ? two : one) | ALL;
		invlpg(SPOT);
		if (*(volatile uint32_t *)SPOT != 1 + (i & 1))
			wrong++;
	}
	check_word("32 changes: words that were wrong", wrong, 0);

	/* the entry that maps the page that the entry itself is in */
	self = (volatile pte_t *)SELF((word)seen);
	*self |= AVL;
	check("an entry that maps itself, written", *self & AVL);
	self = (volatile pte_t *)SELF((word)self);
	for (i = 0; i < 16; i++)
		*self ^= AVL;
	check("an entry that maps the table of tables, written 16 times", *self & P);
	upper[SELF_INDEX] = 0;
	flush_all();
}
