// SPDX-License-Identifier: GPL-2.0
/*
 * range.c - an invalidation that takes its time, under the protocol that the module was
 * loaded with. The host is held in the middle: between its two calls (range, interval),
 * or at its only one, with its entries changed (seqlock). Which faults wait for it, may
 * a slot come or the VM go, and how often are the vCPUs made to forget?
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "held.h"

#define OTHER_GPA	(3ul << 20)	/* slot 0 */
#define LATE_GPA	(64ul << 20)	/* slot 2 */
#define PAGES		64		/* slot 1 */
#define GONE		16		/* ... of which so many are given back */

static char *work;

static void give_back(void)
{
	assert_int_equal(madvise(work, GONE * PAGE, MADV_DONTNEED), 0);
}

static void give_back_another(void)
{
	assert_int_equal(madvise(work + 48 * PAGE, PAGE, MADV_DONTNEED), 0);
}

/* A VM, and memory that may become its slot 1. */
static struct vmm *make_vm(int vcpus)
{
	work = held_memory(PAGES * PAGE);
	return held_vm(vcpus);
}

/* Before the change: what is in the range waits, and nothing else does. */
static void faults_between(struct vmm *vm, struct act *act, long long unmapped)
{
	bool interval = protocol_is("interval");
	long long retried;

	assert_int_equal(unmapped, GONE);
	retried = dbgfs_stat(vm, "faults_retried");
	assert_true(ask_waits(vm, 0));
	assert_true(interval ? ask_waits(vm, 1) : ask(vm, 1));
	assert_true(ask(vm, 2));
	assert_false(has_told((void *)tell(vm, 0)));
	retried = dbgfs_stat(vm, "faults_retried") - retried;
	printf("%lld faults retried\n", retried);
	assert_true(interval ? !retried : retried > 2);
	assert_true(act_held(act));
}

/* After the change and before the call: all is as it was, and the call takes it away. */
static void faults_before_the_call(struct vmm *vm, struct act *act, long long unmapped)
{
	if (!calls_name_all())
		assert_int_equal(unmapped, 0);
	assert_int_equal(*(uint32_t *)work, 0);
	assert_true(ask(vm, 0));
	assert_true(ask(vm, 1));
	assert_true(ask(vm, 2));
	assert_true(act_held(act));
}

static bool is_given_back(void)
{
	return *(uint32_t *)work == 0;
}

static void a_fault_meets_an_invalidation(void **state)
{
	bool seqlock = protocol_is("seqlock");
	struct act act = { .what = give_back, .point = seqlock ? "invalidate_entry" : "between" };
	struct vmm *vm = make_vm(3);
	long long unmapped;

	(void)state;
	assert_int_equal(vmm_set_slot(vm, 1, 0, WORK_GPA, PAGES * PAGE, work), 0);
	guest_fills(vm, WORK_GPA, GONE);
	act_prepare(&act);
	prepare_ask(vm, 0, WORK_GPA + 5 * PAGE);
	prepare_ask(vm, 1, WORK_GPA + 40 * PAGE);
	prepare_ask(vm, 2, OTHER_GPA);
	act.begun = calls_name_all() ? is_given_back : NULL;
	unmapped = dbgfs_stat(vm, "sptes_unmapped");
	assert_true(act_begin(&act));
	unmapped = dbgfs_stat(vm, "sptes_unmapped") - unmapped;
	if (seqlock)
		faults_before_the_call(vm, &act, unmapped);
	else
		faults_between(vm, &act, unmapped);
	act_end(&act);
	/* the page was still mapped, unless a call about all memory came before */
	assert_true(end_ask(vm, 0) == (seqlock ? OLD : 0) || calls_name_all());
	assert_int_equal(end_ask(vm, 1), 0);
	assert_int_equal(end_ask(vm, 2), 0);
	prepare_ask(vm, 0, WORK_GPA + 5 * PAGE);
	assert_true(ask(vm, 0));
	assert_int_equal(end_ask(vm, 0), 0);
	end_vm(vm);
}

