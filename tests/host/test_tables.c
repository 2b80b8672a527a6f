// SPDX-License-Identifier: GPL-2.0
/*
 * test_tables.c - shadow pages for guest tables of every shape: 32-bit tables that
 * need several, large pages, tables that map themselves or are each other's data.
 */
#include "gpte.h"
#include "groups.h"
#include "harness.h"

#include <linux/mm.h>

static void a_32_bit_table_has_two_shadow_pages_and_a_directory_four(void **state)
{
	static const struct {
		u32 gva, frame;
	} pages[] = {
		{ 0x00000000, 8 }, { 0x001ff000, 9 }, { 0x00200000, 10 }, { 0x003ff000, 11 },
		{ 0xffc00000, 12 }, { 0xfffff000, 13 }, { 0x40000000, 14 }, { 0x7fe00000, 15 },
	};
	struct vcpu *vcpu = test_vcpu[0];
	unsigned int i;

	(void)state;
	test_memory(LONG_GUEST_PAGES);
	test_set_mode(vcpu, test_mode_named("32-bit"), 0x1000);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		u32 pde = pages[i].gva >> 22, pte = pages[i].gva >> 12 & 1023;
		u64 table = !pde ? 0x2000 : pde == 1023 ? 0x3000 : pde == 256 ? 0x4000 : 0x5000;

		gpa_poke32(0x1000 + pde * 4, table | PWU);
		gpa_poke32(table + pte * 4, pages[i].frame << 12 | PWU);
	}
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		expect_done(vcpu, pages[i].gva, PFERR_WRITE | PFERR_USER, pages[i].frame);
	/* Four for the directory; both halves of the tables at 0 and at the end. */
	assert_int_equal(stat(test_vm, shadow_pages), 4 + 2 + 2 + 1 + 1);
	/* An entry of the upper half is flushed as one of the lower. */
	gpa_poke32(0x2000 + 512 * 4, 0);
	guest_invlpg(vcpu, 0x00200000);
	expect_injected(vcpu, 0x00200000, 0, 0);
	expect_done(vcpu, 0x003ff000, 0, 11);
	gpa_poke32(0x1000 + 1023 * 4, 0);
	guest_invlpg(vcpu, 0xfffff000);
	guest_invlpg(vcpu, 0xffc00000);
	expect_injected(vcpu, 0xfffff000, 0, 0);
	expect_injected(vcpu, 0xffc00000, 0, 0);
	expect_clean_audit(test_vm);
}

