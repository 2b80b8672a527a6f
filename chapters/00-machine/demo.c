// SPDX-License-Identifier: GPL-2.0
/*
 * demo.c - chapter 0: a VM, a vCPU, and the first VMRUN. Wherever the guest begins,
 * it comes back at once: its first instruction faults, as nothing maps it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "../demo.h"

#define SVM_EXIT_PF	0x4e		/* AMD manual, "SVM Intercept Exit Codes": 0x40 + 14 */
#define PF_PRESENT	(1 << 0)	/* AMD manual, "Page-Fault Error Code" */
#define PF_WRITE	(1 << 1)
#define PF_USER		(1 << 2)
#define PF_FETCH	(1 << 4)

static struct vmm *show_machine(void)
{
	struct vmm *vm;

	step("A machine of our own: a VM with one virtual CPU, and no memory");
	vm = vmm_create(NULL);
	vmm_add_vcpu(vm);
	value("device", "%s", vm->device);
	value("KVM_GET_API_VERSION", "%d", ioctl(vm->dev_fd, KVM_GET_API_VERSION, 0));
	value("KVM_CREATE_VM", "file descriptor %d", vm->fd);
	value("KVM_CREATE_VCPU 0", "file descriptor %d", vm->vcpus[0]->fd);
	value("KVM_GET_VCPU_MMAP_SIZE", "%zu bytes are shared with us", vm->run_size);
	code("main.c kvmswap_dev_ioctl() -> vm.c vm_create(), vcpu.c vcpu_create()");
	return vm;
}

static void show_refused(struct vmm *vm, const char *name, unsigned long request, void *arg)
{
	int ret = ioctl(vm->fd, request, arg);

	value(name, "%s", ret < 0 ? strerrorname_np(errno) : "done");
	check(ret < 0 && errno == ENOTTY, "%s is of a later chapter and answers ENOTTY", name);
}

static void show_later_chapters(struct vmm *vm)
{
	struct kvm_userspace_memory_region region = { .memory_size = PAGE };
	struct kvm_dirty_log log = { 0 };

	step("What later chapters add is not there yet");
	show_refused(vm, "KVM_SET_USER_MEMORY_REGION", KVM_SET_USER_MEMORY_REGION, &region);
	show_refused(vm, "KVM_GET_DIRTY_LOG", KVM_GET_DIRTY_LOG, &log);
	value("KVM_CAP_USER_MEMORY", "%d", vmm_extension(vm, KVM_CAP_USER_MEMORY));
	value("KVM_CAP_SYNC_MMU", "%d", vmm_extension(vm, KVM_CAP_SYNC_MMU));
	check(!vmm_extension(vm, KVM_CAP_USER_MEMORY) && !vmm_extension(vm, KVM_CAP_SYNC_MMU),
	      "no capability is claimed before it is there");
	code("vm.c vm_ioctl(), vm_check_extension()");
}

/* One KVM_RUN from where the vCPU is; all that we can see from outside. */
static void show_run(struct vmm *vm)
{
	struct vmm_vcpu *vcpu = vm->vcpus[0];
	struct kvm_run *run = vcpu->run;
	struct kvm_regs before, after;
	struct kvm_sregs sregs;
	uint64_t *data = (uint64_t *)run->internal.data;
	int error;

	vmm_get_regs(vcpu, &before);
	vmm_get_sregs(vcpu, &sregs);
	value("cs.base + rip", "%#llx + %#llx = %#llx", sregs.cs.base, before.rip,
	      sregs.cs.base + before.rip);
	error = vmm_enter(vcpu);
	errno = -error;
	if (error)
		vmm_die("KVM_RUN");
	vmm_get_regs(vcpu, &after);

	errno = 0;
	if (run->exit_reason != KVM_EXIT_INTERNAL_ERROR || run->internal.ndata < 3)
		vmm_die("KVM_RUN came back with exit reason %u, and not with what it met",
			run->exit_reason);
	value("KVM_RUN came back with", "KVM_EXIT_INTERNAL_ERROR, suberror %u, %u words",
	      run->internal.suberror, run->internal.ndata);
	value("  SVM exit code", "%#llx: %s", (unsigned long long)data[0],
	      data[0] == SVM_EXIT_PF ? "a page fault, #PF" : "something else");
	value("  faulting address", "%#llx", (unsigned long long)data[1]);
	value("  error code", "%#llx: %s, %s, in %s mode", (unsigned long long)data[2],
	      data[2] & PF_PRESENT ? "mapped but not allowed" : "nothing mapped",
	      data[2] & PF_FETCH ? "instruction fetch" : data[2] & PF_WRITE ? "write" : "read",
	      data[2] & PF_USER ? "user" : "kernel");
	value("rip now", "%#llx", after.rip);

	check(run->internal.suberror == KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
	      "the suberror is KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON");
	check(data[0] == SVM_EXIT_PF, "the guest was left for a page fault");
	check(data[1] == sregs.cs.base + before.rip, "it faulted on its first instruction");
	check(!(data[2] & (PF_PRESENT | PF_WRITE)), "nothing is mapped there");
	check(!memcmp(&before, &after, sizeof(before)), "no instruction was executed");
}

static void show_first_exit(struct vmm *vm)
{
	step("The first VMRUN: the vCPU is as after power-on");
	show_run(vm);
	say("The processor walked our page tables, which are empty, and came back.");
	code("run.c run_loop() -> vmcb.c vmcb_enter() -> vmenter.S: VMRUN, #VMEXIT");
	code("exit.c handle_page_fault() -> exit_unmapped()");
}

static void show_elsewhere(struct vmm *vm)
{
	struct vmm_vcpu *vcpu = vm->vcpus[0];
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	step("It is the same wherever the guest begins");
	vmm_get_sregs(vcpu, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	vmm_set_sregs(vcpu, &sregs);
	vmm_get_regs(vcpu, &regs);
	regs.rip = ABI_CODE;
	vmm_set_regs(vcpu, &regs);
	show_run(vm);
}

static void show_figures(struct vmm *vm)
{
	long long exits = stat_of(vm, "exits"), faults = stat_of(vm, "faults");

	step("What the VM counted about itself");
	value("exits", "%lld: two page faults, and the host's own interrupts", exits);
	value("faults taken in by fault.c", "%lld: it is not there before chapter 2", faults);
	check(exits >= 2, "there were two exits at least");
	check(!faults, "no fault is taken in yet");
	code("stats.h, debugfs.c stats_show()");
}

int main(void)
{
	struct vmm *vm = show_machine();

	show_later_chapters(vm);
	show_first_exit(vm);
	show_elsewhere(vm);
	show_figures(vm);
	vmm_destroy(vm);
	return demo_end();
}
