// SPDX-License-Identifier: GPL-2.0
/*
 * legacy.c - slots whose memory the kernel maps itself: KVM_SET_MEMORY_REGION. They are
 * there before their memory is. From chapter 7 on; stock KVM has given them up.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "changer.h"

#define SIZE (16 * PAGE)
#define WORD 0x33333333u

#ifndef KVM_SET_MEMORY_REGION	/* <linux/kvm.h> knows it no longer */
struct kvm_memory_region {
	uint32_t slot, flags;
	uint64_t guest_phys_addr, memory_size;
};

#define KVM_SET_MEMORY_REGION _IOW(KVMIO, 0x40, struct kvm_memory_region)
#endif

static int kernel_slot(struct vmm *vm, int id, uint32_t flags, uint64_t gpa, size_t size)
{
	struct kvm_memory_region region = { id, flags, gpa, size };

	return -fails(vm->fd, KVM_SET_MEMORY_REGION, &region);
}

static int make_slot(void *vm)
{
	return kernel_slot(vm, 1, 0, SLOT_GPA, SIZE);
}

static uint32_t *slot_hva(struct vmm *vm)
{
	struct slot_seen seen;

	assert_true(see_slot(vm, 1, &seen));
	assert_int_equal(seen.npages, SIZE / PAGE);
	return (uint32_t *)seen.hva;
}

static bool is_mapped(void *hva)
{
	unsigned char in_memory[SIZE / PAGE];

	return !mincore(hva, SIZE, in_memory);
}

/* Made, used, logged, moved, deleted. */
static void life(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_ones();
	uint64_t bitmap = 0;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = &bitmap };
	struct vmm *vm = vcpu->vm;
	uint32_t *hva;

	(void)state;
	assert_int_equal(make_slot(vm), 0);
	hva = slot_hva(vm);
	assert_int_equal(load_word(vcpu, SLOT_GPA + PAGE), 0);
	store_word(vcpu, SLOT_GPA + PAGE, WORD);
	assert_int_equal(hva[PAGE / 4], WORD);

	assert_int_equal(kernel_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SIZE), 0);
	store_word(vcpu, SLOT_GPA + 2 * PAGE, WORD);
	assert_int_equal(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), 0);
	assert_int_equal(bitmap, 1 << 2);
	store_word(vcpu, SLOT_GPA + 3 * PAGE, WORD);

	/* the log comes along */
	assert_int_equal(kernel_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, OTHER_GPA, SIZE), 0);
	assert_ptr_equal(slot_hva(vm), hva);
	assert_int_equal(load_word(vcpu, SLOT_GPA + PAGE), GONE);
	assert_int_equal(load_word(vcpu, OTHER_GPA + PAGE), WORD);
	assert_int_equal(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), 0);
	assert_int_equal(bitmap, 1 << 3);

	/* the other ioctl may change it too, if it knows where it is */
	assert_int_equal(vmm_set_slot(vm, 1, 0, SLOT_GPA, SIZE, (char *)hva + PAGE), -EINVAL);
	assert_int_equal(vmm_set_slot(vm, 1, 0, SLOT_GPA, SIZE, hva), 0);
	assert_int_equal(load_word(vcpu, SLOT_GPA + PAGE), WORD);
	assert_int_equal(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), -1);
	assert_int_equal(errno, ENOENT);

	assert_true(is_mapped(hva));
	assert_int_equal(kernel_slot(vm, 1, 0, 0, 0), 0);
	assert_false(is_mapped(hva));
	assert_int_equal(load_word(vcpu, SLOT_GPA + PAGE), GONE);
	end_vm(vm);
}

