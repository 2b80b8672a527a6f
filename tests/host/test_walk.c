// SPDX-License-Identifier: GPL-2.0
/*
 * test_walk.c - the walk of the guest's tables, by examples made by hand: what each
 * format is, what each fault says, what may change or be missing under way.
 */
#include "gpte.h"
#include "groups.h"
#include "harness.h"

#include <linux/sched.h>

/* walk_guest() as a fault calls it. */
static int walk(struct vcpu *vcpu, gva_t gva, u32 access, struct guest_walk *walk,
		struct guest_fault *fault)
{
	int slots, ret;

	slots = slots_read_lock(test_vm);
	ret = walk_guest(vcpu, gva, access, walk, fault);
	slots_read_unlock(test_vm, slots);
	return ret;
}

static void expect_gfn(struct vcpu *vcpu, gva_t gva, u32 access, gfn_t gfn)
{
	struct guest_fault fault = { 0 };
	struct guest_walk w;

	assert_int_equal(walk(vcpu, gva, access, &w, &fault), 0);
	assert_int_equal(w.gfn, gfn);
}

static void expect_fault(struct vcpu *vcpu, gva_t gva, u32 access, u32 error)
{
	struct guest_fault fault = { 0 };
	struct guest_walk w;

	assert_int_equal(walk(vcpu, gva, access, &w, &fault), 1);
	assert_int_equal(fault.address, gva);
	assert_int_equal(fault.error_code, error);
}

static void without_paging_an_address_is_itself(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];

	(void)state;
	test_set_mode(vcpu, test_mode_named("no paging"), 0xdead000);
	expect_gfn(vcpu, 0, 0, 0);
	expect_gfn(vcpu, 0x12345678, PFERR_WRITE | PFERR_USER, 0x12345);
	expect_gfn(vcpu, 0xfffff000, PFERR_FETCH, 0xfffff);
}

static void each_format_finds_its_page(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];

	(void)state;
	test_memory(16);

	/* 32-bit: directory in frame 1, table in frame 2; 0x00803000 is 2:3. */
	test_set_mode(vcpu, test_mode_named("32-bit PSE"), 0x1000);
	gpa_poke32(0x1000 + 2 * 4, 0x2000 | P | W | U);
	gpa_poke32(0x2000 + 3 * 4, 0xabcde000 | P | W | U);
	expect_gfn(vcpu, 0x00803123, 0, 0xabcde);
	/* 4 MiB at 0x1c00000 with bits 35:32 = 5; 1023 is the last entry. */
	gpa_poke32(0x1000 + 1023 * 4, 0x01c00000 | 5 << 13 | P | W | U | PS);
	expect_gfn(vcpu, 0xffc00000, 0, 0x501c00);
	expect_gfn(vcpu, 0xffffffff, 0, 0x501fff);
	/* Without PSE the same entry leads to a table where no memory is. */
	test_set_mode(vcpu, test_mode_named("32-bit"), 0x1000);
	expect_fault(vcpu, 0xffc00000, 0, 0);

	/* PAE: four top entries at 0x3020; 0xc0604000 is 3:3:4. */
	gpa_poke(0x3020 + 3 * 8, 0x4000 | P);
	gpa_poke(0x4000 + 3 * 8, 0x5000 | P | U);
	gpa_poke(0x5000 + 4 * 8, 0x12345678000 | P | U);
	gpa_poke(0x4000 + 4 * 8, 0xab00e00000 | P | U | PS);
	vcpu->maxphyaddr = 44;
	test_set_mode(vcpu, test_mode_named("PAE"), 0x3020);
	expect_gfn(vcpu, 0xc0604fff, PFERR_USER, 0x12345678);
	expect_gfn(vcpu, 0xc0801000, PFERR_USER, 0xab00e01);
	expect_gfn(vcpu, 0xc09fffff, PFERR_USER, 0xab00fff);
	expect_fault(vcpu, 0x40000000, PFERR_WRITE, PFERR_WRITE);	/* top entry absent */
	/* The top entries are read when CR3 is loaded, and not again. */
	gpa_poke(0x3020 + 3 * 8, 0);
	expect_gfn(vcpu, 0xc0604fff, 0, 0x12345678);
	test_load_cr3(vcpu, 0x3020);
	expect_fault(vcpu, 0xc0604fff, 0, 0);

	/* Long mode: 0xffff8080c0604000 is 257:3:3:4. */
	gpa_poke(0x6000 + 257 * 8, 0x7000 | P | U);
	gpa_poke(0x7000 + 3 * 8, 0x4000 | P | U);
	gpa_poke(0x7000 + 4 * 8, 0x9940000000 | P | U | PS);
	test_set_mode(vcpu, test_mode_named("long"), 0x6000);
	expect_gfn(vcpu, 0xffff8080c0604000, 0, 0x12345678);
	expect_gfn(vcpu, 0xffff8080c0801fff, 0, 0xab00e01);
	expect_gfn(vcpu, 0xffff80813fffffff, 0, 0x997ffff);
	expect_fault(vcpu, 0x00000080c0604000, 0, 0);
}

