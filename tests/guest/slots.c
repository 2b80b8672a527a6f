// SPDX-License-Identifier: GPL-2.0
/*
 * slots.c - the guest's memory: slots that are nonsense, that move and go, and slots
 * over memory that is not there, is read-only, or goes away later.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

#include "test.h"

#define SLOT_GPA 0x300000ul	/* behind the 3 MiB of slot 0 */

CODE(64, read_slot, "mov 0x300000, %eax; hlt");
CODE(64, write_slot, "movl $0x12345678, 0x300000; mov 0x300000, %eax; hlt");

static void *anonymous(size_t size)
{
	void *hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(hva, MAP_FAILED);
	return hva;
}

static uint64_t rax(struct vmm_vcpu *vcpu)
{
	struct kvm_regs regs;

	vmm_get_regs(vcpu, &regs);
	return regs.rax;
}

static void nonsense(void **state)
{
	struct vmm *vm = new_vm(4);
	char *hva = anonymous(16 * PAGE);
	const uint64_t nr = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	const struct {
		const char *name;
		struct kvm_userspace_memory_region r;	/* slot flags gpa size hva */
		int error;
	} cases[] = {
		{ "unaligned gpa", { 1, 0, 0x500800, PAGE, (uintptr_t)hva }, EINVAL },
		{ "unaligned size", { 1, 0, 0x500000, 0x800, (uintptr_t)hva }, EINVAL },
		{ "unaligned hva", { 1, 0, 0x500000, PAGE, (uintptr_t)hva + 8 }, EINVAL },
		{ "zero size, no slot", { 1, 0, 0x500000, 0, (uintptr_t)hva }, EINVAL },
		{ "wraps", { 1, 0, ~0ull << 12, 2 * PAGE, (uintptr_t)hva }, EINVAL },
		{ "wraps by size", { 1, 0, 0x500000, ~0ull << 12, (uintptr_t)hva }, EINVAL },
		{ "huge", { 1, 0, 0x500000, 1ull << 45, 0 }, EINVAL },
		{ "past user space", { 1, 0, 0x500000, 2 * PAGE, 0xfffffffffff000 }, EINVAL },
		{ "kernel's hva", { 1, 0, 0x500000, PAGE, 0xffff888000000000 }, EINVAL },
		{ "not canonical", { 1, 0, 0x500000, PAGE, 0x8000000000000000 }, EINVAL },
		{ "overlaps, same", { 1, 0, 0, 4ul << 20, (uintptr_t)hva }, EEXIST },
		{ "overlaps, end", { 1, 0, (4ul << 20) - PAGE, 2 * PAGE, (uintptr_t)hva }, EEXIST },
		{ "overlaps, inside", { 1, 0, 0x200000, PAGE, (uintptr_t)hva }, EEXIST },
		{ "overlaps, around", { 1, 0, 0, 8ul << 20, (uintptr_t)hva }, EEXIST },
		{ "no such slot", { nr, 0, 0x500000, PAGE, (uintptr_t)hva }, EINVAL },
		{ "no such slot", { 0xffff, 0, 0x500000, PAGE, (uintptr_t)hva }, EINVAL },
		{ "no such space", { 0x10001, 0, 0x500000, PAGE, (uintptr_t)hva }, 0 },
		{ "unknown flags", { 1, 0x80, 0x500000, PAGE, (uintptr_t)hva }, EINVAL },
		{ "other size", { 0, 0, 0, 2ul << 20, (uintptr_t)vm->slots[0].hva }, EINVAL },
		{ "other hva", { 0, 0, 0, 4ul << 20, (uintptr_t)hva }, EINVAL },
		{ "moved, unaligned", { 0, 0, 0x800, 4ul << 20, (uintptr_t)vm->slots[0].hva },
		  EINVAL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct kvm_userspace_memory_region r = cases[i].r;
		int error = fails(vm->fd, KVM_SET_USER_MEMORY_REGION, &r);

		/* stock KVM has a second address space, for SMM; kvmswap has one */
		if (!strcmp(cases[i].name, "no such space"))
			assert_int_equal(error, EINVAL * !stock);
		else if (error != cases[i].error)
			fail_msg("%s: errno %d, wanted %d", cases[i].name, error, cases[i].error);
	}
	/* the slot that was there all the time still is */
	assert_int_equal(vmm_set_slot(vm, 0, 0, 0, 4ul << 20, vm->slots[0].hva), 0);
	/* and slots that only touch are no overlap */
	assert_int_equal(vmm_set_slot(vm, 1, 0, 4ul << 20, PAGE, hva), 0);
	assert_int_equal(vmm_set_slot(vm, 2, 0, (4ul << 20) + PAGE, PAGE, hva + PAGE), 0);
	assert_int_equal(vmm_set_slot(vm, 1, 0, 4ul << 20, 0, NULL), 0);
	assert_int_equal(vmm_set_slot(vm, 1, 0, 4ul << 20, 0, NULL), -EINVAL);
	end_vm(vm);
}

/* The largest slot that the API can mean: it costs or it is refused, but it goes away. */
static void large_slot(void **state)
{
	struct vmm *vm = new_vm(4);
	size_t size = 64ul << 30;
	void *hva = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int error;

	(void)state;
	assert_ptr_not_equal(hva, MAP_FAILED);
	error = vmm_set_slot(vm, 1, 0, 1ul << 32, size, hva);
	assert_true(!error || error == -ENOMEM);
	if (!stock) {	/* stock KVM lets vmalloc() warn about this one */
		error = vmm_set_slot(vm, 2, 0, 1ull << 40, ((1ull << 31) - 1) << 12, NULL);
		assert_true(!error || error == -ENOMEM || error == -EINVAL);
	}
	end_vm(vm);
}

/* All slots there are, each a page, found again by the guest. */
static void all_slots(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();
	struct vmm *vm = vcpu->vm;
	int nr = ioctl(vm->dev_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS), i;
	char *hva = anonymous(VMM_MAX_SLOTS * PAGE);

	(void)state;
	if (nr > VMM_MAX_SLOTS)
		nr = VMM_MAX_SLOTS;
	for (i = nr - 1; i > 0; i--) {
		assert_int_equal(vmm_set_slot(vm, i, 0, SLOT_GPA + i * PAGE, PAGE,
					      hva + (nr - i) * PAGE), 0);
		*(uint32_t *)(hva + (nr - i) * PAGE) = 1000 + i;
	}
	for (i = 1; i < nr; i++) {
		/* mov 0x300000 + i * PAGE, %eax; hlt */
		uint8_t code[] = { 0x8b, 0x04, 0x25, 0, 0, 0, 0, 0xf4 };
		uint32_t address = SLOT_GPA + i * PAGE;

		memcpy(code + 3, &address, 4);
		assert_int_equal(vmm_run_bytes(vcpu, ABI_CODE, code, sizeof(code)), VMM_HLT);
		assert_int_equal(rax(vcpu), 1000 + i);
	}
	end_vm(vm);
}

static bool gone_is_all_ones(struct vmm_vcpu *vcpu, uint64_t gpa, bool write, void *data, int len)
{
	(void)vcpu;
	(void)write;
	if (gpa != SLOT_GPA)
		return false;
	memset(data, 0xff, len);
	return true;
}

/* The guest has it mapped; then it is gone, comes back elsewhere, and moves. */
static void delete_and_move(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();
	struct vmm *vm = vcpu->vm;
	uint32_t *first = anonymous(PAGE), *second = anonymous(PAGE);
	const struct {
		uint64_t gpa, size;
		uint32_t *hva;
		uint64_t want;
	} steps[] = {
		{ SLOT_GPA, PAGE, first, 111 }, { SLOT_GPA, 0, NULL, 0xffffffff },
		{ SLOT_GPA, PAGE, second, 222 }, { SLOT_GPA + PAGE, PAGE, second, 0xffffffff },
		{ SLOT_GPA, PAGE, second, 222 }, { SLOT_GPA, 0, NULL, 0xffffffff },
		{ SLOT_GPA, PAGE, first, 111 },
	};
	size_t i;

	(void)state;
	*first = 111;
	*second = 222;
	vcpu->on_mmio = gone_is_all_ones;
	for (i = 0; i < COUNT(steps); i++) {
		assert_int_equal(vmm_set_slot(vm, 1, 0, steps[i].gpa, steps[i].size,
					      steps[i].hva), 0);
		assert_int_equal(RUN(vcpu, read_slot), VMM_HLT);
		assert_int_equal(rax(vcpu), steps[i].want);
	}
	end_vm(vm);
}

/* Slots come and go while a vCPU runs in the others and looks at this one. */
CODE(64, look, "1: mov 0x300000, %eax; mov %eax, 0x200000; incl 0x200004; jmp 1b");

static void change_while_running(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();
	struct vmm *vm = vcpu->vm;
	volatile uint32_t *seen = vmm_hva(vm, ABI_FREE, 8);
	uint32_t *memory[2] = { anonymous(PAGE), anonymous(PAGE) };
	int i;

	(void)state;
	*memory[0] = 1;
	*memory[1] = 2;
	vcpu->on_mmio = gone_is_all_ones;
	memcpy(vmm_hva(vm, ABI_CODE, 64), code_look, CODE_SIZE(look));
	vmm_start(vcpu);
	for (i = 0; i < 30; i++) {
		uint32_t want = i % 3 == 2 ? ~0u : i % 3 + 1u, before;

		if (i % 3 == 2 || i % 3 == 1)
			assert_int_equal(vmm_set_slot(vm, 1, 0, SLOT_GPA, 0, NULL), 0);
		if (i % 3 != 2)
			assert_int_equal(vmm_set_slot(vm, 1, 0, SLOT_GPA, PAGE, memory[i % 3]), 0);
		/* what it loads from now on is the new memory's: one load may be under way */
		before = seen[1];
		while (seen[1] - before < 2)
			usleep(500);
		assert_int_equal(seen[0], want);
	}
	vmm_kick(vcpu);
	assert_int_equal(vmm_join(vcpu), VMM_KICKED);
	end_vm(vm);
}

/* ---- memory that is not there ---- */

static void expect_efault(struct vmm_vcpu *vcpu)
{
	if (vcpu->stop != VMM_ERRNO || vcpu->error != EFAULT) {
		char text[160];

		vmm_describe_stop(vcpu, text, sizeof(text));
		fail_msg("not EFAULT, but %s", text);
	}
}

static void map_at(void *hva)
{
	void *got = mmap(hva, PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_ptr_equal(got, hva);
}

static void not_mapped(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();
	uint32_t *hva = anonymous(PAGE);

	(void)state;
	munmap(hva, PAGE);
	assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, PAGE, hva), 0);
	RUN(vcpu, read_slot);
	expect_efault(vcpu);
	RUN(vcpu, write_slot);
	expect_efault(vcpu);
	/* once it is there it works: the guest only has to be run again */
	map_at(hva);
	*hva = 333;
	assert_int_equal(RUN(vcpu, read_slot), VMM_HLT);
	assert_int_equal(rax(vcpu), 333);
	end_vm(vcpu->vm);
}

