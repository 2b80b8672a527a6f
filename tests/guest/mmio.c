// SPDX-License-Identifier: GPL-2.0
/*
 * mmio.c - accesses where the guest has no memory. kvmswap promises the MOVs: from
 * and to a register, an immediate, with zero and sign extension, by absolute
 * address, in every size and mode. Every other instruction ends kvmswap's KVM_RUN with
 * KVM_EXIT_INTERNAL_ERROR; stock KVM emulates most of them.
 */
#include "test.h"

#define MMIO 0x40000000ul	/* no memory there; mapped by the guest's tables */

struct device_log {
	uint64_t value;		/* what a read gives */
	char text[512];
};

static bool on_mmio(struct vmm_vcpu *vcpu, uint64_t gpa, bool write, void *data, int len)
{
	struct device_log *log = vcpu->data;
	uint64_t value = 0;
	size_t used = strlen(log->text);

	if (write)
		memcpy(&value, data, len);
	else
		memcpy(data, &log->value, len);
	snprintf(log->text + used, sizeof(log->text) - used, "%c%d@%llx=%llx ", write ? 'w' : 'r',
		 len, (unsigned long long)gpa, (unsigned long long)value);
	return true;
}

static struct vmm_vcpu *mmio_vcpu(enum vmm_mode mode, struct device_log *log)
{
	struct vmm_vcpu *vcpu = new_vcpu(mode);
	struct kvm_sregs sregs;

	memset(log, 0, sizeof(*log));
	log->value = 0x8877665544332281;
	vcpu->on_mmio = on_mmio;
	vcpu->data = log;
	if (vmm_mode_bits(mode) != 64)
		return vcpu;
	/* one more page of the guest's: gva MMIO -> gpa MMIO, and the page behind it */
	vmm_get_sregs(vcpu, &sregs);
	sregs.cr3 = vmm_build_tables(vcpu->vm, VMM_LONG_1G, 2ul << 30, ABI_TABLES, ABI_TABLES_END);
	vmm_set_sregs(vcpu, &sregs);
	return vcpu;
}

CODE(64, write_forms,
	"mov $0x1122334455667788, %rax; mov %rax, %rbx; mov $0x40000000, %edi\n"
	"mov %al, (%rdi); mov %bh, 1(%rdi); mov %ax, 2(%rdi); mov %eax, 4(%rdi); mov %rax, 8(%rdi)\n"
	"movb $0x5a, 16(%rdi); movw $0x5a5b, 18(%rdi); movl $-2, 20(%rdi); movq $-2, 24(%rdi)\n"
	"mov %rax, %r9; mov %r9b, 32(%rdi); mov %r9, 40(%rdi); movabs %al, 0x40000030\n"
	"movabs %rax, 0x40000038; mov $0x10, %ecx; mov %eax, (%rdi,%rcx,4); mov %sil, 72(%rdi); hlt");

static void writes(void **state)
{
	struct vmm_vcpu *vcpu;
	struct device_log log;

	(void)state;
	vcpu = mmio_vcpu(VMM_LONG, &log);
	assert_int_equal(RUN(vcpu, write_forms), VMM_HLT);
	/* checkpatch(SPLIT_STRING): a log of many lines */
	assert_string_equal(log.text,
			    "w1@40000000=88 w1@40000001=77 w2@40000002=7788 w4@40000004=55667788 "
			    "w8@40000008=1122334455667788 w1@40000010=5a w2@40000012=5a5b "
			    "w4@40000014=fffffffe w8@40000018=fffffffffffffffe w1@40000020=88 "
			    "w8@40000028=1122334455667788 w1@40000030=88 "
			    "w8@40000038=1122334455667788 w4@40000040=55667788 w1@40000048=0 ");
	end_vm(vcpu->vm);
}

