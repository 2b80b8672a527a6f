// SPDX-License-Identifier: GPL-2.0
/*
 * test_audit.c - does the audit see what it is there for? Each invariant is broken
 * on purpose, by hand, and mended again.
 */
#include "gpte.h"
#include "groups.h"
#include "harness.h"

#include <linux/mm.h>

#include "rmap.h"
#include "spte.h"

/* The shadow page of a level with the leaf, or the way to it, of guest address 0x9000. */
static struct shadow_page *page_of_level(int level)
{
	struct shadow_page *sp;

	list_for_each_entry(sp, &test_vm->shadow.pages, link)
		if (sp->role.level == level)
			return sp;
	fail_msg("no shadow page has level %d", level);
	return NULL;
}

static u64 *leaf(void)
{
	return &page_of_level(1)->spt[9];
}

static void expect_errors(long stale, long rmap, long role)
{
	struct test_audit audit = test_audit(test_vm);

	assert_int_equal(audit.stale_sptes, stale);
	assert_int_equal(audit.rmap_errors != 0, rmap);
	assert_int_equal(audit.role_errors != 0, role);
	test_stale_allowed += audit.stale_sptes + audit.rmap_errors + audit.role_errors;
}

static void mapped_guest(void)
{
	struct vcpu *vcpu = long_guest();

	audit_always = false;
	expect_done(vcpu, 0x9000, PFERR_WRITE, 9);
	expect_errors(0, 0, 0);
}

static void a_wrong_frame_is_stale(void **state)
{
	u64 right;

	(void)state;
	mapped_guest();
	right = *leaf();
	*leaf() = right + PAGE_SIZE;
	expect_errors(1, 0, 0);
	*leaf() = right;
	expect_errors(0, 0, 0);
}

static void more_than_the_host_allows_is_stale(void **state)
{
	int i = 9;

	(void)state;
	mapped_guest();
	host_mm.pte[i].val &= ~2ULL;		/* read-only, and nobody is told */
	expect_errors(1, 0, 0);
	*leaf() &= ~SPTE_WRITABLE;
	expect_errors(0, 0, 0);
	host_mm.pte[i].val &= ~1ULL;		/* not present */
	expect_errors(1, 0, 0);
	host_mm.pte[i].val |= 3;
	expect_errors(0, 0, 0);
}

#ifdef CONFIG_KVMSWAP_RMAP
static void a_leaf_is_on_its_chain_and_on_no_other(void **state)
{
	struct memslot *slot;
	u64 *sptep;

	(void)state;
	mapped_guest();
	slot = test_vm->memslots.slot[0];
	sptep = leaf();
	gfn_to_rmap(slot, 9)->val = 0;		/* on none */
	expect_errors(0, 1, 0);
	gfn_to_rmap(slot, 8)->val = (unsigned long)sptep;	/* on a wrong one */
	expect_errors(0, 1, 0);
	gfn_to_rmap(slot, 9)->val = (unsigned long)sptep;	/* on that as well */
	expect_errors(0, 1, 0);
	gfn_to_rmap(slot, 8)->val = (unsigned long)(sptep + 1);	/* one that maps nothing */
	expect_errors(0, 1, 0);
	gfn_to_rmap(slot, 8)->val = 0;
	expect_errors(0, 0, 0);
}

/* Such a chain has no end for who steps along it: the audit must find one all the same. */
static void a_leaf_is_on_its_chain_once(void **state)
{
	struct vcpu *vcpu = test_vcpu[0];

	(void)state;
	mapped_guest();
	gpa_poke(0x4050, 0x9000 | PWU);		/* frame 9 once more, at 0xa000 */
	assert_int_equal(mmu_topup(vcpu), 0);
	spin_lock(&test_vm->mmu_lock);
	rmap_add(vcpu, test_vm->memslots.slot[0], 9, leaf());
	spin_unlock(&test_vm->mmu_lock);
	expect_errors(0, 1, 0);
	expect_done(vcpu, 0xa000, PFERR_WRITE, 9);	/* behind the two, out of reach */
	expect_errors(0, 1, 0);
	spin_lock(&test_vm->mmu_lock);
	rmap_remove(test_vm, 9, leaf());
	spin_unlock(&test_vm->mmu_lock);
	expect_errors(0, 0, 0);
}
#endif

