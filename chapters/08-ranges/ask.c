// SPDX-License-Identifier: GPL-2.0
/*
 * ask.c - vCPUs that read a word and tell which, so that it is seen at what moment a
 * fault has an end; and vCPUs that only run. The contracts are in ranges.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ranges.h"

#define ASK_CODE (ABI_CODE + PAGE)
#define LIMIT_MS 5000

extern const char ask_text[], ask_text_count[], ask_text_end[];

/* A thread each, which is there all the time: to make one changes the process' memory. */
static struct asked {
	struct vmm_vcpu *vcpu;
	pthread_t thread;
	sem_t go, stopped;
	bool quit;
	long long faults[2];	/* when it was asked: all, and those that were retried */
} asked[VMM_MAX_VCPUS];

static void *ask_thread(void *arg)
{
	struct asked *a = arg;

	for (;;) {
		sem_wait(&a->go);
		if (a->quit)
			return NULL;
		vmm_run(a->vcpu);
		sem_post(&a->stopped);
	}
}

static uint64_t tell_gpa(int n)
{
	return ABI_FREE + n * PAGE;
}

static volatile uint32_t *tell(struct vmm *vm, int n)
{
	return vmm_hva(vm, tell_gpa(n), 8);
}

struct vmm *ask_create(char *memory, int vcpus)
{
	struct vmm *vm = guest_create(VMM_LONG_1G, memory, SMALL);
	size_t len = ask_text_end - ask_text;
	int n;

	memcpy(vmm_hva(vm, ASK_CODE, len), ask_text, len);
	for (n = 1; n < vcpus; n++)
		vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG_1G, ASK_CODE);
	for (n = 0; n < vcpus; n++) {
		asked[n] = (struct asked) { .vcpu = vm->vcpus[n] };
		sem_init(&asked[n].go, 0, 0);
		sem_init(&asked[n].stopped, 0, 0);
		errno = pthread_create(&asked[n].thread, NULL, ask_thread, &asked[n]);
		if (errno)
			vmm_die("a thread for vCPU %d", n);
	}
	/* so that each vCPU's code and the place where it tells are mapped from here on */
	for (n = 0; n < vcpus; n++) {
		guest_write(vm, tell_gpa(n), 1, 0);
		ask_start(vm, n, tell_gpa(n));
		ask_end(vm, n);
	}
	return vm;
}

void ask_destroy(struct vmm *vm)
{
	int n;

	for (n = 0; n < vm->nr_vcpus; n++) {
		asked[n].quit = true;
		sem_post(&asked[n].go);
		pthread_join(asked[n].thread, NULL);
	}
	vmm_destroy(vm);
}

static void prepare(struct vmm *vm, int n, const char *text, uint64_t gpa, int pages)
{
	struct kvm_regs regs = {
		.rip = ASK_CODE + (text - ask_text),
		.rflags = 2,
		.rdi = gpa,
		.rsi = pages,
		.r8 = tell_gpa(n),
	};

	tell(vm, n)[0] = 0;
	tell(vm, n)[1] = 0;
	vmm_set_regs(vm->vcpus[n], &regs);
}

void ask_start(struct vmm *vm, int n, uint64_t gpa)
{
	prepare(vm, n, ask_text, gpa, 0);
	asked[n].faults[0] = stat_of(vm, "faults");
	asked[n].faults[1] = stat_of(vm, "faults_retried");
	sem_post(&asked[n].go);
}

/* A fault that waits is retried, or sleeps right after it was counted. */
bool ask_waits(struct vmm *vm, int n)
{
	bool range = is_protocol("range");
	const char *sign = range ? "faults_retried" : "faults";
	long long before = asked[n].faults[range];
	int ms;

	for (ms = LIMIT_MS; ms > 0 && stat_of(vm, sign) < before + (range ? 3 : 1); ms -= 5)
		usleep(5000);
	return !ask_told(vm, n, 100);
}

bool ask_told(struct vmm *vm, int n, int ms)
{
	for (; ms > 0 && !tell(vm, n)[1]; ms -= 5)
		usleep(5000);
	return tell(vm, n)[1];
}

uint32_t ask_end(struct vmm *vm, int n)
{
	char how[160];

	sem_wait(&asked[n].stopped);
	if (vm->vcpus[n]->stop != VMM_HLT) {
		vmm_describe_stop(vm->vcpus[n], how, sizeof(how));
		errno = 0;
		vmm_die("vCPU %d stopped with \"%s\" and not with hlt", n, how);
	}
	return tell(vm, n)[0];
}

void count_start(struct vmm *vm, int n, uint64_t gpa, int pages)
{
	prepare(vm, n, ask_text_count, gpa, pages);
	vmm_start(vm->vcpus[n]);
}

uint32_t count_of(struct vmm *vm, int n)
{
	return tell(vm, n)[0];
}