static void large_pages_are_mapped_in_small_ones(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	struct test_access result;

	(void)state;
	test_memory(2048);		/* 8 MiB */

	/* 4 MiB at 4 MiB: two halves of 2 MiB. */
	test_set_mode(vcpu, test_mode_named("32-bit PSE"), 0x1000);
	gpa_poke32(0x1000 + 5 * 4, 0x400000 | P | W | PS);
	expect_done(vcpu, 0x1400000, PFERR_WRITE, 0x400);
	expect_done(vcpu, 0x15ff000, 0, 0x5ff);
	expect_done(vcpu, 0x1600000, 0, 0x600);
	expect_done(vcpu, 0x17ff000, PFERR_WRITE, 0x7ff);
	assert_int_equal((u32)gpa_peek(0x1014), 0x400000 | P | W | PS | A | D);
	expect_injected(vcpu, 0x1600000, PFERR_USER, 5);
	/* It is one page to the guest: a flush of any address in it flushes both halves. */
	gpa_poke32(0x1000 + 5 * 4, 0);
	guest_invlpg(vcpu, 0x1400000);
	expect_injected(vcpu, 0x17ff000, PFERR_WRITE, 2);

	/* So does a fault. */
	gpa_poke32(0x1000 + 5 * 4, 0x400000 | P | U | PS);
	expect_done(vcpu, 0x1400000, 0, 0x400);
	expect_done(vcpu, 0x1600000, 0, 0x600);
	gpa_poke32(0x1000 + 5 * 4, 0x800000 | P | U | PS);
	expect_injected(vcpu, 0x1400000, PFERR_WRITE, 3);
	gpa_poke32(0x1000 + 5 * 4, P | U | PS);
	expect_done(vcpu, 0x1600000, 0, 0x200);

	/* 2 MiB and 1 GiB; most of the latter is no memory. */
	gpa_poke(0x1000, 0x2000 | PWU);
	gpa_poke(0x2000, 0x3000 | PWU);
	gpa_poke(0x2008, P | W | PS);
	gpa_poke(0x3008, 0x600000 | PWU | PS);
	test_set_mode(vcpu, test_mode_named("long NX"), 0x1000);
	expect_done(vcpu, 0x200000, PFERR_WRITE, 0x600);
	expect_done(vcpu, 0x3ff000, PFERR_USER, 0x7ff);
	expect_done(vcpu, 0x40000000 + 0x7ff000, PFERR_WRITE, 0x7ff);
	assert_int_equal(guest_access(vcpu, 0x40000000 + 0x800000, 0, &result), ACCESS_MMIO);
	assert_int_equal(result.gpa, 0x800000);

	/* The large entry itself changes: moved, read-only, split into a table. */
	gpa_poke(0x3008, 0x400000 | PWU | PS);
	guest_invlpg(vcpu, 0x200000);
	expect_done(vcpu, 0x3ff000, PFERR_WRITE, 0x5ff);
	gpa_poke(0x3008, 0x400000 | P | U | PS);
	guest_invlpg(vcpu, 0x200000);
	expect_injected(vcpu, 0x3ff000, PFERR_WRITE, 3);
	gpa_poke(0x4000, 0x9000 | PWU);
	gpa_poke(0x3008, 0x4000 | PWU);
	guest_invlpg(vcpu, 0x200000);
	expect_done(vcpu, 0x200000, PFERR_WRITE, 9);
	expect_clean_audit(test_vm);
}

static void a_clean_large_page_gets_d_at_its_first_write(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];

	(void)state;
	test_memory(1024);
	gpa_poke(0x1000, 0x2000 | PWU);
	gpa_poke(0x2000, 0x3000 | PWU);
	gpa_poke(0x3000, 0x200000 | PWU | PS);
	test_set_mode(vcpu, test_mode_named("long NX"), 0x1000);
	expect_done(vcpu, 0x5000, 0, 0x205);
	assert_int_equal(gpa_peek(0x3000), 0x200000 | PWU | PS | A);
	expect_done(vcpu, 0x6000, PFERR_WRITE, 0x206);
	assert_int_equal(gpa_peek(0x3000), 0x200000 | PWU | PS | A | D);
	gpa_poke(0x3000, 0x200000 | PWU | PS | A);	/* cleaned */
	guest_invlpg(vcpu, 0x6000);
	expect_done(vcpu, 0x5000, 0, 0x205);
	assert_int_equal(gpa_peek(0x3000), 0x200000 | PWU | PS | A);
	expect_done(vcpu, 0x6000, PFERR_WRITE, 0x206);
	assert_int_equal(gpa_peek(0x3000), 0x200000 | PWU | PS | A | D);
}

static void write_through(struct vcpu *vcpu, gva_t gva, u64 value)
{
	struct test_access result;

	assert_int_equal(guest_access(vcpu, gva, PFERR_WRITE, &result), ACCESS_DONE);
	*(u64 *)((u8 *)__va(result.pfn << PAGE_SHIFT) + offset_in_page(gva)) = value;
}

