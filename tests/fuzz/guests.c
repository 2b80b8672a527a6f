// SPDX-License-Identifier: GPL-2.0
/*
 * guests.c - a round of hostile guests: one VM, one or two vCPUs, and one nonsense after
 * the other in its memory. With two, each runs its own code on the same memory, so that one
 * writes the page tables that the other walks. Below, a thread may take the memory away.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "fuzz.h"

#define GUESTS_A_ROUND 64
#define EXITS_A_GUEST 48

static struct {
	struct source *sources;
	int vm, vcpus[2];
	struct kvm_run *runs[2];
	int nr_vcpus;
	pthread_barrier_t begin, end;
	enum vmm_mode mode;
	bool over;
} this;

/* ---- one vCPU until it stops ---- */

__thread int run_exits;
bool run_compared;

/* What the device and the port would answer. */
static void answer(struct source *s, struct kvm_run *run)
{
	uint64_t word = run_compared ? ~0ull : choose_word(s);

	if (run_compared)	/* stock KVM may want many at once */
		memset((char *)run + PAGE, 0xff, PAGE);
	if (run->exit_reason == KVM_EXIT_MMIO && !run->mmio.is_write)
		memcpy(run->mmio.data, &word, sizeof(word));
	if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_IN)
		memcpy((char *)run + PAGE, &word, run->io.size & 7);
}

static bool interrupt(struct source *s, int fd, struct kvm_run *run)
{
	struct kvm_interrupt interrupt = { .irq = choose(s, 256) };

	if (run_compared || (!run->ready_for_interrupt_injection && !choose_one_in(s, 32)))
		return false;
	run->request_interrupt_window = choose_one_in(s, 4);
	return !call(fd, KVM_INTERRUPT, &interrupt);
}

/* Did KVM_RUN come back in a way that the API has? */
static void check_error(int error)
{
	if (!run_compared &&
	    error != EINTR && error != EFAULT && error != ENOMEM && error != EINVAL)
		failed("KVM_RUN: %s", strerror(error));
}

static void check_internal(const struct kvm_run *run)
{
	if (run_compared || run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		return;
	failed("KVM_RUN: internal error %u: %#llx %#llx %#llx", run->internal.suberror,
	       run->internal.data[0], run->internal.data[1], run->internal.data[2]);
}

enum ended run_to_end(struct source *s, int fd, struct kvm_run *run)
{
	enum ended how = ENDED_OTHER;
	double end = now() + run_ms / 1e3;

	for (run_exits = 0; run_exits < EXITS_A_GUEST && now() < end; run_exits++) {
		if (call(fd, KVM_RUN, NULL)) {
			check_error(errno);
			return errno == EINTR ? ENDED_TIME : ENDED_FAULT;
		}
		tally(COUNT_EXITS_TO_USER);
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			how = ENDED_IO;
			answer(s, run);
			break;
		case KVM_EXIT_MMIO:
			how = ENDED_MMIO;
			answer(s, run);
			break;
		case KVM_EXIT_HLT:
		case KVM_EXIT_IRQ_WINDOW_OPEN:
			how = ENDED_HLT;
			if (!interrupt(s, fd, run))
				return how;
			break;
		case KVM_EXIT_SHUTDOWN:
			return ENDED_SHUTDOWN;
		case KVM_EXIT_FAIL_ENTRY:
			return ENDED_FAIL_ENTRY;
		case KVM_EXIT_INTERNAL_ERROR:
			check_internal(run);
			return ENDED_INTERNAL_ERROR;
		default:
			failed("KVM_RUN: exit reason %u", run->exit_reason);
		}
		if (choose_one_in(s, 16))
			interrupt(s, fd, run);
	}
	return run_exits < EXITS_A_GUEST ? ENDED_TIME : how;
}

