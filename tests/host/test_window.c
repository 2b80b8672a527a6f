// SPDX-License-Identifier: GPL-2.0
/*
 * test_window.c - the race of the book: what comes in the window runs at the pause
 * point between the host's page lookup and mmu_lock, each time the same.
 *
 * Chapter 4 must fail there as the book says, and chapter 5 must not, nor chapter 8's
 * protocols.
 */
#include "groups.h"
#include "harness.h"

#ifdef CONFIG_KVMSWAP_NOTIFIER

#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "seqlock.h"

#define SEQLOCK	IS_ENABLED(CONFIG_KVMSWAP_SEQLOCK)
#define HVA(n)	host_hva(n)

static void swap_3(void *data)
{
	(void)data;
	host_swap_out(HVA(3));
}

static void dontneed_3(void *data)
{
	(void)data;
	host_dontneed(HVA(3), 1);
}

static void protect_3(void *data)
{
	(void)data;
	host_write_protect(HVA(3));
}

static void munmap_3(void *data)
{
	(void)data;
	host_munmap(HVA(3), 1);
}

static void swap_4(void *data)
{
	(void)data;
	host_swap_out(HVA(4));
}

static void swap_and_back(void *data)
{
	(void)data;
	host_swap_out(HVA(3));
	host_poke(HVA(3), 99);
}

