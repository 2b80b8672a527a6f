// SPDX-License-Identifier: GPL-2.0
/*
 * common.c - what most guest tests begin and end with: a VM, a vCPU, traps that are
 * caught, time. The contracts are in test.h.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "test.h"

struct vmm *new_vm(unsigned int mib)
{
	struct vmm *vm = vmm_create(device);

	vmm_add_memory(vm, 0, (size_t)mib << 20);
	return vm;
}

struct vmm_vcpu *new_vcpu(enum vmm_mode mode)
{
	struct vmm_vcpu *vcpu = vmm_add_vcpu(new_vm(4));

	vmm_set_mode(vcpu, mode, ABI_CODE);
	return vcpu;
}

/*
 * A task register and an LDT that VMRUN takes in every mode. A loaded TSS is busy, type
 * 11; but QEMU 7.2 aborts when a 32-bit guest changes stacks with that type in TR.
 */
static void set_system_segments(struct kvm_sregs *sregs)
{
	sregs->tr = (struct kvm_segment) {
		.base = TRAP_TSS, .limit = 0x67, .selector = VMM_SEL_TSS, .present = 1,
		.type = sregs->efer & 0x400 ? 11 : 9,
	};
	sregs->ldt = (struct kvm_segment) { .unusable = 1, .type = 2 };
}

void reset_vcpu(struct vmm_vcpu *vcpu, enum vmm_mode mode)
{
	struct kvm_sregs sregs;

	vmm_set_mode(vcpu, mode, ABI_CODE);
	vmm_get_sregs(vcpu, &sregs);
	set_system_segments(&sregs);
	vmm_set_sregs(vcpu, &sregs);
}

void assert_clean(struct vmm *vm)
{
	struct dbgfs_audit audit;

	if (stock)
		return;
	assert_true(dbgfs_audit(vm, &audit));
	if (audit.stale_sptes || audit.rmap_errors || audit.role_errors || audit.pinned_pages)
		fail_msg("audit: stale %lld rmap %lld role %lld pinned %lld\n%s",
			 audit.stale_sptes, audit.rmap_errors, audit.role_errors,
			 audit.pinned_pages, audit.detail);
	assert_int_equal(dbgfs_stat(vm, "audit_failures"), 0);
}

void without_audit_always(void)
{
	if (!stock && proc_write(KVMSWAP_DEBUGFS "/audit_always", "N"))
		vmm_die("switch audit_always off");
}

void end_vm(struct vmm *vm)
{
	assert_clean(vm);
	vmm_destroy(vm);
}

/* ---- traps ---- */

/* mov $vector, %al; out %al, $0xf4, with 0x100 + vector: mov $imm16, %ax; out %ax */
static void write_stub(struct vmm *vm, int vector, int bits)
{
	uint8_t *stub = vmm_hva(vm, TRAP_STUBS + vector * 16, 16);
	const uint8_t mov16[] = { 0xb8, vector, TRAP >> 8, 0xe7, ABI_PORT_EXIT, 0xf4 };
	const uint8_t mov32[] = { 0x66, 0xb8, vector, TRAP >> 8, 0x66, 0xe7, ABI_PORT_EXIT, 0xf4 };

	if (bits == 16)
		memcpy(stub, mov16, sizeof(mov16));
	else
		memcpy(stub, mov32, sizeof(mov32));
}

void catch_traps(struct vmm_vcpu *vcpu, enum vmm_mode mode)
{
	int bits = vmm_mode_bits(mode), vector;
	struct vmm *vm = vcpu->vm;
	struct kvm_sregs sregs;
	uint64_t stack = TRAP_STACK;

	for (vector = 0; vector < 256; vector++) {
		uint64_t handler = TRAP_STUBS + vector * 16;

		write_stub(vm, vector, bits);
		if (bits == 16) {
			uint16_t *entry = vmm_hva(vm, vector * 4, 4);

			entry[0] = vector * 16;
			entry[1] = TRAP_STUBS >> 4;
		} else {
			vmm_write_gate(vm, ABI_IDT, bits, vector, handler);
		}
	}
	memset(vmm_hva(vm, TRAP_TSS, 0x68), 0, 0x68);
	memcpy(vmm_hva(vm, TRAP_TSS + 4, 8), &stack, bits == 64 ? 8 : 4);
	if (bits == 32)
		*(uint16_t *)vmm_hva(vm, TRAP_TSS + 8, 2) = VMM_SEL_DATA;
	if (bits != 16) {
		vmm_get_sregs(vcpu, &sregs);
		set_system_segments(&sregs);
		vmm_set_sregs(vcpu, &sregs);
	}
}

