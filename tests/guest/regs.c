// SPDX-License-Identifier: GPL-2.0
/*
 * regs.c - the registers as user space reads and writes them: round trips, a new
 * vCPU's values, translation. Nonsense is in nonsense.c.
 */
#include "test.h"

static void print_segment(const char *name, const struct kvm_segment *s)
{
	observe("%s base %#llx limit %#x sel %#x type %u p %u dpl %u db %u s %u l %u g %u u %u",
		name, s->base, s->limit, s->selector, s->type, s->present, s->dpl, s->db, s->s,
		s->l, s->g, s->unusable);
}

static void observe_sregs(const struct kvm_sregs *s)
{
	print_segment("cs", &s->cs);
	print_segment("ds", &s->ds);
	print_segment("es", &s->es);
	print_segment("fs", &s->fs);
	print_segment("gs", &s->gs);
	print_segment("ss", &s->ss);
	print_segment("tr", &s->tr);
	print_segment("ldt", &s->ldt);
	observe("gdt %#llx/%#x idt %#llx/%#x", s->gdt.base, s->gdt.limit, s->idt.base,
		s->idt.limit);
	observe("cr0 %#llx cr2 %#llx cr3 %#llx cr4 %#llx cr8 %#llx efer %#llx apic %#llx", s->cr0,
		s->cr2, s->cr3, s->cr4, s->cr8, s->efer, s->apic_base);
}

static void new_vcpu_state(void **state)
{
	struct vmm *vm = new_vm(4);
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);

		vmm_get_regs(vcpu, &regs);
		observe("rip %#llx rflags %#llx rsp %#llx rax %#llx rdx %#llx", regs.rip,
			regs.rflags, regs.rsp, regs.rax, regs.rdx);
		vmm_get_sregs(vcpu, &sregs);
		observe_sregs(&sregs);
	}
	end_vm(vm);
}

/* The first instruction after RESET is fetched at 0xfffffff0. */
static void reset_vector(void **state)
{
	static const uint8_t code[] = { 0xb8, 0x34, 0x12, 0xf4 };	/* mov $0x1234, %ax; hlt */
	struct vmm *vm = new_vm(4);
	struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);
	struct kvm_regs regs;

	(void)state;
	vmm_add_memory(vm, 0xffff0000, 0x10000);
	memcpy(vmm_hva(vm, 0xfffffff0, 4), code, 4);
	assert_int_equal(vmm_run(vcpu), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rax & 0xffff, 0x1234);
	assert_int_equal(regs.rip, 0xfff4);
	end_vm(vm);
}

static void regs_round_trip(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	uint64_t seed = 12345;
	struct kvm_regs in, out;
	int round, i;

	(void)state;
	for (round = 0; round < 50; round++) {
		for (i = 0; i < (int)(sizeof(in) / 8); i++)
			((uint64_t *)&in)[i] = next_random(&seed);
		in.rflags = (in.rflags & 0x3f7fd7 & ~0x30100ull) | 2;	/* no VM, RF, TF */
		vmm_set_regs(vcpu, &in);
		vmm_get_regs(vcpu, &out);
		assert_memory_equal(&in, &out, sizeof(in));
	}
	end_vm(vcpu->vm);
}

CODE(64, all_regs,
	"xchg %rax, %rbx; xchg %rcx, %rdx; xchg %rsi, %rdi; xchg %rbp, %rsp\n"
	"xchg %r8, %r15; xchg %r9, %r14; xchg %r10, %r13; xchg %r11, %r12; hlt");

static void guest_sees_regs(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs in, out;

	(void)state;
	in = (struct kvm_regs) {
		.rax = 0x8000000000000001, .rbx = 2, .rcx = 3, .rdx = 4, .rsi = 5, .rdi = 6,
		.rsp = 7, .rbp = 8, .r8 = 9, .r9 = 10, .r10 = 11, .r11 = 12, .r12 = 13, .r13 = 14,
		.r14 = 15, .r15 = 0xfedcba9876543210, .rflags = 0x8d7,
	};
	vmm_set_regs(vcpu, &in);
	assert_int_equal(RUN(vcpu, all_regs), VMM_HLT);
	vmm_get_regs(vcpu, &out);
	assert_int_equal(out.rbx, in.rax);
	assert_int_equal(out.rax, in.rbx);
	assert_int_equal(out.rdx, in.rcx);
	assert_int_equal(out.rcx, in.rdx);
	assert_int_equal(out.rdi, in.rsi);
	assert_int_equal(out.rsi, in.rdi);
	assert_int_equal(out.rsp, in.rbp);
	assert_int_equal(out.rbp, in.rsp);
	assert_int_equal(out.r15, in.r8);
	assert_int_equal(out.r14, in.r9);
	assert_int_equal(out.r13, in.r10);
	assert_int_equal(out.r12, in.r11);
	assert_int_equal(out.r8, in.r15);
	assert_int_equal(out.rflags, in.rflags);
	end_vm(vcpu->vm);
}

static void sregs_round_trip(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_sregs in, out;
	enum vmm_mode mode;

	(void)state;
	for (mode = 0; mode < VMM_NR_MODES; mode++) {
		observe("mode %s", vmm_mode_name(mode));
		reset_vcpu(vcpu, mode);
		vmm_get_sregs(vcpu, &in);
		in.cr2 = 0x123000 + mode;
		in.cr8 = mode;
		in.fs.base = 0x7f0000001000;
		in.gs.base = 0x7f0000002000;
		in.es.unusable = 1;
		vmm_set_sregs(vcpu, &in);
		vmm_get_sregs(vcpu, &out);
		observe_sregs(&out);
		assert_int_equal(in.cr0, out.cr0);
		assert_int_equal(in.cr2, out.cr2);
		assert_int_equal(in.cr3, out.cr3);
		assert_int_equal(in.cr4, out.cr4);
		assert_int_equal(in.efer, out.efer);
		assert_int_equal(in.fs.base, out.fs.base);
		assert_int_equal(in.gs.base, out.gs.base);
	}
	end_vm(vcpu->vm);
}

static void translate(void **state)
{
	static const uint64_t addresses[] = {
		0, 0x8123, 0x200000, 0x3ff000, 0x400000, 0x40000000, 0xfffff000,
		0x123456789000, 0xffff800000000000, 0x0000800000000000,
	};
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	enum vmm_mode mode;
	size_t i;

	(void)state;
	for (mode = 0; mode < VMM_NR_MODES; mode++) {
		reset_vcpu(vcpu, mode);
		for (i = 0; i < COUNT(addresses); i++) {
			struct kvm_translation t = { .linear_address = addresses[i] };

			if (vmm_mode_bits(mode) != 64 && addresses[i] >> 32)
				continue;
			assert_int_equal(ioctl(vcpu->fd, KVM_TRANSLATE, &t), 0);
			observe("%s %#llx: valid %d %#llx", vmm_mode_name(mode),
				(unsigned long long)addresses[i], t.valid,
				t.valid ? t.physical_address : 0);
		}
	}
	end_vm(vcpu->vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(new_vcpu_state),
	cmocka_unit_test(reset_vector),
	cmocka_unit_test(regs_round_trip),
	cmocka_unit_test(guest_sees_regs),
	cmocka_unit_test(sregs_round_trip),
	cmocka_unit_test(translate),
};

GROUP(regs, tests);
