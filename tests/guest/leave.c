// SPDX-License-Identifier: GPL-2.0
/*
 * leave.c - all that holds a VM is let go in every order: the device, the VM, its
 * vCPUs, their shared areas, the guest's memory; at rest, and while a vCPU runs.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "test.h"

enum { DEVICE, VM, VCPU, RUN_AREA, MEMORY, THINGS, ORDERS = 120 };

CODE(64, touch_all,
	"mov $0x200000, %edi; 1: incl (%rdi); add $0x1000, %edi; cmp $0x220000, %edi; jb 1b; hlt");
CODE(64, spin, "2: mov $0x200000, %edi; 1: incl (%rdi); add $0x1000, %edi; cmp $0x220000, %edi;"
	"jb 1b; jmp 2b");

static void let_go(struct vmm *vm, int thing)
{
	switch (thing) {
	case DEVICE:
		close(vm->dev_fd);
		break;
	case VM:
		close(vm->fd);
		break;
	case VCPU:
		close(vm->vcpus[0]->fd);
		break;
	case RUN_AREA:
		munmap(vm->vcpus[0]->run, vm->run_size);
		break;
	case MEMORY:
		munmap(vm->slots[0].hva, vm->slots[0].size);
		break;
	}
}

/* The @n-th of all orders of @things. */
static void order(int n, int things, int *out)
{
	int left[THINGS], i, count = things;

	for (i = 0; i < things; i++)
		left[i] = i;
	for (i = 0; i < things; i++) {
		int pick = n % count;

		out[i] = left[pick];
		memmove(left + pick, left + pick + 1, (count - pick - 1) * sizeof(int));
		n /= count--;
	}
}

/* The second vCPU is what is left in the end. */
static void let_go_of_the_rest(struct vmm *vm)
{
	int i;

	munmap(vm->vcpus[1]->run, vm->run_size);
	close(vm->vcpus[1]->fd);
	for (i = 0; i < 2; i++)
		free(vm->vcpus[i]);
	free(vm);
}

static void every_order(void **state)
{
	int n, i, sequence[THINGS];

	(void)state;
	/* to make a VM and to let go of it takes long; stock KVM is not what is tested */
	for (n = 0; n < ORDERS; n += stock ? 10 : 3) {
		struct vmm *vm = new_vm(4);

		for (i = 0; i < 2; i++) {
			vmm_add_vcpu(vm);
			vmm_set_mode(vm->vcpus[i], VMM_LONG_2M, ABI_CODE);
			assert_int_equal(RUN(vm->vcpus[i], touch_all), VMM_HLT);
		}
		order(n, THINGS, sequence);
		for (i = 0; i < THINGS; i++)
			let_go(vm, sequence[i]);
		let_go_of_the_rest(vm);
	}
}

/* The same while vCPU 0 runs on its thread: its fd may be closed, its memory unmapped. */
static void *run_thread(void *arg)
{
	struct vmm_vcpu *vcpu = arg;
	int ret;

	do {
		ret = ioctl(vcpu->fd, KVM_RUN, 0l) ? -errno : 0;
	} while (!ret);
	return (void *)(long)ret;
}

static void on_signal(int signal)
{
	(void)signal;
}

static void while_it_runs(void **state)
{
	struct sigaction action = { .sa_handler = on_signal };
	int n, i, sequence[THINGS];

	(void)state;
	sigaction(SIGUSR2, &action, NULL);
	for (n = 0; n < ORDERS; n += stock ? 30 : 5) {
		struct vmm *vm = new_vm(4);
		volatile uint32_t *count = vmm_hva(vm, ABI_FREE, 4);
		pthread_t thread;
		double end;
		void *ret;

		for (i = 0; i < 2; i++)
			vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG_2M, ABI_CODE);
		memcpy(vmm_hva(vm, ABI_CODE, 128), code_spin, CODE_SIZE(spin));
		pthread_create(&thread, NULL, run_thread, vm->vcpus[0]);
		while (*count < 2)
			usleep(500);
		order(n, THINGS, sequence);
		for (i = 0; i < THINGS; i++)
			let_go(vm, sequence[i]);
		/* with its memory gone it ends by itself, with EFAULT */
		end = deadline(60);
		while (pthread_tryjoin_np(thread, &ret)) {
			pthread_kill(thread, SIGUSR2);
			usleep(1000);
			if (now() > end)
				fail_msg("order %d: the vCPU runs on", n);
		}
		let_go_of_the_rest(vm);
	}
}

/* The process just ends: by _exit(), by a signal, by the end of one of its threads. */
static void just_end(void **state)
{
	int n, status;

	(void)state;
	for (n = 0; n < 12; n++) {
		pid_t pid = fork();

		if (!pid) {
			struct vmm *vm = new_vm(4);
			int i;

			for (i = 0; i < 2; i++) {
				vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG_2M, ABI_CODE);
				memcpy(vmm_hva(vm, ABI_CODE, 128), code_spin, CODE_SIZE(spin));
				vmm_start(vm->vcpus[i]);
			}
			usleep(10000 * (n % 4));
			if (n % 3 == 0)
				_exit(0);
			if (n % 3 == 1)
				raise(SIGKILL);
			abort();
		}
		waitpid(pid, &status, 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(every_order),
	cmocka_unit_test(while_it_runs),
	cmocka_unit_test(just_end),
};

GROUP(leave, tests);
