// SPDX-License-Identifier: GPL-2.0
/*
 * test_rmap.c - the chain of a page is a set of sptes: add and remove in any order,
 * and compare with a plain array. And the seed's loop, which skips one.
 */
#include "groups.h"
#include "harness.h"

#ifdef CONFIG_KVMSWAP_RMAP

#include "hardware.h"
#include "rmap.h"
#include "spte.h"
#include "tlb.h"

#define LONGEST		10
#define GFN		5

/* Only their addresses count. */
static u64 entries[LONGEST];

struct model_chain {
	bool has[LONGEST];
	int n;
};

static struct rmap_head *chain(void)
{
	return gfn_to_rmap(test_vm->memslots.slot[0], GFN);
}

static void add(struct model_chain *model, int i)
{
	assert_int_equal(mmu_topup(test_vcpu[0]), 0);
	spin_lock(&test_vm->mmu_lock);
	rmap_add(test_vcpu[0], test_vm->memslots.slot[0], GFN, &entries[i]);
	spin_unlock(&test_vm->mmu_lock);
	model->has[i] = true;
	model->n++;
}

static void del(struct model_chain *model, int i)
{
	spin_lock(&test_vm->mmu_lock);
	rmap_remove(test_vm, GFN, &entries[i]);
	spin_unlock(&test_vm->mmu_lock);
	model->has[i] = false;
	model->n--;
}

/* Each entry once, nothing else, and no more descriptors than needed. */
static void compare(const struct model_chain *model, long objects_before)
{
	long descs = host_objects - objects_before;
	bool seen[LONGEST] = { false };
	const u64 *sptep;
	int n = 0;

	for (sptep = rmap_next(chain(), NULL); sptep; sptep = rmap_next(chain(), sptep)) {
		long i = sptep - entries;

		host_check(i >= 0 && i < LONGEST && model->has[i] && !seen[i],
			   "entry %ld should not be on the chain", i);
		seen[i] = true;
		n++;
	}
	assert_int_equal(n, model->n);
	assert_int_equal(descs, n < 2 ? 0 : (n + 2) / 3);
}

/* Build a chain of n in the order of the entries; the caches are full afterwards. */
static long build(struct model_chain *model, int n)
{
	long objects;
	int i;

	memset(model, 0, sizeof(*model));
	assert_int_equal(mmu_topup(test_vcpu[0]), 0);
	objects = host_objects;
	for (i = 0; i < n; i++) {
		add(model, i);
		assert_int_equal(mmu_topup(test_vcpu[0]), 0);
		compare(model, objects);
	}
	return objects;
}

static unsigned long orders;

/* Every order in which what is left of the chain may be taken apart. */
static void remove_all_orders(int n, int *order, int depth)
{
	struct model_chain model;
	long objects;
	int i, k;

	if (depth == n) {
		objects = build(&model, n);
		for (i = 0; i < n; i++) {
			del(&model, order[i]);
			compare(&model, objects);
		}
		assert_int_equal(chain()->val, 0);
		orders++;
		return;
	}
	for (i = 0; i < n; i++) {
		for (k = 0; k < depth && order[k] != i; k++)
			;
		if (k < depth)
			continue;
		order[depth] = i;
		remove_all_orders(n, order, depth + 1);
	}
}

static void a_chain_is_taken_apart_in_every_order(void **state)
{
	int order[LONGEST], n;

	(void)state;
	test_memory(16);
	orders = 0;
	for (n = 1; n <= 7; n++)
		remove_all_orders(n, order, 0);
	assert_int_equal(orders, 1 + 2 + 6 + 24 + 120 + 720 + 5040);
}

static void a_chain_is_a_set_whatever_happens_to_it(void **state)
{
	struct model_chain model;
	long objects;
	int i, step;

	(void)state;
	test_memory(16);
	test_seed(1);
	objects = build(&model, 0);
	for (step = 0; step < 50000; step++) {
		i = test_below(LONGEST);
		if (model.has[i])
			del(&model, i);
		else
			add(&model, i);
		assert_int_equal(mmu_topup(test_vcpu[0]), 0);
		compare(&model, objects);
	}
	for (i = 0; i < LONGEST; i++)
		if (model.has[i])
			del(&model, i);
}

