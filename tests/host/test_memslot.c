// SPDX-License-Identifier: GPL-2.0
/*
 * test_memslot.c - what KVM_SET_USER_MEMORY_REGION takes and refuses, and where
 * gfn_to_hva() leads at the edges.
 */
#include "groups.h"
#include "harness.h"

#include <linux/mm.h>

#define BASE		HOST_USER_BASE
#define GPA_TOP		(~0ULL << PAGE_SHIFT)

static int region(u32 slot, u64 gpa, u64 size, u64 hva, u32 flags)
{
	struct kvm_userspace_memory_region mem = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = hva,
	};

	return set_memory_region(test_vm, &mem, false);
}

static void numbers_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *what;
		u32 slot;
		u64 gpa, size, hva;
		u32 flags;
		int ret;
	} cases[] = {
		{ "gpa not aligned", 0, 0x800, 0x1000, BASE, 0, -EINVAL },
		{ "size not aligned", 0, 0, 0x1800, BASE, 0, -EINVAL },
		{ "hva not aligned", 0, 0, 0x1000, BASE + 8, 0, -EINVAL },
		{ "slot number too high", KVMSWAP_MAX_SLOTS, 0, 0x1000, BASE, 0, -EINVAL },
		{ "highest slot number", ~0U, 0, 0x1000, BASE, 0, -EINVAL },
		{ "unknown flag", 0, 0, 0x1000, BASE, 1 << 5, -EINVAL },
		{ "read-only slot", 0, 0, 0x1000, BASE, KVM_MEM_READONLY, -EINVAL },
		{ "gpa wraps", 0, GPA_TOP, 0x2000, BASE, 0, -EINVAL },
		{ "gpa wraps to 0", 0, GPA_TOP, 0x1000, BASE, 0, -EINVAL },
		{ "huge", 0, 0, 1ULL << 44, BASE, 0, -EINVAL },
		{ "size wraps", 0, 0x1000, GPA_TOP, BASE, 0, -EINVAL },
		{ "hva in the kernel", 0, 0, 0x1000, 0xffff800000000000, 0, -EINVAL },
		{ "hva into the kernel", 0, 0, 0x2000, 0x7ffffffff000 - 0x1000, 0, -EINVAL },
		{ "delete what is not there", 3, 0, 0, BASE, 0, -EINVAL },
		{ "a gap in the numbers", KVMSWAP_MAX_SLOTS - 1, 0, 0x1000, BASE, 0, 0 },
		{ "the last page of the gpa space but one", 0, GPA_TOP - 0x1000, 0x1000, BASE, 0,
		  0 },
		{ "hva up to the last page", 1, 0x100000, 0x1000, 0x7ffffffff000 - 0x1000, 0, 0 },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		int ret = region(cases[i].slot, cases[i].gpa, cases[i].size, cases[i].hva,
				 cases[i].flags);

		if (ret != cases[i].ret)
			fail_msg("%s: %d, not %d", cases[i].what, ret, cases[i].ret);
	}
}

static void the_largest_slot_is_tried_and_runs_out_of_memory(void **state)
{
	u64 size = ((1ULL << 31) - 1) << PAGE_SHIFT;

	(void)state;
	/* Chapter 2 has nothing to allocate for a slot, later ones 16 GiB of chains. */
	assert_int_equal(region(0, 0, size, 0, 0), IS_ENABLED(CONFIG_KVMSWAP_RMAP) ? -ENOMEM : 0);
	assert_int_equal(region(1, 0, size + PAGE_SIZE, 0, 0), -EINVAL);
}

static void slots_never_overlap(void **state)
{
	/* Slot 0 has the frames 16 to 31. */
	static const struct {
		gfn_t gfn;
		u64 npages;
		int ret;
	} cases[] = {
		{ 0, 16, 0 }, { 32, 16, 0 }, { 16, 16, -EEXIST }, { 0, 17, -EEXIST },
		{ 31, 1, -EEXIST }, { 20, 2, -EEXIST }, { 0, 64, -EEXIST }, { 32, 1, 0 },
		{ 15, 1, 0 }, { 15, 2, -EEXIST },
	};
	unsigned int i;

	(void)state;
	assert_int_equal(test_slot(0, 16, 16, BASE, 0), 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		int ret = test_slot(1, cases[i].gfn, cases[i].npages, BASE, 0);

		assert_int_equal(ret, cases[i].ret);
		if (!ret)
			assert_int_equal(test_slot(1, 0, 0, 0, 0), 0);
	}
	/* A move may overlap where the slot itself was, and no other. */
	assert_int_equal(test_slot(1, 64, 16, BASE, 0), 0);
	assert_int_equal(test_slot(1, 20, 16, BASE, 0), -EEXIST);
	assert_int_equal(test_slot(1, 56, 16, BASE, 0), 0);
}

