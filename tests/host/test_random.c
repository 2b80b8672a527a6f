// SPDX-License-Identifier: GPL-2.0
/*
 * test_random.c - random guests on random tables, with a host that swaps under them.
 *
 * What a vCPU may use of an address is what its tables have allowed at some time
 * since it last flushed that address, or had a fault there: each entry of the tables is
 * remembered with all its values (history.c), and the model walks every way through them.
 * A flush of any address forgets all upper entries, so that no way mixes what was before
 * one with what was after it. What a vCPU gets beyond that is a shadow page or a TLB entry
 * that should not be there.
 * When an access does come to a #PF exit, only the tables as they are now count.
 */
#include "groups.h"
#include "harness.h"

#include <linux/mm.h>

#include "history.h"
#include "memory.h"

#define GVAS	8		/* addresses that a guest knows */
#define OPS	400		/* steps of one guest's life */
#define LONG_OPS 8000		/* of a long one */
#define ALIAS	40		/* slot 1: these guest frames are the process' pages 0 to 7 */
#define ALIASES	8
#define MAX_FLUSHES (2 * LONG_OPS)

static struct {
	const struct test_mode *mode[TEST_VCPUS];
	gva_t gva[TEST_VCPUS][GVAS];
	unsigned int flushed[TEST_VCPUS][GVAS];	/* when, by history_now */
	unsigned int flush[TEST_VCPUS][MAX_FLUSHES], nr_flushes[TEST_VCPUS];	/* of any address */
	gfn_t alias;			/* where slot 1 is now; 0 nowhere */
	unsigned long done, injected, mmio, host_actions, busy, dropped, retried;
	unsigned long in_sections;	/* faults that came in the middle of a section */
} run;

/* ---- what a vCPU may get to ---- */

struct reach {
	u64 pfn;
	bool write, found;
};

/* Where in the process' memory a guest address is, as the slots are now. */
static bool gpa_to_page(u64 gpa, unsigned int *page)
{
	u64 gfn = gpa >> PAGE_SHIFT;

	if (gfn < MEMORY_PAGES)
		*page = gfn;
	else if (run.alias && gfn >= run.alias && gfn < run.alias + ALIASES)
		*page = gfn - run.alias;
	else
		return false;
	return true;
}

static unsigned int reach_since, reach_until;

static int read_history(void *data, u64 gpa, int size, u64 *values)
{
	unsigned int page;

	(void)data;
	if (!gpa_to_page(gpa, &page))
		return 0;
	return history_values((u64)page << PAGE_SHIFT | offset_in_page(gpa), size, reach_since,
			      reach_until, values);
}

/* Does this way through the tables lead to the frame that the vCPU got to? */
static void visit_reach(void *data, const struct model_result *result)
{
	struct reach *reach = data;
	unsigned int page;
	u64 pfn;

	if (result->fault || !result->accessed || (reach->write && !result->dirty) ||
	    !gpa_to_page(result->gpa, &page))
		return;
	pfn = host_user_pfn(host_hva(page));
	/* Until the host is heard, a page that it took away stays with its spte. */
	if (!pfn && !IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER) && host_mm.user[page].cache)
		pfn = page_to_pfn(host_mm.user[page].cache);
	if (pfn == reach->pfn)
		reach->found = true;
}

/* From one flush to the next, the last one first, back to that of the address itself. */
static void check_done(struct vcpu *vcpu, int g, u32 access, u64 pfn)
{
	struct reach reach = { .pfn = pfn, .write = access & PFERR_WRITE };
	unsigned int flushed = run.flushed[vcpu->id][g];
	int i = run.nr_flushes[vcpu->id] - 1;

	reach_until = history_now;
	do {
		reach_since = i < 0 ? flushed : max(flushed, run.flush[vcpu->id][i--]);
		model_walk(vcpu, run.gva[vcpu->id][g], access, read_history, visit_reach, &reach);
		reach_until = reach_since;
	} while (!reach.found && reach_since > flushed);
	host_check(reach.found,
		   "%s: vCPU %d got to frame %#llx at %#lx, access %#x, which nothing allows",
		   run.mode[vcpu->id]->name, vcpu->id, pfn, run.gva[vcpu->id][g], access);
}

static int read_now(void *data, u64 gpa, int size, u64 *values)
{
	unsigned int page;
	u64 word;

	(void)data;
	if (!gpa_to_page(gpa, &page))
		return 0;
	word = gpa_peek((u64)page << PAGE_SHIFT | (gpa & 0xff8));
	values[0] = size == 4 ? (u32)(word >> 8 * (gpa & 4)) : word;
	return 1;
}

