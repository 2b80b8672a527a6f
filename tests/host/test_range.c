// SPDX-License-Identifier: GPL-2.0
/*
 * test_range.c - protocol=range: the host calls before and after it changes its entries.
 * What a fault may map meanwhile and afterwards, and who waits for whom.
 */
#include "groups.h"
#include "harness.h"

#ifdef CONFIG_KVMSWAP_RANGE

#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#define HVA(n)	host_hva(n)

/* Guest frame n, at the guest address n << 12: there is no paging. */
static struct vcpu *flat_guest(void)
{
	int i;

	test_memory(16);
	for (i = 0; i < TEST_VCPUS; i++) {
		assert_int_equal(cpu_enter(test_vcpu[i]), 0);
		cpu_exit(test_vcpu[i]);
	}
	return test_vcpu[0];
}

static long mapped(void)
{
	return stat(test_vm, sptes_set) - stat(test_vm, sptes_cleared);
}

static struct memslot *slot_0(void)
{
	return test_vm->memslots.slot[0];
}

/* A section, in pages of the process. */
static struct mmu_notifier_range start(unsigned int first, unsigned int end)
{
	struct mmu_notifier_range range = host_range(HVA(first), HVA(end));

	host_section_start(&range);
	return range;
}

static void end(struct mmu_notifier_range *range)
{
	host_section_end(range, false);
}

/* The fault's question, with the sequence as it is now. */
static bool must_retry(gfn_t gfn, unsigned long seq)
{
	bool retry;

	spin_lock(&test_vm->mmu_lock);
	retry = retry_needed(test_vm, slot_0(), gfn, seq);
	spin_unlock(&test_vm->mmu_lock);
	return retry;
}

/* The frames 0 to 31 for which a fault that begins now must try again, as bits. */
static unsigned int refused(void)
{
	unsigned long seq = retry_begin(test_vm, slot_0());
	unsigned int bits = 0;
	gfn_t gfn;

	for (gfn = 0; gfn < 32; gfn++)
		bits |= must_retry(gfn, seq) << gfn;
	return bits;
}

#define PAGES(first, end) (GENMASK((end) - 1, first))

static void from_start_to_end_nothing_of_the_range_is_mapped(void **state)
{
	struct mmu_notifier_range range;
	unsigned long before, during;

	(void)state;
	flat_guest();
	before = retry_begin(test_vm, slot_0());
	assert_int_equal(refused(), 0);
	range = start(3, 6);
	assert_int_equal(test_vm->mmu_invalidate_in_progress, 1);
	during = retry_begin(test_vm, slot_0());
	assert_int_equal(refused(), PAGES(3, 6));
	/* Nothing has ended yet: the sequence has not moved. */
	assert_false(must_retry(2, before));
	assert_true(must_retry(3, before));
	end(&range);
	assert_int_equal(test_vm->mmu_invalidate_in_progress, 0);
	/* Who asked the host before the end must start again, whatever it asked for. */
	assert_true(must_retry(3, before) && must_retry(3, during) && must_retry(2, during));
	assert_int_equal(refused(), 0);
}

static void sections_that_overlap_are_one_until_the_last_ends(void **state)
{
	struct mmu_notifier_range a, b, c;

	(void)state;
	flat_guest();
	a = start(2, 4);
	b = start(8, 10);
	assert_int_equal(test_vm->mmu_invalidate_in_progress, 2);
	assert_int_equal(refused(), PAGES(2, 10));
	end(&a);
	assert_int_equal(refused(), PAGES(2, 10));
	c = start(0, 1);			/* before b has ended: it joins */
	assert_int_equal(refused(), PAGES(0, 10));
	end(&b);
	assert_int_equal(refused(), PAGES(0, 10));
	end(&c);
	assert_int_equal(refused(), 0);
	/* The next one begins anew. */
	a = start(12, 13);
	assert_int_equal(refused(), PAGES(12, 13));
	/* Nested, and ending the other way round. */
	b = start(12, 13);
	end(&a);
	assert_int_equal(refused(), PAGES(12, 13));
	end(&b);
	assert_int_equal(refused(), 0);
	assert_int_equal(test_vm->mmu_invalidate_in_progress, 0);
}

