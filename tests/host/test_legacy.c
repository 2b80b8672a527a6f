// SPDX-License-Identifier: GPL-2.0
/*
 * test_legacy.c - KVM_SET_MEMORY_REGION: slots whose memory the module maps itself. Until
 * it has, neither door finds them; when they go, so does the memory.
 */
#include "groups.h"
#include "harness.h"

#ifdef CONFIG_KVMSWAP_SLOT_TREE

#include <linux/mm.h>

/* How many pages the process has. */
static int user_pages(void)
{
	int i, n = 0;

	for (i = 0; i < HOST_USER_PAGES; i++)
		n += host_mm.user[i].mapped;
	return n;
}

static bool meanwhile;

static void in_the_middle(void *data)
{
	struct memslot *slot = test_vm->memslots.slot[2];
	struct test_access result;
	int slots;

	(void)data;
	assert_non_null(slot);
	assert_int_equal(slot->userspace_addr, 0);
	assert_int_equal(user_pages(), 0);
	slots = slots_read_lock(test_vm);
	assert_null(gfn_to_memslot(test_vm, 0x10));
	slots_read_unlock(test_vm, slots);
	assert_int_equal(guest_access(test_vcpu[0], 0x10000, PFERR_WRITE, &result), ACCESS_MMIO);
	spin_lock(&test_vm->mmu_lock);
	assert_null(next_slot_in_hva(test_vm, NULL, 0, ~0UL));
	spin_unlock(&test_vm->mmu_lock);
	/* Its address is 0 and its chains are not for address 0: nobody must look. */
	host_invalidate(0, 0x10000);
	host_invalidate(0, ~0UL << PAGE_SHIFT);
	assert_int_equal(host_intervals, 0);
	meanwhile = true;
}

static void a_slot_without_memory_is_found_by_nobody(void **state)
{
	(void)state;
	meanwhile = false;
	host_arm_pause(PAUSE_SLOT_MAPPING, in_the_middle, NULL);
	assert_int_equal(test_legacy_slot(2, 0x10, 8, 0), 0);
	assert_true(meanwhile);
	/* From now on it is a slot like any other. */
	assert_int_equal(user_pages(), 8);
	assert_int_equal(test_vm->memslots.slot[2]->userspace_addr, host_hva(0));
	expect_done(test_vcpu[0], 0x13000, PFERR_WRITE, 3);
	host_poke(host_hva(3) + 8, 5);
	assert_true(host_swap_out(host_hva(3)));
	assert_int_equal(stat(test_vm, sptes_unmapped), 1);
	expect_done(test_vcpu[0], 0x13000, 0, 3);
	expect_clean_audit(test_vm);
}

static void each_step_that_fails_is_taken_back(void **state)
{
	unsigned int nth;
	int err;

	for (nth = 1; ; nth++) {
		long objects;

		/* The tables of slots are made and grow once. */
		host_mmap(host_hva(0), 1, true);
		assert_int_equal(test_slot(0, 0, 1, host_hva(0), 0), 0);
		assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
		objects = host_objects;
		host_fail_allocation = nth;
		err = test_legacy_slot(2, 0x10, 8, 0);
		if (host_fail_allocation)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_null(test_vm->memslots.slot[2]);
		assert_int_equal(user_pages(), 1);
		assert_int_equal(host_intervals, 0);
		assert_int_equal(host_objects, objects);
		assert_int_equal(test_legacy_slot(2, 0x10, 8, 0), 0);
		expect_done(test_vcpu[0], 0x10000, PFERR_WRITE, 1);
		test_teardown(state);
		test_setup(state);
	}
	host_fail_allocation = 0;
	assert_int_equal(err, 0);
	assert_true(nth > 4);	/* the slot, its chains, mmap(), the index, at least */
}

/* More than the process has room for. */
static void memory_that_cannot_be_mapped_is_refused(void **state)
{
	(void)state;
	host_mmap(host_hva(1000), 1, true);
	assert_int_equal(test_legacy_slot(2, 0x10, 1500, 0), -ENOMEM);
	assert_null(test_vm->memslots.slot[2]);
	assert_int_equal(user_pages(), 1);
	assert_int_equal(test_legacy_slot(2, 0x10, 1000, 0), 0);
}