static void unmapped_later(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();
	uint32_t *hva = anonymous(PAGE);
	int round;

	(void)state;
	assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, PAGE, hva), 0);
	for (round = 0; round < 3; round++) {
		assert_int_equal(RUN(vcpu, write_slot), VMM_HLT);
		assert_int_equal(rax(vcpu), 0x12345678);
		munmap(hva, PAGE);
		RUN(vcpu, read_slot);
		expect_efault(vcpu);
		map_at(hva);
		assert_int_equal(RUN(vcpu, read_slot), VMM_HLT);
		assert_int_equal(rax(vcpu), 0);
	}
	end_vm(vcpu->vm);
}

static void read_only(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();
	uint32_t *hva = anonymous(PAGE);

	(void)state;
	*hva = 444;
	mprotect(hva, PAGE, PROT_READ);
	assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, PAGE, hva), 0);
	assert_int_equal(RUN(vcpu, read_slot), VMM_HLT);
	assert_int_equal(rax(vcpu), 444);
	RUN(vcpu, write_slot);
	expect_efault(vcpu);
	assert_int_equal(*hva, 444);
	mprotect(hva, PAGE, PROT_READ | PROT_WRITE);
	assert_int_equal(RUN(vcpu, write_slot), VMM_HLT);
	assert_int_equal(*hva, 0x12345678);
	mprotect(hva, PAGE, PROT_READ);		/* the guest has it mapped for writing */
	RUN(vcpu, write_slot);
	expect_efault(vcpu);
	mprotect(hva, PAGE, PROT_NONE);
	RUN(vcpu, read_slot);
	expect_efault(vcpu);
	end_vm(vcpu->vm);
}