static void the_error_code_says_what_was_wrong(void **state)
{
	static const struct {
		u64 upper, leaf;
		const char *mode;
		u32 access;
		int error;	/* -1: no fault */
	} cases[] = {
		{ P | W | U, P | W | U, "long NX", PFERR_WRITE | PFERR_USER, -1 },
		{ P | W | U, W | U, "long NX", PFERR_WRITE | PFERR_USER, 6 },
		{ W | U, P | W | U, "long NX", PFERR_USER, 4 },
		{ W | U, P, "long NX", PFERR_FETCH, 0x10 },
		{ W | U, P, "long", PFERR_FETCH, 0 },
		{ P | U, P | W | U, "long NX", PFERR_WRITE | PFERR_USER, 7 },
		{ P | U, P | W | U, "long NX", PFERR_WRITE, 3 },
		{ P | U, P | W | U, "long WP=0", PFERR_WRITE, -1 },
		{ P | U, P | W | U, "long WP=0", PFERR_WRITE | PFERR_USER, 7 },
		{ P | W, P | W | U, "long NX", PFERR_USER, 5 },
		{ P | W, P | W | U, "long NX", PFERR_WRITE, -1 },
		{ P | W, P | W | U, "long WP=0", PFERR_WRITE | PFERR_USER, 7 },
		{ P | W | U, P | W | U | NX, "long NX", PFERR_FETCH | PFERR_USER, 0x15 },
		{ P | W | U | NX, P | W | U, "long NX", PFERR_FETCH, 0x11 },
		{ P | W | U, P | W | U | NX, "long NX", PFERR_WRITE, -1 },
		{ P | W | U, P | W | U | NX, "long", 0, 9 },
		{ P | W | U, P | W | U | 1ULL << 45, "long", PFERR_WRITE | PFERR_USER, 0xf },
		{ P | W | U, P | W | U | 1ULL << 45, "long NX", PFERR_FETCH, 0x19 },
		{ P | W | U, P | W | U | 1ULL << 52, "long", 0, -1 },
		{ P | W | U, P | W | U | 1ULL << 52, "PAE", 0, 9 },
		{ P | W | U, P | W | U | PS, "PAE", 0, -1 },	/* PAT, in the last table */
	};
	struct vcpu *vcpu = test_vcpu[0];
	unsigned int i;

	(void)state;
	test_memory(16);
	gpa_poke(0x1000, 0x2000 | P | W | U);
	gpa_poke(0x2000, 0x3000 | P | W | U);
	gpa_poke(0x5000, 0x3000 | P);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned long cr3 = 0x1000;

		gpa_poke(0x3000, 0x4000 | cases[i].upper);
		gpa_poke(0x4000 + 8 * 8, 0x9000 | cases[i].leaf);
		/* PAE starts at the last but one table, through its top entries. */
		if (!strcmp(cases[i].mode, "PAE"))
			cr3 = 0x5000;
		test_set_mode(vcpu, test_mode_named(cases[i].mode), cr3);
		if (cases[i].error < 0)
			expect_gfn(vcpu, 0x8765, cases[i].access, 9);
		else
			expect_fault(vcpu, 0x8765, cases[i].access, cases[i].error);
	}
}

static void a_and_d_are_set_by_a_walk_that_succeeds(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];

	(void)state;
	test_memory(16);
	gpa_poke(0x1000, 0x2000 | P | W | U);
	gpa_poke(0x2000, 0x3000 | P | W | U);
	gpa_poke(0x3000, 0x4000 | P | W | U);
	gpa_poke(0x4000, 0x9000 | P | U);
	test_set_mode(vcpu, test_mode_named("long"), 0x1000);

	expect_fault(vcpu, 0, PFERR_WRITE, 3);
	assert_int_equal(gpa_peek(0x1000), 0x2000 | P | W | U);
	assert_int_equal(gpa_peek(0x4000), 0x9000 | P | U);
	expect_gfn(vcpu, 0, 0, 9);
	assert_int_equal(gpa_peek(0x1000), 0x2000 | P | W | U | A);
	assert_int_equal(gpa_peek(0x2000), 0x3000 | P | W | U | A);
	assert_int_equal(gpa_peek(0x3000), 0x4000 | P | W | U | A);
	assert_int_equal(gpa_peek(0x4000), 0x9000 | P | U | A);
	gpa_poke(0x4000, 0x9000 | P | U | W);
	expect_gfn(vcpu, 0, PFERR_WRITE, 9);
	assert_int_equal(gpa_peek(0x3000), 0x4000 | P | W | U | A);
	assert_int_equal(gpa_peek(0x4000), 0x9000 | P | W | U | A | D);
	/* A large page has its D bit one level up. */
	gpa_poke(0x3000, P | W | PS);
	expect_gfn(vcpu, 0x7000, PFERR_WRITE, 7);
	assert_int_equal(gpa_peek(0x3000), P | W | PS | A | D);
}

