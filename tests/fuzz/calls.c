// SPDX-License-Identifier: GPL-2.0
/*
 * calls.c - a round of hostile callers: some threads that share VMs, vCPUs and file
 * descriptors, and call whatever there is, in any order, with arguments that make sense,
 * nearly, or not at all, while another thread takes the memory away.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"

#define CALLERS 3
#define CALLS_A_CALLER 1500

int device_fd, run_size;

/* -1: none. A thread that closes one takes it out first. */
static int vms[NR_VMS], vcpus[NR_VMS * NR_VCPUS];
static struct kvm_run *runs[NR_VMS * NR_VCPUS];		/* never unmapped */
static bool over;

static int get(int *fd)
{
	return __atomic_load_n(fd, __ATOMIC_RELAXED);
}

static void put(int *fd, int value)
{
	int old = __atomic_exchange_n(fd, value, __ATOMIC_RELAXED);

	if (old >= 0)
		close(old);
}

int vm_fd(int vm)
{
	return get(&vms[vm]);
}

int vcpu_fd(int vcpu)
{
	return get(&vcpus[vcpu]);
}

struct kvm_run *vcpu_run(int vcpu)
{
	return __atomic_load_n(&runs[vcpu], __ATOMIC_ACQUIRE);
}

int any_vm(struct source *s)
{
	return choose(s, NR_VMS);
}

int any_vcpu(struct source *s)
{
	return choose(s, 4) ? choose(s, NR_VCPUS) : choose(s, COUNT(vcpus));
}

int any_fd(struct source *s)
{
	switch (choose(s, 3)) {
	case 0:
		return device_fd;
	case 1:
		return vm_fd(any_vm(s));
	default:
		return vcpu_fd(any_vcpu(s));
	}
}

/* ---- they come and go ---- */

static void make_vcpu(int vm, int id, unsigned long asked)
{
	int *place = &vcpus[vm * NR_VCPUS + id];
	int fd = call(vm_fd(vm), KVM_CREATE_VCPU, (void *)asked);
	void *run;

	if (fd < 0)
		return;
	run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (run != MAP_FAILED)
		__atomic_store_n(&runs[place - vcpus], run, __ATOMIC_RELEASE);
	put(place, fd);
}

/* Memory and two vCPUs, so that not all begins with nothing. */
static void make_vm(int vm)
{
	struct kvm_userspace_memory_region slot = {
		.memory_size = GUEST_SIZE, .userspace_addr = ARENA,
	};
	int fd = call(device_fd, KVM_CREATE_VM, 0);

	if (fd < 0)
		return;
	call(fd, KVM_SET_USER_MEMORY_REGION, &slot);
	put(&vms[vm], fd);
	make_vcpu(vm, 0, 0);
	make_vcpu(vm, 1, 1);
}

/* In the place of another one, which then is its vCPUs' alone, or nobody's. */
void do_create_vm(struct source *s)
{
	int vm = choose(s, NR_VMS), i;

	if (choose_one_in(s, 4)) {
		call(device_fd, KVM_CREATE_VM, (void *)choose_number(s));
		return;
	}
	for (i = choose(s, 2) * NR_VCPUS; i < NR_VCPUS; i++)
		put(&vcpus[vm * NR_VCPUS + i], -1);
	make_vm(vm);
}

void do_create_vcpu(struct source *s)
{
	int id = choose(s, NR_VCPUS);

	make_vcpu(choose(s, NR_VMS), id, choose_one_in(s, 8) ? choose_number(s) : (uint64_t)id);
}

void do_close(struct source *s)
{
	if (choose_one_in(s, 4))
		put(&vms[any_vm(s)], -1);
	else
		put(&vcpus[any_vcpu(s)], -1);
}

/* ---- the threads ---- */

static struct source *sources;

static void *caller_main(void *arg)
{
	int n = (int)(long)arg, i;

	watch_enter(n);
	for (i = 0; i < CALLS_A_CALLER && !source_ends(&sources[n]); i++)
		act(&sources[n]);
	return NULL;
}

static void *memory_main(void *arg)
{
	struct source *s = arg;

	watch_enter(CALLER_MEMORY);
	while (!__atomic_load_n(&over, __ATOMIC_ACQUIRE) && !source_ends(s)) {
		memory_op(s);
		usleep(choose(s, 3000));
	}
	return NULL;
}

static void begin(const char *device)
{
	memset(vms, -1, sizeof(vms));
	memset(vcpus, -1, sizeof(vcpus));
	device_fd = open(device, O_RDWR | O_CLOEXEC);
	if (device_fd < 0)
		vmm_die("open %s", device);
	run_size = call(device_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	make_vm(0);
	if (!runs[0] || !runs[1])
		failed("a VM with two vCPUs cannot be made: %s", strerror(errno));
}

void round_calls(struct source *s, const char *device)
{
	pthread_t threads[CALLERS], memory;
	long i;

	sources = s;
	begin(device);
	if (choose(&s[CALLERS], 4))
		image_random(&s[CALLERS], choose(&s[CALLERS], VMM_NR_MODES));
	errno = pthread_create(&memory, NULL, memory_main, &s[CALLERS]);
	for (i = 0; i < CALLERS && !errno; i++)
		errno = pthread_create(&threads[i], NULL, caller_main, (void *)i);
	if (errno)
		vmm_die("threads");
	for (i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(&over, true, __ATOMIC_RELEASE);
	pthread_join(memory, NULL);
}