static void keep(void *data, const struct model_result *result)
{
	*(struct model_result *)data = *result;
}

/* The tables as they are must say the same as the vCPU was told. */
static void check_exit(struct vcpu *vcpu, gva_t gva, u32 access, int outcome, gpa_t gpa)
{
	struct model_result now;
	unsigned int page;

	model_walk(vcpu, gva, access, read_now, keep, &now);
	if (outcome == ACCESS_INJECTED)
		host_check(now.fault && now.error == test_injected[vcpu->id].error_code &&
			   test_injected[vcpu->id].address == gva,
			   "%s: injected %#x at %#lx, model %d %#x", run.mode[vcpu->id]->name,
			   test_injected[vcpu->id].error_code, gva, now.fault, now.error);
	else if (outcome == ACCESS_MMIO)
		host_check(!now.fault && now.gpa == gpa && !gpa_to_page(gpa, &page),
			   "%s: MMIO at %#llx, model %d %#llx", run.mode[vcpu->id]->name, gpa,
			   now.fault, now.gpa);
	else
		host_check(!now.fault && now.accessed && (!(access & PFERR_WRITE) || now.dirty),
			   "%s: fixed %#lx access %#x, model %d %#x", run.mode[vcpu->id]->name,
			   gva, access, now.fault, now.error);
}

/* ---- what may happen ---- */

/* Another vCPU's fault comes where the host is in the middle of it, and may have to wait. */
static void one_fault(void *data)
{
	struct vcpu *vcpu = data;
	gva_t gva = run.gva[vcpu->id][test_below(GVAS)];
	u32 access = random_access(), error;
	gpa_t gpa;
	u64 pfn;

	if (cpu_enter(vcpu))
		return;
	error = cpu_translate(vcpu, gva, access, &pfn);
	cpu_exit(vcpu);
	if (error)
		host_check(page_fault(vcpu, gva, error & ~BIT(31), &gpa) >= 0, "no page");
	history_update();	/* the A and D bits that it set, before the host goes on */
	run.in_sections++;
}

static void fault_in_the_section(void *data)
{
	/* The section's own thread holds it for itself: who comes would wait there. */
	if (!host_mm.mmap_lock.dep.written)
		host_start_other(one_fault, data);
}

static void arm_section(struct vcpu *self)
{
	struct vcpu *vcpu = test_vcpu[test_below(TEST_VCPUS)];
	struct host_hook hook = { fault_in_the_section, vcpu };

	if (!IS_ENABLED(CONFIG_KVMSWAP_SEQLOCK) || vcpu == self || test_below(2))
		return;
	if (test_below(2))
		host_section_begun = hook;
	else
		host_section_ends = hook;
}

/* What comes from the host, while vCPU @data, or none, is in the middle of a fault. */
static void host_does_something(void *data)
{
	unsigned long hva = host_hva(test_below(MEMORY_PAGES));
	unsigned int n = min(3UL, (host_hva(MEMORY_PAGES) - hva) >> PAGE_SHIFT);
	/* While sptes hold their pages, only what leaves a held page alone is sound. */
	unsigned int kinds = IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER) ? 6 : 2;

	arm_section(data);
	run.host_actions++;
	switch (test_below(kinds)) {
	case 0:
		run.busy += !host_swap_out(hva);
		break;
	case 1:
		host_reclaim_cache(hva);
		break;
	case 2:
		host_write_protect(hva);
		break;
	case 3:
		run.busy += !host_replace(hva);
		break;
	case 4:
		if (!test_below(8))
			host_dontneed(hva, n);
		break;
	case 5:
		host_mprotect(hva, n, true);
		break;
	}
	host_section_begun.run = NULL;
	host_section_ends.run = NULL;
}

/* Change an entry that is in use: one on the way to an address that the guest knows. */
static void edit_tables(struct vcpu *vcpu)
{
	gva_t gva = run.gva[vcpu->id][test_below(GVAS)];
	struct model_result now;
	unsigned int page;
	u64 gpa, value;
	int i;

	model_walk(vcpu, gva, 0, read_now, keep, &now);
	if (!now.n)
		return;
	/* Mend more than is broken: the last entry is the one that ends the walk. */
	i = test_below(now.n);
	if (now.fault && test_below(4))
		i = now.n - 1;
	gpa = now.entry[i].gpa;
	switch (now.fault ? 3 : test_below(4)) {
	case 0:
		value = random_entry(run.mode[vcpu->id]);
		break;
	case 1:		/* somewhere else, the rest as it was */
		value = (now.entry[i].value & ~GENMASK_ULL(31, 12)) |
			test_below(MEMORY_PAGES) << PAGE_SHIFT;
		break;
	case 2:
		value = now.entry[i].value ^ BIT_ULL(test_below(8));
		break;
	default:	/* something that works */
		value = test_below(MEMORY_PAGES) << PAGE_SHIFT | 7;
		break;
	}
	host_check(gpa_to_page(gpa, &page), "an entry outside of memory");
	gpa = (u64)page << PAGE_SHIFT | offset_in_page(gpa);
	if (now.size == 8)
		gpa_poke(gpa, value);
	else
		gpa_poke32(gpa, value);
}