static void an_invalidation_in_the_window(void **state)
{
	static const struct {
		const char *what;
		void (*run)(void *data);
		int outcome;	/* of the guest's access, where it is retried */
		int retries;
		bool stale;	/* where it is not */
	} cases[] = {
		{ "swap out", swap_3, ACCESS_DONE, 1, true },
		{ "discard", dontneed_3, ACCESS_DONE, 1, true },
		/* Twice: the lookup itself makes the copy, and invalidates the old page. */
		{ "fork", protect_3, ACCESS_DONE, 2, true },
		{ "unmap", munmap_3, -EFAULT, 1, true },
		{ "another page", swap_4, ACCESS_DONE, 1, false },
		/* The held page is found in the swap cache again: the luck of the seed. */
		{ "swap out and in", swap_and_back, ACCESS_DONE, 1, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct vcpu *vcpu = flat_guest();
		struct test_access result;
		struct test_audit audit;
		int outcome;
		gpa_t gpa;

		gpa_poke(0x3000, 1);
		gpa_poke(0x4000, 1);
		assert_int_equal(cpu_enter(vcpu), 0);
		cpu_exit(vcpu);
		host_arm_pause(PAUSE_FAULT_WINDOW, cases[i].run, NULL);
		assert_int_equal(page_fault(vcpu, 0x3000, PFERR_WRITE, &gpa), FAULT_RESUME);
		audit = test_audit(test_vm);
		host_check(audit.stale_sptes == (!SEQLOCK && cases[i].stale), "%s: %ld stale sptes",
			   cases[i].what, audit.stale_sptes);
		test_stale_allowed += audit.stale_sptes;
		if (SEQLOCK) {
			assert_int_equal(test_mapped(), 0);
			outcome = guest_access(vcpu, 0x3000, PFERR_WRITE, &result);
			host_check(outcome == cases[i].outcome, "%s: %d", cases[i].what, outcome);
			if (outcome == ACCESS_DONE)
				assert_int_equal(result.pfn, host_user_pfn(HVA(3)));
			assert_int_equal(stat(test_vm, faults_retried), cases[i].retries);
			expect_clean_audit(test_vm);
		}
		test_teardown(state);
		test_setup(state);
	}
}

/* ---- another vCPU's fault, while the host is in the middle of it ---- */

static long mapped_then;

static void fault_in_other(void *data)
{
	gpa_t gpa;

	host_check(page_fault(data, 0x3000, PFERR_WRITE, &gpa) == FAULT_RESUME, "no page");
	mapped_then = test_mapped();
}

static void fault_on_another_cpu(void *data)
{
	mapped_then = -1;
	host_start_other(fault_in_other, data);
}

static bool replace_in_section(void)
{
	return host_replace(HVA(3));
}

static bool swap_in_section(void)
{
	return host_swap_out(HVA(3));
}

static bool dontneed_in_section(void)
{
	host_dontneed(HVA(3), 1);
	return true;
}

static void a_fault_in_the_middle_of_what_the_host_does(void **state)
{
	static bool (*const actions[])(void) = {
		replace_in_section, swap_in_section, dontneed_in_section,
	};
	struct host_hook *const places[] = { &host_section_begun, &host_section_ends };
	bool range = test_protocol_is("range");
	unsigned int i;

	if (!SEQLOCK)
		return;
	for (i = 0; i < ARRAY_SIZE(actions) * 2; i++) {
		flat_guest();
		gpa_poke(0x3000, 1);
		expect_done(test_vcpu[0], 0x3000, PFERR_WRITE, 3);
		assert_int_equal(cpu_enter(test_vcpu[1]), 0);
		cpu_exit(test_vcpu[1]);
		*places[i & 1] = (struct host_hook){ fault_on_another_cpu, test_vcpu[1] };
		/* In vain, if the fault has brought the page back. */
		assert_true(actions[i / 2]() || (i & 1));
		assert_null(places[i & 1]->run);
		assert_int_equal(host_others_go_on(), 0);
		/* range: it comes again; interval: it has waited; seqlock: it went on at once. */
		assert_int_equal(mapped_then, !range);
		assert_int_equal(stat(test_vm, faults_retried), range);
		expect_clean_audit(test_vm);
		expect_done(test_vcpu[0], 0x3000, PFERR_WRITE, 3);
		expect_done(test_vcpu[1], 0x3000, PFERR_WRITE, 3);
		expect_clean_audit(test_vm);
		test_teardown(state);
		test_setup(state);
	}
}

#ifndef CONFIG_KVMSWAP_SEQLOCK
/* Where the stale spte of chapter 4 leads: the page is freed, and the guest has it. */
static void the_race_ends_in_a_page_used_after_it_was_freed(void **state)
{
	struct vcpu *vcpu = flat_guest();
	struct test_access result;
	u64 pfn;

	(void)state;
	gpa_poke(0x3000, 1);
	pfn = host_user_pfn(HVA(3));
	assert_int_equal(cpu_enter(vcpu), 0);
	host_arm_pause(PAUSE_FAULT_WINDOW, swap_3, NULL);
	assert_int_equal(guest_access(vcpu, 0x3000, PFERR_WRITE, &result), ACCESS_DONE);
	assert_int_equal(result.pfn, pfn);
	expect_failure(host_reclaim_cache(HVA(3)), "CPU 0 can still use it");
	/* And should the CPU forget it: nobody will ever call for this spte again. */
	cpu_exit(vcpu);
	vcpu->requests = BIT(REQ_TLB_FLUSH);
	put_page(pfn_to_page(pfn));
	assert_true(host_page_is_free(pfn));
	assert_int_equal(test_audit(test_vm).stale_sptes, 1);
	test_stale_allowed = 1;
	expect_failure(guest_access(vcpu, 0x3000, PFERR_WRITE, &result), "uses a free page");
}
#endif

#ifdef CONFIG_KVMSWAP_SEQLOCK
static void invalidate(void)
{
	struct mmu_notifier *mn = host_mm.notifier;

	mn->ops->invalidate_range_op(mn, &host_mm, HVA(3), HVA(4));
}

static void another_fault(void *data)
{
	(void)data;
	/* It would wait for us: that is what the seed's reader does. */
	read_seqbegin(&test_vm->mmu_notifier_invalidate_lock);
}

static void a_fault_waits_while_an_invalidation_is_under_way(void **state)
{
	struct vcpu *vcpu = flat_guest();
	struct memslot *slot = test_vm->memslots.slot[0];
	unsigned long seq;

	(void)state;
	if (!test_protocol_is("seqlock"))
		return;
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	seq = retry_begin(test_vm, slot);
	invalidate();
	spin_lock(&test_vm->mmu_lock);
	assert_true(retry_needed(test_vm, slot, 3, seq));
	assert_false(retry_needed(test_vm, slot, 3, seq + 2));
	spin_unlock(&test_vm->mmu_lock);

	host_arm_pause(PAUSE_INVALIDATE, another_fault, NULL);
	expect_failure(invalidate(), "spin for ever");
	/* The invalidation never ended: let it. */
	host_locks_reset();
	seqlock_init_vm(test_vm);
}
#endif

static void before_and_after_the_window_all_is_well(void **state)
{
	struct vcpu *vcpu = flat_guest();

	(void)state;
	gpa_poke(0x3000, 1);
	assert_true(host_swap_out(HVA(3)));		/* before */
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_true(host_swap_out(HVA(3)));		/* after */
	assert_int_equal(test_mapped(), 0);
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_int_equal(stat(test_vm, faults_retried), 0);
	assert_int_equal(stat(test_vm, sptes_unmapped), 1);
	expect_clean_audit(test_vm);
}

static void exit_in_the_window(void *data)
{
	(void)data;
	/* exit_mmap() without the pages: the fault holds the slots, not the mm. */
	host_mm.notifier->ops->release(host_mm.notifier, &host_mm);
}

static void a_fault_that_release_overtakes_maps_nothing(void **state)
{
	struct vcpu *vcpu = flat_guest();
	struct test_access result;

	(void)state;
	assert_int_equal(cpu_enter(vcpu), 0);
	host_arm_pause(PAUSE_FAULT_WINDOW, exit_in_the_window, NULL);
	assert_int_equal(guest_access(vcpu, 0x3000, 0, &result), -EIO);
	assert_int_equal(test_mapped(), 0);
	assert_int_equal(stat(test_vm, sptes_set), 0);
}

int window_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(an_invalidation_in_the_window),
#ifdef CONFIG_KVMSWAP_SEQLOCK
		mmu_test(a_fault_waits_while_an_invalidation_is_under_way),
#else
		mmu_test(the_race_ends_in_a_page_used_after_it_was_freed),
#endif
		mmu_test(a_fault_in_the_middle_of_what_the_host_does),
		mmu_test(before_and_after_the_window_all_is_well),
		mmu_test(a_fault_that_release_overtakes_maps_nothing),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}

#else

int window_tests(void)
{
	return 0;	/* nobody calls */
}

#endif
