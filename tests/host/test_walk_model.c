// SPDX-License-Identifier: GPL-2.0
/*
 * test_walk_model.c - the walk of the guest's tables against the model: all bits of
 * all entries, and random tables. Result, error code, and all of memory afterwards:
 * A and D bits are set as they should be, and nothing else is.
 */
#include "gpte.h"
#include "groups.h"
#include "harness.h"
#include "memory.h"

/* One access, walked by walk.c and by the model: result, error code, A and D bits. */
static bool compare(struct vcpu *vcpu, gva_t gva, u32 access, struct memory_picture *picture)
{
	struct model_result expected = memory_walk(picture, vcpu, gva, access);
	struct guest_fault fault = { 0 };
	struct guest_walk w;
	int slots, ret;
	u64 gpa;

	slots = slots_read_lock(test_vm);
	ret = walk_guest(vcpu, gva, access, &w, &fault);
	slots_read_unlock(test_vm, slots);
	host_check(ret == expected.fault, "gva %#lx access %#x: walk %d, model %d", gva, access,
		   ret, expected.fault);
	if (ret)
		host_check(fault.error_code == expected.error && fault.address == gva,
			   "gva %#lx access %#x: error code %#x, model %#x", gva, access,
			   fault.error_code, expected.error);
	else
		host_check(w.gfn == expected.gpa >> PAGE_SHIFT, "gva %#lx: gfn %#llx, model %#llx",
			   gva, w.gfn, expected.gpa >> PAGE_SHIFT);
	host_check(!memory_differs(picture, &gpa), "gva %#lx access %#x: memory at %#llx differs",
		   gva, access, gpa);
	return !ret;
}

static void every_bit_of_every_entry_is_as_in_the_model(void **state)
{
	static struct memory_picture picture;
	struct vcpu *vcpu = test_vcpu[0];
	unsigned int m, level, bit, access, ok = 0, faults = 0;

	(void)state;
	test_memory(MEMORY_PAGES);
	for (m = 1; m < nr_test_modes; m++) {
		const struct test_mode *mode = &test_modes[m];
		unsigned int levels = mode->long_mode ? 4 : 2, size = mode->pae ? 8 : 4;

		for (level = 1; level <= levels; level++) {
			/* Each bit of a small entry, then of a large one. */
			for (bit = 0; bit < size * 8 * (level == 2 || level == 3 ? 2 : 1); bit++) {
				/* Frame 4 is the top table, 1 the last; 8 is the page. */
				u64 i, odd = (level > 1 ? level - 1 : 8) << 12 | P | W | U;

				for (i = 1; i <= 4; i++) {
					u64 entry = (i > 1 ? i - 1 : 8) << 12 | P | W | U;

					gpa_poke(i << 12, entry);
				}
				if (bit >= size * 8)
					odd = P | W | U | PS;
				odd ^= 1ULL << bit % (size * 8);
				gpa_poke(level << 12, odd);
				gpa_poke(0x5000, 0x2000 | P);
				vcpu->has_gbpages = bit & 1;
				test_set_mode(vcpu, mode, mode->long_mode ? 0x4000 :
					      mode->pae ? 0x5000 : 0x2000);
				for (access = 0; access < 32; access += 2) {
					if (access & PFERR_RSVD || (access & 0x12) == 0x12)
						continue;
					memory_take(&picture);
					if (compare(vcpu, 0x123, access, &picture))
						ok++;
					else
						faults++;
				}
			}
		}
	}
	print_message("%u walks: %u found their page, %u faulted\n", ok + faults, ok, faults);
	assert_true(ok > 1000 && faults > 1000);
}

static void random_tables_are_walked_as_the_model_does(void **state)
{
	static struct memory_picture picture;
	struct vcpu *vcpu = test_vcpu[0];
	unsigned int m, round, i, ok = 0, faults = 0;

	(void)state;
	test_memory(MEMORY_PAGES);
	for (m = 0; m < nr_test_modes; m++) {
		for (round = 0; round < 4; round++) {
			test_seed(m * 100 + round + 1);
			memory_fill_random(&test_modes[m]);
			memory_take(&picture);
			vcpu->maxphyaddr = 36 + test_below(13);
			for (i = 0; i < 500; i++) {
				if (i % 16 == 0) {
					vcpu->has_gbpages = test_below(2);
					test_set_mode(vcpu, &test_modes[m],
						      test_below(MEMORY_PAGES) << PAGE_SHIFT);
				}
				if (!test_below(4))
					host_swap_out(host_hva(test_below(MEMORY_PAGES)));
				if (compare(vcpu, random_gva(&test_modes[m]), random_access(),
					    &picture))
					ok++;
				else
					faults++;
			}
		}
	}
	print_message("%u walks: %u found their page, %u faulted\n", ok + faults, ok, faults);
	assert_true(ok > 1000 && faults > 1000);
}

int walk_model_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(every_bit_of_every_entry_is_as_in_the_model),
		mmu_test(random_tables_are_walked_as_the_model_does),
	};

	return cmocka_run_group_tests_name("walk and model", tests, NULL, NULL);
}
