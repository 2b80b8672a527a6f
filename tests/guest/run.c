// SPDX-License-Identifier: GPL-2.0
/*
 * run.c - KVM_RUN itself: what ends it, what it tells, signals, interrupts, several
 * vCPUs, each on a thread of its own.
 */
#define _GNU_SOURCE
#include <signal.h>

#include "test.h"

CODE(64, spin, "1: incl 0x200000; jmp 1b");
CODE(64, halt, "mov $1, %eax; hlt; mov $2, %eax; hlt");

static void hlt_and_on(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs regs;

	(void)state;
	assert_int_equal(RUN(vcpu, halt), VMM_HLT);
	assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rax, 1);
	assert_int_equal(regs.rip, ABI_CODE + 6);
	assert_int_equal(vmm_run(vcpu), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rax, 2);
	assert_int_equal(regs.rip, ABI_CODE + CODE_SIZE(halt));
	end_vm(vcpu->vm);
}

static void immediate_exit(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs regs;

	(void)state;
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_halt, CODE_SIZE(halt));
	vcpu->run->immediate_exit = 1;
	assert_int_equal(vmm_enter(vcpu), -EINTR);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rip, ABI_CODE);
	assert_int_equal(regs.rax, 0);
	vcpu->run->immediate_exit = 0;
	assert_int_equal(vmm_enter(vcpu), 0);
	assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_HLT);
	end_vm(vcpu->vm);
}

static volatile sig_atomic_t signals;

static void on_signal(int signal)
{
	(void)signal;
	signals++;
}

struct sender {
	pthread_t to;
	volatile uint32_t *count;
};

/* Not before the guest runs: a signal before KVM_RUN ends nothing. */
static void *send_signal(void *arg)
{
	const struct sender *sender = arg;
	uint32_t before = *sender->count;

	while (*sender->count == before)
		usleep(1000);
	pthread_kill(sender->to, SIGUSR2);
	return NULL;
}

static void signal_ends_run(void **state)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct sender sender = { pthread_self(), vmm_hva(vcpu->vm, ABI_FREE, 4) };
	pthread_t thread;
	int i;

	(void)state;
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_spin, CODE_SIZE(spin));
	sigaction(SIGUSR2, &action, NULL);
	for (i = 1; i <= 3; i++) {
		pthread_create(&thread, NULL, send_signal, &sender);
		assert_int_equal(vmm_enter(vcpu), -EINTR);
		assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_INTR);
		pthread_join(thread, NULL);
		assert_int_equal(signals, i);
	}
	end_vm(vcpu->vm);
}

static void set_mask(struct vmm_vcpu *vcpu, uint64_t bits)
{
	struct {
		struct kvm_signal_mask head;
		uint8_t bits[8];
	} mask = { .head.len = 8 };

	memcpy(mask.bits, &bits, 8);
	assert_int_equal(ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, &mask), 0);
}

/* A signal that is blocked but for KVM_RUN ends KVM_RUN, and is not delivered by it. */
static void signal_mask(void **state)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	sigset_t blocked, pending, after;

	(void)state;
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_halt, CODE_SIZE(halt));
	sigaction(SIGUSR2, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	raise(SIGUSR2);

	set_mask(vcpu, 0);	/* nothing is blocked in KVM_RUN */
	assert_int_equal(vmm_enter(vcpu), -EINTR);
	assert_int_equal(signals, 0);
	sigpending(&pending);
	assert_true(sigismember(&pending, SIGUSR2));
	pthread_sigmask(SIG_BLOCK, NULL, &after);
	assert_true(sigismember(&after, SIGUSR2));
	assert_false(sigismember(&after, SIGTERM));

	set_mask(vcpu, 1ull << (SIGUSR2 - 1));	/* blocked there too */
	assert_int_equal(vmm_enter(vcpu), 0);
	assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_HLT);

	assert_int_equal(ioctl(vcpu->fd, KVM_SET_SIGNAL_MASK, NULL), 0);
	assert_int_equal(vmm_enter(vcpu), 0);
	assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_HLT);
	end_vm(vcpu->vm);
}

