// SPDX-License-Identifier: GPL-2.0
/*
 * test_interval.c - protocol=interval: each slot asks about its own addresses, and the
 * kernel keeps the count. From when to when a slot is registered, what a call takes of
 * it, and what a fault does that comes in the middle: it waits.
 */
#include "groups.h"
#include "harness.h"

#ifdef CONFIG_KVMSWAP_RANGE

#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "rmap.h"

#define HVA(n)	host_hva(n)

static bool is_mapped(int slot, gfn_t gfn)
{
	return gfn_to_rmap(test_vm->memslots.slot[slot], gfn)->val;
}

static bool must_retry(int slot, unsigned long seq)
{
	struct memslot *of = test_vm->memslots.slot[slot];
	bool retry;

	spin_lock(&test_vm->mmu_lock);
	retry = retry_needed(test_vm, of, of->base_gfn, seq);
	spin_unlock(&test_vm->mmu_lock);
	return retry;
}

static void a_slot_is_registered_as_long_as_it_is_there(void **state)
{
	(void)state;
	test_memory(16);
	assert_int_equal(host_intervals, 1);
	assert_int_equal(test_slot(1, 32, 4, HVA(4), 0), 0);
	assert_int_equal(test_slot(2, 64, 4, HVA(12), 0), 0);
	assert_int_equal(host_intervals, 3);
	assert_int_equal(test_slot(1, 40, 4, HVA(4), 0), 0);		/* a move */
	assert_int_equal(test_slot(1, 32, 16, HVA(4), 0), -EINVAL);
	assert_int_equal(test_slot(3, 0, 1, HVA(4), 0), -EEXIST);
	assert_int_equal(test_slot(2, 64, 4, HVA(12), KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(host_intervals, 3);
	assert_int_equal(test_slot(2, 0, 0, 0, 0), 0);
	assert_int_equal(host_intervals, 2);
	test_free_vm();
	assert_int_equal(host_intervals, 0);
}

static void create_1(void *data)
{
	(void)data;
	host_check(!test_slot(1, 32, 4, HVA(4), 0), "slot 1 is not made");
}

static void delete_0(void *data)
{
	(void)data;
	host_check(!test_slot(0, 0, 0, 0, 0), "slot 0 is not deleted");
}

static void move_0(void *data)
{
	(void)data;
	host_check(!test_slot(0, 64, 16, HVA(0), 0), "slot 0 is not moved");
}

/* The change is published, and waits for us: a fault could map a page of the slot now. */
static void it_is_registered_before_anyone_can_find_it(void **state)
{
	struct memslot *slot;
	int slots;

	(void)state;
	flat_guest();
	slots = slots_read_lock(test_vm);
	host_start_other(create_1, NULL);
	slot = gfn_to_memslot(test_vm, 33);
	assert_non_null(slot);
	assert_ptr_equal(slot->interval.mm, &host_mm);
	assert_int_equal(slot->interval.interval_tree.start, HVA(4));
	assert_int_equal(slot->interval.interval_tree.last, HVA(8) - 1);
	expect_done(test_vcpu[0], 0x21000, PFERR_WRITE, 5);
	assert_true(host_swap_out(HVA(5)));
	assert_int_equal(stat(test_vm, sptes_unmapped), 1);
	slots_read_unlock(test_vm, slots);
	assert_int_equal(host_others_go_on(), 0);
}

static void and_until_nobody_has_it_any_more(void **state)
{
	static void (*const changes[])(void *data) = { delete_0, move_0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		struct memslot *slot;
		int slots;

		flat_guest();
		slots = slots_read_lock(test_vm);
		slot = gfn_to_memslot(test_vm, 3);
		host_start_other(changes[i], NULL);
		/* A fault may still ask it: retry_begin() is before the lookup of the page. */
		assert_ptr_equal(slot->interval.mm, &host_mm);
		retry_begin(test_vm, slot);
		slots_read_unlock(test_vm, slots);
		assert_int_equal(host_others_go_on(), 0);
		assert_int_equal(host_intervals, changes[i] == move_0);
		test_teardown(state);
		test_setup(state);
	}
}

static void a_call_takes_its_own_slot_and_no_other(void **state)
{
	struct vcpu *vcpu = flat_guest();
	long calls, flushes;
	int i;

	(void)state;
	/* Pages 8 to 11 once more; and pages 20 to 23 behind a gap. */
	host_mmap(HVA(20), 4, true);
	assert_int_equal(test_slot(1, 32, 4, HVA(8), 0), 0);
	assert_int_equal(test_slot(2, 64, 4, HVA(20), 0), 0);
	for (i = 0; i < 16; i++)
		expect_done(vcpu, i << 12, PFERR_WRITE, i);
	for (i = 0; i < 4; i++) {
		expect_done(vcpu, (32 + i) << 12, PFERR_WRITE, 8 + i);
		expect_done(vcpu, (64 + i) << 12, PFERR_WRITE, 20 + i);
	}
	assert_int_equal(test_mapped(), 24);
	calls = stat(test_vm, invalidations);
	flushes = stat(test_vm, tlb_flushes);

	host_invalidate(HVA(16), HVA(20));		/* the gap */
	assert_int_equal(stat(test_vm, invalidations), calls);
	host_invalidate(HVA(10), HVA(22));		/* all three, none of them in full */
	assert_int_equal(stat(test_vm, invalidations), calls + 3);
	assert_int_equal(test_mapped(), 24 - 6 - 2 - 2);
	assert_int_equal(stat(test_vm, tlb_flushes), flushes + 3);	/* each its own sptes' */
	for (i = 0; i < 16; i++)
		assert_int_equal(is_mapped(0, i), i < 10);
	for (i = 0; i < 4; i++) {
		assert_int_equal(is_mapped(1, 32 + i), i < 2);
		assert_int_equal(is_mapped(2, 64 + i), i >= 2);
	}
	host_invalidate(HVA(3) + 5, HVA(3) + 6);	/* a few bytes of one */
	assert_int_equal(stat(test_vm, invalidations), calls + 4);
	assert_int_equal(test_mapped(), 13);
	host_invalidate(0, ~0UL);
	assert_int_equal(test_mapped(), 0);
	expect_clean_audit(test_vm);
}

static void a_sequence_is_of_one_slot(void **state)
{
	struct mmu_notifier_range range;
	unsigned long seq[2];
	int i;

	(void)state;
	flat_guest();
	host_mmap(HVA(20), 4, true);
	assert_int_equal(test_slot(1, 64, 4, HVA(20), 0), 0);
	for (i = 0; i < 2; i++)
		seq[i] = retry_begin(test_vm, test_vm->memslots.slot[i]);
	assert_false(must_retry(0, seq[0]) || must_retry(1, seq[1]));
	range = section_start(3, 4);
	assert_true(must_retry(0, seq[0]));
	assert_false(must_retry(1, seq[1]));
	assert_int_equal(retry_begin(test_vm, test_vm->memslots.slot[1]), seq[1]);
	section_end(&range);
	assert_true(must_retry(0, seq[0]));
	assert_false(must_retry(1, seq[1]));
	seq[0] = retry_begin(test_vm, test_vm->memslots.slot[0]);
	assert_false(must_retry(0, seq[0]));
}

/* One flush for each slot that had something mapped. */
static void one_flush_serves_all_pages_of_a_slot(void **state)
{
	struct vcpu *vcpu = flat_guest();
	long flushes;
	int i;

	(void)state;
	for (i = 0; i < 16; i++)
		expect_done(vcpu, i << 12, PFERR_WRITE, i);
	flushes = stat(test_vm, tlb_flushes);
	host_ipis = 0;
	host_invalidate(HVA(0), HVA(16));
	assert_int_equal(test_mapped(), 0);
	assert_int_equal(stat(test_vm, tlb_flushes), flushes + 1);
	assert_int_equal(host_ipis, 1);
	assert_false(cpu_caches(vcpu, 0x3000));
}

/* ---- in the middle of a section ---- */

static void fault_on_gfn_3(void *data)
{
	gpa_t gpa;

	host_check(page_fault(data, 0x3000, PFERR_WRITE, &gpa) == FAULT_RESUME, "no page");
}

static void a_fault_in_a_section_waits_until_it_is_over(void **state)
{
	struct mmu_notifier_range range, other;

	(void)state;
	flat_guest();
	range = section_start(9, 10);			/* not its page, but its slot */
	other = section_start(40, 41);
	host_start_other(fault_on_gfn_3, test_vcpu[1]);
	assert_int_equal(host_others_go_on(), 1);
	section_end(&range);
	/* The kernel counts all sections as one. */
	assert_int_equal(host_others_go_on(), 1);
	assert_int_equal(test_mapped(), 0);
	section_end(&other);
	assert_int_equal(host_others_go_on(), 0);
	assert_int_equal(test_mapped(), 1);
	assert_int_equal(stat(test_vm, faults_retried), 0);
	expect_clean_audit(test_vm);
}

static void a_slot_that_comes_in_a_section_is_part_of_it(void **state)
{
	struct mmu_notifier_range range;
	int i;

	for (i = 0; i < 2; i++) {
		/* The section concerns slot 0 already, or nobody until now. */
		flat_guest();
		if (i)
			assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
		range = section_start(0, 16);
		assert_int_equal(test_slot(3, 3, i ? 4 : 0, HVA(3), 0), i ? 0 : -EINVAL);
		if (!i)
			assert_int_equal(test_slot(1, 32, 4, HVA(3), 0), 0);
		host_start_other(fault_on_gfn_3, test_vcpu[1]);
		assert_int_equal(test_mapped(), 0);
		section_end(&range);
		assert_int_equal(host_others_go_on(), 0);
		assert_int_equal(test_mapped(), 1);
		host_invalidate(HVA(3), HVA(4));
		assert_int_equal(test_mapped(), 0);
		expect_clean_audit(test_vm);
		test_teardown(state);
		test_setup(state);
	}
}

static void a_slot_that_goes_in_a_section_waits_for_its_end(void **state)
{
	struct mmu_notifier_range range;

	(void)state;
	flat_guest();
	range = section_start(3, 4);
	host_start_other(delete_0, NULL);
	assert_int_equal(host_others_go_on(), 1);
	assert_int_equal(host_intervals, 1);
	section_end(&range);
	assert_int_equal(host_others_go_on(), 0);
	assert_int_equal(host_intervals, 0);
}

#define LARGE 1024

static void fault_meanwhile(void *data)
{
	(void)data;
	host_start_other(fault_on_gfn_3, test_vcpu[1]);
	host_check(!stat(test_vm, faults_fixed) || test_mapped() == 1, "mapped meanwhile");
}

static void only_who_may_sleep_lets_others_at_the_lock(void **state)
{
	static const unsigned int flags[] = { 0, MMU_NOTIFIER_RANGE_BLOCKABLE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct mmu_notifier_range range = host_range(HVA(0), HVA(LARGE));

		test_memory(LARGE);
		audit_always = false;
		expect_done(test_vcpu[0], 0x3000, PFERR_WRITE, 3);
		expect_done(test_vcpu[0], 0x3f0000, PFERR_WRITE, 0x3f0);
		assert_int_equal(cpu_enter(test_vcpu[1]), 0);
		cpu_exit(test_vcpu[1]);
		range.flags = flags[i];
		host_resched = (struct host_hook){ fault_meanwhile };
		host_section_start(&range);
		assert_int_equal(!host_resched.run, !!flags[i]);
		host_resched.run = NULL;
		assert_int_equal(stat(test_vm, sptes_unmapped), 2);
		assert_int_equal(test_mapped(), 0);
		host_section_end(&range, false);
		assert_int_equal(host_others_go_on(), 0);
		assert_int_equal(test_mapped(), !!flags[i]);
		test_teardown(state);
		test_setup(state);
	}
}

/* exit: the last call of each interval, then release. Slots are still there, and go later. */
static void the_process_goes_first(void **state)
{
	struct vcpu *vcpu = flat_guest();
	struct test_access result;

	(void)state;
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	host_mm_exit();
	assert_true(test_vm->dead);
	assert_int_equal(test_mapped(), 0);
	assert_int_equal(host_intervals, 1);
	cpu_exit(vcpu);
	mmu_unload(vcpu);
	assert_int_equal(guest_access(vcpu, 0x3000, 0, &result), -EIO);
	test_free_vm();
	assert_int_equal(host_intervals, 0);
}

int interval_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_slot_is_registered_as_long_as_it_is_there),
		mmu_test(it_is_registered_before_anyone_can_find_it),
		mmu_test(and_until_nobody_has_it_any_more),
		mmu_test(a_call_takes_its_own_slot_and_no_other),
		mmu_test(a_sequence_is_of_one_slot),
		mmu_test(one_flush_serves_all_pages_of_a_slot),
		mmu_test(a_fault_in_a_section_waits_until_it_is_over),
		mmu_test(a_slot_that_comes_in_a_section_is_part_of_it),
		mmu_test(a_slot_that_goes_in_a_section_waits_for_its_end),
		mmu_test(only_who_may_sleep_lets_others_at_the_lock),
		mmu_test(the_process_goes_first),
	};

	if (!test_protocol_is("interval"))
		return 0;
	return cmocka_run_group_tests_name("interval", tests, NULL, NULL);
}

#else

int interval_tests(void)
{
	return 0;
}

#endif
