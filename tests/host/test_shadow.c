// SPDX-License-Identifier: GPL-2.0
/*
 * test_shadow.c - shadow pages, one situation at a time: what a guest's change to
 * its tables does and when, tables that are data or map themselves, large pages,
 * quadrants, the bound on memory.
 */
#include "groups.h"
#include "harness.h"

#include <linux/mm.h>

#define P	1ULL
#define W	2ULL
#define U	4ULL
#define A	0x20ULL
#define D	0x40ULL
#define PS	0x80ULL
#define NX	(1ULL << 63)
#define PWU	(P | W | U)

#define NPAGES	64

/* Long mode: tables in frames 1 to 4, the first 2 MiB map themselves. */
static struct vcpu *long_guest(void)
{
	int i;

	test_memory(NPAGES);
	gpa_poke(0x1000, 0x2000 | PWU);
	gpa_poke(0x2000, 0x3000 | PWU);
	gpa_poke(0x3000, 0x4000 | PWU);
	for (i = 0; i < 512; i++)
		gpa_poke(0x4000 + i * 8, (u64)i << 12 | PWU);
	for (i = 0; i < TEST_VCPUS; i++)
		test_set_mode(test_vcpu[i], test_mode_named("long NX"), 0x1000);
	return test_vcpu[0];
}

static void expect_injected(struct vcpu *vcpu, gva_t gva, u32 access, u32 error)
{
	struct test_access result;

	assert_int_equal(guest_access(vcpu, gva, access, &result), ACCESS_INJECTED);
	assert_int_equal(test_injected[vcpu->id].address, gva);
	assert_int_equal(test_injected[vcpu->id].error_code, error);
}

static void a_page_is_mapped_once_and_then_no_exit_is_taken(void **state)
{
	struct vcpu *vcpu = long_guest();
	struct test_access result;

	(void)state;
	gpa_poke(0x9000, 1);	/* the process has a page of its own there */
	assert_int_equal(guest_access(vcpu, 0x9000, 0, &result), ACCESS_DONE);
	assert_int_equal(result.exits, 1);
	assert_int_equal(guest_access(vcpu, 0x9000, PFERR_USER, &result), ACCESS_DONE);
	assert_int_equal(result.exits, 0);
	assert_int_equal(guest_access(vcpu, 0x9000, PFERR_WRITE, &result), ACCESS_DONE);
	assert_int_equal(result.exits, 1);	/* the D bit was to be set */
	assert_int_equal(gpa_peek(0x4000 + 9 * 8), 0x9000 | PWU | A | D);
	assert_int_equal(guest_access(vcpu, 0x9000, PFERR_WRITE | PFERR_USER, &result),
			 ACCESS_DONE);
	assert_int_equal(result.exits, 0);
	assert_int_equal(stat(test_vm, sptes_set), 2);
	expect_clean_audit(test_vm);
}

static void shadow_pages_outlive_a_cr3_load(void **state)
{
	struct vcpu *vcpu = long_guest();
	struct test_access result;
	int round, page;

	(void)state;
	gpa_poke(0x8000, 0x2000 | PWU);		/* a second address space */
	for (round = 0; round < 6; round++) {
		test_load_cr3(vcpu, round & 1 ? 0x8000 : 0x1000);
		for (page = 16; page < 32; page++) {
			assert_int_equal(guest_access(vcpu, page << 12, PFERR_WRITE, &result),
					 ACCESS_DONE);
			assert_true(round < 2 || !result.exits);
		}
	}
	assert_int_equal(stat(test_vm, faults), 16 + 1);
	assert_int_equal(stat(test_vm, cr3_loads), 6);
	assert_int_equal(stat(test_vm, shadow_pages), 5);
}