static void nonsense(void **state)
{
	struct vmm *vm = new_vm(3);
	uint32_t *hva = memory_of(SIZE);
	const struct {
		struct kvm_memory_region r;	/* slot flags gpa size */
		int error;
	} cases[] = {
		{ { 1, 0, SLOT_GPA, 0 }, EINVAL },
		{ { 1, 0, SLOT_GPA + 8, SIZE }, EINVAL },
		{ { 1, 0, SLOT_GPA, SIZE - 8 }, EINVAL },
		{ { 1, 0, ~0ull << 12, SIZE }, EINVAL },
		{ { 1, 0x80, SLOT_GPA, SIZE }, EINVAL },
		{ { 4096, 0, SLOT_GPA, SIZE }, EINVAL },
		{ { 1, 0, 0, SIZE }, EEXIST },
		{ { 1, 0, SLOT_GPA, 1ull << 60 }, EINVAL },
		{ { 2, 0, SLOT_GPA, 2 * SIZE }, EINVAL },	/* slot 2 is of another size */
	};
	struct slot_seen seen;
	long long before;
	size_t i;

	(void)state;
	assert_int_equal(vmm_set_slot(vm, 2, 0, OTHER_GPA, SIZE, hva), 0);
	before = proc_value("/proc/self/status", "VmSize");
	for (i = 0; i < COUNT(cases); i++) {
		struct kvm_memory_region r = cases[i].r;
		int error = fails(vm->fd, KVM_SET_MEMORY_REGION, &r);

		if (error != cases[i].error)
			fail_msg("case %zu: errno %d, wanted %d", i, error, cases[i].error);
		assert_false(see_slot(vm, 1, &seen));
	}
	assert_int_equal(fails(vm->fd, KVM_SET_MEMORY_REGION, (void *)8), EFAULT);
	assert_int_equal(proc_value("/proc/self/status", "VmSize"), before);
	/* a slot of user space's is changed by either ioctl, and its memory is never ours */
	assert_int_equal(kernel_slot(vm, 2, 0, SLOT_GPA, SIZE), 0);
	assert_int_equal(kernel_slot(vm, 2, 0, 0, 0), 0);
	assert_true(is_mapped(hva));
	end_vm(vm);
}

/* Held before its memory is mapped: the table has it, and neither door. */
static void before_its_memory(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_ones();
	char *elsewhere = (char *)memory_of(4 * PAGE);
	struct changer maker;
	struct slot_seen seen;
	long long calls;

	(void)state;
	changer_prepare(&maker, make_slot, vcpu->vm);
	dbgfs_pause_arm("slot_mapping");
	changer_go(&maker);
	hold("slot_mapping");
	assert_true(see_slot(vcpu->vm, 1, &seen));
	assert_int_equal(seen.gfn, SLOT_GPA / PAGE);
	assert_int_equal(seen.hva, 0);

	calls = dbgfs_stat(vcpu->vm, "invalidations");
	memset(elsewhere, 1, 4 * PAGE);
	munmap(elsewhere, 4 * PAGE);
	munmap(NULL, SIZE);		/* where a careless door would look for the slot */
	memset(vmm_hva(vcpu->vm, ABI_FREE, PAGE), 1, PAGE);
	load_word(vcpu, ABI_FREE);
	madvise(vmm_hva(vcpu->vm, ABI_FREE, PAGE), PAGE, MADV_DONTNEED);
	assert_int_equal(load_word(vcpu, ABI_FREE), 0);
	if (!protocol_is("interval"))	/* which is called for slots alone */
		assert_true(dbgfs_stat(vcpu->vm, "invalidations") > calls);
	assert_int_equal(load_word(vcpu, SLOT_GPA), GONE);
	assert_clean(vcpu->vm);
	assert_false(changer_is_done(&maker, 0));

	dbgfs_pause_release("slot_mapping");
	assert_int_equal(changer_end(&maker), 0);
	store_word(vcpu, SLOT_GPA, WORD);
	assert_int_equal(*slot_hva(vcpu->vm), WORD);
	end_vm(vcpu->vm);
}