static void what_is_of_no_slot_concerns_nobody(void **state)
{
	struct mmu_notifier_range a, b;
	unsigned long before;

	(void)state;
	flat_guest();
	a = start(16, 40);
	assert_int_equal(refused(), 0);
	before = retry_begin(test_vm, slot_0());
	b = start(5, 6);
	assert_int_equal(refused(), PAGES(5, 6));
	end(&a);
	end(&b);
	assert_true(must_retry(20, before));
}

static void a_part_of_a_page_is_all_of_it(void **state)
{
	static const struct {
		unsigned long start, end;
		unsigned int refused;
	} cases[] = {
		{ 0x3800, 0x4800, PAGES(3, 5) }, { 0x3fff, 0x4000, PAGES(3, 4) },
		{ 0x3000, 0x3001, PAGES(3, 4) }, { 0x3fff, 0x4001, PAGES(3, 5) },
		{ 0xf001, 0x20000, PAGES(15, 16) }, { -HOST_USER_BASE, 0x1001, PAGES(0, 2) },
		{ -HOST_USER_BASE, -HOST_USER_BASE - 1, PAGES(0, 16) },
	};
	unsigned int i;

	(void)state;
	flat_guest();
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mmu_notifier_range range = host_range(HOST_USER_BASE + cases[i].start,
							     HOST_USER_BASE + cases[i].end);

		host_section_start(&range);
		host_check(refused() == cases[i].refused, "case %u: %#x", i, refused());
		host_section_end(&range, false);
	}
}

/* The same pages twice in the guest: the range of frames covers both. */
static void a_range_of_several_slots_covers_all_of_them(void **state)
{
	struct mmu_notifier_range range;
	struct vcpu *vcpu = flat_guest();

	(void)state;
	assert_int_equal(test_slot(1, 24, 4, HVA(4), 0), 0);
	expect_done(vcpu, 0x5000, PFERR_WRITE, 5);
	expect_done(vcpu, 0x19000, PFERR_WRITE, 5);
	expect_done(vcpu, 0x7000, PFERR_WRITE, 7);
	range = start(5, 7);
	assert_int_equal(refused(), PAGES(5, 27));
	assert_int_equal(stat(test_vm, sptes_unmapped), 2);
	assert_int_equal(mapped(), 1);
	end(&range);
	/* The second slot alone. */
	assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
	assert_int_equal(test_slot(0, 0, 4, HVA(12), 0), 0);
	range = start(3, 6);
	assert_int_equal(refused(), PAGES(24, 26));
	end(&range);
}