/* An interrupt handler at vector 0x40 that counts; sti shadow; window. */
CODE(64, handler, "incl 0x200000; iretq");
CODE(64, wait_irq, "sti; hlt; cli; hlt");
CODE(64, window, "cli; mov $100, %ecx; 1: loop 1b; sti; 2: incl 0x200004; jmp 2b");

static void put_handler(struct vmm *vm)
{
	memcpy(vmm_hva(vm, TRAP_STUBS, 64), code_handler, CODE_SIZE(handler));
	vmm_write_gate(vm, ABI_IDT, 64, 0x40, TRAP_STUBS);
}

static void interrupt(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	volatile uint32_t *count = vmm_hva(vcpu->vm, ABI_FREE, 4);
	struct kvm_interrupt irq = { .irq = 0x40 };

	(void)state;
	put_handler(vcpu->vm);
	assert_int_equal(RUN(vcpu, wait_irq), VMM_HLT);
	assert_int_equal(vcpu->run->if_flag, 1);
	assert_int_equal(vcpu->run->ready_for_interrupt_injection, 1);
	assert_int_equal(*count, 0);
	assert_int_equal(ioctl(vcpu->fd, KVM_INTERRUPT, &irq), 0);
	assert_int_equal(vmm_run(vcpu), VMM_HLT);
	assert_int_equal(*count, 1);
	assert_int_equal(vcpu->run->if_flag, 0);
	assert_int_equal(vcpu->run->ready_for_interrupt_injection, 0);
	end_vm(vcpu->vm);
}

/* While the guest has interrupts off, user space asks to be told when they are on. */
static void interrupt_window(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	volatile uint32_t *count = vmm_hva(vcpu->vm, ABI_FREE, 8);
	struct kvm_interrupt irq = { .irq = 0x40 };
	struct kvm_regs regs;
	int i;

	(void)state;
	put_handler(vcpu->vm);
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_window, CODE_SIZE(window));
	vcpu->run->request_interrupt_window = 1;
	for (i = 1; i <= 10; i++) {
		assert_int_equal(vmm_enter(vcpu), 0);
		assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_IRQ_WINDOW_OPEN);
		assert_int_equal(vcpu->run->ready_for_interrupt_injection, 1);
		vmm_get_regs(vcpu, &regs);
		assert_true(regs.rflags & 0x200);
		assert_int_equal(*count, i - 1);
		assert_int_equal(ioctl(vcpu->fd, KVM_INTERRUPT, &irq), 0);
	}
	end_vm(vcpu->vm);
}

CODE(16, real_handler, "incw 0x600; iret");
CODE(16, real_wait, "sti; hlt; cli; hlt");

static void interrupt_real_mode(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_REAL);
	struct kvm_interrupt irq = { .irq = 0x21 };
	uint16_t *vector = vmm_hva(vcpu->vm, 0x21 * 4, 4);

	(void)state;
	memcpy(vmm_hva(vcpu->vm, 0x5000, 16), code_real_handler, CODE_SIZE(real_handler));
	vector[0] = 0x5000;
	vector[1] = 0;
	assert_int_equal(RUN(vcpu, real_wait), VMM_HLT);
	assert_int_equal(ioctl(vcpu->fd, KVM_INTERRUPT, &irq), 0);
	assert_int_equal(vmm_run(vcpu), VMM_HLT);
	assert_int_equal(*(uint16_t *)vmm_hva(vcpu->vm, 0x600, 2), 1);
	end_vm(vcpu->vm);
}

/* The IDT and the handler's stack lie in memory that the host has just taken away. */
static void interrupt_through_lost_pages(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	volatile uint32_t *count = vmm_hva(vcpu->vm, ABI_FREE, 4);
	struct kvm_interrupt irq = { .irq = 0x40 };
	int i;

	(void)state;
	put_handler(vcpu->vm);
	for (i = 1; i <= 20; i++) {
		assert_int_equal(RUN(vcpu, wait_irq), VMM_HLT);
		assert_int_equal(ioctl(vcpu->fd, KVM_INTERRUPT, &irq), 0);
		assert_int_equal(madvise(vmm_hva(vcpu->vm, 0, PAGE), 2ul << 20, MADV_PAGEOUT), 0);
		assert_int_equal(vmm_run(vcpu), VMM_HLT);
		assert_int_equal(*count, i);
	}
	end_vm(vcpu->vm);
}

