// SPDX-License-Identifier: GPL-2.0
/*
 * test_age.c - the host asks which pages are young: which accessed bits it finds, which
 * of them it clears, who must forget, and what the hardware does in the middle of it.
 */
#include "groups.h"
#include "harness.h"

#ifdef CONFIG_KVMSWAP_AGE

#include <linux/mm.h>

#include "gpte.h"
#include "hardware.h"
#include "rmap.h"
#include "spte.h"

#define HVA(n)	host_hva(n)

/* The only spte of a frame of slot @slot. */
static u64 *spte_of(int slot, gfn_t gfn)
{
	const struct rmap_head *rmapp = gfn_to_rmap(test_vm->memslots.slot[slot], gfn);
	u64 *sptep = rmap_next(rmapp, NULL);

	assert_non_null(sptep);
	assert_null(rmap_next(rmapp, sptep));
	return sptep;
}

/* Guest frame n, at the guest address n << 12, is mapped for pages 2 to 6; all are young. */
static struct vcpu *used_guest(void)
{
	int i;

	test_memory(16);
	for (i = 2; i <= 6; i++)
		expect_done(test_vcpu[0], i << 12, PFERR_WRITE, i);
	return test_vcpu[0];
}

static bool is_young(gfn_t gfn)
{
	return *spte_of(0, gfn) & SPTE_ACCESSED;
}

static void a_young_page_is_old_once_asked_until_it_is_used_again(void **state)
{
	struct vcpu *vcpu = used_guest();
	u64 was = *spte_of(0, 3);
	long flushes = stat(test_vm, tlb_flushes);

	(void)state;
	assert_true(cpu_caches(vcpu, 0x3000));
	assert_true(host_clear_flush_young(HVA(3)));
	assert_int_equal(*spte_of(0, 3), was & ~SPTE_ACCESSED);
	assert_int_equal(stat(test_vm, tlb_flushes), flushes + 1);
	assert_false(cpu_caches(vcpu, 0x3000));
	assert_int_equal(stat(test_vm, pages_aged), 1);

	/* Old already: nothing to clear, and nobody to interrupt. */
	assert_false(host_clear_flush_young(HVA(3)));
	assert_int_equal(stat(test_vm, tlb_flushes), flushes + 1);
	assert_int_equal(stat(test_vm, pages_aged), 1);
	assert_true(is_young(2) && is_young(4));

	expect_done(vcpu, 0x3000, 0, 3);
	assert_int_equal(*spte_of(0, 3), was);
	assert_true(host_clear_flush_young(HVA(3)));
	assert_int_equal(stat(test_vm, sptes_cleared), 0);
	expect_clean_audit(test_vm);
}

static void in_a_hurry_nobody_is_made_to_forget(void **state)
{
	struct vcpu *vcpu = used_guest();
	long flushes = stat(test_vm, tlb_flushes);

	(void)state;
	assert_true(host_clear_young(HVA(3), HVA(6)));
	assert_true(is_young(2) && is_young(6));
	assert_false(is_young(3) || is_young(4) || is_young(5));
	assert_int_equal(stat(test_vm, pages_aged), 3);
	assert_int_equal(stat(test_vm, tlb_flushes), flushes);
	assert_true(cpu_caches(vcpu, 0x3000));
	/* So this use goes unseen. */
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_false(host_clear_young(HVA(3), HVA(6)));
	/* A page that is old or not mapped does not hide one that is young. */
	assert_true(host_clear_young(HVA(5), HVA(16)));
	assert_false(is_young(6));
	assert_false(host_clear_young(HVA(3), HVA(16)));
	assert_int_equal(stat(test_vm, tlb_flushes), flushes);
}

static void to_test_is_not_to_clear(void **state)
{
	long flushes;

	(void)state;
	used_guest();
	flushes = stat(test_vm, tlb_flushes);
	assert_true(host_test_young(HVA(3)));
	assert_true(host_test_young(HVA(3) + 0xfff));
	assert_true(host_test_young(HVA(3)));
	assert_true(is_young(3));
	assert_int_equal(stat(test_vm, pages_aged), 0);
	assert_true(host_clear_young(HVA(3), HVA(4)));
	assert_false(host_test_young(HVA(3)));
	assert_true(host_test_young(HVA(4)));
	assert_false(host_test_young(HVA(9)));		/* not mapped */
	assert_false(host_test_young(HVA(16)));		/* of no slot */
	assert_int_equal(stat(test_vm, tlb_flushes), flushes);
}