static void flushed_upper(struct vcpu *vcpu)
{
	host_check(run.nr_flushes[vcpu->id] < MAX_FLUSHES, "too many flushes");
	run.flush[vcpu->id][run.nr_flushes[vcpu->id]++] = history_now;
}

static void flushed_all(struct vcpu *vcpu)
{
	int g;

	for (g = 0; g < GVAS; g++)
		run.flushed[vcpu->id][g] = history_now;
	flushed_upper(vcpu);
}

static void flushed_page(struct vcpu *vcpu, gva_t gva)
{
	int g;

	for (g = 0; g < GVAS; g++)
		if (run.gva[vcpu->id][g] >> PAGE_SHIFT == gva >> PAGE_SHIFT)
			run.flushed[vcpu->id][g] = history_now;
}

static void flush_one(struct vcpu *vcpu)
{
	gva_t gva = run.gva[vcpu->id][test_below(GVAS)];

	guest_invlpg(vcpu, gva);
	flushed_page(vcpu, gva);
	flushed_upper(vcpu);
}

/* While a fault is in its window: another vCPU flushes, or the host takes a page. */
static void something_in_between(void *data)
{
	struct vcpu *self = data, *other = test_vcpu[test_below(TEST_VCPUS)];

	if (other != self && test_below(2)) {
		edit_tables(self);
		history_update();
		flush_one(other);
	} else if (IS_ENABLED(CONFIG_KVMSWAP_SEQLOCK)) {
		host_does_something(self);
	}
}

static void touch(struct vcpu *vcpu)
{
	int g = test_below(GVAS), outcome;
	gva_t gva = run.gva[vcpu->id][g];
	u32 access = random_access();
	struct test_access result;

	/* Not in chapter 4: even an edit may make the host copy a page, which races there. */
	if ((IS_ENABLED(CONFIG_KVMSWAP_SEQLOCK) || !IS_ENABLED(CONFIG_KVMSWAP_NOTIFIER)) &&
	    !test_below(4))
		host_arm_pause(PAUSE_FAULT_WINDOW, something_in_between, vcpu);
	outcome = guest_access(vcpu, gva, access, &result);
	pause_state[PAUSE_FAULT_WINDOW] = 0;
	if (outcome == -ENXIO)
		return;		/* CR3 points nowhere */
	host_check(outcome >= 0, "the access ended with %d", outcome);
	history_update();
	if (outcome == ACCESS_DONE) {
		run.done++;
		check_done(vcpu, g, access, result.pfn);
		if (result.exits)
			check_exit(vcpu, gva, access, outcome, 0);
	} else {
		check_exit(vcpu, gva, access, outcome, result.gpa);
		if (outcome == ACCESS_INJECTED) {
			run.injected++;
			flushed_page(vcpu, gva);
		}
		run.mmio += outcome == ACCESS_MMIO;
	}
	/* What was written is an entry, or half of one: any page may be a table. */
	if (outcome == ACCESS_DONE && (access & PFERR_WRITE)) {
		u64 *page = __va(result.pfn << PAGE_SHIFT);

		page[test_below(512)] = random_entry(run.mode[vcpu->id]);
	}
	if (test_below(2))
		cpu_exit(vcpu);
}

static unsigned long random_cr3(const struct test_mode *mode)
{
	unsigned long cr3 = (unsigned long)test_below(8) << PAGE_SHIFT;

	if (mode->pae && !mode->long_mode)
		cr3 |= test_below(128) * 32;
	return test_below(64) ? cr3 : 0x1000000;
}

static void load_cr3(struct vcpu *vcpu)
{
	test_load_cr3(vcpu, random_cr3(run.mode[vcpu->id]));
	flushed_all(vcpu);
}

