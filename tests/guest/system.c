// SPDX-License-Identifier: GPL-2.0
/*
 * system.c - the ioctls of the device, of a VM and of a vCPU that need no guest:
 * versions, extensions, layout, and what is answered to nonsense.
 * (Documentation/virt/kvm/api.rst.)
 */
#include <sys/wait.h>
#include <signal.h>

#include "test.h"

static void api_version(void **state)
{
	struct vmm *vm = new_vm(4);

	(void)state;
	assert_int_equal(ioctl(vm->dev_fd, KVM_GET_API_VERSION, 0), 12);
	assert_int_equal(fails(vm->dev_fd, KVM_GET_API_VERSION, 1), EINVAL);
	assert_int_equal(fails(vm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 1), EINVAL);
	assert_int_equal(fails(vm->dev_fd, KVM_CREATE_VM, 0x1234567), EINVAL);
	end_vm(vm);
}

/*
 * An unknown ioctl. Stock KVM answers EINVAL where an architecture's handler comes
 * last (device and vCPU) and ENOTTY on a VM; kvmswap answers what the rest of the
 * kernel does, ENOTTY, everywhere.
 */
static void unknown_ioctl(void **state)
{
	static const unsigned long numbers[] = { _IO(KVMIO, 0xff), _IO(KVMIO, 0x7f), 0x5401 };
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(numbers); i++) {
		assert_int_equal(fails(vcpu->vm->dev_fd, numbers[i], 0), stock ? EINVAL : ENOTTY);
		assert_int_equal(fails(vcpu->vm->fd, numbers[i], 0), ENOTTY);
		assert_int_equal(fails(vcpu->fd, numbers[i], 0), stock ? EINVAL : ENOTTY);
	}
	/* an ioctl of one kind of file on another */
	assert_int_equal(fails(vcpu->vm->fd, KVM_RUN, 0), ENOTTY);
	assert_int_not_equal(fails(vcpu->vm->dev_fd, KVM_CREATE_VCPU, 0), 0);
	assert_int_not_equal(fails(vcpu->fd, KVM_CREATE_VM, 0), 0);
	end_vm(vcpu->vm);
}

/*
 * Extensions: kvmswap has the first list, with stock's meaning; of the rest it has
 * nothing and says so.
 */
static void extensions(void **state)
{
	static const struct {
		long cap;
		bool number;	/* how many, not whether */
	} have[] = {
		{ KVM_CAP_USER_MEMORY }, { KVM_CAP_DESTROY_MEMORY_REGION_WORKS },
		{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS }, { KVM_CAP_SYNC_MMU },
		{ KVM_CAP_IMMEDIATE_EXIT }, { KVM_CAP_EXT_CPUID },
		{ KVM_CAP_NR_MEMSLOTS, true }, { KVM_CAP_NR_VCPUS, true },
		{ KVM_CAP_MAX_VCPUS, true }, { KVM_CAP_MAX_VCPU_ID, true },
	};
	static const long have_not[] = {
		KVM_CAP_IRQCHIP, KVM_CAP_PIT2, KVM_CAP_READONLY_MEM, KVM_CAP_DIRTY_LOG_RING,
		KVM_CAP_XSAVE, KVM_CAP_NESTED_STATE, KVM_CAP_MULTI_ADDRESS_SPACE,
		KVM_CAP_IOEVENTFD, KVM_CAP_HYPERV,
	};
	struct vmm *vm = new_vm(4);
	size_t i;
	int value;

	(void)state;
	for (i = 0; i < COUNT(have); i++) {
		value = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, have[i].cap);
		assert_true(have[i].number ? value >= 2 : value == 1);
	}
	for (i = 0; i < COUNT(have_not) && !stock; i++)
		assert_int_equal(ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, have_not[i]), 0);
	assert_int_equal(ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, 0x7fffffffl), 0);
	assert_int_equal(ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, -1l), 0);
	assert_int_equal(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_USER_MEMORY), 1);
	end_vm(vm);
}

static void touch(void *address)
{
	*(volatile char *)address;
}

/* Does a child that touches this address die of SIGBUS? */
static bool touch_is_sigbus(void *address)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		touch(address);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
}

