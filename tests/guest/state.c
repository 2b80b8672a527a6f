// SPDX-License-Identifier: GPL-2.0
/*
 * state.c - what a vCPU owns stays its own: MSRs, debug registers, segments (the FPU is
 * in fpu.c). Nothing of it gets into another vCPU, not even one on the same thread, and
 * nothing into the host thread.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>

#include "test.h"

/* ---- MSRs ---- */

CODE(64, wrmsr, "mov %rdi, %rcx; mov %rsi, %rax; mov %rsi, %rdx; shr $32, %rdx; wrmsr; hlt");
CODE(64, rdmsr, "mov %rdi, %rcx; rdmsr; shl $32, %rdx; or %rdx, %rax; hlt");

static uint64_t guest_msr(struct vmm_vcpu *vcpu, uint32_t index)
{
	struct kvm_regs regs;

	vmm_get_regs(vcpu, &regs);
	regs.rdi = index;
	vmm_set_regs(vcpu, &regs);
	assert_int_equal(RUN(vcpu, rdmsr), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	return regs.rax;
}

static void set_guest_msr(struct vmm_vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct kvm_regs regs;

	vmm_get_regs(vcpu, &regs);
	regs.rdi = index;
	regs.rsi = value;
	vmm_set_regs(vcpu, &regs);
	assert_int_equal(RUN(vcpu, wrmsr), VMM_HLT);
}

static const struct {
	const char *name;
	uint32_t index;
	uint64_t value;		/* for vCPU 0; vCPU 1 gets one less */
} msrs[] = {
	{ "STAR", 0xc0000081, 0x0023001012345679 },
	{ "LSTAR", 0xc0000082, 0xffffffff81234567 },
	{ "CSTAR", 0xc0000083, 0xffffffff82345679 },
	{ "SFMASK", 0xc0000084, 0x47701 },
	{ "FS_BASE", 0xc0000100, 0x00007f0012345679 },
	{ "GS_BASE", 0xc0000101, 0x00007f1112345679 },
	{ "KERNEL_GS_BASE", 0xc0000102, 0xffff888012345679 },
	{ "SYSENTER_CS", 0x174, 0x11 },
	{ "SYSENTER_ESP", 0x175, 0x12345679 },
	{ "SYSENTER_EIP", 0x176, 0x22345679 },
	{ "PAT", 0x277, 0x0007040600070407 },
};

/* Read the host's on the CPU that we are pinned to; needs the msr module. */
static bool host_msrs(uint64_t *values)
{
	int fd = open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC);
	size_t i;

	if (fd < 0)
		return false;
	for (i = 0; i < COUNT(msrs); i++)
		if (pread(fd, &values[i], 8, msrs[i].index) != 8)
			vmm_die("read the host's %s", msrs[i].name);
	close(fd);
	return true;
}

static void msrs_do_not_leak(void **state)
{
	uint64_t before[COUNT(msrs)], after[COUNT(msrs)], initial[COUNT(msrs)];
	struct vmm *vm = new_vm(4);
	cpu_set_t set;
	size_t i;
	int n;

	(void)state;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
	for (n = 0; n < 2; n++) {
		vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG, ABI_CODE);
		catch_traps(vm->vcpus[n], VMM_LONG);
	}
	assert_true(host_msrs(before));		/* insmod msr.ko first */
	for (i = 0; i < COUNT(msrs); i++) {
		initial[i] = guest_msr(vm->vcpus[0], msrs[i].index);
		observe("%s at first: %#llx", msrs[i].name, (unsigned long long)initial[i]);
	}
	for (n = 0; n < 2; n++)
		for (i = 0; i < COUNT(msrs); i++)
			set_guest_msr(vm->vcpus[n], msrs[i].index, msrs[i].value - n);
	for (i = 0; i < COUNT(msrs); i++)
		for (n = 0; n < 2; n++)
			if (guest_msr(vm->vcpus[n], msrs[i].index) != msrs[i].value - n)
				fail_msg("vCPU %d has another's %s", n, msrs[i].name);
	assert_true(host_msrs(after));
	for (i = 0; i < COUNT(msrs); i++)
		if (before[i] != after[i])
			fail_msg("the host's %s was %#llx, is %#llx", msrs[i].name,
				 (unsigned long long)before[i], (unsigned long long)after[i]);
	end_vm(vm);
}