static void a_new_entry_is_seen_without_a_flush(void **state)
{
	struct vcpu *vcpu = long_guest();

	(void)state;
	gpa_poke(0x4000 + 9 * 8, 0);
	expect_injected(vcpu, 0x9000, PFERR_WRITE, PFERR_WRITE);
	gpa_poke(0x4000 + 9 * 8, 0xa000 | PWU);
	expect_done(vcpu, 0x9000, PFERR_WRITE, 0xa);
	/* So is more of what an entry allows. */
	gpa_poke(0x4000 + 11 * 8, 0xb000 | P);
	expect_done(vcpu, 0xb000, 0, 0xb);
	expect_injected(vcpu, 0xb000, PFERR_WRITE, PFERR_WRITE | PFERR_PRESENT);
	expect_injected(vcpu, 0xb000, PFERR_USER, PFERR_USER | PFERR_PRESENT);
	gpa_poke(0x4000 + 11 * 8, 0xb000 | PWU);
	expect_done(vcpu, 0xb000, PFERR_WRITE | PFERR_USER, 0xb);
}

/* Each way to take something away is seen at INVLPG, and at a CR3 load. */
static void what_an_entry_no_longer_allows_is_gone_after_a_flush(void **state)
{
	static const struct {
		u64 gpa, entry;
		u32 access;
		int error;	/* -1: no fault, the access reaches frame 0xa */
	} changes[] = {
		{ 0x4048, 0xa000 | PWU, PFERR_WRITE, -1 },
		{ 0x4048, 0, PFERR_WRITE, 2 },
		{ 0x4048, 0x9000 | P | U | A, PFERR_WRITE, 3 },
		{ 0x4048, 0x9000 | P | W | A | D, PFERR_USER, 5 },
		{ 0x4048, 0x9000 | PWU | NX, PFERR_FETCH, 0x11 },
		{ 0x3000, 0x4000 | P | U | A, PFERR_WRITE, 3 },
		{ 0x3000, 0, PFERR_WRITE, 2 },
		{ 0x2000, 0x3000 | P | W | A, PFERR_USER, 5 },
		{ 0x1000, 0x2000 | PWU | NX | A, PFERR_FETCH, 0x11 },
		{ 0x1000, 0x2000 | PWU | A | 1ULL << 50, 0, 9 },
		{ 0x3000, 0x5000 | PWU, PFERR_WRITE, -1 },
	};
	struct vcpu *vcpu = long_guest();
	unsigned int i, how;

	(void)state;
	gpa_poke(0x5048, 0xa000 | PWU);		/* the other table, for the last case */
	for (how = 0; how < 2; how++) {
		for (i = 0; i < ARRAY_SIZE(changes); i++) {
			u64 before = gpa_peek(changes[i].gpa);

			gpa_poke(0x4048, 0x9000 | PWU);
			expect_done(vcpu, 0x9000, PFERR_WRITE | PFERR_USER, 9);
			expect_done(vcpu, 0x9000, PFERR_FETCH, 9);
			gpa_poke(changes[i].gpa, changes[i].entry);
			if (how)
				test_load_cr3(vcpu, 0x1000);
			else
				guest_invlpg(vcpu, 0x9fff);
			if (changes[i].error < 0)
				expect_done(vcpu, 0x9000, changes[i].access, 0xa);
			else
				expect_injected(vcpu, 0x9000, changes[i].access,
						changes[i].error);
			gpa_poke(changes[i].gpa, before);
			guest_invlpg(vcpu, 0x9000);
		}
	}
	expect_clean_audit(test_vm);
}

static void a_and_d_are_set_anew_after_a_flush(void **state)
{
	struct vcpu *vcpu = long_guest();

	(void)state;
	expect_done(vcpu, 0x9000, PFERR_WRITE, 9);
	gpa_poke(0x4048, 0x9000 | PWU | A);
	guest_invlpg(vcpu, 0x9000);
	expect_done(vcpu, 0x9000, PFERR_WRITE, 9);
	assert_int_equal(gpa_peek(0x4048), 0x9000 | PWU | A | D);
	gpa_poke(0x4048, 0x9000 | PWU);
	gpa_poke(0x2000, 0x3000 | PWU);
	test_load_cr3(vcpu, 0x1000);
	expect_done(vcpu, 0x9000, 0, 9);
	assert_int_equal(gpa_peek(0x4048), 0x9000 | PWU | A);
	assert_int_equal(gpa_peek(0x2000), 0x3000 | PWU | A);
}

