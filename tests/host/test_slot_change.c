// SPDX-License-Identifier: GPL-2.0
/*
 * test_slot_change.c - a slot changes while a fault looks at it. The fault is an SRCU
 * reader, and the change, on another CPU, waits for it with the new slot in place.
 */
#include "groups.h"
#include "harness.h"

#ifdef CONFIG_KVMSWAP_SLOT_TREE

#include <linux/mm.h>

#define HVA(n)	host_hva(n)

/* What another CPU does to slot 0; the slot has 16 pages from gfn 0 on. */
static void delete_it(void *data)
{
	(void)data;
	host_check(!test_slot(0, 0, 0, 0, 0), "the slot is not deleted");
}

static void move_it(void *data)
{
	(void)data;
	host_check(!test_slot(0, 32, 16, HVA(0), 0), "the slot is not moved");
}

static void move_it_by_one(void *data)
{
	(void)data;
	host_check(!test_slot(0, 1, 16, HVA(0), 0), "the slot is not moved");
}

static void log_it(void *data)
{
	(void)data;
	host_check(!test_slot(0, 0, 16, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), "no log");
}

static void log_it_no_longer(void *data)
{
	(void)data;
	host_check(!test_slot(0, 0, 16, HVA(0), 0), "still logged");
}

static void create_another(void *data)
{
	(void)data;
	host_check(!test_slot(1, 64, 8, HVA(16), 0), "no slot");
}

static void a_slot_that_was_found_stays_until_its_reader_is_done(void **state)
{
	struct memslot *slot;
	int slots, inner;

	(void)state;
	test_memory(16);
	slots = slots_read_lock(test_vm);
	slot = gfn_to_memslot(test_vm, 5);
	assert_ptr_equal(slot, test_vm->memslots.slot[0]);
	host_start_other(delete_it, NULL);
	/* It is out of all indexes, and still there for us. */
	assert_null(test_vm->memslots.slot[0]);
	assert_null(gfn_to_memslot(test_vm, 5));
	assert_int_equal(slot->npages, 16);
	spin_lock(&test_vm->mmu_lock);
	assert_true(slot_is_leaving(slot));
	assert_null(next_slot_in_hva(test_vm, NULL, 0, ~0UL));
	spin_unlock(&test_vm->mmu_lock);
	assert_int_equal(host_others_go_on(), 1);
	/* A reader inside of it makes no difference, one that is left makes none either. */
	inner = slots_read_lock(test_vm);
	slots_read_unlock(test_vm, inner);
	assert_int_equal(host_others_go_on(), 1);
	assert_int_equal(slot->base_gfn, 0);
	slots_read_unlock(test_vm, slots);
	assert_int_equal(host_others_go_on(), 0);
}

static void a_new_slot_is_found_at_once(void **state)
{
	struct memslot *slot;
	int slots;

	(void)state;
	test_memory(16);
	host_mmap(HVA(16), 8, true);
	slots = slots_read_lock(test_vm);
	assert_null(gfn_to_memslot(test_vm, 64));
	host_start_other(create_another, NULL);
	slot = gfn_to_memslot(test_vm, 64);
	assert_non_null(slot);
	assert_false(slot_is_leaving(slot));
	assert_ptr_equal(gfn_to_memslot(test_vm, 71), slot);
	slots_read_unlock(test_vm, slots);
	assert_int_equal(host_others_go_on(), 0);
	expect_done(test_vcpu[0], 64 << PAGE_SHIFT, PFERR_WRITE, 16);
	expect_clean_audit(test_vm);
}

static void change_in_the_window(void *data)
{
	host_start_other(data, NULL);
}

