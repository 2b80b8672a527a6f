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

static struct memslot *slot_0(void)
{
	return test_vm->memslots.slot[0];
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
	range = section_start(3, 6);
	assert_int_equal(test_vm->mmu_invalidate_in_progress, 1);
	during = retry_begin(test_vm, slot_0());
	assert_int_equal(refused(), PAGES(3, 6));
	/* Nothing has ended yet: the sequence has not moved. */
	assert_false(must_retry(2, before));
	assert_true(must_retry(3, before));
	section_end(&range);
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
	a = section_start(2, 4);
	b = section_start(8, 10);
	assert_int_equal(test_vm->mmu_invalidate_in_progress, 2);
	assert_int_equal(refused(), PAGES(2, 10));
	section_end(&a);
	assert_int_equal(refused(), PAGES(2, 10));
	c = section_start(0, 1);			/* before b has ended: it joins */
	assert_int_equal(refused(), PAGES(0, 10));
	section_end(&b);
	assert_int_equal(refused(), PAGES(0, 10));
	section_end(&c);
	assert_int_equal(refused(), 0);
	/* The next one begins anew. */
	a = section_start(12, 13);
	assert_int_equal(refused(), PAGES(12, 13));
	/* Nested, and ending the other way round. */
	b = section_start(12, 13);
	section_end(&a);
	assert_int_equal(refused(), PAGES(12, 13));
	section_end(&b);
	assert_int_equal(refused(), 0);
	assert_int_equal(test_vm->mmu_invalidate_in_progress, 0);
}

static void what_is_of_no_slot_concerns_nobody(void **state)
{
	struct mmu_notifier_range a, b;
	unsigned long before;

	(void)state;
	flat_guest();
	a = section_start(16, 40);
	assert_int_equal(refused(), 0);
	before = retry_begin(test_vm, slot_0());
	b = section_start(5, 6);
	assert_int_equal(refused(), PAGES(5, 6));
	section_end(&a);
	section_end(&b);
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
	range = section_start(5, 7);
	assert_int_equal(refused(), PAGES(5, 27));
	assert_int_equal(stat(test_vm, sptes_unmapped), 2);
	assert_int_equal(test_mapped(), 1);
	section_end(&range);
	/* The second slot alone. */
	assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
	assert_int_equal(test_slot(0, 0, 4, HVA(12), 0), 0);
	range = section_start(3, 6);
	assert_int_equal(refused(), PAGES(24, 26));
	section_end(&range);
}

static void a_fault_in_a_section_tries_again(void **state)
{
	struct mmu_notifier_range range;
	struct vcpu *vcpu = flat_guest();
	gpa_t gpa;

	(void)state;
	range = section_start(3, 4);
	assert_int_equal(page_fault(vcpu, 0x3000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(stat(test_vm, faults_retried), 1);
	assert_int_equal(test_mapped(), 0);
	expect_done(vcpu, 0x4000, PFERR_WRITE, 4);	/* beside it all is as ever */
	assert_int_equal(stat(test_vm, faults_retried), 1);
	section_end(&range);
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_int_equal(stat(test_vm, faults_retried), 1);
	expect_clean_audit(test_vm);
}

/* The whole section comes and goes between the fault's lookup and mmu_lock, elsewhere. */
static void elsewhere(void *data)
{
	struct mmu_notifier_range range = section_start(9, 10);

	(void)data;
	section_end(&range);
}

static struct mmu_notifier_range held;

static void elsewhere_and_not_over(void *data)
{
	(void)data;
	held = section_start(9, 10);
}

static void a_section_elsewhere_costs_a_retry_only_if_it_ends(void **state)
{
	struct vcpu *vcpu = flat_guest();
	gpa_t gpa;

	(void)state;
	host_arm_pause(PAUSE_FAULT_WINDOW, elsewhere_and_not_over, NULL);
	assert_int_equal(page_fault(vcpu, 0x3000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(test_mapped(), 1);
	section_end(&held);
	host_arm_pause(PAUSE_FAULT_WINDOW, elsewhere, NULL);
	assert_int_equal(page_fault(vcpu, 0x4000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(test_mapped(), 1);
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
	range = section_start(0, 16);
	assert_int_equal(test_mapped(), 0);
	assert_int_equal(stat(test_vm, sptes_unmapped), 16);
	assert_int_equal(stat(test_vm, tlb_flushes), flushes + 1);
	assert_int_equal(host_ipis, 2);
	for (i = 0; i < 16; i++)
		assert_false(cpu_caches(test_vcpu[0], i << 12) ||
			     cpu_caches(test_vcpu[1], i << 12));
	section_end(&range);
	/* Nothing mapped, nothing to flush; and the end never has anything. */
	host_invalidate(HVA(0), HVA(16));
	assert_int_equal(stat(test_vm, tlb_flushes), flushes + 1);
	assert_int_equal(stat(test_vm, invalidations), 2);
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
