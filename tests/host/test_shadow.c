// SPDX-License-Identifier: GPL-2.0
/*
 * test_shadow.c - shadow pages, one situation at a time: what a guest's change to
 * its tables does and when, which uses of a table share one, the bound on memory.
 * Tables of other shapes are in test_tables.c.
 */
#include "gpte.h"
#include "groups.h"
#include "harness.h"

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
		{ 0x4048, 0x9000 | PWU | NX | A | D, PFERR_FETCH, 0x11 },
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

/*
 * The table for the first 2 MiB is exchanged, and the flush names an address elsewhere, as
 * it does where a guest sees its tables as pages of its own. The old table is free then: what
 * others put into it later is no part of this address space.
 */
static void a_flush_forgets_the_upper_entries_of_all_addresses(void **state)
{
	static const gva_t elsewhere[] = { 0x400000, 0x9000 };
	struct vcpu *vcpu = long_guest();
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(elsewhere); i++) {
		gpa_poke(0x3000, 0x4000 | PWU);
		gpa_poke(0x3008, 0);
		test_load_cr3(vcpu, 0x1000);
		expect_done(vcpu, 0x8000, 0, 8);
		gpa_poke(0x40a0, 0);		/* nobody was at 0x14000 yet */
		gpa_poke(0x50a0, 0xa000 | PWU);
		gpa_poke(0x3000, 0x5000 | PWU);
		guest_invlpg(vcpu, elsewhere[i]);
		gpa_poke(0x3008, 0x4000 | PWU);
		gpa_poke(0x40a0, 0xb000 | PWU);
		expect_done(vcpu, 0x214000, 0, 0xb);
		expect_done(vcpu, 0x14000, 0, 0xa);
	}
	expect_clean_audit(test_vm);
}

/* A guest's handler may look at the address at once: the fault was a flush of it. */
static void a_fault_of_the_guests_forgets_the_old_translation(void **state)
{
	struct vcpu *vcpu = long_guest();

	(void)state;
	gpa_poke(0x4048, 0x9000 | P | U);
	expect_done(vcpu, 0x9000, 0, 9);
	gpa_poke(0x4048, 0xa000 | P | U);
	expect_injected(vcpu, 0x9000, PFERR_WRITE, 3);
	expect_done(vcpu, 0x9000, 0, 0xa);

	gpa_poke(0x4048, 0);
	expect_injected(vcpu, 0x9000, PFERR_WRITE, 2);
	gpa_poke(0x4048, 0xb000 | PWU);
	expect_done(vcpu, 0x9000, 0, 0xb);
	expect_clean_audit(test_vm);
}

/* Reserved bits that are no part of an address: nothing else about the entry changes. */
static void a_reserved_bit_is_seen_after_a_flush(void **state)
{
	static const struct {
		const char *mode;
		u64 gpa, bit;
	} cases[] = {
		{ "long", 0x4048, NX }, { "long", 0x3000, NX }, { "long", 0x2000, NX },
		{ "long", 0x1000, NX }, { "long NX", 0x1000, PS }, { "long NX", 0x1000, G },
		{ "PAE NX", 0x4048, 1ULL << 52 },
		{ "PAE NX", 0x3000, 1ULL << 62 }, { "PAE", 0x3000, NX },
	};
	struct vcpu *vcpu = long_guest();
	unsigned int i;

	(void)state;
	gpa_poke(0x6000, 0x3000 | P);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct test_mode *mode = test_mode_named(cases[i].mode);
		u64 before;

		test_set_mode(vcpu, mode, mode->long_mode ? 0x1000 : 0x6000);
		expect_done(vcpu, 0x9000, PFERR_WRITE, 9);
		before = gpa_peek(cases[i].gpa);
		gpa_poke(cases[i].gpa, before | cases[i].bit);
		guest_invlpg(vcpu, 0x9000);
		expect_injected(vcpu, 0x9000, PFERR_WRITE,
				PFERR_WRITE | PFERR_PRESENT | PFERR_RSVD);
		gpa_poke(cases[i].gpa, before);
	}
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
	/* A page that users could write: not after it is made read-only. */
	gpa_poke(0x4050, 0xa000 | PWU);
	expect_done(vcpu, 0xa000, PFERR_USER | PFERR_WRITE, 0xa);
	gpa_poke(0x4050, 0xa000 | P | U | A | D);
	guest_invlpg(vcpu, 0xa000);
	expect_injected(vcpu, 0xa000, PFERR_USER | PFERR_WRITE, 7);
	expect_done(vcpu, 0xa000, PFERR_WRITE, 0xa);
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