/* No address space is left: the slot is taken back, and its number is free again. */
static void mapping_fails(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_ones();
	uint32_t *hva = memory_of(SIZE);
	struct rlimit limit, none;
	struct slot_seen seen;
	int i, error;

	(void)state;
	*hva = WORD;
	getrlimit(RLIMIT_AS, &limit);
	none = limit;
	none.rlim_cur = proc_value("/proc/self/status", "VmSize") * 1024ul;
	for (i = 0; i < 3; i++) {
		setrlimit(RLIMIT_AS, &none);
		error = make_slot(vcpu->vm);
		setrlimit(RLIMIT_AS, &limit);
		assert_int_equal(error, -ENOMEM);
		assert_false(see_slot(vcpu->vm, 1, &seen));
		assert_int_equal(load_word(vcpu, SLOT_GPA), GONE);
		assert_int_equal(kernel_slot(vcpu->vm, 1, 0, 0, 0), -EINVAL);
		/* the number and the frames are free */
		assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, SLOT_GPA, SIZE, hva), 0);
		assert_int_equal(load_word(vcpu, SLOT_GPA), WORD);
		assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, 0, 0, NULL), 0);
		assert_int_equal(make_slot(vcpu->vm), 0);
		assert_int_equal(load_word(vcpu, SLOT_GPA), 0);
		assert_int_equal(kernel_slot(vcpu->vm, 1, 0, 0, 0), 0);
	}
	end_vm(vcpu->vm);
}

/* The process unmaps what is not its own: the guest is without memory, nobody else. */
static void unmapped_behind_our_back(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_ones();
	uint32_t *hva;

	(void)state;
	assert_int_equal(make_slot(vcpu->vm), 0);
	hva = slot_hva(vcpu->vm);
	store_word(vcpu, SLOT_GPA, WORD);
	munmap(hva, SIZE);
	assert_int_equal(try_load(vcpu, SLOT_GPA), VMM_ERRNO);
	assert_int_equal(vcpu->error, EFAULT);
	assert_clean(vcpu->vm);
	assert_ptr_equal(mmap(hva, SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), hva);
	*hva = WORD + 1;
	assert_int_equal(load_word(vcpu, SLOT_GPA), WORD + 1);
	munmap(hva, SIZE);
	assert_int_equal(kernel_slot(vcpu->vm, 1, 0, 0, 0), 0);
	assert_int_equal(load_word(vcpu, SLOT_GPA), GONE);
	end_vm(vcpu->vm);
}

/* The guest and a child of the process go on to see the same memory. */
static void shared_with_a_child(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_ones();
	volatile uint32_t *hva;
	int to_child[2], status;
	char byte = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(make_slot(vcpu->vm), 0);
	hva = slot_hva(vcpu->vm);
	store_word(vcpu, SLOT_GPA, WORD);
	assert_int_equal(pipe(to_child), 0);
	pid = fork();
	if (!pid) {
		bool good = read(to_child[0], &byte, 1) == 1 && *hva == WORD + 1;

		*hva = WORD + 2;
		_exit(!good);
	}
	store_word(vcpu, SLOT_GPA, WORD + 1);
	assert_int_equal(write(to_child[1], &byte, 1), 1);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(load_word(vcpu, SLOT_GPA), WORD + 2);
	end_vm(vcpu->vm);
}

/* The VM goes and leaves the memory, which may be in use by its process. */
static void outlives_the_vm(void **state)
{
	struct vmm_vcpu *vcpu = vcpu_with_ones();
	uint32_t *hva;

	(void)state;
	assert_int_equal(make_slot(vcpu->vm), 0);
	store_word(vcpu, SLOT_GPA, WORD);
	hva = slot_hva(vcpu->vm);
	end_vm(vcpu->vm);
	assert_true(is_mapped(hva));
	assert_int_equal(*hva, WORD);
	munmap(hva, SIZE);
}

/* Killed with the slot half made. */
static void killed_before_its_memory(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	dbgfs_pause_arm("slot_mapping");
	pid = fork();
	if (!pid)
		_exit(make_slot(new_vm(3)));
	hold("slot_mapping");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	dbgfs_pause_release("slot_mapping");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(life),
	cmocka_unit_test(nonsense),
	cmocka_unit_test(before_its_memory),
	cmocka_unit_test(mapping_fails),
	cmocka_unit_test(unmapped_behind_our_back),
	cmocka_unit_test(shared_with_a_child),
	cmocka_unit_test(outlives_the_vm),
	cmocka_unit_test(killed_before_its_memory),
};

GROUP(legacy, tests, .kvmswap_only = true);