/* Values that the registers cannot hold, and registers that are not there. */
static void msr_faults(void **state)
{
	static const struct {
		uint32_t index;
		uint64_t value;
	} writes[] = {
		{ 0xc0000082, 0x8000000000000000 }, { 0xc0000083, 0x8000000000000000 },
		{ 0xc0000100, 0x0000800000000000 }, { 0xc0000101, 0x0000800000000000 },
		{ 0xc0000102, 0x0000800000000000 },
		{ 0x277, 0x0207040600070406 }, { 0x277, 0x0807040600070406 },
		{ 0xc0000080, 0xffffffffffffffff }, { 0xc0000080, 1ull << 12 },
		{ 0xc0000080, 1ull << 8 | 1ull << 10 },
		{ 0x12345, 1 }, { 0xc0010117, 0x1000 },
	};
	static const uint32_t reads[] = { 0x12345, 0x40000000, 0xc0010117, 0xc0020000 };
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs regs;
	size_t i;

	(void)state;
	catch_traps(vcpu, VMM_LONG);
	for (i = 0; i < COUNT(writes); i++) {
		reset_vcpu(vcpu, VMM_LONG);
		vmm_get_regs(vcpu, &regs);
		regs.rdi = writes[i].index;
		regs.rsi = writes[i].value;
		vmm_set_regs(vcpu, &regs);
		RUN(vcpu, wrmsr);
		observe("write %#llx to %#x: %s", (unsigned long long)writes[i].value,
			writes[i].index, outcome(vcpu));
	}
	for (i = 0; i < COUNT(reads); i++) {
		reset_vcpu(vcpu, VMM_LONG);
		vmm_get_regs(vcpu, &regs);
		regs.rdi = reads[i];
		vmm_set_regs(vcpu, &regs);
		RUN(vcpu, rdmsr);
		observe("read %#x: %s", reads[i], outcome(vcpu));
	}
	end_vm(vcpu->vm);
}

/* ---- debug registers ---- */

CODE(64, set_dr, "mov %rdi, %dr0; mov %rsi, %dr3; mov $0x600, %eax; mov %rax, %dr7; hlt");
CODE(64, get_dr, "mov %dr0, %rax; mov %dr3, %rbx; mov %dr6, %rcx; mov %dr7, %rdx; hlt");

static void dr_do_not_leak(void **state)
{
	struct vmm *vm = new_vm(4);
	struct kvm_regs regs;
	int n;

	(void)state;
	for (n = 0; n < 2; n++) {
		vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG, ABI_CODE);
		vmm_get_regs(vm->vcpus[n], &regs);
		regs.rdi = 0x111000 + n;
		regs.rsi = 0x222000 + n;
		vmm_set_regs(vm->vcpus[n], &regs);
		assert_int_equal(RUN(vm->vcpus[n], set_dr), VMM_HLT);
	}
	for (n = 0; n < 2; n++) {
		assert_int_equal(RUN(vm->vcpus[n], get_dr), VMM_HLT);
		vmm_get_regs(vm->vcpus[n], &regs);
		assert_int_equal(regs.rax, 0x111000 + n);
		assert_int_equal(regs.rbx, 0x222000 + n);
		assert_int_equal(regs.rdx, 0x600);
		observe("dr6 %#llx", regs.rcx);
	}
	end_vm(vm);
}

static volatile uint32_t watched;
static volatile sig_atomic_t host_hits;

static void on_watch(int signal)
{
	(void)signal;
	host_hits++;
}

static int watch_host(volatile void *address)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = 2,	/* HW_BREAKPOINT_W */
		.bp_addr = (uintptr_t)address,
		.bp_len = 4,
		.sample_period = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		vmm_die("a breakpoint on the host's own memory");
	fcntl(fd, F_SETFL, O_ASYNC);
	fcntl(fd, F_SETSIG, SIGUSR2);
	fcntl(fd, F_SETOWN, getpid());
	return fd;
}

/*
 * The host thread has a breakpoint of its own, the guest one that is set but not
 * enabled: neither hits the other's. (QEMU 7.2 crashes when VMRUN loads a DR7 that
 * enables a breakpoint, so a guest's own hits cannot be tested there.)
 */
