// SPDX-License-Identifier: GPL-2.0
/*
 * kill.c - kill -9 in the middle of swapping: a guest with three times the memory that
 * its cgroup may keep, killed at a moment that nobody chose. It dies soon, and all
 * of its memory comes back.
 */
#include <signal.h>
#include <sys/wait.h>

#include "test.h"

#define GUEST_MIB 24
#define CGROUP_MIB 8
#define ROUNDS 12

CODE(64, sweep,
	"2: mov $0x200000, %edi; 1: lock incl (%rdi); add $0x1000, %edi; cmp $0x1800000, %edi; jb 1b\n"
	"jmp 2b");

static void guest(void)
{
	struct vmm *vm = new_vm(GUEST_MIB);
	int i;

	for (i = 0; i < 2; i++)
		vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG_2M, ABI_CODE);
	memcpy(vmm_hva(vm, ABI_CODE, 128), code_sweep, CODE_SIZE(sweep));
	for (i = 0; i < 2; i++)
		vmm_start(vm->vcpus[i]);
	for (;;)
		pause();
}

/* 2 MiB are out: the guest has gone around in its memory and waits for pages. */
static bool is_swapping(void *path)
{
	char text[32];

	return proc_read(path, text, sizeof(text)) > 0 && atoll(text) > 2 << 20;
}

static void in_the_middle_of_swapping(void **state)
{
	uint64_t seed = 42;
	char path[128], file[160], swap[160];
	long long swapped = proc_value("/proc/vmstat", "pswpout");
	int round, status;

	(void)state;
	without_audit_always();
	cgroup_create("kill", (long long)CGROUP_MIB << 20, path, sizeof(path));
	snprintf(file, sizeof(file), "%s/memory.stat", path);
	snprintf(swap, sizeof(swap), "%s/memory.swap.current", path);
	for (round = 0; round < ROUNDS; round++) {
		double start, end;
		pid_t pid = fork();

		if (!pid) {
			cgroup_enter(path);
			guest();
		}
		if (!wait_until(is_swapping, swap, 60))
			fail_msg("round %d: the guest is not swapped", round);
		usleep(next_random(&seed) % 300000);
		start = now();
		end = deadline(20);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		if (now() > end)
			fail_msg("round %d: it took %.1f s to die", round, now() - start);
	}
	swapped = proc_value("/proc/vmstat", "pswpout") - swapped;
	printf("%lld pages swapped out\n", swapped);
	assert_true(swapped > 100 * ROUNDS);
	/* what the cgroup was charged for is given back, but for what is left of slab */
	for (round = 0; round < 100 && proc_value(file, "anon") > 0; round++)
		usleep(20000);
	assert_int_equal(proc_value(file, "anon"), 0);
	cgroup_remove(path);
	assert_int_not_equal(access(path, F_OK), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(in_the_middle_of_swapping),
};

GROUP(kill, tests, .kvmswap_only = true);
