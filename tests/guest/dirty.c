// SPDX-License-Identifier: GPL-2.0
/*
 * dirty.c - KVM_GET_DIRTY_LOG: exactly the pages that were written since it was last
 * asked, whoever wrote them for the guest, and whatever the host did meanwhile.
 */
#include "test.h"

#define LOGGED_GPA 0x400000ul
#define PAGES 128

/* Write a word to each page whose bit is set in the bitmap at 0x201000. */
CODE(64, write_set,
	"xor %ecx, %ecx; 1: bt %ecx, 0x201000; jnc 2f; mov %ecx, %eax; shl $12, %eax\n"
	"incl 0x400000(%rax); 2: inc %ecx; cmp $128, %ecx; jb 1b; hlt");
/* Read all of them. */
CODE(64, read_all,
	"xor %ecx, %ecx; 1: mov %ecx, %eax; shl $12, %eax; mov 0x400000(%rax), %ebx\n"
	"inc %ecx; cmp $128, %ecx; jb 1b; hlt");
CODE(64, ins_page, "mov $0x60, %edx; mov $0x405000, %edi; insb; hlt");

static struct vmm_vcpu *logged_vcpu(char **hva)
{
	struct vmm *vm = new_vm(4);
	struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);
	struct kvm_sregs sregs;

	vmm_set_mode(vcpu, VMM_LONG, ABI_CODE);
	vmm_get_sregs(vcpu, &sregs);
	sregs.cr3 = vmm_build_tables(vm, VMM_LONG, 8ul << 20, ABI_TABLES, ABI_TABLES_END);
	vmm_set_sregs(vcpu, &sregs);
	*hva = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(*hva, MAP_FAILED);
	assert_int_equal(vmm_set_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, LOGGED_GPA, PAGES * PAGE,
				      *hva), 0);
	return vcpu;
}

static void get_log(struct vmm *vm, uint64_t *bits)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };

	memset(bits, 0xff, PAGES / 8);
	assert_int_equal(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), 0);
}

static void assert_log(struct vmm *vm, uint64_t low, uint64_t high)
{
	uint64_t bits[2];

	get_log(vm, bits);
	if (bits[0] != low || bits[1] != high)
		fail_msg("the log says %#llx %#llx, written were %#llx %#llx",
			 (unsigned long long)bits[0], (unsigned long long)bits[1],
			 (unsigned long long)low, (unsigned long long)high);
}

static void write_pages(struct vmm_vcpu *vcpu, uint64_t low, uint64_t high)
{
	uint64_t *set = vmm_hva(vcpu->vm, 0x201000, 16);

	set[0] = low;
	set[1] = high;
	assert_int_equal(RUN(vcpu, write_set), VMM_HLT);
}

static void exactly_the_written(void **state)
{
	struct vmm_vcpu *vcpu;
	uint64_t seed = 99, low, high;
	char *hva;
	int i;

	(void)state;
	vcpu = logged_vcpu(&hva);
	assert_log(vcpu->vm, 0, 0);
	assert_int_equal(RUN(vcpu, read_all), VMM_HLT);
	assert_log(vcpu->vm, 0, 0);
	write_pages(vcpu, 0x88, 1);
	assert_log(vcpu->vm, 0x88, 1);
	assert_log(vcpu->vm, 0, 0);
	for (i = 0; i < 10; i++) {
		low = next_random(&seed);
		high = next_random(&seed);
		write_pages(vcpu, low, high);
		assert_int_equal(RUN(vcpu, read_all), VMM_HLT);
		write_pages(vcpu, low, high);
		assert_log(vcpu->vm, low, high);
	}
	end_vm(vcpu->vm);
}