/* The fault has found the slot and its page; then the slot goes, and waits for the fault. */
static void a_fault_maps_nothing_of_a_slot_that_goes(void **state)
{
	static const struct {
		const char *what;
		void (*change)(void *data);
		gfn_t now;		/* of the page that was gfn 3; 0: nowhere */
		gfn_t at_3;		/* the page that is gfn 3 now; 0: none */
	} cases[] = {
		{ "delete", delete_it, 0, 0 },
		{ "move", move_it, 35, 0 },
		{ "move by one", move_it_by_one, 4, 2 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct test_access result;
		gpa_t gpa;

		test_memory(16);
		gpa_poke(0x3000, 1);
		expect_done(test_vcpu[0], 0x9000, PFERR_WRITE, 9);
		cpu_exit(test_vcpu[0]);
		host_arm_pause(PAUSE_FAULT_WINDOW, change_in_the_window, cases[i].change);
		assert_int_equal(page_fault(test_vcpu[0], 0x3000, PFERR_WRITE, &gpa),
				 FAULT_RESUME);
		host_check(stat(test_vm, faults_slot_moved) == 1 && !test_mapped(), "%s: mapped",
			   cases[i].what);
		assert_int_equal(host_others_go_on(), 0);
		expect_clean_audit(test_vm);
		/* The guest tries again, and finds what is there now. */
		if (cases[i].at_3)
			expect_done(test_vcpu[0], 0x3000, PFERR_WRITE, cases[i].at_3);
		else
			assert_int_equal(guest_access(test_vcpu[0], 0x3000, 0, &result),
					 ACCESS_MMIO);
		if (cases[i].now)
			expect_done(test_vcpu[0], cases[i].now << PAGE_SHIFT, 0, 3);
		assert_int_equal(stat(test_vm, faults_slot_moved), 1);
		expect_clean_audit(test_vm);
		test_teardown(state);
		test_setup(state);
	}
}

/* Logging begins in the window: what the fault lets the guest write is in the log. */
static void a_fault_that_meets_a_new_log_is_in_it(void **state)
{
	gpa_t gpa;

	(void)state;
	test_memory(16);
	assert_int_equal(cpu_enter(test_vcpu[0]), 0);
	cpu_exit(test_vcpu[0]);
	host_arm_pause(PAUSE_FAULT_WINDOW, change_in_the_window, log_it);
	assert_int_equal(page_fault(test_vcpu[0], 0x3000, PFERR_WRITE, &gpa), FAULT_RESUME);
	assert_int_equal(host_others_go_on(), 0);
	assert_int_equal(test_mapped(), 1);
	assert_int_equal(*test_vm->memslots.slot[0]->dirty_bitmap, BIT(3));
}

static void the_bitmap_stays_as_long_as_its_readers(void **state)
{
	unsigned long *bitmap;
	struct memslot *slot;
	int slots;

	(void)state;
	test_memory(16);
	log_it(NULL);
	slots = slots_read_lock(test_vm);
	slot = gfn_to_memslot(test_vm, 3);
	bitmap = READ_ONCE(slot->dirty_bitmap);	/* as mark_page_dirty() does */
	host_start_other(log_it_no_longer, NULL);
	assert_null(slot->dirty_bitmap);
	set_bit(3, bitmap);			/* and then it writes */
	mark_page_dirty(slot, 3);
	slots_read_unlock(test_vm, slots);
	assert_int_equal(host_others_go_on(), 0);
}

/* Once more on, for a writer that has read "off": its write is over before the ioctl is. */
static void who_did_not_see_the_log_is_waited_for(void **state)
{
	int slots;

	(void)state;
	test_memory(16);
	slots = slots_read_lock(test_vm);
	host_start_other(log_it, NULL);
	assert_int_equal(host_others_go_on(), 1);
	assert_int_equal(write_guest(test_vm, 0x5000, "x", 1), 0);
	slots_read_unlock(test_vm, slots);
	assert_int_equal(host_others_go_on(), 0);
	assert_int_equal(*test_vm->memslots.slot[0]->dirty_bitmap, BIT(5));
}

/* ---- while a large slot is unmapped, mmu_lock is let go of now and then ---- */

#define LARGE 1024

static void fault_on_page_1(void *data)
{
	gpa_t gpa;
	int ret;

	(void)data;
	ret = page_fault(test_vcpu[1], 0x1000, PFERR_WRITE, &gpa);
	assert_int_equal(ret, FAULT_RESUME);
	assert_int_equal(stat(test_vm, faults_slot_moved), 1);
	/* The host calls as well; the slot is still there for it. */
	assert_true(host_swap_out(HVA(600)));
}

static void a_slot_that_is_being_unmapped_is_not_mapped_again(void **state)
{
	static const bool move[] = { false, true };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(move); i++) {
		test_memory(LARGE);
		audit_always = false;
		expect_done(test_vcpu[0], 0x1000, PFERR_WRITE, 1);
		expect_done(test_vcpu[0], 600 << PAGE_SHIFT, PFERR_WRITE, 600);
		assert_int_equal(cpu_enter(test_vcpu[1]), 0);
		cpu_exit(test_vcpu[1]);
		host_resched = (struct host_hook){ fault_on_page_1 };
		assert_int_equal(test_slot(0, 2048, move[i] ? LARGE : 0, HVA(0), 0), 0);
		assert_null(host_resched.run);
		assert_int_equal(test_mapped(), 0);
		assert_int_equal(stat(test_vm, sptes_unmapped), 1);
		expect_clean_audit(test_vm);
		test_teardown(state);
		test_setup(state);
	}
}