/* Two sections at once: each page waits until all that concern it are over. */
static void two_at_once(void **state)
{
	struct act first = { .what = give_back, .point = "between" };
	struct act second = { .what = give_back_another, .point = "invalidate_entry" };
	struct vmm *vm;

	(void)state;
	if (!protocol_is("range"))
		leave_out("the other protocols have no range of their own");
	vm = make_vm(3);
	assert_int_equal(vmm_set_slot(vm, 1, 0, WORK_GPA, PAGES * PAGE, work), 0);
	act_prepare(&first);
	act_prepare(&second);
	prepare_ask(vm, 0, WORK_GPA + 5 * PAGE);
	prepare_ask(vm, 1, WORK_GPA + 48 * PAGE);
	prepare_ask(vm, 2, WORK_GPA + 60 * PAGE);
	assert_true(act_begin(&first));
	assert_true(act_begin(&second));
	assert_true(ask_waits(vm, 0));
	assert_true(ask_waits(vm, 1));
	assert_true(ask(vm, 2));
	act_end(&first);
	assert_true(act_held(&second));
	assert_false(wait_until(has_told, (void *)tell(vm, 1), 0.2));
	act_end(&second);
	assert_int_equal(end_ask(vm, 0), 0);
	assert_int_equal(end_ask(vm, 1), 0);
	assert_int_equal(end_ask(vm, 2), 0);
	end_vm(vm);
}

static struct vmm *late_vm;

static void make_slot(void)
{
	assert_int_equal(vmm_set_slot(late_vm, 2, 0, LATE_GPA, PAGES * PAGE, work), 0);
}

static void delete_slot(void)
{
	assert_int_equal(vmm_set_slot(late_vm, 1, 0, WORK_GPA, 0, work), 0);
}

/* No slot comes or goes between the calls, or none that could map what is about to go. */
static void a_slot_between(void **state, void (*change)(void))
{
	struct act act = { .what = give_back, .point = "between" }, slot = { .what = change };
	bool range = protocol_is("range");
	struct vmm *vm;

	(void)state;
	if (protocol_is("seqlock"))
		leave_out("there is no between");
	vm = make_vm(1);
	late_vm = vm;
	assert_int_equal(vmm_set_slot(vm, 1, 0, WORK_GPA, PAGES * PAGE, work), 0);
	memset(work, 0x11, GONE * PAGE);
	act_prepare(&act);
	act_prepare(&slot);
	if (change == make_slot)
		prepare_ask(vm, 0, LATE_GPA);
	assert_true(act_begin(&act));
	act_start(&slot);
	if (range || change == delete_slot) {
		assert_false(act_done(&slot, 500));
	} else {
		assert_true(act_done(&slot, 20000));
		assert_true(ask_waits(vm, 0));
	}
	assert_true(act_held(&act));
	act_end(&act);
	act_end(&slot);
	if (change == make_slot) {
		assert_true(ask(vm, 0));
		assert_int_equal(end_ask(vm, 0), 0);
	}
	end_vm(vm);
}

static void a_slot_comes_between(void **state)
{
	a_slot_between(state, make_slot);
}

static void a_slot_goes_between(void **state)
{
	a_slot_between(state, delete_slot);
}

static void destroy_vm(void)
{
	vmm_destroy(late_vm);
}

/* The last file descriptor is closed between the calls. */
static void the_vm_goes_between(void **state)
{
	struct act act = { .what = give_back, .point = "between" };
	struct act gone = { .what = destroy_vm };

	(void)state;
	if (protocol_is("seqlock"))
		act.point = "invalidate_entry";
	late_vm = make_vm(1);
	assert_int_equal(vmm_set_slot(late_vm, 1, 0, WORK_GPA, PAGES * PAGE, work), 0);
	guest_fills(late_vm, WORK_GPA, PAGES);
	act_prepare(&act);
	act_prepare(&gone);
	assert_true(act_begin(&act));
	act_start(&gone);
	assert_false(act_done(&gone, 500));
	assert_true(act_held(&act));
	act_end(&act);
	act_end(&gone);
}

#define MANY	4096ul
#define HUGE	(2ul << 20)

