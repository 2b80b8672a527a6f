// SPDX-License-Identifier: GPL-2.0
/*
 * test_notifier.c - the host's door: which sptes an invalidation takes, what the
 * guest finds afterwards, and the end of the process. What comes between the parts
 * of a fault is in test_window.c.
 */
#include "groups.h"
#include "harness.h"

#ifdef CONFIG_KVMSWAP_NOTIFIER

#include <linux/mm.h>
#include <linux/mmu_notifier.h>

#include "rmap.h"

#define HVA(n)	host_hva(n)

/* Which of the 16 frames are mapped, as bits. */
static unsigned int mapped(void)
{
	const struct memslot *slot = test_vm->memslots.slot[0];
	unsigned int bits = 0, i;

	for (i = 0; i < 16; i++)
		bits |= (gfn_to_rmap(slot, slot->base_gfn + i)->val ? 1U : 0) << i;
	return bits;
}

static void map_all(struct vcpu *vcpu)
{
	int i;

	for (i = 0; i < 16; i++)
		expect_done(vcpu, i << 12, PFERR_WRITE, i);
	assert_int_equal(mapped(), 0xffff);
}

static void a_range_takes_the_pages_it_touches_and_no_other(void **state)
{
	static const struct {
		unsigned long start, end;
		unsigned int gone;
	} cases[] = {
		{ 0x3000, 0x4000, BIT(3) },
		{ 0x3000, 0x3001, BIT(3) },
		{ 0x3fff, 0x4000, BIT(3) },
		{ 0x3fff, 0x4001, BIT(3) | BIT(4) },
		{ 0x3010, 0x3020, BIT(3) },
		{ 0x0000, 0x1000, BIT(0) },
		{ 0xf000, 0x10000, BIT(15) },
		{ 0xf000, 0x20000, BIT(15) },
		{ 0x10000, 0x20000, 0 },
		{ 0x2000, 0x9000, 0x1fc },
		{ 0x4000, 0x4000, 0 },
		{ -HOST_USER_BASE, 0x1000, BIT(0) },		/* from address 0 */
		{ -HOST_USER_BASE, -HOST_USER_BASE, 0 },
		{ 0x8000, 0x7ffffffff000 - HOST_USER_BASE, 0xff00 },
	};
	struct vcpu *vcpu = flat_guest();
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		long before = stat(test_vm, sptes_unmapped);

		map_all(vcpu);
		host_invalidate(HOST_USER_BASE + cases[i].start, HOST_USER_BASE + cases[i].end);
		host_check(mapped() == (~cases[i].gone & 0xffff), "case %u: mapped %#x", i,
			   mapped());
		assert_int_equal(stat(test_vm, sptes_unmapped) - before,
				 __builtin_popcount(cases[i].gone));
	}
}

static void all_slots_over_an_address_are_found(void **state)
{
	struct vcpu *vcpu = flat_guest();
	gfn_t gfn;

	(void)state;
	/* Pages 4 to 7 a second time at 0x100, and page 7 a third time at 0x200. */
	assert_int_equal(test_slot(1, 0x100, 4, HVA(4), 0), 0);
	assert_int_equal(test_slot(5, 0x200, 1, HVA(7), 0), 0);
	expect_done(vcpu, 7 << 12, PFERR_WRITE, 7);
	expect_done(vcpu, 0x103 << 12, PFERR_WRITE, 7);
	expect_done(vcpu, 0x200 << 12, 0, 7);
	expect_done(vcpu, 0x100 << 12, 0, 4);
	assert_true(host_swap_out(HVA(7)));
	assert_int_equal(stat(test_vm, sptes_unmapped), 3);
	assert_int_equal(test_audit(test_vm).leaf_sptes, 1);
	for (gfn = 0x103; gfn <= 0x200; gfn += 0xfd)
		expect_done(vcpu, gfn << 12, PFERR_WRITE, 7);
	expect_clean_audit(test_vm);
}

