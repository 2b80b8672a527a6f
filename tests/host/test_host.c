// SPDX-License-Identifier: GPL-2.0
/*
 * test_host.c - chapter 8: which protocol is taken, and where the old one is not sound:
 * mremap() as 6.1 has it, hugetlb memory as 6.12 has it. And memory that is broken.
 */
#include "groups.h"
#include "harness.h"

#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "rmap.h"

#define HVA(n)	host_hva(n)

/* ---- chapter 8: the load parameter ---- */

#ifdef CONFIG_KVMSWAP_RANGE
static void the_parameter_names_a_protocol(void **state)
{
	static const struct {
		const char *name;
		int ret;
		bool sound;
	} cases[] = {
		{ "seqlock", 0, !HOST_OLD_CALLS }, { "range", 0, true }, { "interval", 0, true },
		{ "", -EINVAL }, { "ranges", -EINVAL }, { "rang", -EINVAL }, { "RANGE", -EINVAL },
	};
	const char *now = protocol->name;
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		protocol = NULL;
		test_param(const char *, "protocol") = cases[i].name;
		host_log[0] = '\0';
		assert_int_equal(protocol_choose(), cases[i].ret);
		if (cases[i].ret) {
			assert_null(protocol);
			/* What was wrong, and what would be right. */
			assert_non_null(strstr(host_log, "seqlock, range and interval"));
			continue;
		}
		assert_string_equal(protocol->name, cases[i].name);
		assert_non_null(strstr(host_log, cases[i].name));
		assert_int_equal(!strstr(host_log, "not sound"), cases[i].sound);
	}
	test_protocol(now);
}

/* What each asks the host for: 6.12 takes no notifier that asks for both. */
static void a_protocol_asks_for_its_own_calls(void **state)
{
	const struct mmu_notifier_ops *ops = protocol_ops();

	(void)state;
	assert_int_equal(!!ops->invalidate_range_op, test_protocol_is("seqlock"));
	assert_int_equal(!!ops->invalidate_range_start, test_protocol_is("range"));
	assert_int_equal(!!ops->invalidate_range_end, test_protocol_is("range"));
	assert_true(ops->release && ops->clear_flush_young && ops->clear_young &&
		    ops->test_young);
}
#endif

/* ---- mremap() ---- */

#ifdef CONFIG_KVMSWAP_SEQLOCK
static struct {
	u64 pfn;
	bool mapped, freed;
} moved;

/* The entries have moved; the host has not said so yet, and takes the page at its new place. */
static void reclaim_the_moved_page(void *data)
{
	struct test_access result;
	struct vcpu *vcpu = data;

	moved.mapped = gfn_to_rmap(test_vm->memslots.slot[0], 3)->val;
	assert_int_equal(host_user_pfn(HVA(40)), moved.pfn);
	if (moved.mapped) {
		/* The guest has it where it was, and the process somewhere else. */
		assert_int_equal(guest_access(vcpu, 0x3000, PFERR_WRITE, &result), ACCESS_DONE);
		assert_int_equal(result.pfn, moved.pfn);
		/* The CPU is spared, or the machine would end the test here. */
		cpu_exit(vcpu);
		make_request(vcpu, REQ_TLB_FLUSH);
	}
	moved.freed = host_swap_out(HVA(40));
	assert_true(moved.freed && host_page_is_free(moved.pfn));
	moved.mapped = gfn_to_rmap(test_vm->memslots.slot[0], 3)->val;
	if (moved.mapped)
		expect_failure(guest_access(vcpu, 0x3000, PFERR_WRITE, &result),
			       "uses a free page");
	cpu_exit(vcpu);
	make_request(vcpu, REQ_TLB_FLUSH);
}

