// SPDX-License-Identifier: GPL-2.0
/*
 * io.c - port I/O: every form and size, in every width of code; strings forwards,
 * backwards, with REP, across a page, and into pages that fault. How many elements
 * one exit brings is the device's choice; the bytes and their order are not.
 */
#include "test.h"

/* A port that gives bytes counting up, and a record of what was written. */
struct port {
	uint8_t next;
	uint8_t written[64];
	size_t count;
	unsigned int sizes;	/* a bit for each size seen */
	uint16_t last_port;
};

static bool on_io(struct vmm_vcpu *vcpu, uint16_t port, bool out, void *data, int size, int count)
{
	struct port *p = vcpu->data;
	int i;

	if (port == ABI_PORT_EXIT)
		return false;
	p->last_port = port;
	p->sizes |= size;
	for (i = 0; i < size * count; i++) {
		if (!out)
			((uint8_t *)data)[i] = ++p->next;
		else if (p->count < sizeof(p->written))
			p->written[p->count++] = ((uint8_t *)data)[i];
	}
	return true;
}

static struct vmm_vcpu *port_vcpu(enum vmm_mode mode, struct port *port)
{
	struct vmm_vcpu *vcpu = new_vcpu(mode);

	memset(port, 0, sizeof(*port));
	vcpu->on_io = on_io;
	vcpu->data = port;
	return vcpu;
}

CODE(64, out_all,
	"mov $0x44332211, %eax; mov $0x1234, %dx; out %al, %dx; out %ax, %dx; out %eax, %dx\n"
	"out %al, $0x80; out %ax, $0x81; out %eax, $0x82; hlt");
CODE(32, out_all32,
	"mov $0x44332211, %eax; mov $0x1234, %dx; out %al, %dx; out %ax, %dx; out %eax, %dx\n"
	"out %al, $0x80; out %ax, $0x81; out %eax, $0x82; hlt");
CODE(16, out_all16,
	"mov $0x44332211, %eax; mov $0x1234, %dx; out %al, %dx; out %ax, %dx; out %eax, %dx\n"
	"out %al, $0x80; out %ax, $0x81; out %eax, $0x82; hlt");

static void out_sizes(void **state)
{
	static const uint8_t want[] = {
		0x11, 0x11, 0x22, 0x11, 0x22, 0x33, 0x44, 0x11, 0x11, 0x22, 0x11, 0x22, 0x33, 0x44,
	};
	struct vmm_vcpu *vcpu;
	struct port port;

	(void)state;
	vcpu = port_vcpu(VMM_LONG, &port);
	assert_int_equal(RUN(vcpu, out_all), VMM_HLT);
	assert_int_equal(port.count, sizeof(want));
	assert_memory_equal(port.written, want, sizeof(want));
	assert_int_equal(port.last_port, 0x82);
	end_vm(vcpu->vm);
	vcpu = port_vcpu(VMM_PROT32, &port);
	assert_int_equal(RUN(vcpu, out_all32), VMM_HLT);
	assert_memory_equal(port.written, want, sizeof(want));
	end_vm(vcpu->vm);
	vcpu = port_vcpu(VMM_REAL, &port);
	assert_int_equal(RUN(vcpu, out_all16), VMM_HLT);
	assert_memory_equal(port.written, want, sizeof(want));
	end_vm(vcpu->vm);
}

/* IN writes AL or AX and leaves the rest of RAX; EAX clears the upper half. */
CODE(64, in_all,
	"mov $-1, %rax; mov $0x500, %edx; in %dx, %al; mov %rax, %rbx\n"
	"mov $-1, %rax; in %dx, %ax; mov %rax, %rcx; mov $-1, %rax; in %dx, %eax; mov %rax, %rsi\n"
	"mov $-1, %rax; in $0x80, %al; mov %rax, %rdi; rex.w in %dx, %eax; mov %rax, %r8; hlt");