/* Addresses that share tables: few values of each index. */
static void choose_gvas(struct vcpu *vcpu)
{
	const struct test_mode *mode = run.mode[vcpu->id];
	int g;

	for (g = 0; g < GVAS; g++) {
		gva_t gva = random_gva(mode);

		if (mode->paging && test_below(8))
			gva &= mode->pae ? 0x8080c0601000 : 0xc0c01000;
		if (mode->long_mode && gva >> 47 & 1)
			gva |= ~0UL << 47;
		if (mode->paging && !mode->long_mode)
			gva = (u32)gva;
		run.gva[vcpu->id][g] = gva;
	}
}

static void change_mode(struct vcpu *vcpu)
{
	run.mode[vcpu->id] = &test_modes[test_below(nr_test_modes)];
	test_set_mode(vcpu, run.mode[vcpu->id], random_cr3(run.mode[vcpu->id]));
	choose_gvas(vcpu);
	flushed_all(vcpu);
}

/* Slot 1 goes, comes or moves. When it goes from somewhere, all must forget, by themselves. */
static void change_slot(void)
{
	gfn_t was = run.alias;
	int i;

	if (was && test_below(2)) {
		assert_int_equal(test_slot(1, 0, 0, 0, 0), 0);
		run.alias = 0;
	} else {
		run.alias = ALIAS + test_below(16);
		assert_int_equal(test_slot(1, run.alias, ALIASES, HOST_USER_BASE, 0), 0);
	}
	for (i = 0; was && was != run.alias && i < TEST_VCPUS; i++)
		flushed_all(test_vcpu[i]);
}

static void step(void)
{
	struct vcpu *vcpu = test_vcpu[test_below(TEST_VCPUS)];
	unsigned int what = test_below(100);

	history_now++;
	if (what < 45)
		touch(vcpu);
	else if (what < 65)
		edit_tables(vcpu);
	else if (what < 75)
		flush_one(vcpu);
	else if (what < 80)
		load_cr3(vcpu);
	else if (what < 82)
		change_mode(vcpu);
	else if (what < 83)
		change_slot();
	else
		host_does_something(NULL);
	host_check(!host_others_go_on(), "a fault waits, and no section is under way");
	history_update();
}

static void live(u64 seed, unsigned int ops)
{
	unsigned int i;

	test_seed(seed);
	test_param(unsigned int, "max_shadow_pages") = 1;	/* which makes it 128 */
	test_memory(MEMORY_PAGES);
	memory_fill_random(&test_modes[1 + test_below(nr_test_modes - 1)]);
	run.alias = 0;
	memset(run.nr_flushes, 0, sizeof(run.nr_flushes));
	history_start();
	for (i = 0; i < TEST_VCPUS; i++)
		change_mode(test_vcpu[i]);
	for (i = 0; i < ops; i++)
		step();
	expect_clean_audit(test_vm);
	run.dropped += stat(test_vm, shadow_pages_dropped);
	run.retried += stat(test_vm, faults_retried);
}

/* Each seed is a guest of its own. */
static void live_many(u64 first, unsigned int n, unsigned int ops)
{
	u64 seed;

	memset(&run, 0, sizeof(run));
	for (seed = first; seed < first + n; seed++) {
		/* The audit looks at everything at each fault: not with every guest. */
		audit_always = ops == OPS && seed % 8 == 0;
		live(seed, ops);
		test_teardown(NULL);
		test_setup(NULL);
	}
	print_message("%u guests: %lu accesses, %lu faults of their own, %lu MMIO\n", n, run.done,
		      run.injected, run.mmio);
	print_message("the host did something %lu times, %lu of them in vain\n", run.host_actions,
		      run.busy);
	print_message("%lu faults came in the middle of it\n", run.in_sections);
	print_message("%lu faults were retried, %lu shadow pages dropped\n", run.retried,
		      run.dropped);
	assert_true(run.done > n * ops / 20);
	assert_true(run.injected > n * ops / 20);
	assert_true(run.mmio > n * ops / 1000);
	if (IS_ENABLED(CONFIG_KVMSWAP_SEQLOCK))
		assert_true(run.retried > n * ops / 1000 && run.in_sections > n * ops / 100);
}

static void a_random_guest_gets_what_its_tables_allow(void **state)
{
	(void)state;
	live_many(1, 250, OPS);
}

static void a_long_random_life_has_its_shadow_pages_dropped(void **state)
{
	(void)state;
	live_many(1001, 5, LONG_OPS);
	/* In chapter 2 they all go whenever a slot does. */
	if (IS_ENABLED(CONFIG_KVMSWAP_RMAP))
		assert_true(run.dropped > 100);
}

int random_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(a_random_guest_gets_what_its_tables_allow),
		mmu_test(a_long_random_life_has_its_shadow_pages_dropped),
	};

	return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
