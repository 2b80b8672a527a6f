// SPDX-License-Identifier: GPL-2.0
/*
 * churn.c - chapter 7: one thread makes, moves and deletes slots without a pause, two
 * vCPUs read and write in them (../../code/guests/churn.c), and the process has less
 * memory than it uses, so that the host swaps all the while. See slots.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../code/guests/churn.h"
#include "slots.h"

#define MEMORY		(4 * MEBI)
#define RUN_SIZE	(CHURN_PAGES * PAGE)
#define CHANGES		300
#define MAX_PAUSE_US	60000	/* between two changes: the guest can be sure for a while */
#define AUDIT_EACH	50	/* changes */
#define MAY_KEEP	(5 * MEBI / 2)	/* the runs are 3 MiB, and not all */
#define GUEST		"/kvmswap/guests/churn64.bin"

static struct {
	struct vmm *vm;
	volatile struct churn_table *table;
	char *runs;
	int window[CHURN_RUNS];		/* where the run is, or -1 */
	bool logged[CHURN_RUNS];
	uint64_t random;
	long long created, moved, deleted, flags, kernel;
	long long audits, stale, chains;
} churn;

static unsigned int any(unsigned int below)
{
	churn.random = churn.random * 6364136223846793005ull + 1442695040888963407ull;
	return (churn.random >> 33) % below;
}

static char *run_hva(int run)
{
	return churn.runs + run * RUN_SIZE;
}

static uint64_t window_gpa(int window)
{
	return CHURN_BASE + window * RUN_SIZE;
}

/* An empty window, or -1. */
static int free_window(void)
{
	int first = any(CHURN_WINDOWS), i;

	for (i = 0; i < CHURN_WINDOWS; i++)
		if (churn.table->in_window[(first + i) % CHURN_WINDOWS] == CHURN_EMPTY)
			return (first + i) % CHURN_WINDOWS;
	return -1;
}

/* The guest must know when it cannot be sure what is where. */
static void change_begins(void)
{
	__atomic_add_fetch(&churn.table->generation, 1, __ATOMIC_SEQ_CST);
}

static void change_ends(void)
{
	__atomic_add_fetch(&churn.table->generation, 1, __ATOMIC_SEQ_CST);
}

static void must(int error, const char *what, int run)
{
	errno = -error;
	if (error)
		vmm_die("%s slot %d", what, run + 1);
}

static void set_slot(int run, int window, size_t size, const char *what)
{
	int old = churn.window[run];

	change_begins();
	must(vmm_set_slot(churn.vm, run + 1, churn.logged[run] ? KVM_MEM_LOG_DIRTY_PAGES : 0,
			  window_gpa(size ? window : old), size, run_hva(run)), what, run);
	if (old >= 0)
		churn.table->in_window[old] = CHURN_EMPTY;
	churn.window[run] = size ? window : -1;
	if (size)
		churn.table->in_window[window] = run;
	change_ends();
}

static void change_flags(int run)
{
	uint64_t bitmap;	/* a bit a page */
	struct kvm_dirty_log log = { .slot = run + 1, .dirty_bitmap = &bitmap };

	if (churn.logged[run])
		must(ioctl(churn.vm->fd, KVM_GET_DIRTY_LOG, &log) ? -errno : 0, "read the log of",
		     run);
	churn.logged[run] = !churn.logged[run];
	set_slot(run, churn.window[run], RUN_SIZE, "change the flags of");
	churn.flags++;
}

/* The slot of the kernel's making comes or goes. */
static void change_kernel_slot(void)
{
	bool there = churn.table->in_window[CHURN_LAST] != CHURN_EMPTY;

	change_begins();
	must(kernel_slot(churn.vm, CHURN_RUNS + 1, window_gpa(CHURN_LAST), there ? 0 : RUN_SIZE),
	     "make or delete the kernel's", CHURN_RUNS);
	churn.table->in_window[CHURN_LAST] = there ? CHURN_EMPTY : CHURN_ZEROES;
	change_ends();
	churn.kernel++;
}

static void change_one(void)
{
	int run = any(CHURN_RUNS), window = free_window(), what = any(16);

	if (what == 0) {
		change_kernel_slot();
	} else if (churn.window[run] < 0) {
		if (window < 0)
			return;
		set_slot(run, window, RUN_SIZE, "make");
		churn.created++;
	} else if (what < 4) {
		change_flags(run);
	} else if (what < 10 && window >= 0) {
		set_slot(run, window, RUN_SIZE, "move");
		churn.moved++;
	} else {
		set_slot(run, -1, 0, "delete");
		churn.deleted++;
	}
}

static void audit_now(void)
{
	struct dbgfs_audit found = audit(churn.vm);

	churn.audits++;
	churn.stale += found.stale_sptes;
	churn.chains += found.rmap_errors + found.role_errors;
}

static void print_line(struct vmm_vcpu *vcpu, const char *line)
{
	printf("   vCPU %d: %s\n", vcpu->id, line);
}