static void a_table_that_is_not_there_ends_the_walk(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	struct guest_fault fault;
	struct guest_walk w;

	(void)state;
	test_memory(16);
	gpa_poke32(0x1000, 0x2000 | P | W | U);
	gpa_poke32(0x2000, 0x3000 | P | W | U);
	test_set_mode(vcpu, test_mode_named("32-bit"), 0x1000);

	/* Swapped out: it comes back, with its A bit. */
	assert_true(host_swap_out(host_hva(2)));
	expect_gfn(vcpu, 0, 0, 3);
	assert_int_equal(gpa_peek(0x2000), 0x3000 | P | W | U | A);
	/* Outside of the guest's memory: the guest's own fault. */
	gpa_poke32(0x1004, 0x10000 | P | W | U);
	expect_fault(vcpu, 0x400000, PFERR_WRITE, PFERR_WRITE);
	/* In a slot, and the process cannot write there: A cannot be set. */
	gpa_poke32(0x2000, 0x3000 | P | W | U);
	host_mprotect(host_hva(2), 1, false);
	assert_int_equal(walk(vcpu, 0, 0, &w, &fault), -EFAULT);
	host_munmap(host_hva(2), 1);
	assert_int_equal(walk(vcpu, 0, 0, &w, &fault), -EFAULT);
}

static void change_entry(void *data)
{
	gpa_poke32(0x2000, *(u32 *)data);
}

static void an_entry_that_changes_under_the_walk_is_read_again(void **state)
{
	static const struct {
		u32 entry;
		int ret;
		gfn_t gfn;
	} cases[] = {
		{ 0x5000 | P | W | U, 0, 5 }, { 0x5000 | P | U, 1, 0 }, { 0, 1, 0 },
		{ 0x3000 | P | W | U | A | D, 0, 3 },
	};
	struct vcpu *vcpu = test_vcpu[0];
	struct guest_fault fault;
	struct guest_walk w;
	unsigned int i;

	(void)state;
	test_memory(16);
	test_set_mode(vcpu, test_mode_named("32-bit"), 0x1000);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		u32 entry = cases[i].entry;

		gpa_poke32(0x1000, 0x2000 | P | W | U | A);
		gpa_poke32(0x2000, 0x3000 | P | W | U);
		host_before_cmpxchg = (struct host_hook){ change_entry, &entry };
		assert_int_equal(walk(vcpu, 0, PFERR_WRITE, &w, &fault), cases[i].ret);
		if (!cases[i].ret) {
			assert_int_equal(w.gfn, cases[i].gfn);
			entry |= A | D;
		}
		assert_int_equal((u32)gpa_peek(0x2000), entry);
	}
}

/* Another vCPU counts in the bits of the entry that no processor looks at. */
static void change_always(void *data)
{
	gpa_poke32(0x2000, gpa_peek(0x2000) ^ 0x200);
	host_before_cmpxchg = (struct host_hook){ change_always, data };
	(*(int *)data)++;
}