static void a_mapped_page_is_in_a_slot(void **state)
{
	struct memslot *slot;

	(void)state;
	mapped_guest();
	slot = test_vm->memslots.slot[0];
	slot->npages -= LONG_GUEST_PAGES;
	expect_errors(1, 1, 0);
	slot->npages += LONG_GUEST_PAGES;
	expect_errors(0, 0, 0);
}

static void a_shadow_page_is_where_its_role_belongs(void **state)
{
	/* What a child shares with its parent. */
	static const union role changes[] = {
		{ .pae = 1 }, { .long_mode = 1 }, { .nx = 1 }, { .wp = 1 },
	};
	struct shadow_page *table, *above;
	unsigned int i;

	(void)state;
	mapped_guest();
	table = page_of_level(2);
	above = page_of_level(3);
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		table->role.word ^= changes[i].word;
		expect_errors(0, 0, 1);
		table->role.word ^= changes[i].word;
	}
	above->role.access = ACC_USER;		/* the child has more */
	expect_errors(0, 0, 1);
	above->role.access = ACC_ALL;
	expect_errors(0, 0, 0);

	/* Not present is zero, or it would be something to the hardware one day. */
	table->spt[100] = SPTE_WRITABLE;
	expect_errors(0, 0, 1);
	table->spt[100] = 0;

	/* An entry that skips a level. */
	above->spt[7] = __pa(page_of_level(1)->spt) | SPTE_PRESENT;
	expect_errors(0, 0, 1);
	above->spt[7] = 0;
	expect_errors(0, 0, 0);
}

/* Of two of one kind, which would be found? */
static void no_shadow_page_is_there_twice(void **state)
{
	struct shadow_page *sp;
	gfn_t gfn;

	(void)state;
	mapped_guest();
	gpa_poke(0x3008, 0x5000 | PWU);
	gpa_poke(0x5000, 0xa000 | PWU);
	expect_done(test_vcpu[0], 0x200000, 0, 0xa);
	expect_errors(0, 0, 0);
	sp = page_of_level(1);
	gfn = sp->gfn;
	sp->gfn = gfn ^ 1;			/* 4 and 5 */
	expect_errors(0, 0, 1);
	sp->gfn = gfn;
	expect_errors(0, 0, 0);
}

static void a_direct_page_maps_what_its_place_says(void **state)
{
	struct shadow_page *sp;

	(void)state;
	test_memory(LONG_GUEST_PAGES);
	audit_always = false;
	expect_done(test_vcpu[0], 0x9000, PFERR_WRITE, 9);	/* no paging */
	expect_errors(0, 0, 0);
	sp = page_of_level(1);
	sp->gfns[9] = 10;
	expect_errors(1, IS_ENABLED(CONFIG_KVMSWAP_RMAP), 1);
	sp->gfns[9] = 9;
	sp->gfn = 512;
	expect_errors(0, 0, 1);
	sp->gfn = 0;
	expect_errors(0, 0, 0);
}

static void what_was_invalidated_is_not_mapped(void **state)
{
	long failures;

	(void)state;
	mapped_guest();
	spin_lock(&test_vm->mmu_lock);
	failures = stat(test_vm, audit_failures);
	__audit_check(test_vm, 0, 0);
	__audit_check(test_vm, host_hva(0), host_hva(9));
	__audit_check(test_vm, host_hva(10), host_hva(64));
	assert_int_equal(stat(test_vm, audit_failures), failures);
	__audit_check(test_vm, host_hva(9), host_hva(10));
	assert_int_equal(stat(test_vm, audit_failures), failures + 1);
	spin_unlock(&test_vm->mmu_lock);
	test_stale_allowed++;
}

int audit_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_wrong_frame_is_stale),
		mmu_test(more_than_the_host_allows_is_stale),
#ifdef CONFIG_KVMSWAP_RMAP
		mmu_test(a_leaf_is_on_its_chain_and_on_no_other),
		mmu_test(a_leaf_is_on_its_chain_once),
#endif
		mmu_test(a_mapped_page_is_in_a_slot),
		mmu_test(a_shadow_page_is_where_its_role_belongs),
		mmu_test(no_shadow_page_is_there_twice),
		mmu_test(a_direct_page_maps_what_its_place_says),
		mmu_test(what_was_invalidated_is_not_mapped),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