/* The seed's kvm_unmap_rmapp(): fetch the next, then remove this one. */
static int seed_unmap(void)
{
	u64 *sptep = rmap_next(chain(), NULL);
	int n = 0;

	while (sptep) {
		u64 *next = rmap_next(chain(), sptep);

		rmap_remove(test_vm, GFN, sptep);
		sptep = next;
		n++;
	}
	return n;
}

static int restart_unmap(void)
{
	u64 *sptep;
	int n = 0;

	while ((sptep = rmap_next(chain(), NULL))) {
		rmap_remove(test_vm, GFN, sptep);
		n++;
	}
	return n;
}

static void fetch_next_then_remove_skips_an_entry(void **state)
{
	struct model_chain model;
	int n;

	(void)state;
	test_memory(16);
	for (n = 1; n <= LONGEST; n++) {
		build(&model, n);
		spin_lock(&test_vm->mmu_lock);
		if (n < 3)	/* up to two there is nothing that could move past it */
			assert_int_equal(seed_unmap(), n);
		else
			assert_true(seed_unmap() < n);
		if (n == 3)	/* [A, B, C]: A goes, C fills its place, B goes, C stays */
			assert_int_equal(chain()->val, (unsigned long)&entries[2]);
		restart_unmap();
		assert_int_equal(chain()->val, 0);
		spin_unlock(&test_vm->mmu_lock);

		build(&model, n);
		spin_lock(&test_vm->mmu_lock);
		assert_int_equal(restart_unmap(), n);
		assert_int_equal(chain()->val, 0);
		spin_unlock(&test_vm->mmu_lock);
	}
}

/* One frame at @n addresses: entries of one table in frame 2. */
static void map_many_times(struct vcpu *vcpu, int n, u32 access)
{
	int i;

	test_memory(16);
	gpa_poke32(0x1000, 0x2000 | 7);
	for (i = 0; i < n; i++)
		gpa_poke32(0x2000 + i * 4, GFN << 12 | 7);
	test_set_mode(vcpu, test_mode_named("32-bit"), 0x1000);
	for (i = 0; i < n; i++)
		expect_done(vcpu, (gva_t)i << 12, access, GFN);
	assert_int_equal(test_audit(test_vm).leaf_sptes, n);
}

static void unmap_rmapp_leaves_none(void **state)
{
	int n;

	for (n = 1; n <= LONGEST; n++) {
		map_many_times(test_vcpu[0], n, PFERR_WRITE);
		spin_lock(&test_vm->mmu_lock);
		assert_int_equal(unmap_rmapp(test_vm, test_vm->memslots.slot[0], GFN), n);
		assert_int_equal(unmap_rmapp(test_vm, test_vm->memslots.slot[0], GFN), 0);
		flush_remote_tlbs(test_vm);
		spin_unlock(&test_vm->mmu_lock);
		assert_int_equal(test_audit(test_vm).leaf_sptes, 0);
		assert_int_equal(stat(test_vm, sptes_cleared), n);
		test_teardown(state);
		test_setup(state);
	}
}

/* However often the guest maps a page, nobody has to walk along more than so many sptes. */
static void a_long_chain_begins_anew(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	const u64 *sptep;
	int i, n, longest = 0;

	(void)state;
	map_many_times(vcpu, 1, PFERR_WRITE);
	audit_always = false;	/* for each spte it walks along the chain: once, below */
	for (i = 1; i < RMAP_MAX + 32; i++) {
		gpa_poke32(0x2000 + i * 4, GFN << 12 | 7);
		expect_done(vcpu, (gva_t)i << 12, PFERR_WRITE, GFN);
		n = 0;
		for (sptep = rmap_next(chain(), NULL); sptep; sptep = rmap_next(chain(), sptep))
			n++;
		assert_in_range(n, 1, RMAP_MAX + 3);
		longest = n > longest ? n : longest;
	}
	assert_in_range(longest, RMAP_MAX, RMAP_MAX + 3);
	assert_int_equal(test_audit(test_vm).leaf_sptes, n);
	expect_done(vcpu, 0, PFERR_WRITE, GFN);
	expect_clean_audit(test_vm);
}

