// SPDX-License-Identifier: GPL-2.0
/*
 * test_tlb.c - who is made to forget, when, and before what. The CPUs of the machine
 * forget nothing by themselves, and a page that one of them could still use is not
 * freed without a failure: code/host/cpu.c.
 */
#include "groups.h"
#include "harness.h"

#include <linux/mm.h>

#include "spte.h"
#include "tlb.h"

static void flush(void)
{
	spin_lock(&test_vm->mmu_lock);
	flush_remote_tlbs(test_vm);
	spin_unlock(&test_vm->mmu_lock);
}

static void all_are_asked_and_only_those_in_the_guest_are_kicked(void **state)
{
	unsigned int inside;
	int i, n;

	(void)state;
	test_memory(16);
	for (inside = 0; inside < 1 << TEST_VCPUS; inside++) {
		for (i = n = 0; i < TEST_VCPUS; i++) {
			expect_done(test_vcpu[i], 0x9000, 0, 9);
			if (inside >> i & 1)
				n++;
			else
				cpu_exit(test_vcpu[i]);
		}
		host_ipis = 0;
		flush();
		assert_int_equal(host_ipis, n);
		for (i = 0; i < TEST_VCPUS; i++) {
			bool in = inside >> i & 1;

			/* Who was inside has been out and in again, the others will do it. */
			assert_int_equal(cpu_caches(test_vcpu[i], 0x9000), !in);
			assert_int_equal(test_vcpu[i]->requests, in ? 0 : BIT(REQ_TLB_FLUSH));
			assert_int_equal(test_vcpu[i]->mode, in);
			assert_int_equal(cpu_enter(test_vcpu[i]), 0);
			assert_false(cpu_caches(test_vcpu[i], 0x9000));
		}
	}
	assert_int_equal(stat(test_vm, kicks), 12);
	assert_int_equal(stat(test_vm, tlb_flushes), 8);
}

static void a_slot_that_goes_makes_all_load_their_roots_again(void **state)
{
	int i;

	(void)state;
	test_memory(16);
	for (i = 0; i < TEST_VCPUS; i++)
		expect_done(test_vcpu[i], 0x9000, 0, 9);
	cpu_exit(test_vcpu[1]);
	spin_lock(&test_vm->mmu_lock);
	sync_all_vcpus(test_vm);
	spin_unlock(&test_vm->mmu_lock);
	for (i = 0; i < TEST_VCPUS; i++) {
		unsigned long loads = stat(test_vm, cr3_loads);

		assert_int_equal(test_vcpu[i]->mode, OUTSIDE_GUEST_MODE);
		assert_int_equal(cpu_enter(test_vcpu[i]), 0);
		assert_int_equal(stat(test_vm, cr3_loads), loads + 1);
	}
}

/* Frame 9 at two addresses: at 0x9000 through frame 2, a table for all vCPUs. */
static void paged_guest(void)
{
	int i;

	test_memory(16);
	gpa_poke32(0x1000, 0x2007);
	gpa_poke32(0x2024, 0x9007);
	for (i = 0; i < TEST_VCPUS; i++)
		test_set_mode(test_vcpu[i], test_mode_named("32-bit"), 0x1000);
}

/*
 * vCPU 0 flushes an address of its own; vCPU 1 has not flushed, and may use what it
 * has. But the spte is gone: when the host takes the page, only tlbs_dirty knows.
 */
static void the_flush_that_invlpg_owes_is_paid_when_a_page_goes(void **state)
{
	u64 pfn;

	(void)state;
	paged_guest();
	expect_done(test_vcpu[0], 0x9000, PFERR_WRITE, 9);
	expect_done(test_vcpu[1], 0x9000, PFERR_WRITE, 9);
	pfn = host_user_pfn(host_hva(9));
	gpa_poke32(0x2024, 0xa007);
	host_ipis = 0;
	guest_invlpg(test_vcpu[0], 0x9000);
	assert_int_equal(test_audit(test_vm).leaf_sptes, 0);
	if (IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER)) {
		/* Cheap: nobody else was disturbed. */
		assert_int_equal(host_ipis, 0);
		assert_true(cpu_caches(test_vcpu[1], 0x9000));
		assert_true(test_vm->tlbs_dirty);
	} else {
		/* The page may be gone at once: all had to be told. */
		assert_false(cpu_caches(test_vcpu[1], 0x9000));
	}
	assert_true(host_swap_out(host_hva(9)));
	assert_true(host_page_is_free(pfn));
	assert_false(cpu_caches(test_vcpu[1], 0x9000));
	assert_false(test_vm->tlbs_dirty);
}

