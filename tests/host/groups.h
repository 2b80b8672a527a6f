/* SPDX-License-Identifier: GPL-2.0 */
/* groups.h - each test file is a group; main.c runs them. */
#ifndef TEST_GROUPS_H
#define TEST_GROUPS_H

int memslot_tests(void);
int slot_lookup_tests(void);
int slot_change_tests(void);
int legacy_tests(void);
int range_tests(void);
int range_wait_tests(void);
int interval_tests(void);
int host_tests(void);
int walk_tests(void);
int walk_model_tests(void);
int shadow_tests(void);
int table_tests(void);
int random_tests(void);
int rmap_tests(void);
int notifier_tests(void);
int window_tests(void);
int tlb_tests(void);
int age_tests(void);
int audit_tests(void);
int failure_tests(void);
int machine_tests(void);

#endif