CODE(64, out_in, "mov $0x10, %dx; mov $0x5a, %al; out %al, %dx; in %dx, %al; hlt");

static void mmap_layout(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	int size = ioctl(vcpu->vm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct kvm_run *run = vcpu->run;
	struct kvm_run *again;
	char *beyond;

	(void)state;
	assert_int_equal(size % PAGE, 0);
	assert_true(size >= (int)sizeof(struct kvm_run));
	assert_int_equal(RUN(vcpu, out_in), VMM_IO);
	assert_int_equal(run->exit_reason, KVM_EXIT_IO);
	assert_true(run->io.data_offset >= sizeof(struct kvm_run) - sizeof(run->s));
	assert_true(run->io.data_offset < (unsigned int)size);
	assert_int_equal(*((uint8_t *)run + run->io.data_offset), 0x5a);

	again = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	assert_ptr_not_equal(again, MAP_FAILED);
	assert_int_equal(again->exit_reason, KVM_EXIT_IO);
	again->request_interrupt_window = 1;
	assert_int_equal(run->request_interrupt_window, 1);
	again->request_interrupt_window = 0;
	munmap(again, size);

	beyond = mmap(NULL, size + 16 * PAGE, PROT_READ, MAP_SHARED, vcpu->fd, 0);
	if (beyond != MAP_FAILED)	/* to refuse it is as good */
		assert_true(touch_is_sigbus(beyond + size + 8 * PAGE));
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, vcpu->vm->dev_fd, 0), MAP_FAILED);
	end_vm(vcpu->vm);
}

static void vcpu_ids(void **state)
{
	struct vmm *vm = new_vm(4);
	long max = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPU_ID);
	int fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0l);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fails(vm->fd, KVM_CREATE_VCPU, 0l), EEXIST);
	assert_int_equal(fails(vm->fd, KVM_CREATE_VCPU, max), EINVAL);
	assert_int_equal(fails(vm->fd, KVM_CREATE_VCPU, max + 1), EINVAL);
	assert_int_equal(fails(vm->fd, KVM_CREATE_VCPU, 0xffffffffl), EINVAL);
	assert_int_equal(fails(vm->fd, KVM_CREATE_VCPU, -1l), EINVAL);
	assert_true(ioctl(vm->fd, KVM_CREATE_VCPU, max - 1) >= 0);
	assert_int_equal(fails(vm->fd, KVM_CREATE_VCPU, max - 1), EEXIST);
	close(fd);
	/* its fd is closed, but the vCPU lives as long as its VM */
	assert_int_equal(fails(vm->fd, KVM_CREATE_VCPU, 0l), EEXIST);
	end_vm(vm);
}

/* Every ioctl that reads or writes a structure, with pointers to nowhere. */
static void bad_pointers(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	char *read_only = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *const nowhere[] = { NULL, (void *)8, (void *)0xffff888000000000, (void *)-PAGE,
				  (void *)0x8000000000000000 };
	const struct {
		int fd;
		unsigned long number;
		bool only_writes;	/* to user space: a read-only page is bad too */
	} calls[] = {
		{ vcpu->fd, KVM_GET_REGS, true }, { vcpu->fd, KVM_SET_REGS, false },
		{ vcpu->fd, KVM_GET_SREGS, true }, { vcpu->fd, KVM_SET_SREGS, false },
		{ vcpu->fd, KVM_GET_FPU, true }, { vcpu->fd, KVM_SET_FPU, false },
		{ vcpu->fd, KVM_TRANSLATE, false }, { vcpu->fd, KVM_INTERRUPT, false },
		{ vcpu->fd, KVM_SET_CPUID2, false }, { vcpu->vm->fd, KVM_GET_DIRTY_LOG, false },
		{ vcpu->vm->fd, KVM_SET_USER_MEMORY_REGION, false },
		{ vcpu->vm->dev_fd, KVM_GET_SUPPORTED_CPUID, false },
	};
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(calls); i++) {
		for (n = 0; n < COUNT(nowhere); n++)
			if (fails(calls[i].fd, calls[i].number, nowhere[n]) != EFAULT)
				fail_msg("call %zu with pointer %p: %s", i, nowhere[n],
					 strerror(errno));
		if (calls[i].only_writes)
			assert_int_equal(fails(calls[i].fd, calls[i].number, read_only), EFAULT);
	}
	/* NULL means "no mask" here */
	for (n = 1; n < COUNT(nowhere); n++)
		assert_int_equal(fails(vcpu->fd, KVM_SET_SIGNAL_MASK, nowhere[n]), EFAULT);
	end_vm(vcpu->vm);
}

