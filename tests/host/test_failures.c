// SPDX-License-Identifier: GPL-2.0
/*
 * test_failures.c - each allocation of the MMU fails once, one after the other: the
 * answer is -ENOMEM, what was there before still works, and nothing leaks.
 */
#include "groups.h"
#include "harness.h"

#include <stdlib.h>

#include <linux/seq_file.h>

#define STEPS 6
#define FLAGS (IS_ENABLED(CONFIG_KVMSWAP_RMAP) ? KVM_MEM_LOG_DIRTY_PAGES : 0)

/* Each returns 0, or what went wrong. */
static int make_slot(void)
{
	return test_slot(0, 0, 16, HOST_USER_BASE, 0);
}

static int log_slot(void)
{
	return test_slot(1, 16, 16, host_hva(16), FLAGS);
}

static int log_old_slot(void)
{
	return test_slot(0, 0, 16, HOST_USER_BASE, FLAGS);
}

static int touch_one(void)
{
	struct test_access result;
	int outcome = guest_access(test_vcpu[0], 0x3000, PFERR_WRITE, &result);

	assert_true(outcome <= 0);
	return outcome;
}

/* The same frame through many entries: chains, and more tables. */
static int touch_many(void)
{
	struct test_access result;
	int i, outcome;

	gpa_poke32(0x1000, 0x2007);
	for (i = 0; i < 12; i++)
		gpa_poke32(0x2000 + i * 4, 0x5007);
	test_set_mode(test_vcpu[1], test_mode_named("32-bit"), 0x1000);
	for (i = 0; i < 12; i++) {
		outcome = guest_access(test_vcpu[1], (gva_t)i << 12, PFERR_WRITE, &result);
		assert_true(outcome <= 0);
		if (outcome)
			return outcome;
	}
	return 0;
}

static int audit(void)
{
	struct seq_file *m = calloc(1, sizeof(*m));
	int err = audit_report(test_vm, m);

	assert_true(err || strstr(m->text, "stale_sptes 0"));
	assert_true(!err || !m->len);
	free(m);
	return err;
}

static int (*const steps[STEPS])(void) = {
	make_slot, log_slot, log_old_slot, touch_one, touch_many, audit,
};

static void each_allocation_fails_once(void **state)
{
	unsigned int nth, sites = 0, step;
	bool failed;

	for (nth = 1; ; nth++) {
		failed = false;
		host_mmap(HOST_USER_BASE, 32, true);
		for (step = 0; step < STEPS; step++) {
			int err;

			/* What a test does itself must not fail: count within a step alone. */
			if (!failed)
				host_fail_allocation = nth - sites;
			err = steps[step]();
			if (err) {
				host_check(err == -ENOMEM && !failed, "step %u: %d", step, err);
				failed = true;
				host_fail_allocation = 0;
				if (stat(test_vm, shadow_pages) && steps[step] != audit)
					expect_clean_audit(test_vm);
				assert_int_equal(steps[step](), 0);	/* again: it works */
				continue;
			}
			if (!failed)
				sites = nth - host_fail_allocation;
			host_fail_allocation = 0;
		}
		sites = 0;
		test_teardown(state);
		test_setup(state);
		if (!failed)
			break;
	}
	print_message("%u allocations failed, one at a time\n", nth - 1);
	assert_in_range(nth - 1, 20, 100);
}

int failure_tests(void)
{
	const struct test_item tests[] = {
		mmu_test(each_allocation_fails_once),
	};

	return cmocka_run_group_tests_name("failures", tests, NULL, NULL);
}