static void write_protection_takes_the_w_bit_alone(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	const u64 *sptep;
	int n = 0;

	(void)state;
	map_many_times(vcpu, 4, PFERR_WRITE);
	spin_lock(&test_vm->mmu_lock);
	assert_true(rmap_write_protect(test_vm, test_vm->memslots.slot[0], GFN));
	assert_false(rmap_write_protect(test_vm, test_vm->memslots.slot[0], GFN));
	for (sptep = rmap_next(chain(), NULL); sptep; sptep = rmap_next(chain(), sptep)) {
		assert_int_equal(*sptep, host_user_pfn(host_hva(GFN)) << 12 | SPTE_PRESENT |
				 SPTE_USER | SPTE_ACCESSED | SPTE_DIRTY);
		n++;
	}
	assert_int_equal(n, 4);
	flush_remote_tlbs(test_vm);
	spin_unlock(&test_vm->mmu_lock);
	expect_done(vcpu, 0x3000, PFERR_WRITE, GFN);
	expect_clean_audit(test_vm);
}

static void write_protection_keeps_what_the_hardware_sets_meanwhile(void **state)
{
	u64 *sptep, was;
	bool writable;

	(void)state;
	map_many_times(test_vcpu[0], 1, PFERR_WRITE);
	sptep = rmap_next(chain(), NULL);
	was = *sptep;
	spin_lock(&test_vm->mmu_lock);
	hardware_start(sptep, SPTE_WRITABLE);
	writable = rmap_write_protect(test_vm, test_vm->memslots.slot[0], GFN);
	assert_int_equal(hardware_stop(), 0);
	flush_remote_tlbs(test_vm);
	spin_unlock(&test_vm->mmu_lock);
	assert_true(writable);
	assert_int_equal(*sptep & ~HARDWARE_BITS, was & ~HARDWARE_BITS & ~SPTE_WRITABLE);
	*sptep = was & ~SPTE_WRITABLE;
}

static void unmap_range(void *data)
{
	(*(int *)data)++;
	host_swap_out(host_hva(700));
}

/* A long slot is unmapped with breaks: the host comes in between and needs its flush. */
static void others_get_their_turn_while_a_slot_goes(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];
	int turns = 0;

	(void)state;
	test_memory(1024);
	expect_done(vcpu, 100 << 12, PFERR_WRITE, 100);
	expect_done(vcpu, 700 << 12, PFERR_WRITE, 700);
	expect_done(vcpu, 800 << 12, PFERR_WRITE, 800);
	host_resched = (struct host_hook){ unmap_range, &turns };
	assert_int_equal(test_slot(0, 0, 0, 0, 0), 0);
	assert_int_equal(turns, 1);
	assert_int_equal(test_audit(test_vm).leaf_sptes, 0);
}

int rmap_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_chain_is_taken_apart_in_every_order),
		mmu_test(a_chain_is_a_set_whatever_happens_to_it),
		mmu_test(fetch_next_then_remove_skips_an_entry),
		mmu_test(unmap_rmapp_leaves_none),
		mmu_test(a_long_chain_begins_anew),
		mmu_test(write_protection_takes_the_w_bit_alone),
		mmu_test(write_protection_keeps_what_the_hardware_sets_meanwhile),
		mmu_test(others_get_their_turn_while_a_slot_goes),
	};

	return cmocka_run_group_tests_name("rmap", tests, NULL, NULL);
}

#else

int rmap_tests(void)
{
	return 0;	/* not there yet */
}

#endif