static void a_guest_edits_its_tables_through_themselves(void **state)
{
	struct vcpu *vcpu = long_guest();
	u64 slot = 510;
	gva_t tables = ~0UL << 48 | slot << 39;	/* the PML4 maps itself at entry 510 */
	gva_t pml4 = tables | slot << 30 | slot << 21 | slot << 12;
	int round;

	(void)state;
	gpa_poke(0x1000 + slot * 8, 0x1000 | P | W);
	/* Each entry on the way to 0x9000, as the guest sees its own tables. */
	expect_done(vcpu, pml4, 0, 1);
	expect_done(vcpu, tables | slot << 30 | slot << 21, 0, 2);
	expect_done(vcpu, tables | slot << 30, 0, 3);
	expect_done(vcpu, tables, PFERR_WRITE, 4);
	for (round = 0; round < 4; round++) {
		u64 frame = 0x20 + round;

		/* The instruction writes the very entry that maps its next operand. */
		write_through(vcpu, tables + 9 * 8, frame << 12 | PWU);
		guest_invlpg(vcpu, 0x9000);
		expect_done(vcpu, 0x9000, PFERR_WRITE, frame);
		/* And the one that maps the tables: it is read again at the flush. */
		write_through(vcpu, pml4 + slot * 8, 0x1000 | P | W);
		test_load_cr3(vcpu, 0x1000);
		expect_done(vcpu, pml4, PFERR_WRITE, 1);
	}
	/* It pulls the ladder up: the tables are no longer mapped anywhere. */
	write_through(vcpu, pml4 + slot * 8, 0);
	guest_invlpg(vcpu, pml4);
	expect_injected(vcpu, pml4, PFERR_WRITE, PFERR_WRITE);
	expect_done(vcpu, 0x9000, 0, 0x23);
	expect_clean_audit(test_vm);
}

static void a_page_is_a_table_of_every_level_at_once(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	u64 index;

	(void)state;
	test_memory(LONG_GUEST_PAGES);
	/* One page, each entry points at it: any address leads to it. */
	for (index = 0; index < 512; index++)
		gpa_poke(0x1000 + index * 8, 0x1000 | PWU);
	test_set_mode(vcpu, test_mode_named("long"), 0x1000);
	for (index = 0; index < 16; index++)
		expect_done(vcpu, index << 39 | index << 30 | index << 21 | index << 12,
			    PFERR_WRITE, 1);
	write_through(vcpu, 8 * 3, 0x2000 | PWU);	/* entry 3 */
	guest_invlpg(vcpu, 3 << 12);
	expect_done(vcpu, 3 << 12, PFERR_WRITE, 2);
	write_through(vcpu, 8 * 5, 0);
	test_load_cr3(vcpu, 0x1000);
	expect_injected(vcpu, 5UL << 39, 0, 0);
	expect_injected(vcpu, 5UL << 12, 0, 0);
	expect_clean_audit(test_vm);
}

/* An entry leads elsewhere now, and no flush has come: nothing is put into the old table. */
static void a_fault_uses_the_table_that_its_walk_found(void **state)
{
	struct vcpu *vcpu = long_guest();

	(void)state;
	gpa_poke(0x3008, 0x4000 | PWU);		/* the table at 0 is at 2 MiB as well */
	gpa_poke(0x5050, 0xb000 | PWU);		/* the other table has 0xb000 at 0xa000 */
	expect_done(vcpu, 0x9000, PFERR_WRITE, 9);
	expect_done(vcpu, 0x209000, PFERR_WRITE, 9);
	gpa_poke(0x3000, 0x5000 | PWU);
	expect_done(vcpu, 0xa000, PFERR_WRITE, 0xb);
	expect_done(vcpu, 0x20a000, PFERR_WRITE, 0xa);
	/* The same table, but allowing less. */
	gpa_poke(0x3008, 0x4000 | P | U);
	expect_done(vcpu, 0x20c000, PFERR_USER, 0xc);
	expect_injected(vcpu, 0x20c000, PFERR_WRITE | PFERR_USER, 7);
	expect_clean_audit(test_vm);
}

int table_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_32_bit_table_has_two_shadow_pages_and_a_directory_four),
		mmu_test(large_pages_are_mapped_in_small_ones),
		mmu_test(a_clean_large_page_gets_d_at_its_first_write),
		mmu_test(a_guest_edits_its_tables_through_themselves),
		mmu_test(a_page_is_a_table_of_every_level_at_once),
		mmu_test(a_fault_uses_the_table_that_its_walk_found),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