static void a_fault_in_a_section_tries_again(void **state)
{
	struct mmu_notifier_range range;
	struct vcpu *vcpu = flat_guest();
	gpa_t gpa;

	(void)state;
	range = start(3, 4);
	assert_int_equal(page_fault(vcpu, 0x3000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(stat(test_vm, faults_retried), 1);
	assert_int_equal(mapped(), 0);
	expect_done(vcpu, 0x4000, PFERR_WRITE, 4);	/* beside it all is as ever */
	assert_int_equal(stat(test_vm, faults_retried), 1);
	end(&range);
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_int_equal(stat(test_vm, faults_retried), 1);
	expect_clean_audit(test_vm);
}

/* The whole section comes and goes between the fault's lookup and mmu_lock, elsewhere. */
static void elsewhere(void *data)
{
	struct mmu_notifier_range range = start(9, 10);

	(void)data;
	end(&range);
}

static struct mmu_notifier_range held;

static void elsewhere_and_not_over(void *data)
{
	(void)data;
	held = start(9, 10);
}

static void a_section_elsewhere_costs_a_retry_only_if_it_ends(void **state)
{
	struct vcpu *vcpu = flat_guest();
	gpa_t gpa;

	(void)state;
	host_arm_pause(PAUSE_FAULT_WINDOW, elsewhere_and_not_over, NULL);
	assert_int_equal(page_fault(vcpu, 0x3000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(mapped(), 1);
	end(&held);
	host_arm_pause(PAUSE_FAULT_WINDOW, elsewhere, NULL);
	assert_int_equal(page_fault(vcpu, 0x4000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(mapped(), 1);
	assert_int_equal(stat(test_vm, faults_retried), 1);
}

static void one_flush_serves_all_pages_of_a_range(void **state)
{
	struct mmu_notifier_range range;
	long flushes;
	int i;

	(void)state;
	flat_guest();
	for (i = 0; i < 16; i++) {
		expect_done(test_vcpu[0], i << 12, PFERR_WRITE, i);
		expect_done(test_vcpu[1], i << 12, 0, i);
	}
	flushes = stat(test_vm, tlb_flushes);
	host_ipis = 0;
	range = start(0, 16);
	assert_int_equal(mapped(), 0);
	assert_int_equal(stat(test_vm, sptes_unmapped), 16);
	assert_int_equal(stat(test_vm, tlb_flushes), flushes + 1);
	assert_int_equal(host_ipis, 2);
	for (i = 0; i < 16; i++)
		assert_false(cpu_caches(test_vcpu[0], i << 12) || cpu_caches(test_vcpu[1], i << 12));
	end(&range);
	/* Nothing mapped, nothing to flush; and the end never has anything. */
	host_invalidate(HVA(0), HVA(16));
	assert_int_equal(stat(test_vm, tlb_flushes), flushes + 1);
	assert_int_equal(stat(test_vm, invalidations), 2);
}

/* ---- slot changes wait ---- */

static void create_1(void *data)
{
	(void)data;
	host_check(!test_slot(1, 24, 4, HVA(4), 0), "slot 1 is not made");
}

static void delete_0(void *data)
{
	(void)data;
	host_check(!test_slot(0, 0, 0, 0, 0), "slot 0 is not deleted");
}

static void move_0(void *data)
{
	(void)data;
	host_check(!test_slot(0, 8, 16, HVA(0), 0), "slot 0 is not moved");
}

static void a_slot_change_waits_until_no_section_is_under_way(void **state)
{
	static const struct {
		void (*change)(void *data);
		gfn_t gfn;		/* of page 5, once it is done; 0: nowhere */
	} cases[] = { { create_1, 25 }, { delete_0, 0 }, { move_0, 13 } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mmu_notifier_range a, b;
		struct vcpu *vcpu = flat_guest();
		struct memslot *was[2];
		gpa_t gpa;

		expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
		a = start(5, 6);
		memcpy(was, test_vm->memslots.slot, sizeof(was));
		host_start_other(cases[i].change, NULL);
		b = start(40, 41);
		assert_int_equal(host_others_go_on(), 1);
		end(&a);
		assert_int_equal(host_others_go_on(), 1);
		/* Neither door finds another slot than at the start. */
		assert_memory_equal(was, test_vm->memslots.slot, sizeof(was));
		spin_lock(&test_vm->mmu_lock);
		assert_ptr_equal(gfn_to_memslot(test_vm, 5), was[0]);
		assert_null(gfn_to_memslot(test_vm, 25));
		assert_ptr_equal(next_slot_in_hva(test_vm, NULL, HVA(5), HVA(6)), was[0]);
		spin_unlock(&test_vm->mmu_lock);
		/* What goes is unmapped already, and stays so. */
		if (cases[i].change != create_1) {
			assert_int_equal(mapped(), 0);
			assert_int_equal(page_fault(vcpu, 0x3000, 0, &gpa), FAULT_RESUME);
			assert_int_equal(mapped(), 0);
		}
		end(&b);
		assert_int_equal(host_others_go_on(), 0);
		if (cases[i].gfn)
			expect_done(vcpu, cases[i].gfn << PAGE_SHIFT, PFERR_WRITE, 5);
		expect_clean_audit(test_vm);
		test_teardown(state);
		test_setup(state);
	}
}

static void end_held(void *data)
{
	struct mmu_notifier_range again;

	(void)data;
	end(&held);
	if (mapped() > 1)		/* once: between the wake-up and the lock, another one */
		return;
	again = start(1, 2);
	end(&again);
}

/* The other way round: the test waits, and the host ends its section elsewhere. */
static void whoever_waits_lets_the_host_go_on(void **state)
{
	(void)state;
	flat_guest();
	held = start(5, 6);
	host_waits = (struct host_hook){ end_held };
	assert_int_equal(test_slot(1, 24, 4, HVA(4), 0), 0);
	expect_done(test_vcpu[0], 25 << PAGE_SHIFT, PFERR_WRITE, 5);
	assert_int_equal(test_vm->mmu_invalidate_in_progress, 0);
}

/* ---- large ranges, and who may sleep in them ---- */

#define LARGE 1024

static void fault_meanwhile(void *data)
{
	gpa_t gpa;

	(void)data;
	/* Of the range, nothing; but there is no need to wait for the rest of it. */
	assert_int_equal(page_fault(test_vcpu[1], 0x1000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(stat(test_vm, faults_retried), 1);
	assert_int_equal(page_fault(test_vcpu[1], 0x3fe000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(stat(test_vm, faults_retried), 2);
	assert_int_equal(page_fault(test_vcpu[1], 0x3ff000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(stat(test_vm, faults_retried), 2);
	assert_false(cpu_caches(test_vcpu[0], 0x1000) && host_lose_ipis);
}

static void only_who_may_sleep_lets_others_at_the_lock(void **state)
{
	static const unsigned int flags[] = { 0, MMU_NOTIFIER_RANGE_BLOCKABLE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct mmu_notifier_range range = host_range(HVA(0), HVA(LARGE - 1));

		test_memory(LARGE);
		audit_always = false;
		expect_done(test_vcpu[0], 0x1000, PFERR_WRITE, 1);
		expect_done(test_vcpu[0], 0x3f0000, PFERR_WRITE, 0x3f0);
		assert_int_equal(cpu_enter(test_vcpu[1]), 0);
		cpu_exit(test_vcpu[1]);
		range.flags = flags[i];
		host_resched = (struct host_hook){ fault_meanwhile };
		host_section_start(&range);
		assert_int_equal(!host_resched.run, !!flags[i]);
		host_resched.run = NULL;
		assert_int_equal(stat(test_vm, sptes_unmapped), 2);
		assert_int_equal(mapped(), !!flags[i]);
		host_section_end(&range, false);
		expect_clean_audit(test_vm);
		test_teardown(state);
		test_setup(state);
	}
}

/* The process goes in the middle: no end will come, and nobody may wait for it. */
static void a_vm_may_go_in_the_middle_of_a_section(void **state)
{
	(void)state;
	flat_guest();
	expect_done(test_vcpu[0], 0x3000, PFERR_WRITE, 3);
	held = start(3, 4);
	test_free_vm();
	end(&held);
}

int range_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(from_start_to_end_nothing_of_the_range_is_mapped),
		mmu_test(sections_that_overlap_are_one_until_the_last_ends),
		mmu_test(what_is_of_no_slot_concerns_nobody),
		mmu_test(a_part_of_a_page_is_all_of_it),
		mmu_test(a_range_of_several_slots_covers_all_of_them),
		mmu_test(a_fault_in_a_section_tries_again),
		mmu_test(a_section_elsewhere_costs_a_retry_only_if_it_ends),
		mmu_test(one_flush_serves_all_pages_of_a_range),
		mmu_test(a_slot_change_waits_until_no_section_is_under_way),
		mmu_test(whoever_waits_lets_the_host_go_on),
		mmu_test(only_who_may_sleep_lets_others_at_the_lock),
		mmu_test(a_vm_may_go_in_the_middle_of_a_section),
	};

	if (!test_protocol_is("range"))
		return 0;
	return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}

#else

int range_tests(void)
{
	return 0;
}

#endif