static void a_page_comes_back_with_what_was_in_it(void **state)
{
	struct vcpu *vcpu = flat_guest();
	struct test_access result;
	u64 *word;

	(void)state;
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	guest_access(vcpu, 0x3000, PFERR_WRITE, &result);
	word = __va(result.pfn << PAGE_SHIFT);
	*word = 0x1122334455667788;
	assert_true(host_swap_out(HVA(3)));
	assert_true(host_page_is_free(result.pfn));
	expect_done(vcpu, 0x3000, 0, 3);
	assert_int_equal(gpa_peek(0x3000), 0x1122334455667788);
	assert_true(host_replace(HVA(3)));
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_int_equal(gpa_peek(0x3000), 0x1122334455667788);
	host_dontneed(HVA(3), 1);
	expect_done(vcpu, 0x3000, 0, 3);
	assert_int_equal(gpa_peek(0x3000), 0);
	expect_clean_audit(test_vm);
}

static void what_the_guest_reads_is_replaced_when_the_host_writes(void **state)
{
	struct vcpu *vcpu = flat_guest();
	struct test_access result;

	(void)state;
	/* The zero page, then a page of its own. */
	assert_int_equal(guest_access(vcpu, 0x3000, 0, &result), ACCESS_DONE);
	assert_ptr_equal(pfn_to_page(result.pfn), host_zero_page());
	gpa_poke(0x3000, 7);
	expect_done(vcpu, 0x3000, 0, 3);
	/* Shared with a child: the guest's write makes a copy, the child keeps the old. */
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	guest_access(vcpu, 0x3000, PFERR_WRITE, &result);
	assert_true(host_write_protect(HVA(3)));
	expect_done(vcpu, 0x3000, 0, 3);
	get_page(pfn_to_page(result.pfn));
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_int_not_equal(host_user_pfn(HVA(3)), result.pfn);
	assert_int_equal(*(u64 *)__va(result.pfn << PAGE_SHIFT), 7);
	put_page(pfn_to_page(result.pfn));
	expect_clean_audit(test_vm);
}

/* ---- the end ---- */

static void after_release_the_vm_is_dead(void **state)
{
	struct vcpu *vcpu = flat_guest();
	struct test_access result;

	(void)state;
	map_all(vcpu);
	host_mm_exit();
	assert_true(test_vm->dead);
	assert_int_equal(mapped(), 0);
	assert_false(cpu_caches(vcpu, 0x3000));
	assert_int_equal(test_audit(test_vm).leaf_sptes, 0);
	cpu_exit(vcpu);
	mmu_unload(vcpu);
	assert_int_equal(guest_access(vcpu, 0x3000, 0, &result), -EIO);
	assert_int_equal(test_audit(test_vm).leaf_sptes, 0);
	/* The VM goes after the process: nothing of the process is touched. */
	host_mm.pte = NULL;
	host_mm.user = NULL;
	test_free_vm();
}

static void a_vm_that_goes_first_is_not_called_again(void **state)
{
	struct vcpu *vcpu = flat_guest();

	(void)state;
	map_all(vcpu);
	test_free_vm();
	assert_null(host_mm.notifier);
	host_swap_out(HVA(3));
	host_dontneed(HVA(0), 16);
	host_mm_exit();
}

/* A writable spte's page is dirty from the start: MADV_FREE looks before it calls. */
static void a_page_is_dirty_from_the_moment_it_may_be_written(void **state)
{
	struct vcpu *vcpu = flat_guest();

	(void)state;
	gpa_poke(0x3000, 1);
	expect_done(vcpu, 0x3000, 0, 3);
	assert_false(pfn_to_page(host_user_pfn(HVA(3)))->dirty);
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_true(pfn_to_page(host_user_pfn(HVA(3)))->dirty);
	/* And no spte holds it: the process does, alone. */
	assert_int_equal(pfn_to_page(host_user_pfn(HVA(3)))->refs, 1);
}