static void an_invalidation_of_what_is_not_mapped_disturbs_nobody(void **state)
{
	(void)state;
	paged_guest();
	expect_done(test_vcpu[0], 0x9000, PFERR_WRITE, 9);
	gpa_poke(0xa000, 1);
	host_ipis = 0;
	assert_true(host_swap_out(host_hva(10)));
	assert_int_equal(host_ipis, 0);
	assert_true(cpu_caches(test_vcpu[0], 0x9000));
}

static void a_flush_that_is_lost_is_noticed_when_the_page_is_freed(void **state)
{
	struct page *page;

	(void)state;
	paged_guest();
	expect_done(test_vcpu[0], 0x9000, PFERR_WRITE, 9);
	expect_done(test_vcpu[1], 0x9000, PFERR_WRITE, 9);
	cpu_exit(test_vcpu[0]);
	page = pfn_to_page(host_user_pfn(host_hva(9)));
	host_lose_ipis = true;
	if (IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER)) {
		expect_failure(host_swap_out(host_hva(9)), "CPU 1 can still use it");
		host_locks_reset();	/* reclaim was in the middle of it */
		host_lose_ipis = false;
		flush();
		put_page(page);
	} else {
		assert_false(host_swap_out(host_hva(9)));	/* it is held */
		gpa_poke32(0x2024, 0);
		guest_invlpg(test_vcpu[0], 0x9000);
		host_lose_ipis = false;
		expect_failure(host_reclaim_cache(host_hva(9)), "CPU 1 can still use it");
		flush();
		put_page(page);
	}
}

static void free_in_use(const struct shadow_page *sp)
{
	expect_failure(free_page((unsigned long)sp->spt), "CPU 0 can still use it");
}

static void a_shadow_page_in_use_cannot_be_freed_unnoticed(void **state)
{
	struct shadow_page *sp;
	int n = 0;

	(void)state;
	paged_guest();
	expect_done(test_vcpu[0], 0x9000, PFERR_WRITE, 9);
	list_for_each_entry(sp, &test_vm->shadow.pages, link) {
		if (sp->role.quadrant)
			continue;	/* the CPU has not been there */
		free_in_use(sp);
		n++;
	}
	assert_int_equal(n, 2);		/* the directory's quarter and the table's half */
}

/* The entry is read-only for one CPU, then writable: the old translation never writes. */
static void write_protection_reaches_every_cpu(void **state)
{
	struct test_access result;

	(void)state;
	paged_guest();
	expect_done(test_vcpu[0], 0x9000, PFERR_WRITE, 9);
	expect_done(test_vcpu[1], 0x9000, PFERR_WRITE, 9);
	gpa_poke32(0x2024, 0x9065 & ~2);
	guest_invlpg(test_vcpu[0], 0x9000);
	assert_int_equal(guest_access(test_vcpu[0], 0x9000, PFERR_WRITE, &result),
			 ACCESS_INJECTED);
	test_load_cr3(test_vcpu[1], 0x1000);
	assert_int_equal(guest_access(test_vcpu[1], 0x9000, PFERR_WRITE, &result),
			 ACCESS_INJECTED);
}

int tlb_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(all_are_asked_and_only_those_in_the_guest_are_kicked),
		mmu_test(a_slot_that_goes_makes_all_load_their_roots_again),
		mmu_test(the_flush_that_invlpg_owes_is_paid_when_a_page_goes),
		mmu_test(an_invalidation_of_what_is_not_mapped_disturbs_nobody),
		mmu_test(a_flush_that_is_lost_is_noticed_when_the_page_is_freed),
		mmu_test(a_shadow_page_in_use_cannot_be_freed_unnoticed),
		mmu_test(write_protection_reaches_every_cpu),
	};

	return cmocka_run_group_tests_name("tlb", tests, NULL, NULL);
}