/* The guest's code and its page tables are memory too. */
static void tables_and_code_gone(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();
	struct vmm *vm = vcpu->vm;

	(void)state;
	assert_int_equal(RUN(vcpu, write_slot), VMM_MMIO);
	mprotect(vmm_hva(vm, ABI_TABLES, PAGE), PAGE, PROT_NONE);
	vmm_run(vcpu);
	observe("root table gone: %s", outcome(vcpu));
	assert_int_not_equal(vcpu->stop, VMM_HLT);
	/* stock KVM keeps the double fault that could not be delivered: take a new VM */
	mprotect(vmm_hva(vm, ABI_TABLES, PAGE), PAGE, PROT_READ | PROT_WRITE);
	end_vm(vm);

	vcpu = vcpu_with_gap();
	vm = vcpu->vm;
	assert_int_equal(RUN(vcpu, write_slot), VMM_MMIO);
	munmap(vmm_hva(vm, ABI_CODE, PAGE), PAGE);
	vmm_run(vcpu);
	expect_efault(vcpu);
	mmap(vmm_hva(vm, ABI_CODE, PAGE), PAGE, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	vmm_set_mode(vcpu, VMM_LONG, ABI_CODE);
	assert_int_equal(vmm_run_bytes(vcpu, ABI_CODE, "\xf4", 1), VMM_HLT);
	end_vm(vm);
}

/* A page table has a slot of its own, which goes: what it mapped is mapped no longer. */
CODE(64, read_free, "mov 0x200000, %eax; hlt");

static void tables_of_a_slot_that_goes(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();
	struct vmm *vm = vcpu->vm;
	uint64_t *table = anonymous(PAGE), *entry, gpa = ABI_TABLES;
	int level;

	(void)state;
	catch_traps(vcpu, VMM_LONG);
	for (level = 4; level > 2; level--)
		gpa = *(uint64_t *)vmm_hva(vm, gpa, PAGE) & ~0xfffull;
	entry = (uint64_t *)vmm_hva(vm, gpa, PAGE) + 1;
	memcpy(table, vmm_hva(vm, *entry & ~0xfffull, PAGE), PAGE);
	*entry = SLOT_GPA | 7;
	assert_int_equal(vmm_set_slot(vm, 1, 0, SLOT_GPA, PAGE, table), 0);
	assert_int_equal(RUN(vcpu, read_free), VMM_HLT);
	assert_int_equal(vmm_set_slot(vm, 1, 0, SLOT_GPA, 0, table), 0);
	RUN(vcpu, read_free);
	observe("its slot is gone: %s", outcome(vcpu));
	assert_int_equal(vcpu->stop, VMM_EXIT);
	assert_int_equal(vcpu->status, TRAP + 14);
	end_vm(vm);
}

/* Two slots over the same memory of the process: aliases. */
CODE(64, aliases, "movl $5, 0x300000; addl $6, 0x301000; mov 0x300000, %eax; hlt");

static void aliased(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_gap();
	uint32_t *hva = anonymous(PAGE);
	int i;

	(void)state;
	assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, PAGE, hva), 0);
	assert_int_equal(vmm_set_slot(vcpu->vm, 2, 0, SLOT_GPA + PAGE, PAGE, hva), 0);
	for (i = 0; i < 5; i++) {
		assert_int_equal(RUN(vcpu, aliases), VMM_HLT);
		assert_int_equal(rax(vcpu), 11);
		assert_int_equal(*hva, 11);
		madvise(hva, PAGE, i % 2 ? MADV_DONTNEED : MADV_PAGEOUT);
	}
	end_vm(vcpu->vm);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* Signals that come all the time: to make a process' first slot needs no second try. */
static void among_signals(void **state)
{
	const struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct kvm_userspace_memory_region region = { .memory_size = PAGE };
			int vm_fd = ioctl(open(device, O_RDWR), KVM_CREATE_VM, 0), bad;

			region.userspace_addr = (uintptr_t)anonymous(PAGE);
			signal(SIGALRM, on_alarm);
			setitimer(ITIMER_REAL, &often, NULL);
			bad = ioctl(vm_fd, KVM_SET_USER_MEMORY_REGION, &region);
			setitimer(ITIMER_REAL, &never, NULL);
			_exit(bad ? errno : 0);
		}
		assert_exits_0(pid);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nonsense),
	cmocka_unit_test(among_signals),
	cmocka_unit_test(large_slot),
	cmocka_unit_test(all_slots),
	cmocka_unit_test(delete_and_move),
	cmocka_unit_test(change_while_running),
	cmocka_unit_test(not_mapped),
	cmocka_unit_test(unmapped_later),
	cmocka_unit_test(read_only),
	cmocka_unit_test(tables_and_code_gone),
	cmocka_unit_test(tables_of_a_slot_that_goes),
	cmocka_unit_test(aliased),
};

GROUP(slots, tests);