/* One frame behind four entries of a 32-bit guest's table. */
static void all_sptes_of_a_frame_are_asked(void **state)
{
	const struct rmap_head *rmapp;
	u64 *sptep[4];
	int i, j;

	(void)state;
	test_memory(16);
	gpa_poke32(0x1000, 0x2000 | PWU);
	for (i = 0; i < 4; i++)
		gpa_poke32(0x2000 + i * 4, 0x5000 | PWU);
	test_set_mode(test_vcpu[0], test_mode_named("32-bit"), 0x1000);
	for (i = 0; i < 4; i++)
		expect_done(test_vcpu[0], i << 12, PFERR_WRITE, 5);
	rmapp = gfn_to_rmap(test_vm->memslots.slot[0], 5);
	for (i = 0, sptep[0] = NULL; i < 4; i++) {
		sptep[i] = rmap_next(rmapp, i ? sptep[i - 1] : NULL);
		assert_non_null(sptep[i]);
	}
	for (i = -1; i < 4; i++) {
		for (j = 0; j < 4; j++)
			*sptep[j] = (*sptep[j] & ~SPTE_ACCESSED) | (j == i ? SPTE_ACCESSED : 0);
		assert_int_equal(host_test_young(HVA(5)), i >= 0);
		assert_int_equal(host_clear_flush_young(HVA(5)), i >= 0);
		for (j = 0; j < 4; j++)
			assert_false(*sptep[j] & SPTE_ACCESSED);
	}
	/* All at once: each is cleared, though the first has said all there is to say. */
	for (j = 0; j < 4; j++)
		*sptep[j] |= SPTE_ACCESSED;
	assert_true(host_clear_young(HVA(5), HVA(6)));
	for (j = 0; j < 4; j++)
		assert_false(*sptep[j] & SPTE_ACCESSED);
}

/* Two frames of the guest are one page of the process. */
static void all_slots_over_a_page_are_asked(void **state)
{
	struct vcpu *vcpu = used_guest();
	unsigned int young;

	(void)state;
	assert_int_equal(test_slot(3, 0x100, 4, HVA(4), 0), 0);
	expect_done(vcpu, 0x101000, 0, 5);
	for (young = 0; young < 4; young++) {
		u64 *one = spte_of(0, 5), *two = spte_of(3, 0x101);

		*one = (*one & ~SPTE_ACCESSED) | (young & 1 ? SPTE_ACCESSED : 0);
		*two = (*two & ~SPTE_ACCESSED) | (young & 2 ? SPTE_ACCESSED : 0);
		assert_int_equal(host_test_young(HVA(5)), young != 0);
		assert_int_equal(host_clear_flush_young(HVA(5)), young != 0);
		assert_false((*one | *two) & SPTE_ACCESSED);
	}
}

static void without_ageing_no_page_is_young(void **state)
{
	struct vcpu *vcpu = used_guest();
	long flushes = stat(test_vm, tlb_flushes);

	(void)state;
	test_param(bool, "ageing") = false;
	assert_false(host_clear_flush_young(HVA(3)));
	assert_false(host_clear_young(HVA(2), HVA(6)));
	assert_false(host_test_young(HVA(3)));
	test_param(bool, "ageing") = true;
	assert_true(is_young(3));
	assert_true(cpu_caches(vcpu, 0x3000));
	assert_int_equal(stat(test_vm, tlb_flushes), flushes);
	assert_int_equal(stat(test_vm, pages_aged), 0);
	assert_true(host_clear_flush_young(HVA(3)));
}

/* An old page is mapped as before, and goes as any other. */
static void an_old_page_is_taken_back_like_any_other(void **state)
{
	struct vcpu *vcpu = used_guest();

	(void)state;
	gpa_poke(0x3008, 42);
	assert_true(host_clear_flush_young(HVA(3)));
	expect_clean_audit(test_vm);
	assert_true(host_swap_out(HVA(3)));
	assert_int_equal(stat(test_vm, sptes_unmapped), 1);
	assert_false(host_clear_flush_young(HVA(3)));
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_int_equal(gpa_peek(0x3008), 42);
	assert_true(host_test_young(HVA(3)));
}

static void what_the_hardware_sets_meanwhile_is_kept(void **state)
{
	bool young;
	u64 *sptep, was;

	(void)state;
	used_guest();
	audit_always = false;
	sptep = spte_of(0, 3);
	was = *sptep;
	hardware_start(sptep, SPTE_ACCESSED);
	young = host_clear_flush_young(HVA(3));
	assert_int_equal(hardware_stop(), 0);
	assert_true(young);
	assert_int_equal(*sptep & ~HARDWARE_BITS, was & ~HARDWARE_BITS & ~SPTE_ACCESSED);
	*sptep = was;
}

int age_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_young_page_is_old_once_asked_until_it_is_used_again),
		mmu_test(in_a_hurry_nobody_is_made_to_forget),
		mmu_test(to_test_is_not_to_clear),
		mmu_test(all_sptes_of_a_frame_are_asked),
		mmu_test(all_slots_over_a_page_are_asked),
		mmu_test(without_ageing_no_page_is_young),
		mmu_test(an_old_page_is_taken_back_like_any_other),
		mmu_test(what_the_hardware_sets_meanwhile_is_kept),
	};

	return cmocka_run_group_tests_name("age", tests, NULL, NULL);
}

#else

int age_tests(void)
{
	return 0;	/* nobody answers */
}

#endif