static void in_sizes(void **state)
{
	struct kvm_regs regs;
	struct vmm_vcpu *vcpu;
	struct port port;

	(void)state;
	vcpu = port_vcpu(VMM_LONG, &port);
	assert_int_equal(RUN(vcpu, in_all), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rbx, 0xffffffffffffff01);
	assert_int_equal(regs.rcx, 0xffffffffffff0302);
	assert_int_equal(regs.rsi, 0x07060504);
	assert_int_equal(regs.rdi, 0xffffffffffffff08);
	assert_int_equal(regs.r8, 0x0c0b0a09);
	assert_int_equal(port.sizes, 7);
	end_vm(vcpu->vm);
}

/* 12 bytes from port to memory, one size after the other, across a page's end. */
CODE(64, ins_all,
	"mov $0x1f0, %edx; mov $0x200ffa, %edi; mov $4, %ecx; rep insb; mov $2, %ecx; rep insw\n"
	"mov $1, %ecx; rep insl; xor %ecx, %ecx; rep insl; insb; hlt");
CODE(64, ins_down,
	"std; mov $0x1f0, %edx; mov $0x201002, %edi; mov $3, %ecx; rep insw; cld; hlt");
CODE(64, outs_all,
	"mov $0x1f0, %edx; mov $0x200ffa, %esi; mov $4, %ecx; rep outsb; mov $2, %ecx; rep outsw\n"
	"mov $1, %ecx; rep outsl; outsb; hlt");

static void strings(void **state)
{
	static const uint8_t down[] = { 5, 6, 3, 4, 1, 2 };
	struct kvm_regs regs;
	struct vmm_vcpu *vcpu;
	struct port port;
	uint8_t *memory;
	int i;

	(void)state;
	vcpu = port_vcpu(VMM_LONG, &port);
	memory = vmm_hva(vcpu->vm, 0x200ffa, 16);
	assert_int_equal(RUN(vcpu, ins_all), VMM_HLT);
	for (i = 0; i < 13; i++)
		assert_int_equal(memory[i], i + 1);
	assert_int_equal(memory[13], 0);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rdi, 0x200ffa + 13);
	assert_int_equal(regs.rcx, 0);

	assert_int_equal(RUN(vcpu, outs_all), VMM_HLT);
	assert_int_equal(port.count, 13);
	assert_memory_equal(port.written, memory, 13);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rsi, 0x200ffa + 13);
	end_vm(vcpu->vm);

	vcpu = port_vcpu(VMM_LONG, &port);
	memory = vmm_hva(vcpu->vm, 0x200ffe, 6);
	assert_int_equal(RUN(vcpu, ins_down), VMM_HLT);
	assert_memory_equal(memory, down, sizeof(down));
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rdi, 0x201002 - 6);
	end_vm(vcpu->vm);
}

/* 16-bit code: addresses wrap at 64 KiB, and segments count. */
CODE(16, ins_wrap,
	"mov $0x2000, %ax; mov %ax, %es; mov $0xffff, %di; mov $0x60, %dx; mov $2, %cx; rep insb\n"
	"mov $0x1000, %ax; mov %ax, %ds; mov $0xffff, %si; mov $2, %cx; rep outsb\n"
	"mov $0x2000, %ax; mov %ax, %fs; mov $0xffff, %si; mov $2, %cx; rep outsb %fs:(%si), %dx\n"
	"addr32 insb; hlt");

static void strings_real_mode(void **state)
{
	struct kvm_regs regs;
	struct vmm_vcpu *vcpu;
	struct port port;

	(void)state;
	vcpu = port_vcpu(VMM_REAL, &port);
	*(uint8_t *)vmm_hva(vcpu->vm, 0x1ffff, 1) = 0xaa;
	*(uint8_t *)vmm_hva(vcpu->vm, 0x10000, 1) = 0xbb;
	assert_int_equal(RUN(vcpu, ins_wrap), VMM_HLT);
	assert_int_equal(*(uint8_t *)vmm_hva(vcpu->vm, 0x2ffff, 1), 1);
	assert_int_equal(*(uint8_t *)vmm_hva(vcpu->vm, 0x20000, 1), 2);
	assert_int_equal(port.written[0], 0xaa);
	assert_int_equal(port.written[1], 0xbb);
	assert_int_equal(port.written[2], 1);
	assert_int_equal(port.written[3], 2);
	assert_int_equal(port.count, 4);
	assert_int_equal(*(uint8_t *)vmm_hva(vcpu->vm, 0x20001, 1), 3);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rdi & 0xffff, 2);
	end_vm(vcpu->vm);
}