void enter_user(struct vmm_vcpu *vcpu, enum vmm_mode mode)
{
	struct kvm_sregs sregs;

	vmm_get_sregs(vcpu, &sregs);
	sregs.cs.selector = vmm_mode_bits(mode) == 64 ? VMM_SEL_UCODE64 : VMM_SEL_UCODE32;
	sregs.cs.dpl = 3;
	sregs.ss.selector = VMM_SEL_UDATA;
	sregs.ss.dpl = 3;
	sregs.ds = sregs.ss;
	sregs.es = sregs.ss;
	set_system_segments(&sregs);	/* GET_SREGS may have made the TSS a busy one */
	vmm_set_sregs(vcpu, &sregs);
}

static bool has_error_code(unsigned int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

const char *outcome(struct vmm_vcpu *vcpu)
{
	static char text[256];
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	unsigned int vector;
	uint64_t frame[2] = { 0 };
	int width;

	if (vcpu->stop != VMM_EXIT || vcpu->status < TRAP) {
		vmm_describe_stop(vcpu, text, sizeof(text));
		return text;
	}
	vmm_get_regs(vcpu, &regs);
	vmm_get_sregs(vcpu, &sregs);
	vector = vcpu->status - TRAP;
	width = sregs.efer & 0x400 ? 8 : sregs.cr0 & 1 ? 4 : 2;
	memcpy(frame, vmm_hva(vcpu->vm, sregs.ss.base + regs.rsp, 2 * width), width);
	memcpy(frame + 1, vmm_hva(vcpu->vm, sregs.ss.base + regs.rsp + width, width), width);
	if (has_error_code(vector) && width != 2)
		snprintf(text, sizeof(text), "trap %u error %#llx at %#llx", vector,
			 (unsigned long long)frame[0], (unsigned long long)frame[1]);
	else
		snprintf(text, sizeof(text), "trap %u at %#llx", vector,
			 (unsigned long long)frame[0]);
	if (vector == 14)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " cr2 %#llx",
			 sregs.cr2);
	return text;
}

/* ---- time ---- */

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

double deadline(double seconds)
{
	return now() + seconds * vmm_slowness();
}

bool wait_until(bool (*test)(void *arg), void *arg, double seconds)
{
	double end = deadline(seconds);

	while (!test(arg)) {
		if (now() > end)
			return false;
		usleep(1000);
	}
	return true;
}

enum vmm_stop run_for(struct vmm_vcpu *vcpu, double seconds)
{
	double end = now() + seconds, latest = deadline(seconds + 10);
	struct timespec until;

	vmm_start(vcpu);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)seconds;
	until.tv_nsec += (seconds - (time_t)seconds) * 1e9;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	if (!pthread_timedjoin_np(vcpu->thread, NULL, &until)) {
		vcpu->threaded = false;
		return vcpu->stop;
	}
	vmm_kick(vcpu);
	vmm_join(vcpu);
	vcpu->run->immediate_exit = 0;
	if (now() > latest)
		fail_msg("the guest took %.1f s to stop", now() - end);
	return vcpu->stop;
}

uint64_t next_random(uint64_t *state)
{
	/* xorshift64*: enough to be irregular, and the same on every run of a seed */
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

struct vmm_vcpu *vcpu_with_gap(void)
{
	struct vmm *vm = new_vm(3);
	struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);
	struct kvm_sregs sregs;

	vmm_set_mode(vcpu, VMM_LONG, ABI_CODE);
	vmm_get_sregs(vcpu, &sregs);
	sregs.cr3 = vmm_build_tables(vm, VMM_LONG, 4ul << 20, ABI_TABLES, ABI_TABLES_END);
	vmm_set_sregs(vcpu, &sregs);
	return vcpu;
}

void run_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	assert_int_equal(sched_setaffinity(0, sizeof(cpus), &cpus), 0);
}

void assert_exits_0(pid_t pid)
{
	int status;

	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

#define CPU1_ONLINE "/sys/devices/system/cpu/cpu1/online"

void set_cpu1(bool online)
{
	int error = proc_write(CPU1_ONLINE, online ? "1" : "0");

	if (error)
		fail_msg("CPU 1 does not go %s: %s", online ? "online" : "offline",
			 strerror(-error));
}

int cpu1_back(void **state)
{
	(void)state;
	return proc_write(CPU1_ONLINE, "1");
}

bool is_6_12(void)
{
	unsigned int major, minor;
	struct utsname name;

	uname(&name);
	if (sscanf(name.release, "%u.%u", &major, &minor) != 2)
		fail_msg("what release is %s?", name.release);
	return major > 6 || (major == 6 && minor >= 12);
}

bool protocol_is(const char *name)
{
	char loaded[32] = "";

	if (proc_read("/sys/module/kvmswap/parameters/protocol", loaded, sizeof(loaded)) < 0)
		return !strcmp(name, "seqlock");
	loaded[strcspn(loaded, "\n")] = 0;
	return !strcmp(name, loaded);
}

bool calls_name_all(void)
{
	return is_6_12() && protocol_is("seqlock");
}