static void the_memory_goes_with_its_slot(void **state)
{
	struct test_access result;

	(void)state;
	assert_int_equal(test_legacy_slot(2, 0x10, 8, 0), 0);
	expect_done(test_vcpu[0], 0x13000, PFERR_WRITE, 3);
	assert_int_equal(test_legacy_slot(2, 0, 0, 0), 0);
	assert_int_equal(user_pages(), 0);
	assert_int_equal(guest_access(test_vcpu[0], 0x13000, 0, &result), ACCESS_MMIO);
	assert_int_equal(test_legacy_slot(2, 0, 0, 0), -EINVAL);

	/* By the other ioctl too; but memory that is the user's stays, by either. */
	assert_int_equal(test_legacy_slot(2, 0x10, 8, 0), 0);
	assert_int_equal(test_slot(2, 0, 0, 0, 0), 0);
	assert_int_equal(user_pages(), 0);
	host_mmap(host_hva(4), 4, true);
	assert_int_equal(test_slot(2, 0x10, 4, host_hva(4), 0), 0);
	assert_int_equal(test_legacy_slot(2, 0, 0, 0), 0);
	assert_int_equal(user_pages(), 4);
}

static void it_moves_and_is_logged_and_keeps_its_memory(void **state)
{
	struct kvm_dirty_log log = { .slot = 2, .dirty_bitmap = (void *)host_hva(100) };
	hva_t hva;

	(void)state;
	host_mmap(host_hva(100), 1, true);
	assert_int_equal(test_legacy_slot(2, 0x10, 8, 0), 0);
	hva = test_vm->memslots.slot[2]->userspace_addr;
	assert_int_equal(hva, host_hva(0));
	expect_done(test_vcpu[0], 0x13000, PFERR_WRITE, 3);
	host_poke(host_hva(3), 77);

	assert_int_equal(test_legacy_slot(2, 0x40, 8, 0), 0);			/* move */
	assert_int_equal(test_vm->memslots.slot[2]->userspace_addr, hva);
	assert_int_equal(user_pages(), 9);
	expect_done(test_vcpu[0], 0x43000, PFERR_WRITE, 3);
	assert_int_equal(host_peek(host_hva(3)), 77);

	assert_int_equal(test_legacy_slot(2, 0x40, 8, KVM_MEM_LOG_DIRTY_PAGES), 0);
	expect_done(test_vcpu[0], 0x45000, PFERR_WRITE, 5);
	assert_int_equal(get_dirty_log(test_vm, &log), 0);
	assert_int_equal(host_peek(host_hva(100)), BIT(5));
	assert_int_equal(test_legacy_slot(2, 0x40, 8, 0), 0);
	assert_int_equal(get_dirty_log(test_vm, &log), -ENOENT);

	assert_int_equal(test_legacy_slot(2, 0x40, 4, 0), -EINVAL);		/* smaller */
	assert_int_equal(test_slot(2, 0x40, 8, host_hva(100), 0), -EINVAL);	/* elsewhere */
	assert_int_equal(test_slot(2, 0x10, 8, hva, 0), 0);			/* a move again */
	assert_int_equal(test_slot(2, 0, 0, 0, 0), 0);
	assert_int_equal(user_pages(), 1);
}

static void who_unmaps_it_has_a_guest_without_memory(void **state)
{
	struct test_access result;

	(void)state;
	assert_int_equal(test_legacy_slot(2, 0x10, 8, 0), 0);
	expect_done(test_vcpu[0], 0x13000, PFERR_WRITE, 3);
	host_munmap(host_hva(0), 8);
	assert_int_equal(guest_access(test_vcpu[0], 0x13000, 0, &result), -EFAULT);
	expect_clean_audit(test_vm);
	assert_int_equal(test_legacy_slot(2, 0, 0, 0), 0);
}

static void a_vm_that_goes_leaves_the_memory_to_the_process(void **state)
{
	(void)state;
	assert_int_equal(test_legacy_slot(2, 0x10, 8, 0), 0);
	expect_done(test_vcpu[0], 0x13000, PFERR_WRITE, 3);
	test_free_vm();
	assert_int_equal(user_pages(), 8);
	host_munmap(host_hva(0), 8);
}

int legacy_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_slot_without_memory_is_found_by_nobody),
		mmu_test(each_step_that_fails_is_taken_back),
		mmu_test(memory_that_cannot_be_mapped_is_refused),
		mmu_test(the_memory_goes_with_its_slot),
		mmu_test(it_moves_and_is_logged_and_keeps_its_memory),
		mmu_test(who_unmaps_it_has_a_guest_without_memory),
		mmu_test(a_vm_that_goes_leaves_the_memory_to_the_process),
	};

	return cmocka_run_group_tests_name("legacy", tests, NULL, NULL);
}

#else

int legacy_tests(void)
{
	return 0;	/* vm.c answers -ENOTTY */
}

#endif