/*
 * The same while the guest has interrupts off: whoever sends one then has it forced on the
 * guest. QEMU 7.2 may deliver such a one twice, but never not at all.
 */
CODE(64, halt_twice, "hlt; hlt");

static void forced_interrupt_through_lost_pages(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	volatile uint32_t *count = vmm_hva(vcpu->vm, ABI_FREE, 4);
	struct kvm_interrupt irq = { .irq = 0x40 };
	int i;

	(void)state;
	put_handler(vcpu->vm);
	for (i = 1; i <= 5; i++) {
		uint32_t before = *count;

		assert_int_equal(RUN(vcpu, halt_twice), VMM_HLT);
		assert_int_equal(vcpu->run->if_flag, 0);
		assert_int_equal(ioctl(vcpu->fd, KVM_INTERRUPT, &irq), 0);
		assert_int_equal(madvise(vmm_hva(vcpu->vm, 0, PAGE), 2ul << 20, MADV_PAGEOUT), 0);
		assert_int_equal(vmm_run(vcpu), VMM_HLT);
		assert_true(*count > before);
	}
	end_vm(vcpu->vm);
}

/*
 * Single step over a port that is read: as user space sends the interrupt the guest can take
 * it, and then it is its #DB that goes first. The handler has interrupts off, and exits; the
 * interrupt is not to come before its end.
 */
CODE(64, step_over_in, "sti; pushfq; orl $0x100, (%rsp); popfq; in $0x70, %al; cli; hlt");
CODE(64, on_debug,
	"cpuid; mov 0x200000, %eax; mov %eax, 0x200004; incl 0x200008\n"
	"andl $0xfffffeff, 16(%rsp); iretq");

static void interrupt_behind_an_exception(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	volatile uint32_t *seen = vmm_hva(vcpu->vm, ABI_FREE, 12);
	struct kvm_interrupt irq = { .irq = 0x40 };

	(void)state;
	not_on_stock("stock KVM sends it into the handler");
	put_handler(vcpu->vm);
	memcpy(vmm_hva(vcpu->vm, TRAP_STUBS + 64, 64), code_on_debug, CODE_SIZE(on_debug));
	vmm_write_gate(vcpu->vm, ABI_IDT, 64, 1, TRAP_STUBS + 64);
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_step_over_in, CODE_SIZE(step_over_in));
	assert_int_equal(vmm_enter(vcpu), 0);
	assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_IO);
	assert_int_equal(vcpu->run->ready_for_interrupt_injection, 1);
	assert_int_equal(ioctl(vcpu->fd, KVM_INTERRUPT, &irq), 0);
	assert_int_equal(vmm_run(vcpu), VMM_HLT);
	assert_int_equal(seen[2], 1);	/* one #DB, and nothing had come before its end */
	assert_int_equal(seen[1], 0);
	assert_int_equal(seen[0], 1);
	end_vm(vcpu->vm);
}

/* Each vCPU on a thread of its own; they hand a token around through memory. */
CODE(64, token,
	"mov $0x200000, %ebx; mov $25, %ecx\n"
	"1: cmp %edi, (%rbx); je 2f; pause; jmp 1b\n"
	"2: lea 1(%rdi), %eax; cmp 4(%rbx), %eax; jb 3f; xor %eax, %eax\n"
	"3: incl 8(%rbx); mov %eax, (%rbx); dec %ecx; jnz 1b; hlt");