static void only_6_1s_seqlock_keeps_a_page_that_mremap_moves(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	struct test_access result;

	(void)state;
	test_memory(16);
	gpa_poke(0x3008, 33);
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	memset(&moved, 0, sizeof(moved));
	moved.pfn = host_user_pfn(HVA(3));
	host_section_ends = (struct host_hook){ reclaim_the_moved_page, vcpu };
	host_mremap(HVA(3), HVA(40), 1);
	assert_true(moved.freed);
	assert_int_equal(moved.mapped, HOST_OLD_CALLS && test_protocol_is("seqlock"));
	/* When the call comes after all, it is late, and all is well again. */
	assert_int_equal(test_audit(test_vm).leaf_sptes, 0);
	assert_int_equal(guest_access(vcpu, 0x3000, 0, &result), -EFAULT);
	assert_int_equal(host_peek(HVA(40) + 8), 33);
	expect_clean_audit(test_vm);
}

/* The faults of another vCPU meanwhile: the old place has nothing, the new is of no slot. */
static void a_moved_page_is_found_at_its_new_place(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];

	(void)state;
	test_memory(16);
	assert_int_equal(test_slot(1, 32, 4, HVA(40), 0), 0);
	gpa_poke(0x3008, 33);
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	host_mremap(HVA(3), HVA(40), 1);
	expect_done(vcpu, 0x20000, PFERR_WRITE, 40);
	assert_int_equal(host_peek(HVA(40) + 8), 33);
	expect_clean_audit(test_vm);
}
#endif

/* ---- hugetlb ---- */

static void hugetlb_memory_is_refused_where_calls_name_a_part_of_it(void **state)
{
	bool cut = !HOST_OLD_CALLS && IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER) &&
		   !test_protocol_is("range") && !test_protocol_is("interval");
	struct test_access result;
	struct page *page;

	(void)state;
	test_memory(16);
	gpa_poke(0x3000, 1);
	page = pfn_to_page(host_user_pfn(HVA(3)));
	page->hugetlb = true;
	host_log[0] = '\0';
	assert_int_equal(guest_access(test_vcpu[0], 0x3000, PFERR_WRITE, &result),
			 cut ? -EFAULT : ACCESS_DONE);
	assert_int_equal(!!strstr(host_log, "hugetlb"), cut);
	assert_int_equal(page->refs, IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER) ? 1 : 2);
	expect_done(test_vcpu[0], 0x4000, PFERR_WRITE, 4);
}

/* ---- broken memory ---- */

static void broken_memory_is_a_signal_for_the_thread(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	struct test_access result;
	gpa_t gpa;

	(void)state;
	test_memory(16);
	expect_done(vcpu, 0x4000, PFERR_WRITE, 4);
	host_munmap(HVA(3), 1);
	assert_int_equal(guest_access(vcpu, 0x3000, 0, &result), -EFAULT);
	assert_int_equal(host_task.sigbus_code, 0);	/* no memory is no broken memory */
	host_mmap(HVA(3), 1, true);
	host_mm.user[3].poisoned = true;
	cpu_exit(vcpu);
	assert_int_equal(page_fault(vcpu, 0x3123, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(host_task.sigbus_code, BUS_MCEERR_AR);
	assert_int_equal(host_task.sigbus_address, HVA(3));
	assert_int_equal(host_task.sigbus_shift, PAGE_SHIFT);
	assert_int_equal(stat(test_vm, sptes_set), 1);
	/* The process gives the guest another page there. */
	host_mm.user[3].poisoned = false;
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
}

int host_tests(void)
{
	const struct test_item tests[] = {
#ifdef CONFIG_KVMSWAP_RANGE
		mmu_test(the_parameter_names_a_protocol),
		mmu_test(a_protocol_asks_for_its_own_calls),
#endif
#ifdef CONFIG_KVMSWAP_SEQLOCK
		mmu_test(only_6_1s_seqlock_keeps_a_page_that_mremap_moves),
		mmu_test(a_moved_page_is_found_at_its_new_place),
#endif
		mmu_test(hugetlb_memory_is_refused_where_calls_name_a_part_of_it),
		mmu_test(broken_memory_is_a_signal_for_the_thread),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
