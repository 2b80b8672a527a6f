// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - all tests of the MMU, for the chapter that this program was built as. In
 * chapter 8 each protocol has its turn; what never asks the host runs once.
 * Usage: mmu-test [TESTS], where TESTS is a pattern of names, as '*slot*'.
 */
#include <stdio.h>

#include <linux/kernel.h>

#include "groups.h"
#include "harness.h"

static int (*const any_protocol[])(void) = {
	machine_tests, walk_tests, walk_model_tests, table_tests, tlb_tests,
};

static int (*const each_protocol[])(void) = {
	memslot_tests, slot_lookup_tests, slot_change_tests, legacy_tests, shadow_tests,
	rmap_tests, age_tests, notifier_tests, window_tests, host_tests, range_tests,
	range_wait_tests, interval_tests, audit_tests, failure_tests, random_tests,
};

int main(int argc, char **argv)
{
	static const char *const protocols[] = { "range", "interval", "seqlock" };
	int nr = IS_ENABLED(CONFIG_KVMSWAP_RANGE) ? ARRAY_SIZE(protocols) : 1;
	unsigned int i;
	int p, failed = 0;

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	for (p = 0; p < nr; p++) {
		test_protocol(protocols[p]);
		printf("host tests of chapter %d%s%s\n", KVMSWAP_CHAPTER,
		       nr > 1 ? ", protocol " : "", nr > 1 ? protocols[p] : "");
		for (i = 0; !p && i < ARRAY_SIZE(any_protocol); i++)
			failed += any_protocol[i]();
		for (i = 0; i < ARRAY_SIZE(each_protocol); i++)
			failed += each_protocol[i]();
	}
	if (test_unfinished)
		printf("%d tests were not cleared up\n", test_unfinished);
	return failed || test_unfinished;
}