static void write_page_1(void *data)
{
	gpa_t gpa;

	(void)data;
	assert_int_equal(page_fault(test_vcpu[1], 0x1000, PFERR_WRITE, &gpa), FAULT_RESUME);
}

/* A log is taken with breaks as well. */
static void what_is_written_while_a_log_is_taken_is_in_the_next(void **state)
{
	struct kvm_dirty_log log = { .dirty_bitmap = (void *)HVA(300) };

	(void)state;
	test_memory(LARGE);
	assert_int_equal(test_slot(0, 0, LARGE, HVA(0), KVM_MEM_LOG_DIRTY_PAGES), 0);
	expect_done(test_vcpu[0], 0x1000, PFERR_WRITE, 1);
	expect_done(test_vcpu[0], 600 << PAGE_SHIFT, PFERR_WRITE, 600);
	assert_int_equal(cpu_enter(test_vcpu[1]), 0);
	cpu_exit(test_vcpu[1]);
	host_resched = (struct host_hook){ write_page_1 };
	assert_int_equal(get_dirty_log(test_vm, &log), 0);
	assert_null(host_resched.run);
	assert_int_equal(gpa_peek(300 << PAGE_SHIFT), BIT(1));
	assert_int_equal(gpa_peek((300 << PAGE_SHIFT) + 600 / 64 * 8), BIT_ULL(600 % 64));

	assert_int_equal(get_dirty_log(test_vm, &log), 0);
	assert_int_equal(gpa_peek(300 << PAGE_SHIFT), BIT(1));
	assert_int_equal(gpa_peek((300 << PAGE_SHIFT) + 600 / 64 * 8), 0);
	expect_clean_audit(test_vm);
}

int slot_change_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_slot_that_was_found_stays_until_its_reader_is_done),
		mmu_test(a_new_slot_is_found_at_once),
		mmu_test(a_fault_maps_nothing_of_a_slot_that_goes),
		mmu_test(a_fault_that_meets_a_new_log_is_in_it),
		mmu_test(the_bitmap_stays_as_long_as_its_readers),
		mmu_test(who_did_not_see_the_log_is_waited_for),
		mmu_test(a_slot_that_is_being_unmapped_is_not_mapped_again),
		mmu_test(what_is_written_while_a_log_is_taken_is_in_the_next),
	};

	return cmocka_run_group_tests_name("slot changes", tests, NULL, NULL);
}

#else

int slot_change_tests(void)
{
	return 0;	/* a fault keeps every change waiting */
}

#endif