CODE(64, read_forms,
	"mov $0x40000000, %edi; mov $-1, %rax; mov %rax, %rbx; mov %rax, %rcx; mov %rax, %rdx\n"
	"mov (%rdi), %al; mov 8(%rdi), %bh; mov 16(%rdi), %cx; mov 24(%rdi), %edx; mov 32(%rdi), %r8\n"
	"movzbl 40(%rdi), %r9d; movsbq 48(%rdi), %r10; movzwl 56(%rdi), %r11d; movswq 64(%rdi), %r12\n"
	"movabs 0x40000048, %al; movsbw 80(%rdi), %r13w; movsbl 88(%rdi), %r14d; hlt");

static void reads(void **state)
{
	struct device_log log;
	struct vmm_vcpu *vcpu;
	struct kvm_regs regs;

	(void)state;
	vcpu = mmio_vcpu(VMM_LONG, &log);
	assert_int_equal(RUN(vcpu, read_forms), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rax, 0xffffffffffffff81);
	assert_int_equal(regs.rbx, 0xffffffffffff81ff);
	assert_int_equal(regs.rcx, 0xffffffffffff2281);
	assert_int_equal(regs.rdx, 0x44332281);
	assert_int_equal(regs.r8, 0x8877665544332281);
	assert_int_equal(regs.r9, 0x81);
	assert_int_equal(regs.r10, 0xffffffffffffff81);
	assert_int_equal(regs.r11, 0x2281);
	assert_int_equal(regs.r12, 0x2281);
	assert_int_equal(regs.r13, 0xff81);
	assert_int_equal(regs.r14, 0xffffff81);
	observe("%s", log.text);
	end_vm(vcpu->vm);
}

CODE(32, forms32,
	"mov $0x40000000, %edi; mov $0x11223344, %eax; mov %ah, (%edi); mov %ax, 2(%edi)\n"
	"mov %eax, 4(%edi); mov %eax, 0x40000008; mov 12(%edi), %ecx; movzwl 16(%edi), %edx\n"
	"movsbl 20(%edi), %ebx; mov 24(%edi), %al; hlt");

static void protected_mode(void **state)
{
	struct vmm_vcpu *vcpu;
	struct device_log log;
	struct kvm_regs regs;

	(void)state;
	vcpu = mmio_vcpu(VMM_PROT32, &log);
	assert_int_equal(RUN(vcpu, forms32), VMM_HLT);
	/* checkpatch(SPLIT_STRING): a log of many lines */
	assert_string_equal(log.text,
			    "w1@40000000=33 w2@40000002=3344 w4@40000004=11223344 "
			    "w4@40000008=11223344 r4@4000000c=0 r2@40000010=0 r1@40000014=0 "
			    "r1@40000018=0 ");
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rcx, 0x44332281);
	assert_int_equal(regs.rdx, 0x2281);
	assert_int_equal(regs.rbx, 0xffffff81);
	assert_int_equal(regs.rax, 0x11223381);
	end_vm(vcpu->vm);
}

CODE(16, forms16,
	"mov $0x6000, %ax; mov %ax, %ds; mov %ax, %es; mov $8, %bx; mov $4, %si; mov $0x1234, %ax\n"
	"mov %al, (%bx); mov %ax, 2(%bx,%si); mov %ax, %es:0x20; mov 0x30, %cx; mov (%si), %dl; hlt");

/* The first 640 KiB are memory but for a hole at 0x60000. */
static void real_mode(void **state)
{
	struct device_log log = { .value = 0x5678 };
	struct vmm *vm = vmm_create(device);
	struct vmm_vcpu *vcpu;
	struct kvm_regs regs;

	(void)state;
	vmm_add_memory(vm, 0, 0x60000);
	vcpu = vmm_add_vcpu(vm);
	vmm_set_mode(vcpu, VMM_REAL, ABI_CODE);
	vcpu->on_mmio = on_mmio;
	vcpu->data = &log;
	assert_int_equal(RUN(vcpu, forms16), VMM_HLT);
	assert_string_equal(log.text,
			    "w1@60008=34 w2@6000e=1234 w2@60020=1234 r2@60030=0 r1@60004=0 ");
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rcx & 0xffff, 0x5678);
	assert_int_equal(regs.rdx & 0xff, 0x78);
	end_vm(vm);
}