/* The host takes pages away and back: neither does that write, nor does a write get lost. */
static void across_swap(void **state)
{
	struct vmm_vcpu *vcpu;
	uint64_t bits[2];
	char *hva;

	(void)state;
	vcpu = logged_vcpu(&hva);
	write_pages(vcpu, ~0ull, ~0ull);
	assert_log(vcpu->vm, ~0ull, ~0ull);
	assert_int_equal(madvise(hva, PAGES * PAGE, MADV_PAGEOUT), 0);
	assert_int_equal(RUN(vcpu, read_all), VMM_HLT);
	/* stock KVM maps for writing what the host would let be written, and logs it at once */
	if (stock)
		get_log(vcpu->vm, bits);
	else
		assert_log(vcpu->vm, 0, 0);
	write_pages(vcpu, 0xf0f0, 0);
	assert_int_equal(madvise(hva, PAGES * PAGE, MADV_PAGEOUT), 0);
	assert_log(vcpu->vm, 0xf0f0, 0);
	end_vm(vcpu->vm);
}

static bool give_byte(struct vmm_vcpu *vcpu, uint16_t port, bool out, void *data, int size,
		      int count)
{
	(void)vcpu;
	(void)port;
	if (!out)
		memset(data, 0x77, size * count);
	return !out;
}

/* Memory that the monitor's device writes through the module: string input. */
static void written_by_emulation(void **state)
{
	struct vmm_vcpu *vcpu;
	char *hva;

	(void)state;
	vcpu = logged_vcpu(&hva);
	vcpu->on_io = give_byte;
	assert_int_equal(RUN(vcpu, ins_page), VMM_HLT);
	assert_int_equal(hva[5 * PAGE], 0x77);
	assert_log(vcpu->vm, 1 << 5, 0);
	end_vm(vcpu->vm);
}

static void on_and_off(void **state)
{
	struct vmm_vcpu *vcpu;
	uint64_t bits[2];
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bits };
	char *hva;

	(void)state;
	vcpu = logged_vcpu(&hva);
	write_pages(vcpu, 1, 0);
	assert_int_equal(vmm_set_slot(vcpu->vm, 1, 0, LOGGED_GPA, PAGES * PAGE, hva), 0);
	assert_int_equal(fails(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log), ENOENT);
	write_pages(vcpu, ~0ull, 0);	/* mapped for writing now */
	assert_int_equal(vmm_set_slot(vcpu->vm, 1, KVM_MEM_LOG_DIRTY_PAGES, LOGGED_GPA,
				      PAGES * PAGE, hva), 0);
	assert_log(vcpu->vm, 0, 0);
	write_pages(vcpu, 6, 0);
	assert_log(vcpu->vm, 6, 0);
	/* moved: the pages take their bits along to the new place */
	log.slot = 0;
	assert_int_equal(fails(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log), ENOENT);
	log.slot = 30;
	assert_int_equal(fails(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log), ENOENT);
	log.slot = 0xffff;
	assert_int_equal(fails(vcpu->vm->fd, KVM_GET_DIRTY_LOG, &log), EINVAL);
	end_vm(vcpu->vm);
}

/* While a second vCPU writes all the time: every write is in this log or in the next. */
CODE(64, write_on, "1: incl 0x400000; incl 0x41f000; incl 0x200000; jmp 1b");

static void while_running(void **state)
{
	volatile uint32_t *rounds;
	struct vmm_vcpu *vcpu;
	uint64_t bits[2];
	char *hva;
	int i;

	(void)state;
	vcpu = logged_vcpu(&hva);
	rounds = vmm_hva(vcpu->vm, ABI_FREE, 4);
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 64), code_write_on, CODE_SIZE(write_on));
	vmm_start(vcpu);
	for (i = 0; i < 20; i++) {
		uint32_t before = *rounds;

		while (*rounds - before < 3)
			usleep(500);
		get_log(vcpu->vm, bits);
		assert_int_equal(bits[0], 1u | 1u << 31);
		assert_int_equal(bits[1], 0);
	}
	vmm_kick(vcpu);
	vmm_join(vcpu);
	end_vm(vcpu->vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(exactly_the_written),
	cmocka_unit_test(across_swap),
	cmocka_unit_test(written_by_emulation),
	cmocka_unit_test(on_and_off),
	cmocka_unit_test(while_running),
};

GROUP(dirty, tests);