static void change_and_flush(void *data)
{
	gpa_poke(0x4048, *(u64 *)data);
	guest_invlpg(test_vcpu[1], 0x9000);
}

static void swap_out_table(void *data)
{
	(void)data;
	assert_true(host_swap_out(host_hva(4)));
}

/* The walk has been done, mmu_lock is not held yet: another vCPU changes the entry. */
static void a_fault_does_not_bring_back_what_was_flushed(void **state)
{
	struct vcpu *vcpu = long_guest(), *other = test_vcpu[1];
	struct test_access result;
	u64 entry = 0xa000 | PWU;

	(void)state;
	expect_done(other, 0x8000, 0, 8);
	host_arm_pause(PAUSE_FAULT_WINDOW, change_and_flush, &entry);
	expect_done(vcpu, 0x9000, PFERR_WRITE, 0xa);
	expect_done(other, 0x9000, 0, 0xa);
	assert_int_equal(stat(test_vm, faults_gpte_moved), 1);

	entry = 0;
	guest_invlpg(vcpu, 0x9000);
	gpa_poke(0x4048, 0x9000 | PWU);
	guest_invlpg(vcpu, 0x9000);
	host_arm_pause(PAUSE_FAULT_WINDOW, change_and_flush, &entry);
	assert_int_equal(guest_access(vcpu, 0x9000, 0, &result), ACCESS_INJECTED);
	assert_int_equal(guest_access(other, 0x9000, 0, &result), ACCESS_INJECTED);
	assert_int_equal(stat(test_vm, faults_gpte_moved), 2);

	/* A table that is not in memory at that moment cannot be compared. */
	host_arm_pause(PAUSE_FAULT_WINDOW, swap_out_table, NULL);
	expect_done(vcpu, 0xb000, 0, 0xb);
	if (!IS_ENABLED(CONFIG_KVMSWAP_SEQLOCK))
		assert_int_equal(stat(test_vm, faults_gpte_moved), 3);
	expect_clean_audit(test_vm);
}

static void a_root_outside_of_memory_is_no_root(void **state)
{
	struct vcpu *vcpu = long_guest();
	struct test_access result;

	(void)state;
	expect_done(vcpu, 0x9000, 0, 9);
	test_load_cr3(vcpu, LONG_GUEST_PAGES << 12);
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
	host_mmap(host_hva(LONG_GUEST_PAGES), 300, true);
	assert_int_equal(test_slot(1, LONG_GUEST_PAGES, 300, host_hva(LONG_GUEST_PAGES), 0), 0);
	test_param(unsigned int, "max_shadow_pages") = 1;	/* which makes it 128 */
	/* 256 directories, one for each GiB, that lead to the one table. */
	for (i = 1; i < 256; i++) {
		gpa_poke(0x2000 + i * 8, (LONG_GUEST_PAGES + i) << 12 | PWU);
		gpa_poke((LONG_GUEST_PAGES + i) << 12, 0x4000 | PWU);
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
	const struct test_item tests[] = {
		mmu_test(a_page_is_mapped_once_and_then_no_exit_is_taken),
		mmu_test(shadow_pages_outlive_a_cr3_load),
		mmu_test(a_new_entry_is_seen_without_a_flush),
		mmu_test(what_an_entry_no_longer_allows_is_gone_after_a_flush),
		mmu_test(a_flush_forgets_the_upper_entries_of_all_addresses),
		mmu_test(a_fault_of_the_guests_forgets_the_old_translation),
		mmu_test(a_reserved_bit_is_seen_after_a_flush),
		mmu_test(a_and_d_are_set_anew_after_a_flush),
		mmu_test(with_wp_off_the_kernel_writes_what_users_only_read),
		mmu_test(one_table_under_two_entries_allows_what_each_allows),
		mmu_test(a_fault_does_not_bring_back_what_was_flushed),
		mmu_test(a_root_outside_of_memory_is_no_root),
		mmu_test(shadow_pages_stay_under_their_bound),
		mmu_test(when_all_is_dropped_the_roots_stay),
		mmu_test(the_host_may_have_nothing_there),
	};

	return cmocka_run_group_tests_name("shadow", tests, NULL, NULL);
}