static void with_wp_off_the_kernel_writes_what_users_only_read(void **state)
{
	struct vcpu *vcpu = long_guest();
	int round;

	(void)state;
	test_set_mode(vcpu, test_mode_named("long WP=0"), 0x1000);
	gpa_poke(0x4048, 0x9000 | P | U);
	for (round = 0; round < 3; round++) {
		expect_done(vcpu, 0x9000, PFERR_WRITE, 9);
		assert_int_equal(gpa_peek(0x4048), 0x9000 | P | U | A | D);
		expect_done(vcpu, 0x9000, PFERR_USER, 9);
		expect_injected(vcpu, 0x9000, PFERR_USER | PFERR_WRITE, 7);
	}
	/* Another vCPU, with WP on, shares the tables and not that liberty. */
	expect_done(vcpu, 0x9000, PFERR_WRITE, 9);
	expect_done(test_vcpu[1], 0x9000, 0, 9);
	expect_injected(test_vcpu[1], 0x9000, PFERR_WRITE, 3);
	expect_clean_audit(test_vm);
}

static void one_table_under_two_entries_allows_what_each_allows(void **state)
{
	struct vcpu *vcpu = long_guest();

	(void)state;
	gpa_poke(0x3008, 0x4000 | P | U);	/* the same table again, read-only, at 2 MiB */
	gpa_poke(0x3010, 0x4000 | P | W | NX);	/* and at 4 MiB for the kernel's data */
	expect_done(vcpu, 0x9000, PFERR_WRITE | PFERR_USER, 9);
	expect_done(vcpu, 0x209000, PFERR_USER, 9);
	expect_injected(vcpu, 0x209000, PFERR_WRITE, 3);
	expect_done(vcpu, 0x409000, PFERR_WRITE, 9);
	expect_injected(vcpu, 0x409000, PFERR_USER, 5);
	expect_injected(vcpu, 0x409000, PFERR_FETCH, 0x11);
	expect_done(vcpu, 0x9000, PFERR_FETCH, 9);
	assert_int_equal(test_audit(test_vm).leaf_sptes, 3);
	expect_clean_audit(test_vm);
}

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
	test_memory(NPAGES);
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
	test_memory(NPAGES);
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

static void a_root_outside_of_memory_is_no_root(void **state)
{
	struct vcpu *vcpu = long_guest();
	struct test_access result;

	(void)state;
	expect_done(vcpu, 0x9000, 0, 9);
	test_load_cr3(vcpu, NPAGES << 12);
	assert_int_equal(guest_access(vcpu, 0x9000, 0, &result), -ENXIO);
	guest_invlpg(vcpu, 0x9000);	/* no root: nothing to do */
	test_load_cr3(vcpu, 0x1000);
	expect_done(vcpu, 0x9000, 0, 9);
	/* PAE: no top entry is present, the root is there and maps nothing. */
	memset(vcpu->pdptrs, 0, sizeof(vcpu->pdptrs));
	test_set_mode(vcpu, test_mode_named("PAE"), 0x6000);
	expect_injected(vcpu, 0xc0000000, PFERR_WRITE, PFERR_WRITE);
}

static void shadow_pages_stay_under_their_bound(void **state)
{
	struct vcpu *vcpu = long_guest();
	unsigned long most = 0;
	int round;
	u64 i;

	(void)state;
	host_mmap(host_hva(NPAGES), 300, true);
	assert_int_equal(test_slot(1, NPAGES, 300, host_hva(NPAGES), 0), 0);
	*host_param("max_shadow_pages") = 1;	/* the least that it may be is 128 */
	/* 256 directories, one for each GiB, that lead to the one table. */
	for (i = 1; i < 256; i++) {
		gpa_poke(0x2000 + i * 8, (NPAGES + i) << 12 | PWU);
		gpa_poke((NPAGES + i) << 12, 0x4000 | PWU);
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 256; i++) {
			expect_done(vcpu, i << 30 | 0x9000, PFERR_WRITE, 9);
			/* The others keep their roots, and map again what was dropped. */
			expect_done(test_vcpu[1 + (i & 1)], (i & 31) << 30 | 0x9000, 0, 9);
			most = max(most, (unsigned long)stat(test_vm, shadow_pages));
			assert_int_equal(stat(test_vm, shadow_pages), test_vm->shadow.nr);
		}
	}
	assert_true(most > 100 && most <= 128);
	assert_true(stat(test_vm, shadow_pages_dropped) > 500);
	expect_clean_audit(test_vm);
}