/* What kvmswap does not do, and stock KVM does. */
static void not_a_simple_mov(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
	} others[] = {
#define OTHER(name, bytes) { name, bytes, sizeof(bytes) - 1 }
		OTHER("add %eax, (%rdi)", "\x01\x07"),
		OTHER("xchg %eax, (%rdi)", "\x87\x07"),
		OTHER("incl (%rdi)", "\xff\x07"),
		OTHER("stosl", "\xab"),
		OTHER("movsl", "\xa5"),
		OTHER("push (%rdi)", "\xff\x37"),
		OTHER("cmp %eax, (%rdi)", "\x39\x07"),
		OTHER("testl $1, (%rdi)", "\xf7\x07\x01\x00\x00\x00"),
		OTHER("bts %eax, (%rdi)", "\x0f\xab\x07"),
		OTHER("cmpxchg %ecx, (%rdi)", "\x0f\xb1\x0f"),
		OTHER("movslq (%rdi), %rax", "\x48\x63\x07"),
		OTHER("movdqu (%rdi), %xmm0", "\xf3\x0f\x6f\x07"),
		OTHER("fildl (%rdi)", "\xdb\x07"),
		OTHER("jmp *(%rdi)", "\xff\x27"),
	};
	struct vmm_vcpu *vcpu;
	struct device_log log;
	struct kvm_regs regs;
	size_t i;

	(void)state;
	vcpu = mmio_vcpu(VMM_LONG, &log);
	for (i = 0; i < COUNT(others); i++) {
		uint8_t code[16] = { 0 };

		memcpy(code, others[i].bytes, others[i].len);
		code[others[i].len] = 0xf4;
		log.text[0] = 0;
		vmm_get_regs(vcpu, &regs);
		regs.rdi = MMIO;
		regs.rsi = ABI_FREE;
		regs.rsp = 0x50000;
		regs.rflags = 2;
		vmm_set_regs(vcpu, &regs);
		vmm_run_bytes(vcpu, ABI_CODE, code, sizeof(code));
		printf("%s: %s, %s\n", others[i].name, vmm_stop_name(vcpu->stop), log.text);
		if (stock)
			continue;
		assert_int_equal(vcpu->stop, VMM_INTERNAL_ERROR);
		assert_int_equal(vcpu->run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
		assert_string_equal(log.text, "");
		vmm_get_regs(vcpu, &regs);
		assert_int_equal(regs.rip, ABI_CODE);
		assert_int_equal(regs.rdi, MMIO);
	}
	end_vm(vcpu->vm);
}

/* To fetch instructions where there is no memory is an error of the guest's maker. */
static void fetch_from_nowhere(void **state)
{
	struct vmm_vcpu *vcpu;
	struct device_log log;
	struct kvm_regs regs;

	(void)state;
	vcpu = mmio_vcpu(VMM_LONG, &log);
	vmm_get_regs(vcpu, &regs);
	regs.rip = MMIO;
	vmm_set_regs(vcpu, &regs);
	vmm_run(vcpu);
	observe("%s", vmm_stop_name(vcpu->stop));
	assert_int_equal(vcpu->stop, VMM_INTERNAL_ERROR);
	end_vm(vcpu->vm);
}

CODE(64, straddle, "mov $0x40000000, %edi; mov $0x11223344, %eax; mov %eax, -2(%rdi); hlt");

/* One MOV over two pages without memory: two accesses, or, on kvmswap, an error. */
static void straddles(void **state)
{
	struct vmm_vcpu *vcpu;
	struct device_log log;

	(void)state;
	vcpu = mmio_vcpu(VMM_LONG, &log);
	RUN(vcpu, straddle);
	printf("%s, %s\n", vmm_stop_name(vcpu->stop), log.text);
	if (!stock)
		assert_int_equal(vcpu->stop, VMM_INTERNAL_ERROR);
	end_vm(vcpu->vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(writes),
	cmocka_unit_test(reads),
	cmocka_unit_test(protected_mode),
	cmocka_unit_test(real_mode),
	cmocka_unit_test(not_a_simple_mov),
	cmocka_unit_test(fetch_from_nowhere),
	cmocka_unit_test(straddles),
};

GROUP(mmio, tests);