/* A string runs into a page that is not there: #PF, and what came before it is done. */
CODE(64, ins_fault, "mov $0x60, %edx; mov $0x3ffffc, %edi; mov $8, %ecx; rep insb; hlt");
CODE(64, outs_fault, "mov $0x60, %edx; mov $0x3ffffc, %esi; mov $8, %ecx; rep outsb; hlt");

static void string_faults(void **state)
{
	struct kvm_regs regs;
	struct vmm_vcpu *vcpu;
	struct port port;

	(void)state;
	vcpu = port_vcpu(VMM_LONG, &port);
	catch_traps(vcpu, VMM_LONG);
	RUN(vcpu, ins_fault);
	observe("ins: %s", outcome(vcpu));
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(vcpu->status, TRAP + 14);
	assert_int_equal(regs.rdi, 0x400000);
	assert_int_equal(regs.rcx, 4);
	assert_int_equal(*(uint32_t *)vmm_hva(vcpu->vm, 0x3ffffc, 4), 0x04030201);
	RUN(vcpu, outs_fault);
	observe("outs: %s", outcome(vcpu));
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(vcpu->status, TRAP + 14);
	assert_int_equal(regs.rsi, 0x400000);
	assert_int_equal(regs.rcx, 4);
	assert_int_equal(port.count, 4);
	end_vm(vcpu->vm);
}

/* Ring 3 without IOPL and without a permission bitmap gets #GP, with IOPL 3 it may. */
CODE(64, out_user, "mov $0x1234, %dx; out %al, %dx; ud2");

static void privilege(void **state)
{
	struct vmm_vcpu *vcpu;
	struct kvm_regs regs;
	struct port port;

	(void)state;
	vcpu = port_vcpu(VMM_LONG, &port);
	catch_traps(vcpu, VMM_LONG);
	enter_user(vcpu, VMM_LONG);
	RUN(vcpu, out_user);
	observe("iopl 0: %s", outcome(vcpu));
	assert_int_equal(vcpu->status, TRAP + 13);
	assert_int_equal(port.count, 0);
	reset_vcpu(vcpu, VMM_LONG);
	enter_user(vcpu, VMM_LONG);
	vmm_get_regs(vcpu, &regs);
	regs.rflags |= 0x3000;
	vmm_set_regs(vcpu, &regs);
	RUN(vcpu, out_user);
	observe("iopl 3: %s", outcome(vcpu));
	assert_int_equal(vcpu->status, TRAP + 6);
	assert_int_equal(port.count, 1);
	end_vm(vcpu->vm);
}

/* User space moves the guest elsewhere in the middle of an access: it is given up. */
CODE(64, in_one, "mov $7, %eax; in $0x80, %al; hlt");

static void abandoned(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs regs;

	(void)state;
	assert_int_equal(RUN(vcpu, in_one), VMM_IO);
	*((uint8_t *)vcpu->run + vcpu->run->io.data_offset) = 0x99;
	vmm_get_regs(vcpu, &regs);
	regs.rip = ABI_CODE + CODE_SIZE(in_one) - 1;
	vmm_set_regs(vcpu, &regs);
	assert_int_equal(vmm_run(vcpu), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rip, ABI_CODE + CODE_SIZE(in_one));
	observe("rax %#llx", regs.rax);
	end_vm(vcpu->vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(out_sizes),
	cmocka_unit_test(in_sizes),
	cmocka_unit_test(strings),
	cmocka_unit_test(strings_real_mode),
	cmocka_unit_test(string_faults),
	cmocka_unit_test(privilege),
	cmocka_unit_test(abandoned),
};

GROUP(io, tests);