static void when_all_is_dropped_the_roots_stay(void **state)
{
	struct vcpu *vcpu = long_guest();

	(void)state;
	test_load_cr3(test_vcpu[1], 0x5000);
	gpa_poke(0x5000, 0x2000 | PWU);
	expect_done(vcpu, 0x9000, PFERR_WRITE, 9);
	expect_done(test_vcpu[1], 0x9000, PFERR_WRITE, 9);
	spin_lock(&test_vm->mmu_lock);
	zap_all_shadow_pages(test_vm);
	spin_unlock(&test_vm->mmu_lock);
	assert_int_equal(stat(test_vm, shadow_pages), 2);
	assert_int_equal(test_audit(test_vm).leaf_sptes, 0);
	assert_false(cpu_caches(vcpu, 0x9000));
	assert_false(cpu_caches(test_vcpu[1], 0x9000));
	expect_done(vcpu, 0x9000, PFERR_WRITE, 9);
	expect_done(test_vcpu[1], 0x9000, PFERR_WRITE, 9);
	expect_clean_audit(test_vm);
}

static void the_host_may_have_nothing_there(void **state)
{
	struct vcpu *vcpu = long_guest();
	struct test_access result;

	(void)state;
	host_munmap(host_hva(9), 1);
	assert_int_equal(guest_access(vcpu, 0x9000, 0, &result), -EFAULT);
	host_mprotect(host_hva(10), 1, false);
	assert_int_equal(guest_access(vcpu, 0xa000, PFERR_WRITE, &result), -EFAULT);
	/* Reading needs no more than reading, once sptes need not hold pages. */
	assert_int_equal(guest_access(vcpu, 0xa000, 0, &result),
			 IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER) ? ACCESS_DONE : -EFAULT);
	/* The VM lives on. */
	host_mmap(host_hva(9), 1, true);
	host_mprotect(host_hva(10), 1, true);
	expect_done(vcpu, 0x9000, 0, 9);
	expect_done(vcpu, 0xa000, PFERR_WRITE, 10);
}

int shadow_tests(void)
{
	const struct CMUnitTest tests[] = {
		mmu_test(a_page_is_mapped_once_and_then_no_exit_is_taken),
		mmu_test(shadow_pages_outlive_a_cr3_load),
		mmu_test(a_new_entry_is_seen_without_a_flush),
		mmu_test(what_an_entry_no_longer_allows_is_gone_after_a_flush),
		mmu_test(a_and_d_are_set_anew_after_a_flush),
		mmu_test(with_wp_off_the_kernel_writes_what_users_only_read),
		mmu_test(one_table_under_two_entries_allows_what_each_allows),
		mmu_test(a_32_bit_table_has_two_shadow_pages_and_a_directory_four),
		mmu_test(large_pages_are_mapped_in_small_ones),
		mmu_test(a_clean_large_page_gets_d_at_its_first_write),
		mmu_test(a_guest_edits_its_tables_through_themselves),
		mmu_test(a_page_is_a_table_of_every_level_at_once),
		mmu_test(a_root_outside_of_memory_is_no_root),
		mmu_test(shadow_pages_stay_under_their_bound),
		mmu_test(when_all_is_dropped_the_roots_stay),
		mmu_test(the_host_may_have_nothing_there),
	};

	return cmocka_run_group_tests_name("shadow", tests, NULL, NULL);
}