static void an_entry_that_always_changes_does_not_hold_the_walk(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	struct guest_fault fault;
	struct test_access result;
	struct guest_walk w;
	int changes = 0;
	gpa_t gpa;

	(void)state;
	test_memory(16);
	test_set_mode(vcpu, test_mode_named("32-bit"), 0x1000);
	gpa_poke32(0x1000, 0x2000 | P | W | U | A);
	gpa_poke32(0x2000, 0x3000 | P | W | U);
	host_before_cmpxchg = (struct host_hook){ change_always, &changes };
	assert_int_equal(walk(vcpu, 0, PFERR_WRITE, &w, &fault), -EAGAIN);
	assert_in_range(changes, 10, 1000);
	/* KVM_RUN looks after its signals, and the guest faults once more. */
	assert_int_equal(page_fault(vcpu, 0, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(stat(test_vm, faults_gpte_moved), 1);
	assert_int_equal(stat(test_vm, faults_fixed) + stat(test_vm, faults_injected), 0);
	host_before_cmpxchg.run = NULL;
	assert_int_equal(guest_access(vcpu, 0, PFERR_WRITE, &result), ACCESS_DONE);
}

static void a_walk_is_unchanged_until_an_entry_changes(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	struct guest_fault fault;
	struct guest_walk w;
	int level;

	(void)state;
	test_memory(16);
	gpa_poke(0x1000, 0x2000 | P | W | U);
	gpa_poke(0x2000, 0x3000 | P | W | U);
	gpa_poke(0x3000, 0x4000 | P | W | U);
	gpa_poke(0x4000, 0x9000 | P | W | U);
	test_set_mode(vcpu, test_mode_named("long"), 0x1000);
	assert_int_equal(walk(vcpu, 0, 0, &w, &fault), 0);
	for (level = 1; level <= 4; level++) {
		u64 entry = gpa_peek(level << 12);

		spin_lock(&test_vm->mmu_lock);
		assert_true(walk_unchanged(vcpu, &w));
		spin_unlock(&test_vm->mmu_lock);
		gpa_poke(level << 12, entry ^ D);
		spin_lock(&test_vm->mmu_lock);
		assert_false(walk_unchanged(vcpu, &w));
		spin_unlock(&test_vm->mmu_lock);
		gpa_poke(level << 12, entry);
		assert_true(host_swap_out(host_hva(level)));
		spin_lock(&test_vm->mmu_lock);
		assert_false(walk_unchanged(vcpu, &w));	/* it cannot know, and does not wait */
		spin_unlock(&test_vm->mmu_lock);
		gpa_poke(level << 12, entry);
	}
}

static void pae_top_entries_with_reserved_bits_are_refused(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	int bit;

	(void)state;
	test_memory(4);
	for (bit = 1; bit < 64; bit++) {
		bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;

		memset(vcpu->pdptrs, 0x55, sizeof(vcpu->pdptrs));
		gpa_poke(0xfe0 + 8, P | 1ULL << bit);
		assert_int_equal(load_pdptrs(vcpu, 0xfff), reserved);
		assert_int_equal(vcpu->pdptrs[1],
				 reserved ? 0x5555555555555555 : P | 1ULL << bit);
		gpa_poke(0xfe0 + 8, 1ULL << bit);	/* not present: all is allowed */
		assert_int_equal(load_pdptrs(vcpu, 0xfff), 0);
	}
	assert_int_equal(load_pdptrs(vcpu, 0x4000), -EFAULT);
}

static void emulated_accesses_walk_each_page(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	struct guest_fault fault;
	u64 data = 0x8877665544332211, back = 0;
	gpa_t gpa;

	(void)state;
	test_memory(16);
	gpa_poke32(0x1000, 0x2000 | P | W | U);
	gpa_poke32(0x2000, 0x7000 | P | W | U);
	gpa_poke32(0x2004, 0x5000 | P | W);
	gpa_poke32(0x2008, 0x6000 | P | U);
	test_set_mode(vcpu, test_mode_named("32-bit"), 0x1000);

	assert_int_equal(write_guest_virt(vcpu, 0xffc, &data, 8, 0, &fault), 0);
	assert_int_equal(gpa_peek(0x7ff8) >> 32, 0x44332211);
	assert_int_equal((u32)gpa_peek(0x5000), 0x88776655);
	assert_int_equal((u32)gpa_peek(0x2000), 0x7000 | P | W | U | A | D);
	assert_int_equal(read_guest_virt(vcpu, 0xffc, &back, 8, 0, &fault), 0);
	assert_int_equal(back, data);
	assert_int_equal(read_guest_virt(vcpu, 0xffc, &back, 8, PFERR_USER, &fault), 1);
	assert_int_equal(fault.address, 0x1000);
	assert_int_equal(fault.error_code, PFERR_PRESENT | PFERR_USER);
	assert_int_equal(write_guest_virt(vcpu, 0x1fff, &data, 2, 0, &fault), 1);
	assert_int_equal(fault.address, 0x2000);
	assert_int_equal(fault.error_code, PFERR_PRESENT | PFERR_WRITE);
	assert_int_equal(gva_to_gpa(vcpu, 0x1234, PFERR_WRITE, &gpa, &fault), 0);
	assert_int_equal(gpa, 0x5234);
	host_munmap(host_hva(5), 1);
	assert_int_equal(read_guest_virt(vcpu, 0x1000, &back, 8, 0, &fault), -EFAULT);
}

int walk_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(without_paging_an_address_is_itself),
		mmu_test(each_format_finds_its_page),
		mmu_test(the_error_code_says_what_was_wrong),
		mmu_test(a_and_d_are_set_by_a_walk_that_succeeds),
		mmu_test(a_table_that_is_not_there_ends_the_walk),
		mmu_test(an_entry_that_changes_under_the_walk_is_read_again),
		mmu_test(an_entry_that_always_changes_does_not_hold_the_walk),
		mmu_test(a_walk_is_unchanged_until_an_entry_changes),
		mmu_test(pae_top_entries_with_reserved_bits_are_refused),
		mmu_test(emulated_accesses_walk_each_page),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