/* 16 MiB go at once, from @slots slots, while both vCPUs run. Return: flush rounds. */
static long long rounds_of_munmap(int slots)
{
	size_t size = MANY * PAGE, part = size / slots;
	char *room = held_memory(size + HUGE), *hva = room + -(uintptr_t)room % HUGE;
	struct vmm *vm = held_vm(2);
	long long rounds, dropped;
	int n;

	for (n = 0; n < slots; n++)
		assert_int_equal(vmm_set_slot(vm, 1 + n, 0, WORK_GPA + n * part, part,
					      hva + n * part), 0);
	fill_and_count(vm, WORK_GPA, MANY);
	rounds = dbgfs_stat(vm, "tlb_flushes");
	dropped = dbgfs_stat(vm, "sptes_unmapped");
	assert_int_equal(munmap(hva, size), 0);
	rounds = dbgfs_stat(vm, "tlb_flushes") - rounds;
	dropped = dbgfs_stat(vm, "sptes_unmapped") - dropped;
	printf("%d slots: %lld sptes, %lld rounds\n", slots, dropped, rounds);
	assert_true(dropped >= (long long)MANY);
	for (n = 0; n < 2; n++) {
		vmm_kick(vm->vcpus[n]);
		assert_int_equal(vmm_join(vm->vcpus[n]), VMM_KICKED);
	}
	end_vm(vm);
	munmap(room, size + HUGE);
	return rounds;
}

/* Compaction moves pages of anybody, with a flush for each; of locked ones only if it may. */
static void nobody_moves_our_pages(void)
{
	assert_int_equal(proc_write("/proc/sys/vm/compact_unevictable_allowed", "0"), 0);
	assert_int_equal(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
}

static void one_round(void **state)
{
	(void)state;
	without_audit_always();
	nobody_moves_our_pages();
	/* where the host flushes, 6.12 may name all memory: then the code faults, and goes again */
	if (protocol_is("seqlock"))
		assert_in_range(rounds_of_munmap(1), 1, 4);
	else
		assert_int_equal(rounds_of_munmap(1), 1);
	if (!protocol_is("seqlock"))
		assert_int_equal(rounds_of_munmap(2), protocol_is("interval") ? 2 : 1);
}

/* ---- nothing may block: the way of the OOM killer's reaper ---- */

static void victim(int ready)
{
	struct vmm *vm;
	char byte = 0;

	run_on(1);
	vm = make_vm(1);
	if (vmm_set_slot(vm, 1, 0, WORK_GPA, PAGES * PAGE, work))
		_exit(1);
	guest_fills(vm, WORK_GPA, PAGES);
	if (write(ready, &byte, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static volatile bool hog_on;

/* Keeps the victim's CPU busy, so that it is killed and cannot die yet. */
static void *hog(void *unused)
{
	struct sched_param high = { .sched_priority = 50 };

	(void)unused;
	run_on(1);
	if (sched_setscheduler(0, SCHED_FIFO, &high))
		return NULL;
	hog_on = true;
	while (hog_on)
		;
	return NULL;
}

static void the_reaper_does_not_block(void **state)
{
	int pipes[2], pidfd, error, status;
	struct vmm other = { .fd = 0 };
	long long unmapped = -1;
	char byte, path[256];
	pthread_t thread;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid)
		victim(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	assert_true(pidfd >= 0);
	run_on(0);
	proc_write("/proc/sys/kernel/sched_rt_runtime_us", "-1");
	pthread_create(&thread, NULL, hog, NULL);
	while (!hog_on)
		usleep(1000);
	other.pid = pid;
	for (other.fd = 3; other.fd < 32 && unmapped < 0; other.fd += unmapped < 0) {
		dbgfs_path(&other, "stats", path, sizeof(path));
		unmapped = proc_value(path, "sptes_unmapped");
	}
	kill(pid, SIGKILL);
	error = syscall(448 /* process_mrelease */, pidfd, 0) ? errno : 0;
	printf("process_mrelease: errno %d; sptes dropped before %lld, after %lld\n", error,
	       unmapped, proc_value(path, "sptes_unmapped"));
	unmapped = proc_value(path, "sptes_unmapped") - unmapped;
	hog_on = false;
	pthread_join(thread, NULL);
	proc_write("/proc/sys/kernel/sched_rt_runtime_us", "950000");
	waitpid(pid, &status, 0);
	close(pidfd);
	assert_int_equal(error, 0);
	assert_true(unmapped >= PAGES);
}

static const struct CMUnitTest range_tests[] = {
	cmocka_unit_test(a_fault_meets_an_invalidation),
	cmocka_unit_test(two_at_once),
	cmocka_unit_test(a_slot_comes_between),
	cmocka_unit_test(a_slot_goes_between),
	cmocka_unit_test(the_vm_goes_between),
	cmocka_unit_test(one_round),
	cmocka_unit_test(the_reaper_does_not_block),
};

GROUP(range, range_tests, .kvmswap_only = true);