static void setup(void)
{
	char cgroup[128];
	struct vmm_vcpu *vcpu;
	struct stat st;
	int i, page;

	cgroup_check_swap(64 * MEBI);
	cgroup_create("churn", MAY_KEEP, cgroup, sizeof(cgroup));
	cgroup_enter(cgroup);
	churn.vm = vmm_create(NULL);
	vmm_map_memory(churn.vm, 0, MEMORY, guest_memory(MEMORY), 0);
	if (stat(GUEST, &st))
		vmm_die("the guest program %s", GUEST);
	vmm_load(churn.vm, GUEST, ABI_CODE);
	churn.table = vmm_hva(churn.vm, ABI_FREE, sizeof(*churn.table));
	churn.runs = guest_memory(CHURN_RUNS * RUN_SIZE);
	for (i = 0; i <= CHURN_WINDOWS; i++)
		churn.table->in_window[i] = CHURN_EMPTY;
	for (i = 0; i < CHURN_RUNS; i++) {
		churn.window[i] = -1;
		for (page = 0; page < CHURN_PAGES; page++)
			*(uint32_t *)(run_hva(i) + page * PAGE) = CHURN_TAG(i, page);
	}
	vmm_params(churn.vm, VMM_LONG_1G, 2);
	for (i = 0; i < 2; i++) {
		vcpu = vmm_add_vcpu(churn.vm);
		vcpu->on_mmio = nobody_there;
		vcpu->on_text = print_line;
		vmm_set_mode(vcpu, VMM_LONG_1G, ABI_CODE);
	}
}

/* Words of the runs that are not what was written into them before the guest began. */
static int wrong_tags(void)
{
	int run, page, wrong = 0;

	for (run = 0; run < CHURN_RUNS; run++)
		for (page = 0; page < CHURN_PAGES; page++)
			wrong += *(uint32_t *)(run_hva(run) + page * PAGE) != CHURN_TAG(run, page);
	return wrong;
}

static long long sum(size_t field)
{
	long long all = 0;
	int i;

	for (i = 0; i < 2; i++)
		all += *(volatile uint32_t *)((char *)&churn.table->vcpu[i] + field);
	return all;
}

#define SUM(name) sum(__builtin_offsetof(typeof(churn.table->vcpu[0]), name))

static void print_counts(long long out, long long in)
{
	long long failures = stat_of(churn.vm, "audit_failures");
	long long wrong = SUM(wrong) + wrong_tags();

	value("slots created, moved, deleted", "%lld, %lld, %lld", churn.created, churn.moved,
	      churn.deleted);
	value("flags changed", "%lld times", churn.flags);
	value("the kernel's slot came or went", "%lld times", churn.kernel);
	value("pages swapped out, in", "%lld, %lld", out, in);
	value("invalidations", "%lld, which dropped %lld sptes", stat_of(churn.vm, "invalidations"),
	      stat_of(churn.vm, "sptes_unmapped"));
	value("faults", "%lld", stat_of(churn.vm, "faults"));
	value("... began again: page taken", "%lld", stat_of(churn.vm, "faults_retried"));
	value("... began again: slot gone", "%lld", stat_of(churn.vm, "faults_slot_moved"));
	value("pages visited by the guest", "%lld, each word known", SUM(sure));
	value("... where no slot was", "%lld", SUM(empty));
	value("pages visited during a change", "%lld", SUM(unsure));
	value("words wrong", "%lld", wrong);
	value("stale sptes", "%lld, in %lld audits", churn.stale, churn.audits);
	value("audit failures", "%lld", failures);
	check(!wrong, "every word is what was written there last");
	check(!churn.stale && !churn.chains && !failures, "the audits find nothing");
	check(churn.created > 30 && churn.moved > 30 && churn.deleted > 30, "slots have changed");
	check(out > 500 && in > 500 && SUM(sure) > 1000, "the host has swapped, the guest has run");
}

void show_churn(void)
{
	long long out, in;
	int i, changes;

	step("Slots are made, moved and deleted while two vCPUs use them and the host swaps");
	setup();
	out = proc_value("/proc/vmstat", "pswpout");
	in = proc_value("/proc/vmstat", "pswpin");
	for (i = 0; i < 2; i++)
		vmm_start(churn.vm->vcpus[i]);
	for (changes = 1; changes <= CHANGES; changes++) {
		change_one();
		usleep(any(MAX_PAUSE_US));
		if (changes % AUDIT_EACH == 0)
			audit_now();
	}
	churn.table->stop = 1;
	for (i = 0; i < 2; i++) {
		enum vmm_stop stop = vmm_join(churn.vm->vcpus[i]);

		check(stop == VMM_EXIT, "vCPU %d came to its end, not to: %s", i,
		      vmm_stop_name(stop));
	}
	audit_now();
	out = proc_value("/proc/vmstat", "pswpout") - out;
	in = proc_value("/proc/vmstat", "pswpin") - in;
	print_counts(out, in);
	code("memslot.c set_memory_region() -> replace_slot()");
	vmm_destroy(churn.vm);
}