static void gfn_to_hva_knows_its_edges(void **state)
{
	static const struct {
		gfn_t gfn;
		hva_t hva;	/* 0: no memory */
	} cases[] = {
		{ 15, 0 }, { 16, BASE }, { 17, BASE + 0x1000 }, { 31, BASE + 0xf000 },
		{ 32, BASE + 0x100000 }, { 33, 0 }, { 0, 0 }, { ~0ULL, 0 }, { ~0ULL >> 12, 0 },
	};
	unsigned int i;
	int slots;

	(void)state;
	assert_int_equal(test_slot(0, 16, 16, BASE, 0), 0);
	assert_int_equal(test_slot(7, 32, 1, BASE + 0x100000, 0), 0);
	slots = slots_read_lock(test_vm);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		hva_t hva = 1;
		int ret = gfn_to_hva(test_vm, cases[i].gfn, &hva);

		if (cases[i].hva) {
			assert_int_equal(ret, 0);
			assert_int_equal(hva, cases[i].hva);
		} else {
			assert_int_equal(ret, -EFAULT);
		}
	}
	slots_read_unlock(test_vm, slots);
}

static void only_place_and_flags_of_a_slot_may_change(void **state)
{
	(void)state;
	host_mmap(BASE, 32, true);
	assert_int_equal(test_slot(0, 0, 16, BASE, 0), 0);
	assert_int_equal(test_slot(0, 0, 8, BASE, 0), -EINVAL);
	assert_int_equal(test_slot(0, 0, 16, BASE + PAGE_SIZE, 0), -EINVAL);
	assert_int_equal(test_slot(0, 0, 16, BASE, 0), 0);
	assert_int_equal(test_slot(0, 4, 16, BASE, 0), 0);
	assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
	assert_int_equal(test_slot(0, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(test_slot(0, 0, 8, BASE + PAGE_SIZE, 0), 0);
}

static void what_was_mapped_of_a_slot_goes_with_it(void **state)
{
	struct vcpu *vcpu = test_vcpu[0], *other = test_vcpu[1];
	struct test_access result;
	u64 gpa;

	(void)state;
	test_memory(16);
	for (gpa = 0; gpa < 16 << PAGE_SHIFT; gpa += PAGE_SIZE) {
		expect_done(vcpu, gpa, PFERR_WRITE, gpa >> PAGE_SHIFT);
		expect_done(other, gpa, 0, gpa >> PAGE_SHIFT);
	}
	assert_int_equal(test_audit(test_vm).leaf_sptes, 16);

	/* Move it by 32 pages: the guest finds it there, and nothing at the old place. */
	assert_int_equal(test_slot(0, 32, 16, BASE, 0), 0);
	assert_int_equal(test_audit(test_vm).leaf_sptes, 0);
	assert_int_equal(guest_access(vcpu, 0x3000, 0, &result), ACCESS_MMIO);
	assert_int_equal(result.gpa, 0x3000);
	expect_done(vcpu, 35 << PAGE_SHIFT, 0, 3);
	assert_int_equal(guest_access(other, 0x3000, 0, &result), ACCESS_MMIO);

	assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
	assert_int_equal(guest_access(vcpu, 35 << PAGE_SHIFT, 0, &result), ACCESS_MMIO);
	assert_int_equal(guest_access(other, 35 << PAGE_SHIFT, 0, &result), ACCESS_MMIO);
	expect_clean_audit(test_vm);
}

/* A page of a file: the host has written it back, and the guest writes on through its spte. */
static void a_page_that_an_spte_holds_is_dirty_when_it_goes(void **state)
{
	struct vcpu *vcpu = flat_guest();
	struct page *page;

	(void)state;
	if (IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER))
		return;		/* no spte holds one */
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	page = pfn_to_page(host_user_pfn(host_hva(3)));
	page->dirty = false;
	assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
	assert_true(page->dirty);
}

#ifdef CONFIG_KVMSWAP_RMAP
static u64 dirty_log(void)
{
	struct kvm_dirty_log log = { .slot = 0, .dirty_bitmap = (void *)host_hva(100) };

	assert_int_equal(get_dirty_log(test_vm, &log), 0);
	return host_peek(host_hva(100));
}

static void the_dirty_log_has_each_page_once_per_write(void **state)
{
	struct kvm_dirty_log log = { .slot = KVMSWAP_MAX_SLOTS };
	struct vcpu *vcpu = test_vcpu[0], *other = test_vcpu[1];
	int slots;

	(void)state;
	test_memory(32);
	host_mmap(host_hva(100), 1, true);
	assert_int_equal(get_dirty_log(test_vm, &log), -EINVAL);
	log.slot = 0;
	assert_int_equal(get_dirty_log(test_vm, &log), -ENOENT);
	expect_done(vcpu, 0x1000, PFERR_WRITE, 1);

	/* Page 1 is writable when logging starts: it must be seen all the same. */
	assert_int_equal(test_slot(0, 0, 32, BASE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	assert_int_equal(dirty_log(), 0);
	expect_done(vcpu, 0x1000, PFERR_WRITE, 1);
	expect_done(other, 0x1000, PFERR_WRITE, 1);
	expect_done(other, 0x4000, 0, 4);
	expect_done(other, 0x5000, PFERR_WRITE, 5);
	assert_int_equal(dirty_log(), BIT(1) | BIT(5));
	assert_int_equal(dirty_log(), 0);

	/* Both CPUs know page 5 as writable, unless they were made to forget it. */
	expect_done(other, 0x5000, PFERR_WRITE, 5);
	expect_done(vcpu, 0x1f000, PFERR_WRITE, 31);
	slots = slots_read_lock(test_vm);
	assert_int_equal(write_guest(test_vm, 0x7ff8, "0123456789abcdef", 16), 0);
	slots_read_unlock(test_vm, slots);

	/* No room for the answer: nothing is lost. */
	log.dirty_bitmap = (void *)host_hva(200);
	assert_int_equal(get_dirty_log(test_vm, &log), -EFAULT);
	assert_int_equal(dirty_log(), BIT(5) | BIT(31) | BIT(7) | BIT(8));

	/* So is a table whose A or D bit the walk sets. */
	gpa_poke32(0xa000, 0xb007);
	gpa_poke32(0xb000, 0xc067);
	test_set_mode(vcpu, test_mode_named("32-bit"), 0xa000);
	expect_done(vcpu, 0, 0, 12);
	assert_int_equal(dirty_log(), BIT(10));
	test_set_mode(vcpu, test_mode_named("no paging"), 0);

	/* Moved while logged: the log moves along. Then no longer logged. */
	expect_done(vcpu, 0x3000, PFERR_WRITE, 3);
	assert_int_equal(test_slot(0, 64, 32, BASE, KVM_MEM_LOG_DIRTY_PAGES), 0);
	expect_done(vcpu, 66 << PAGE_SHIFT, PFERR_WRITE, 2);
	assert_int_equal(dirty_log(), BIT(2) | BIT(3));
	assert_int_equal(test_slot(0, 64, 32, BASE, 0), 0);
	assert_int_equal(get_dirty_log(test_vm, &log), -ENOENT);
	expect_clean_audit(test_vm);
}
#else
static void without_rmaps_there_is_no_dirty_log(void **state)
{
	(void)state;
	assert_int_equal(test_slot(0, 0, 16, BASE, KVM_MEM_LOG_DIRTY_PAGES), -EINVAL);
}
#endif

static void guest_memory_is_copied_across_pages_and_slots(void **state)
{
	char text[] = "across two slots", back[sizeof(text)];
	int slots;

	(void)state;
	host_mmap(BASE, 4, true);
	assert_int_equal(test_slot(0, 0, 1, BASE, 0), 0);
	assert_int_equal(test_slot(1, 1, 1, BASE + 2 * PAGE_SIZE, 0), 0);
	slots = slots_read_lock(test_vm);
	assert_int_equal(write_guest(test_vm, PAGE_SIZE - 5, text, sizeof(text)), 0);
	assert_true(host_swap_out(BASE));
	assert_int_equal(read_guest(test_vm, PAGE_SIZE - 5, back, sizeof(back)), 0);
	assert_string_equal(back, text);
	assert_int_equal(read_guest(test_vm, 2 * PAGE_SIZE - 5, back, 6), -EFAULT);
	assert_int_equal(read_guest(test_vm, 2 * PAGE_SIZE - 6, back, 6), 0);
	host_munmap(BASE, 1);
	assert_int_equal(read_guest(test_vm, 0, back, 1), -EFAULT);
	host_mprotect(BASE + 2 * PAGE_SIZE, 1, false);
	assert_int_equal(write_guest(test_vm, PAGE_SIZE, back, 1), -EFAULT);
	slots_read_unlock(test_vm, slots);
}

int memslot_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(numbers_that_make_no_sense_are_refused),
		mmu_test(the_largest_slot_is_tried_and_runs_out_of_memory),
		mmu_test(slots_never_overlap),
		mmu_test(gfn_to_hva_knows_its_edges),
		mmu_test(only_place_and_flags_of_a_slot_may_change),
		mmu_test(what_was_mapped_of_a_slot_goes_with_it),
		mmu_test(a_page_that_an_spte_holds_is_dirty_when_it_goes),
#ifdef CONFIG_KVMSWAP_RMAP
		mmu_test(the_dirty_log_has_each_page_once_per_write),
#else
		mmu_test(without_rmaps_there_is_no_dirty_log),
#endif
		mmu_test(guest_memory_is_copied_across_pages_and_slots),
	};

	return cmocka_run_group_tests_name("memslot", tests, NULL, NULL);
}
