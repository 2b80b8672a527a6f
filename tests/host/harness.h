/* SPDX-License-Identifier: GPL-2.0 */
/*
 * harness.h - what all tests of the MMU start from: a VM with vCPUs on the machine
 * of code/host, made and freed as vm.c does it. The tests stand in for vcpu.c and
 * event.c: what the guest gets injected is noted here.
 */
#ifndef TEST_HARNESS_H
#define TEST_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/kernel.h>

#include "audit.h"
#include "fault.h"
#include "machine.h"
#include "memslot.h"
#include "notifier.h"
#include "protocol.h"
#include "retry.h"
#include "shadow.h"
#include "slot_lookup.h"

#define TEST_VCPUS 3

/* The one VM of a test, and what its vCPUs got injected. */
extern struct vm *test_vm;
extern struct vcpu *test_vcpu[TEST_VCPUS];
extern struct guest_fault test_injected[TEST_VCPUS];
extern unsigned int test_injections[TEST_VCPUS];

/* Tests that were begun and not cleared up: cmocka does not count those as failed. */
extern int test_unfinished;

int test_setup(void **state);
int test_teardown(void **state);
/* checkpatch(CAMELCASE): the name is cmocka's */
#define test_item CMUnitTest
#define mmu_test(f) cmocka_unit_test_setup_teardown(f, test_setup, test_teardown)

/* A module parameter; the protocol is one, chosen before any VM is made. */
#define test_param(type, name) (*(type *)host_param(name))
void test_protocol(const char *name);
bool test_protocol_is(const char *name);

void test_free_vm(void);
void test_delete_vm(struct vm *vm);

/* Memory: @page counts the process' pages, from HOST_USER_BASE. */
int test_slot(unsigned int slot, gfn_t gfn, u64 npages, unsigned long hva, u32 flags);
int test_legacy_slot(unsigned int slot, gfn_t gfn, u64 npages, u32 flags);
void test_memory(gfn_t npages);

/* What the guest's control registers say. */
struct test_mode {
	const char *name;
	bool paging, pae, long_mode, pse, nx, wp;
};

extern const struct test_mode test_modes[];
extern const unsigned int nr_test_modes;

void test_set_mode(struct vcpu *vcpu, const struct test_mode *mode, unsigned long cr3);
void test_load_cr3(struct vcpu *vcpu, unsigned long cr3);
const struct test_mode *test_mode_named(const char *name);

/* Guest memory, where slot 0 has guest frame n at the process' page n. */
u64 gpa_peek(u64 gpa);
void gpa_poke(u64 gpa, u64 value);
void gpa_poke32(u64 gpa, u32 value);

enum access_result {
	ACCESS_DONE,		/* pfn is set */
	ACCESS_INJECTED,	/* the guest got test_injected[] */
	ACCESS_MMIO,		/* gpa is set */
};

struct test_access {
	u64 pfn;
	gpa_t gpa;
	unsigned int exits;	/* #PF exits that it took */
};

int guest_access(struct vcpu *vcpu, gva_t gva, u32 access, struct test_access *result);
void guest_invlpg(struct vcpu *vcpu, gva_t gva);
#define LONG_GUEST_PAGES 64
struct vcpu *long_guest(void);
struct vcpu *flat_guest(void);
long test_mapped(void);
void expect_injected(struct vcpu *vcpu, gva_t gva, u32 access, u32 error);
void expect_done(struct vcpu *vcpu, gva_t gva, u32 access, gfn_t gfn);

/* What the host does, from its start to its end; @first and @end are pages of the process. */
struct mmu_notifier_range section_start(unsigned int first, unsigned int end);
void section_end(struct mmu_notifier_range *range);

/* What audit_report() prints; all of it must be there. */
struct test_audit {
	long leaf_sptes, stale_sptes, rmap_errors, role_errors, pinned_pages;
};

struct test_audit test_audit(struct vm *vm);
void expect_clean_audit(struct vm *vm);
extern long test_stale_allowed;

#define stat(vm, name) atomic64_read(&(vm)->stats.name)

/*
 * expect_failure() - the machine must end the test here, and say @words. It stops in
 * the middle: what was held is held, what was begun is begun.
 */
#define expect_failure(code, words) do {				\
	jmp_buf expect_buf;						\
									\
	test_expected = &expect_buf;					\
	if (!setjmp(expect_buf)) {					\
		code;							\
		test_expected = NULL;					\
		fail_msg("not noticed: %s", #code);			\
	}								\
	test_expected = NULL;						\
	if (!strstr(test_failure, words))				\
		fail_msg("noticed, but said: %s", test_failure);	\
} while (0)

extern jmp_buf *test_expected;
extern char test_failure[256];

/* Random numbers: the same in each run, and a failed test says which seed it had. */
void test_seed(u64 seed);
u64 test_random(void);
unsigned int test_below(unsigned int n);

#endif