static void malformed(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct {
		struct kvm_signal_mask head;
		uint8_t bits[16];
	} mask = { .head.len = 7 };
	struct kvm_interrupt irq = { .irq = 256 };
	struct kvm_cpuid2 cpuid = { .nent = 100000 };

	(void)state;
	assert_int_equal(fails(vcpu->fd, KVM_RUN, 1l), EINVAL);
	assert_int_equal(fails(vcpu->fd, KVM_INTERRUPT, &irq), EINVAL);
	irq.irq = 0xffffffff;
	assert_int_equal(fails(vcpu->fd, KVM_INTERRUPT, &irq), EINVAL);
	assert_int_equal(fails(vcpu->fd, KVM_SET_SIGNAL_MASK, &mask), EINVAL);
	mask.head.len = 16;
	assert_int_equal(fails(vcpu->fd, KVM_SET_SIGNAL_MASK, &mask), EINVAL);
	assert_int_equal(fails(vcpu->fd, KVM_SET_CPUID2, &cpuid), E2BIG);
	cpuid.nent = 1;
	assert_int_equal(fails(vcpu->vm->dev_fd, KVM_GET_SUPPORTED_CPUID, &cpuid), E2BIG);
	end_vm(vcpu->vm);
}

/* VMs side by side in one process, each with its own memory and registers. */
static void several_vms(void **state)
{
	struct vmm_vcpu *vcpus[6];
	struct kvm_regs regs;
	size_t i, round;

	(void)state;
	for (i = 0; i < COUNT(vcpus); i++) {
		vcpus[i] = new_vcpu(VMM_LONG);
		*(uint32_t *)vmm_hva(vcpus[i]->vm, ABI_FREE, 4) = i * 1000;
	}
	for (round = 1; round <= 5; round++)
		for (i = 0; i < COUNT(vcpus); i++) {
			/* incl 0x200000; mov 0x200000, %eax; hlt */
			static const uint8_t code[] = { 0xff, 0x04, 0x25, 0, 0, 0x20, 0, 0x8b,
							0x04, 0x25, 0, 0, 0x20, 0, 0xf4 };

			assert_int_equal(vmm_run_bytes(vcpus[i], ABI_CODE, code, sizeof(code)),
					 VMM_HLT);
			vmm_get_regs(vcpus[i], &regs);
			assert_int_equal(regs.rax, i * 1000 + round);
		}
	for (i = 0; i < COUNT(vcpus); i++)
		end_vm(vcpus[i]->vm);
}

/* A VM of each process goes its way when processes fork and go on. */
static void several_processes(void **state)
{
	pid_t pids[3];
	size_t i;
	int status;

	(void)state;
	for (i = 0; i < COUNT(pids); i++) {
		pids[i] = fork();
		if (!pids[i]) {
			struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
			int n;

			for (n = 0; n < 20; n++)
				if (RUN(vcpu, out_in) != VMM_IO)
					_exit(1);
			_exit(0);
		}
	}
	for (i = 0; i < COUNT(pids); i++) {
		waitpid(pids[i], &status, 0);
		assert_int_equal(status, 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(api_version),
	cmocka_unit_test(unknown_ioctl),
	cmocka_unit_test(extensions),
	cmocka_unit_test(mmap_layout),
	cmocka_unit_test(vcpu_ids),
	cmocka_unit_test(bad_pointers),
	cmocka_unit_test(malformed),
	cmocka_unit_test(several_vms),
	cmocka_unit_test(several_processes),
};

GROUP(system, tests);
