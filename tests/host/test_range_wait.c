// SPDX-License-Identifier: GPL-2.0
/*
 * test_range_wait.c - protocol=range: slot changes wait until no section is under way; and
 * large ranges, in which those who may sleep let others at mmu_lock.
 */
#include "groups.h"
#include "harness.h"

#ifdef CONFIG_KVMSWAP_RANGE

#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#define HVA(n)	host_hva(n)

static struct mmu_notifier_range held;

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
		a = section_start(5, 6);
		memcpy(was, test_vm->memslots.slot, sizeof(was));
		host_start_other(cases[i].change, NULL);
		b = section_start(40, 41);
		assert_int_equal(host_others_go_on(), 1);
		section_end(&a);
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
			assert_int_equal(test_mapped(), 0);
			assert_int_equal(page_fault(vcpu, 0x3000, 0, &gpa), FAULT_RESUME);
			assert_int_equal(test_mapped(), 0);
		}
		section_end(&b);
		assert_int_equal(host_others_go_on(), 0);
		if (cases[i].gfn)
			expect_done(vcpu, cases[i].gfn << PAGE_SHIFT, PFERR_WRITE, 5);
		expect_clean_audit(test_vm);
		test_teardown(state);
		test_setup(state);
	}
}

static int waits;

static void the_next_one_begins(void *data)
{
	(void)data;
	held = section_start(5, 6);
}

/* The section ends; and before who waits for that has mmu_lock again, another one begins. */
static void end_held(void *data)
{
	(void)data;
	section_end(&held);
	if (waits++)
		return;
	host_contends = (struct host_hook){ the_next_one_begins };
	host_contended = &test_vm->mmu_lock.dep;
}

/* The other way round: the test waits, and the host ends its section elsewhere. */
static void who_waits_looks_again_under_the_lock(void **state)
{
	(void)state;
	flat_guest();
	waits = 0;
	held = section_start(5, 6);
	host_waits = (struct host_hook){ end_held };
	assert_int_equal(test_slot(1, 24, 4, HVA(4), 0), 0);
	assert_int_equal(waits, 2);
	assert_int_equal(test_vm->mmu_invalidate_in_progress, 0);
	expect_done(test_vcpu[0], 25 << PAGE_SHIFT, PFERR_WRITE, 5);
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
		assert_int_equal(test_mapped(), !!flags[i]);
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
	held = section_start(3, 4);
	test_free_vm();
	section_end(&held);
}

int range_wait_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_slot_change_waits_until_no_section_is_under_way),
		mmu_test(who_waits_looks_again_under_the_lock),
		mmu_test(only_who_may_sleep_lets_others_at_the_lock),
		mmu_test(a_vm_may_go_in_the_middle_of_a_section),
	};

	if (!test_protocol_is("range"))
		return 0;
	return cmocka_run_group_tests_name("range, waiting", tests, NULL, NULL);
}

#else

int range_wait_tests(void)
{
	return 0;
}

#endif