static void vcpus_on_threads(void **state)
{
	enum { VCPUS = 4 };
	struct vmm *vm = new_vm(4);
	uint32_t *shared = vmm_hva(vm, ABI_FREE, 16);
	int i;

	(void)state;
	shared[1] = VCPUS;
	memcpy(vmm_hva(vm, ABI_CODE, 64), code_token, CODE_SIZE(token));
	for (i = 0; i < VCPUS; i++)
		vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG, ABI_CODE);
	for (i = 0; i < VCPUS; i++)
		vmm_start(vm->vcpus[i]);
	for (i = 0; i < VCPUS; i++)
		assert_int_equal(vmm_join(vm->vcpus[i]), VMM_HLT);
	assert_int_equal(shared[2], 25 * VCPUS);
	end_vm(vm);
}

static void *get_regs_meanwhile(void *arg)
{
	struct vmm_vcpu *vcpu = arg;
	static struct kvm_regs regs;

	vmm_get_regs(vcpu, &regs);
	return &regs;
}

/*
 * Another ioctl of a vCPU that runs waits until KVM_RUN is over, or is begun again by the
 * kernel: so it never finds registers that are older than the call. A vCPU may move to
 * another thread.
 */
CODE(64, count_in_rcx, "xor %ecx, %ecx; 1: inc %ecx; mov %ecx, 0x200000; jmp 1b");

static void ioctl_waits_for_run(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	volatile uint32_t *count = vmm_hva(vcpu->vm, ABI_FREE, 4);
	struct kvm_regs *regs;
	pthread_t other;
	void *result;
	int i;

	(void)state;
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_count_in_rcx, CODE_SIZE(count_in_rcx));
	for (i = 0; i < 20; i++) {	/* each time a new thread */
		uint32_t before = *count;

		vmm_start(vcpu);
		while (*count < before + 1000)
			usleep(1000);
		before = *count;
		pthread_create(&other, NULL, get_regs_meanwhile, vcpu);
		usleep(10000);
		vmm_kick(vcpu);
		assert_int_equal(vmm_join(vcpu), VMM_KICKED);
		vcpu->run->immediate_exit = 0;
		pthread_join(other, &result);
		regs = result;
		assert_in_range(regs->rcx, before, *count + 1);
	}
	end_vm(vcpu->vm);
}

/* The thread moves between CPUs while the guest runs and counts. */
static void migrates(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	volatile uint32_t *count = vmm_hva(vcpu->vm, ABI_FREE, 4);
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), i;

	(void)state;
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_spin, CODE_SIZE(spin));
	vmm_start(vcpu);
	for (i = 0; i < 20; i++) {
		uint32_t before = *count;
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(i % cpus, &set);
		assert_int_equal(pthread_setaffinity_np(vcpu->thread, sizeof(set), &set), 0);
		while (*count - before < 100)
			usleep(1000);
	}
	vmm_kick(vcpu);
	assert_int_equal(vmm_join(vcpu), VMM_KICKED);
	end_vm(vcpu->vm);
}

static void triple_fault(void **state)
{
	enum vmm_mode mode;

	(void)state;
	for (mode = VMM_PROT32; mode < VMM_NR_MODES; mode++) {
		static const uint8_t ud2[] = { 0x0f, 0x0b };
		struct vmm_vcpu *vcpu = new_vcpu(mode);

		/* an empty IDT: #UD, #GP, #DF, over */
		assert_int_equal(vmm_run_bytes(vcpu, ABI_CODE, ud2, 2), VMM_SHUTDOWN);
		/* and it can be set up anew */
		reset_vcpu(vcpu, VMM_LONG);
		assert_int_equal(RUN(vcpu, halt), VMM_HLT);
		end_vm(vcpu->vm);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(hlt_and_on),
	cmocka_unit_test(immediate_exit),
	cmocka_unit_test(signal_ends_run),
	cmocka_unit_test(signal_mask),
	cmocka_unit_test(interrupt),
	cmocka_unit_test(interrupt_window),
	cmocka_unit_test(interrupt_real_mode),
	cmocka_unit_test(interrupt_through_lost_pages),
	cmocka_unit_test(forced_interrupt_through_lost_pages),
	cmocka_unit_test(interrupt_behind_an_exception),
	cmocka_unit_test(vcpus_on_threads),
	cmocka_unit_test(ioctl_waits_for_run),
	cmocka_unit_test(migrates),
	cmocka_unit_test(triple_fault),
};

GROUP(run, tests);