static void run_one(struct source *s, int n)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	state_random(s, this.mode, &sregs, &regs);
	if (call(this.vcpus[n], KVM_SET_SREGS, &sregs)) {
		sregs = pictures[this.mode].sregs;
		if (call(this.vcpus[n], KVM_SET_SREGS, &sregs))
			failed("KVM_SET_SREGS refuses mode %s: %s", vmm_mode_name(this.mode),
			       strerror(errno));
	}
	if (call(this.vcpus[n], KVM_SET_REGS, &regs))
		failed("KVM_SET_REGS: %s", strerror(errno));
	this.runs[n]->request_interrupt_window = 0;
	tally_ended(run_to_end(s, this.vcpus[n], this.runs[n]));
	if (call(this.vcpus[n], KVM_GET_SREGS, &sregs) || call(this.vcpus[n], KVM_GET_REGS, &regs))
		failed("registers cannot be read: %s", strerror(errno));
}

/* ---- the threads ---- */

/* Memory is taken away without end, until the guests are done. */
static void *memory_main(void *arg)
{
	struct source *s = arg;

	watch_enter(CALLER_MEMORY);
	while (!__atomic_load_n(&this.over, __ATOMIC_ACQUIRE) && !source_ends(s)) {
		memory_op(s);
		usleep(choose(s, 1500));
	}
	return NULL;
}

static void *second_main(void *arg)
{
	watch_enter(1);
	for (;;) {
		pthread_barrier_wait(&this.begin);
		if (this.over)
			return NULL;
		run_one(arg, 1);
		pthread_barrier_wait(&this.end);
	}
}

static void set_slots(void)
{
	struct kvm_userspace_memory_region low = {
		.memory_size = GUEST_SIZE, .userspace_addr = ARENA,
	}, high = {
		.slot = 1, .guest_phys_addr = 2 * GUEST_SIZE, .memory_size = GUEST_SIZE,
		.userspace_addr = ARENA + GUEST_SIZE,
	};

	if (call(this.vm, KVM_SET_USER_MEMORY_REGION, &low) ||
	    call(this.vm, KVM_SET_USER_MEMORY_REGION, &high))
		failed("KVM_SET_USER_MEMORY_REGION: %s", strerror(errno));
}

static void make_vm(const char *device, int nr_vcpus)
{
	struct vmm *vm = vmm_create(device);
	int i;

	this.vm = vm->fd;
	this.nr_vcpus = nr_vcpus;
	for (i = 0; i < nr_vcpus; i++) {
		struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);

		this.vcpus[i] = vcpu->fd;
		this.runs[i] = vcpu->run;
	}
	set_slots();
}

static void start(pthread_t *thread, void *(*main)(void *), void *arg)
{
	errno = pthread_create(thread, NULL, main, arg);
	if (errno)
		vmm_die("a thread");
}

void round_guests(struct source *s, const char *device)
{
	pthread_t second, memory;
	bool under = choose(&s[0], 2);
	int guests;

	this.sources = s;
	make_vm(device, 1 + choose(&s[0], 2));
	pthread_barrier_init(&this.begin, NULL, 2);
	pthread_barrier_init(&this.end, NULL, 2);
	if (this.nr_vcpus == 2)
		start(&second, second_main, &s[1]);
	if (under)
		start(&memory, memory_main, &s[2]);
	for (guests = 0; guests < GUESTS_A_ROUND && !source_ends(&s[0]); guests++) {
		if (choose_one_in(&s[0], 4))
			memory_reset();
		this.mode = choose(&s[0], VMM_NR_MODES);
		image_random(&s[0], this.mode);
		tally_mode(this.mode);
		if (this.nr_vcpus == 2)
			pthread_barrier_wait(&this.begin);
		run_one(&s[0], 0);
		if (this.nr_vcpus == 2)
			pthread_barrier_wait(&this.end);
	}
	__atomic_store_n(&this.over, true, __ATOMIC_RELEASE);
	if (this.nr_vcpus == 2) {
		pthread_barrier_wait(&this.begin);
		pthread_join(second, NULL);
	}
	if (under)
		pthread_join(memory, NULL);
}