static void breakpoints(void **state)
{
	struct sigaction action = { .sa_handler = on_watch };
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs regs;
	int fd, i;

	(void)state;
	sigaction(SIGUSR2, &action, NULL);
	fd = watch_host(&watched);
	watched = 1;
	assert_int_equal(host_hits, 1);
	vmm_get_regs(vcpu, &regs);
	regs.rdi = (uintptr_t)&watched;
	regs.rsi = ABI_FREE;
	vmm_set_regs(vcpu, &regs);
	assert_int_equal(RUN(vcpu, set_dr), VMM_HLT);
	for (i = 2; i <= 5; i++) {
		assert_int_equal(RUN(vcpu, get_dr), VMM_HLT);
		vmm_get_regs(vcpu, &regs);
		assert_int_equal(regs.rax, (uintptr_t)&watched);
		assert_int_equal(regs.rdx, 0x600);
		assert_int_equal(host_hits, i - 1);
		watched = i;
		assert_int_equal(host_hits, i);
	}
	close(fd);
	end_vm(vcpu->vm);
}

/* A single step over an instruction that the monitor's side does for the guest. */
CODE(64, step_cpuid, "pushf; orl $0x100, (%rsp); popf; cpuid; nop; nop; hlt");

static void single_step(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs regs;

	(void)state;
	catch_traps(vcpu, VMM_LONG);
	RUN(vcpu, step_cpuid);
	observe("CPUID with TF: %s", outcome(vcpu));
	assert_int_equal(vcpu->stop, VMM_EXIT);
	assert_int_equal(vcpu->status, TRAP + 1);
	/* RIP, which the processor has pushed: between CPUID and the first NOP. */
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(*(uint64_t *)vmm_hva(vcpu->vm, regs.rsp, 8),
			 ABI_CODE + CODE_SIZE(step_cpuid) - 3);
	end_vm(vcpu->vm);
}

/* ---- segments, and the rest of the host thread ---- */

CODE(64, own_segments, "mov $0x10, %eax; mov %ax, %ds; mov %ax, %es; mov %ax, %fs; mov %ax, %gs;"
	"swapgs; pushf; orl $0x40000, (%rsp); popf; std; hlt");

static uint16_t selectors(void)
{
	uint16_t ds, es, fs, gs;

	asm volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
		     : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
	return ds | es | fs | gs;
}

static __thread int mine = 4711;

static void host_thread_survives(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	unsigned long fs, gs, flags;
	unsigned int cpu, node;
	struct kvm_regs regs;
	int i;

	(void)state;
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_own_segments, CODE_SIZE(own_segments));
	assert_int_equal(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x123456000ul), 0);
	for (i = 0; i < 20; i++) {
		vmm_get_regs(vcpu, &regs);
		regs.rip = ABI_CODE;
		vmm_set_regs(vcpu, &regs);
		assert_int_equal(vmm_enter(vcpu), 0);
		asm volatile("pushfq; pop %0" : "=r"(flags));
		assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_HLT);
		assert_int_equal(flags & 0x40400, 0);	/* AC and DF are the guest's */
		assert_int_equal(mine, 4711);
		assert_int_equal(selectors(), 0);
		syscall(SYS_arch_prctl, ARCH_GET_FS, &fs);
		assert_int_equal(fs, *(unsigned long *)fs);	/* the TLS block's own address */
		syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
		assert_int_equal(gs, 0x123456000ul);
	}
	/* TSC_AUX: RDTSCP tells user space its CPU */
	for (i = 0; i < 2; i++) {
		uint32_t aux, low, high;
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(i, &set);
		assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
		vmm_get_regs(vcpu, &regs);
		regs.rip = ABI_CODE;
		vmm_set_regs(vcpu, &regs);
		assert_int_equal(vmm_enter(vcpu), 0);
		syscall(SYS_getcpu, &cpu, &node, NULL);
		asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux));
		assert_int_equal(aux & 0xfff, cpu);
	}
	end_vm(vcpu->vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(msrs_do_not_leak),
	cmocka_unit_test(msr_faults),
	cmocka_unit_test(dr_do_not_leak),
	cmocka_unit_test(breakpoints),
	cmocka_unit_test(single_step),
	cmocka_unit_test(host_thread_survives),
};

GROUP(state, tests);
