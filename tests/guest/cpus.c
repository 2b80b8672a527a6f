// SPDX-License-Identifier: GPL-2.0
/*
 * cpus.c - real CPUs go offline and come back while guests run on them, and the machine
 * is suspended. Guests go on as if nothing had happened, and no store of theirs is lost.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "test.h"

#define ROUNDS 10
#define PAGES 16

/* Without end: each vCPU counts in 16 pages of its own, one after the other. */
CODE(64, count_in_pages,
	"mov %edi, %esi; shl $16, %esi; add $0x200000, %esi; lea 0x10000(%rsi), %edx\n"
	"1: mov %esi, %ebx; 2: incl (%rbx); add $0x1000, %ebx; cmp %edx, %ebx; jb 2b; jmp 1b");

static volatile uint32_t *page_of(const struct vmm_vcpu *vcpu, int n)
{
	return vmm_hva(vcpu->vm, ABI_FREE + (vcpu->id * PAGES + n) * PAGE, 4);
}

static struct vmm *counting_vm(void)
{
	struct vmm *vm = new_vm(4);
	int i;

	memcpy(vmm_hva(vm, ABI_CODE, 64), code_count_in_pages, CODE_SIZE(count_in_pages));
	for (i = 0; i < 2; i++)
		vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG, ABI_CODE);
	for (i = 0; i < 2; i++)
		vmm_start(vm->vcpus[i]);
	return vm;
}

struct watch {
	const struct vmm_vcpu *vcpu;
	uint32_t before;
};

static bool has_counted(void *arg)
{
	const struct watch *watch = arg;

	return *page_of(watch->vcpu, PAGES - 1) - watch->before > 100;
}

/* The host takes all pages, and both vCPUs fault them in again and go on. */
static void assert_both_run(struct vmm *vm)
{
	int i;

	assert_int_equal(madvise(vmm_hva(vm, ABI_FREE, PAGE), 2 * PAGES * PAGE, MADV_PAGEOUT), 0);
	for (i = 0; i < 2; i++) {
		struct watch watch = { vm->vcpus[i], *page_of(vm->vcpus[i], PAGES - 1) };

		if (!wait_until(has_counted, &watch, 10))
			fail_msg("vCPU %d does not go on", i);
	}
}

static void end_counting_vm(struct vmm *vm)
{
	int i, n;

	for (i = 0; i < 2; i++)
		vmm_kick(vm->vcpus[i]);
	for (i = 0; i < 2; i++) {
		uint32_t last;

		assert_int_equal(vmm_join(vm->vcpus[i]), VMM_KICKED);
		last = *page_of(vm->vcpus[i], PAGES - 1);
		for (n = 0; n < PAGES - 1; n++)
			assert_in_range(*page_of(vm->vcpus[i], n), last, last + 1);
	}
	end_vm(vm);
}

CODE(64, halt, "hlt");

/* A VM that comes and goes meanwhile. */
static void another_vm(void)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);

	assert_int_equal(RUN(vcpu, halt), VMM_HLT);
	end_vm(vcpu->vm);
}

/* One vCPU is on the CPU that goes, each time; the other is where the scheduler likes. */
static void come_and_go(void **state)
{
	struct vmm *vm;
	cpu_set_t cpu1;
	int i;

	(void)state;
	CPU_ZERO(&cpu1);
	CPU_SET(1, &cpu1);
	vm = counting_vm();
	for (i = 0; i < ROUNDS; i++) {
		assert_int_equal(pthread_setaffinity_np(vm->vcpus[i % 2]->thread, sizeof(cpu1),
							&cpu1), 0);
		assert_both_run(vm);
		set_cpu1(false);
		assert_both_run(vm);
		another_vm();
		set_cpu1(true);
		assert_both_run(vm);
		another_vm();
	}
	end_counting_vm(vm);
}

#define SLEEP_STATES "/sys/power/state"
#define HOW_FAR "/sys/power/pm_test"

static int sleep_in_earnest(void **state)
{
	(void)state;
	return proc_write(HOW_FAR, "none");
}

/*
 * The kernel's own test of suspending: all is done but the last step. The processes are
 * frozen, the devices and all CPUs but one stopped; that one waits for a second in place of
 * sleeping, and all is taken back.
 */
static void suspended(void **state)
{
	struct vmm *vm;
	int i;

	(void)state;
	if (proc_write(HOW_FAR, "core") ||
	    proc_write("/sys/module/suspend/parameters/pm_test_delay", "1"))
		leave_out("this kernel has no test of suspending");
	vm = counting_vm();
	for (i = 0; i < 3; i++) {
		int error;

		assert_both_run(vm);
		error = proc_write(SLEEP_STATES, "mem");
		if (error)
			fail_msg("no suspend: %s", strerror(-error));
		assert_both_run(vm);
		another_vm();
	}
	end_counting_vm(vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_teardown(come_and_go, cpu1_back),
	cmocka_unit_test_teardown(suspended, sleep_in_earnest),
};

GROUP(cpus, tests);
