// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - all tests of the MMU, for the chapter that this program was built as.
 */
#include <stdio.h>

#include <linux/kernel.h>

#include "groups.h"

int main(void)
{
	int (*const groups[])(void) = {
		machine_tests, memslot_tests, walk_tests, walk_model_tests, shadow_tests,
		table_tests, rmap_tests, tlb_tests, notifier_tests, window_tests, audit_tests,
		failure_tests, random_tests,
	};
	unsigned int i;
	int failed = 0;

	printf("host tests of chapter %d\n", KVMSWAP_CHAPTER);
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		failed += groups[i]();
	return failed ? 1 : 0;
}
