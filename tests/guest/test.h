/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test.h - what the guest tests share. Each file here is one group of tests; main.c
 * runs each test in a process of its own, on the device that it was told, with a
 * time limit, and looks afterwards at what the test left behind.
 *
 * A test asserts what the KVM API promises. What only has to be the same on stock
 * KVM and on kvmswap it reports with observe(), and ../guest/guest_test.py lays the
 * two reports side by side.
 */
#ifndef GUEST_TEST_H
#define GUEST_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../code/vmm/libvmm.h"

#define PAGE 4096ul
#define KVMSWAP_DEBUGFS "/sys/kernel/debug/kvmswap"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/** struct group - the tests of one file. */
struct group {
	const char *name;
	const struct CMUnitTest *tests;
	size_t count;
	bool kvmswap_only;	/* about what stock KVM does not have */
	bool pauses_run_out;	/* a pause point that is not released is no mistake */
	bool by_name_only;	/* needs a set-up of its own: run only if asked for */
	unsigned int timeout;	/* seconds for one test; 0: the usual */
};

/* checkpatch(MACRO_ARG_REUSE): the name of an array */
#define GROUP(id, list, ...) \
	const struct group id##_group = { .name = #id, .tests = list, .count = COUNT(list), \
					  ##__VA_ARGS__ }

extern const struct group system_group;
extern const struct group run_group;
extern const struct group state_group;
extern const struct group io_group;
extern const struct group mmio_group;
extern const struct group slots_group;
extern const struct group change_group;
extern const struct group legacy_group;
extern const struct group paging_group;
extern const struct group process_group;
extern const struct group insn_group;
extern const struct group storm_group;
extern const struct group host_group;
extern const struct group debugfs_group;
extern const struct group forgotten_group;
extern const struct group age_group;
extern const struct group load_group;
extern const struct group race_group;
extern const struct group range_group;
extern const struct group stale_group;
extern const struct group refuse_group;
extern const struct group nonsense_group;
extern const struct group fpu_group;
extern const struct group pages_group;
extern const struct group kill_group;
extern const struct group regs_group;
extern const struct group dirty_group;
extern const struct group leave_group;
extern const struct group cpus_group;

/** device - the path of the device under test. */
extern const char *device;
/** stock - it is stock KVM. */
extern bool stock;

/** observe() - a line that must be the same on both devices. */
void observe(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** leave_out() - end the test here, which counts neither as good nor as bad, and say why. */
void leave_out(const char *why);
/** not_on_stock() - end the test here on stock KVM, which is to blame, and say why. */
void not_on_stock(const char *why);

/**
 * CODE() - guest instructions, as assembly in @bits-bit code.
 *
 * To be run with RUN(), which puts them at ABI_CODE.
 */
#define CODE(bits, name, text)						\
	extern const char code_##name[], code_##name##_end[];		\
	asm(".pushsection .rodata, \"a\"\n.code" #bits "\ncode_" #name ":\n" \
	    text "\ncode_" #name "_end:\n.code64\n.popsection\n")

#define CODE_SIZE(name) ((size_t)(code_##name##_end - code_##name))
#define RUN(vcpu, name) vmm_run_bytes(vcpu, ABI_CODE, code_##name, CODE_SIZE(name))

/* new_vm() - a VM with @mib MiB of memory at 0 and no vCPU. */
struct vmm *new_vm(unsigned int mib);
/* new_vcpu() - a VM with 4 MiB of memory and a vCPU in @mode. */
struct vmm_vcpu *new_vcpu(enum vmm_mode mode);
/* reset_vcpu() - back to the start of @mode, all registers sane. */
void reset_vcpu(struct vmm_vcpu *vcpu, enum vmm_mode mode);

/* fails() - the errno of an ioctl that must fail, 0 if it did not. */
#define fails(...) (ioctl(__VA_ARGS__) < 0 ? errno : 0)

/* assert_clean() - the audit finds nothing in this VM (kvmswap). */
void assert_clean(struct vmm *vm);
/* end_vm() - assert_clean(), then vmm_destroy(). */
void end_vm(struct vmm *vm);

/*
 * After catch_traps() every exception and interrupt ends vmm_run() with
 * VMM_EXIT, status 0x100 + vector. Writes the IDT at ABI_IDT (real mode: at 0), a
 * stub for each vector at TRAP_STUBS, and a TSS.
 */
#define TRAP_STUBS ABI_SCRATCH
#define TRAP_TSS (ABI_SCRATCH + 0x2000)
#define TRAP_STACK (ABI_SCRATCH + 0x8000)
#define TRAP 0x100

void catch_traps(struct vmm_vcpu *vcpu, enum vmm_mode mode);
/* enter_user() - ring 3 from the next entry on, on the stack of before. */
void enter_user(struct vmm_vcpu *vcpu, enum vmm_mode mode);
/* outcome() - how it stopped, and what a trap left on the stack, as text. */
const char *outcome(struct vmm_vcpu *vcpu);

/*
 * without_audit_always() - for a test with thousands of sptes and invalidations, where
 * an audit at each step would take minutes: until its end only audits on demand.
 */
void without_audit_always(void);

/* vcpu_with_gap() - in 64-bit mode; its VM has 3 MiB of memory and tables for 4 MiB. */
struct vmm_vcpu *vcpu_with_gap(void);
/* run_on() - this thread, and those it makes from now on, run on one CPU alone. */
void run_on(int cpu);
/* assert_exits_0() - waits for the end of a child that has no complaint. */
void assert_exits_0(pid_t pid);
/* set_cpu1() - the second CPU goes offline, or online. */
void set_cpu1(bool online);
/* cpu1_back() - the teardown of a test that does so. */
int cpu1_back(void **state);
/* is_6_12() - is it Linux 6.12 or later? */
bool is_6_12(void);
/* protocol_is() - is it the module's? Chapters before 8 have the seqlock. */
bool protocol_is(const char *name);
/*
 * calls_name_all() - may any flush of the process, also one that has nothing to do with
 * the test, come as a call about all of its memory? Then sptes go at any time, and what
 * is counted is a lower bound.
 */
bool calls_name_all(void);

/* Real time and waiting. */
double now(void);
/* deadline() - when what is done in @seconds on Debian's kernel must be done on this one. */
double deadline(double seconds);
/* run_for() - vmm_start(), vmm_kick() after @seconds unless it stopped; how it did. */
enum vmm_stop run_for(struct vmm_vcpu *vcpu, double seconds);
/* wait_until() - false if @test does not become true until the deadline of @seconds. */
bool wait_until(bool (*test)(void *arg), void *arg, double seconds);

/* process.c: the second half of a test, in the program image after exec */
int after_exec_main(int vm_fd, int vcpu_fd);

/* next_random() - @state begins as a seed that is not 0. */
uint64_t next_random(uint64_t *state);

#endif