/* A part of the huge zero page, where the host's entry was split and nobody told. */
static void zeros_for_zeros_are_not_stale(void **state)
{
	static const struct {
		bool head, anon;
		u32 access;
		u64 word;
		long stale;
	} cases[] = {
		{ true, false, 0, 0, 0 }, { false, false, 0, 0, 1 },
		{ true, true, 0, 0, 1 }, { true, false, 0, 1, 1 },
		{ true, false, PFERR_WRITE, 0, 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct page *page = host_alloc_page();

		test_memory(16);
		page->head = cases[i].head;
		page->anon = cases[i].anon;
		*(u64 *)page_address(page) = cases[i].word;
		host_mm.pte[3].val = page_to_pfn(page) << PAGE_SHIFT | 3;
		expect_done(test_vcpu[0], 0x3000, cases[i].access, 3);
		get_page(host_zero_page());
		host_mm.pte[3].val = page_to_pfn(host_zero_page()) << PAGE_SHIFT | 1;
		assert_int_equal(test_audit(test_vm).stale_sptes, cases[i].stale);
		test_stale_allowed += cases[i].stale;
		host_invalidate(HVA(3), HVA(4));
		put_page(page);
		test_teardown(state);
		test_setup(state);
	}
}

int notifier_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(zeros_for_zeros_are_not_stale),
		mmu_test(a_range_takes_the_pages_it_touches_and_no_other),
		mmu_test(all_slots_over_an_address_are_found),
		mmu_test(a_page_comes_back_with_what_was_in_it),
		mmu_test(what_the_guest_reads_is_replaced_when_the_host_writes),
		mmu_test(after_release_the_vm_is_dead),
		mmu_test(a_vm_that_goes_first_is_not_called_again),
		mmu_test(a_page_is_dirty_from_the_moment_it_may_be_written),
	};

	return cmocka_run_group_tests_name("notifier", tests, NULL, NULL);
}

#else	/* chapters 2 and 3: pages are held instead */

#include <linux/mm.h>

static void a_mapped_page_is_held_and_stays_in_memory(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	u64 pfn;

	(void)state;
	test_memory(16);
	expect_done(vcpu, 0x3000, 0, 3);
	pfn = host_user_pfn(host_hva(3));
	assert_int_equal(pfn_to_page(pfn)->refs, 2);
	assert_int_equal(stat(test_vm, pages_pinned), 1);
	assert_false(host_swap_out(host_hva(3)));
	assert_false(host_reclaim_cache(host_hva(3)));
	assert_false(host_page_is_free(pfn));
	/* The process finds it where it was. */
	host_poke(host_hva(3), 1);
	assert_int_equal(host_user_pfn(host_hva(3)), pfn);
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_int_equal(pfn_to_page(pfn)->refs, 2);
	/* When the slot goes, so does the hold. */
	assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
	assert_int_equal(pfn_to_page(pfn)->refs, 1);
	assert_int_equal(stat(test_vm, pages_pinned), 0);
	assert_true(host_swap_out(host_hva(3)));
}

/* The process lets go of a page; it is free once the slot goes, and every CPU has been told. */
static void a_page_that_the_guest_alone_holds_is_freed_after_the_flush(void **state)
{
	u64 pfn;

	(void)state;
	test_memory(16);
	expect_done(test_vcpu[0], 0x3000, PFERR_WRITE, 3);
	expect_done(test_vcpu[1], 0x3000, PFERR_WRITE, 3);
	pfn = host_user_pfn(host_hva(3));
	host_dontneed(host_hva(3), 1);
	assert_int_equal(pfn_to_page(pfn)->refs, 1);
	assert_true(cpu_caches(test_vcpu[0], 0x3000) && cpu_caches(test_vcpu[1], 0x3000));
	assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
	assert_true(host_page_is_free(pfn));
}

int notifier_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_mapped_page_is_held_and_stays_in_memory),
		mmu_test(a_page_that_the_guest_alone_holds_is_freed_after_the_flush),
	};

	return cmocka_run_group_tests_name("notifier", tests, NULL, NULL);
}

#endif
