// SPDX-License-Identifier: GPL-2.0
/*
 * insn.c - a walk through the instructions that a hostile guest would try: each is
 * run in ring 0 and ring 3, in 64-bit, 32-bit and real mode, and what comes of it is
 * laid beside stock KVM's.
 */
#include "test.h"

struct insn {
	const char *name, *bytes;
	size_t len;
};

#define INSN(name, bytes) { name, bytes, sizeof(bytes) - 1 }

static const struct insn insns[] = {
	INSN("vmrun", "\x0f\x01\xd8"),
	INSN("vmmcall", "\x0f\x01\xd9"),
	INSN("vmload", "\x0f\x01\xda"),
	INSN("vmsave", "\x0f\x01\xdb"),
	INSN("stgi", "\x0f\x01\xdc"),
	INSN("clgi", "\x0f\x01\xdd"),
	INSN("skinit", "\x0f\x01\xde"),
	INSN("invlpga", "\x0f\x01\xdf"),
	INSN("vmcall", "\x0f\x01\xc1"),
	INSN("vmxoff", "\x0f\x01\xc4"),
	INSN("monitor", "\x0f\x01\xc8"),
	INSN("mwait", "\x0f\x01\xc9"),
	INSN("clac", "\x0f\x01\xca"),
	INSN("xgetbv", "\x0f\x01\xd0"),
	INSN("xsetbv", "\x0f\x01\xd1"),
	INSN("swapgs", "\x0f\x01\xf8"),
	INSN("rdtscp", "\x0f\x01\xf9"),
	INSN("monitorx", "\x0f\x01\xfa"),
	INSN("rdpru", "\x0f\x01\xfd"),
	INSN("rdpkru", "\x0f\x01\xee"),
	INSN("rdpmc", "\x0f\x33"),
	INSN("rdpid", "\xf3\x0f\xc7\xf8"),
	INSN("wbinvd", "\x0f\x09"),
	INSN("invd", "\x0f\x08"),
	INSN("clts", "\x0f\x06"),
	INSN("smsw %ax", "\x66\x0f\x01\xe0"),
	INSN("smsw %eax", "\x0f\x01\xe0"),
	INSN("smsw (mem)", "\x0f\x01\x27"),
	INSN("lmsw %ax", "\x0f\x01\xf0"),
	INSN("rsm", "\x0f\xaa"),
	INSN("sysenter", "\x0f\x34"),
	INSN("sysexit", "\x0f\x35"),
	INSN("syscall", "\x0f\x05"),
	INSN("sysret", "\x0f\x07"),
	INSN("cpuid", "\x0f\xa2"),
	INSN("rdtsc", "\x0f\x31"),
	INSN("rdmsr", "\x0f\x32"),
	INSN("wrmsr", "\x0f\x30"),
	INSN("hlt", "\xf4"),
	INSN("cli", "\xfa"),
	INSN("sti", "\xfb"),
	INSN("int1", "\xf1"),
	INSN("int3", "\xcc"),
	INSN("into", "\xce"),
	INSN("int $0x30", "\xcd\x30"),
	INSN("int $8", "\xcd\x08"),
	INSN("int $14", "\xcd\x0e"),
	INSN("ud2", "\x0f\x0b"),
	INSN("iret", "\xcf"),
	INSN("retf", "\xcb"),
	INSN("ltr", "\x0f\x00\xd8"),
	INSN("lldt", "\x0f\x00\xd0"),
	INSN("str", "\x0f\x00\xc8"),
	INSN("sgdt", "\x0f\x01\x07"),
	INSN("sidt", "\x0f\x01\x0f"),
	INSN("lgdt", "\x0f\x01\x17"),
	INSN("lidt", "\x0f\x01\x1f"),
	INSN("invlpg", "\x0f\x01\x3f"),
	INSN("invpcid", "\x66\x0f\x38\x82\x07"),
	INSN("mov %cr0, %eax", "\x0f\x20\xc0"),
	INSN("mov %cr1, %eax", "\x0f\x20\xc8"),
	INSN("mov %cr2, %eax", "\x0f\x20\xd0"),
	INSN("mov %cr5, %eax", "\x0f\x20\xe8"),
	INSN("mov %eax, %cr5", "\x0f\x22\xe8"),
	INSN("mov %cr8, %rax", "\x44\x0f\x20\xc0"),
	INSN("lock mov %cr0, %eax", "\xf0\x0f\x20\xc0"),
	INSN("lock mov %eax, %cr0", "\xf0\x0f\x22\xc0"),
	INSN("mov %cr9, %rax", "\x44\x0f\x20\xc8"),
	INSN("mov %eax, %cr4", "\x0f\x22\xe0"),
	INSN("mov %dr4, %eax", "\x0f\x21\xe0"),
	INSN("mov %dr6, %eax", "\x0f\x21\xf0"),
	INSN("mov %dr8, %rax", "\x44\x0f\x21\xc0"),
	INSN("mov %eax, %dr7", "\x0f\x23\xf8"),
	INSN("xsave", "\x0f\xae\x27"),
	INSN("fxsave", "\x0f\xae\x07"),
	INSN("clflush", "\x0f\xae\x3f"),
	INSN("vzeroall", "\xc5\xfc\x77"),
	INSN("movaps", "\x0f\x28\xc1"),
	INSN("endbr64", "\xf3\x0f\x1e\xfa"),
	INSN("wrfsbase", "\xf3\x0f\xae\xd0"),
	INSN("16 prefixes", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"),
	INSN("lock nop", "\xf0\x90"),
	INSN("far jmp to null", "\xff\x2f"),
	INSN("in %dx", "\xec"),
};

static void run_insn(struct vmm_vcpu *vcpu, enum vmm_mode mode, bool user, const struct insn *insn)
{
	uint8_t code[32];
	struct kvm_regs regs;

	memset(vmm_hva(vcpu->vm, ABI_FREE, PAGE), 0, PAGE);
	memset(vmm_hva(vcpu->vm, 0x600, 64), 0, 64);
	memset(code, 0xf4, sizeof(code));
	memcpy(code, insn->bytes, insn->len);
	reset_vcpu(vcpu, mode);
	catch_traps(vcpu, mode);
	if (user)
		enter_user(vcpu, mode);
	vmm_get_regs(vcpu, &regs);
	regs.rax = 0;
	regs.rcx = 0;
	regs.rdx = 0;
	/* the bytes of (%edi) are (%bx) in 16-bit code */
	regs.rbx = vmm_mode_bits(mode) == 16 ? 0x600 : ABI_FREE;
	regs.rdi = regs.rbx;
	regs.rsp = vmm_mode_bits(mode) == 16 ? 0x6000 : 0x50000;
	vmm_set_regs(vcpu, &regs);
	memset(vmm_hva(vcpu->vm, regs.rsp, 64), 0, 64);
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, sizeof(code)), code, sizeof(code));
	run_for(vcpu, 3);
	observe("%s, %s%s: %s", insn->name, vmm_mode_name(mode), user ? ", user" : "",
		outcome(vcpu));
	vcpu->run->immediate_exit = 0;
}

static void walk(enum vmm_mode mode, bool user)
{
	struct vmm_vcpu *vcpu = new_vcpu(mode);
	size_t i;

	for (i = 0; i < COUNT(insns); i++) {
		run_insn(vcpu, mode, user, &insns[i]);
		if (vcpu->stop != VMM_EXIT && vcpu->stop != VMM_HLT) {
			/* a new VM: stock KVM may keep an exception from the one before */
			end_vm(vcpu->vm);
			vcpu = new_vcpu(mode);
		}
	}
	end_vm(vcpu->vm);
}

static void long_mode(void **state)
{
	(void)state;
	walk(VMM_LONG, false);
}

static void long_mode_user(void **state)
{
	(void)state;
	walk(VMM_LONG, true);
}

static void protected_mode(void **state)
{
	(void)state;
	walk(VMM_PROT32, false);
}

static void paging32_user(void **state)
{
	(void)state;
	walk(VMM_PAGING32, true);
}

static void real_mode(void **state)
{
	(void)state;
	walk(VMM_REAL, false);
}

/*
 * Task switches, which kvmswap does not emulate. QEMU 7.2 does not have their intercept,
 * so that what the guest sees there is QEMU's doing: it only must come to an end.
 */

static void task_switch(const char *name, const char *bytes, size_t len)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_PROT32);
	uint64_t *gdt = vmm_hva(vcpu->vm, ABI_GDT, VMM_GDT_SIZE);
	uint64_t *idt = vmm_hva(vcpu->vm, ABI_IDT, 256 * 8);
	uint32_t *tss = vmm_hva(vcpu->vm, 0x90000, 0x68);
	struct insn insn = { name, bytes, len };
	struct kvm_regs regs;
	uint8_t code[32];
	int i;

	reset_vcpu(vcpu, VMM_PROT32);
	catch_traps(vcpu, VMM_PROT32);
	gdt[0x50 / 8] = 0x0000890900000067ull;		/* available TSS at 0x90000 */
	gdt[VMM_SEL_TSS / 8] = 0x00008b0820000067ull;	/* the one we are in */
	idt[0x31] = 0x0000e50000500000ull;		/* task gate to the former, for all */
	memset(tss, 0, 0x68);
	tss[8] = ABI_CODE + 0x100;			/* eip */
	tss[9] = 2;					/* eflags */
	tss[14] = 0x60000;				/* esp */
	for (i = 18; i <= 23; i++)			/* es cs ss ds fs gs */
		tss[i] = i == 19 ? VMM_SEL_CODE32 : VMM_SEL_DATA;
	memset(code, 0xf4, sizeof(code));
	memcpy(code, insn.bytes, insn.len);
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, sizeof(code)), code, sizeof(code));
	*(uint8_t *)vmm_hva(vcpu->vm, ABI_CODE + 0x100, 1) = 0xf4;
	run_for(vcpu, 3);
	vmm_get_regs(vcpu, &regs);
	printf("%s: %s, rip %#llx rsp %#llx", name, outcome(vcpu), regs.rip, regs.rsp);
	assert_int_not_equal(vcpu->stop, VMM_ERRNO);
	end_vm(vcpu->vm);
}

static void task_switches(void **state)
{
	(void)state;
	task_switch("jmp to a TSS", "\xea\x00\x00\x00\x00\x50\x00", 7);
	task_switch("call a TSS", "\x9a\x00\x00\x00\x00\x50\x00", 7);
	task_switch("int through a task gate", "\xcd\x31", 2);
}

/* ---- IRET with every kind of nonsense on the stack ---- */

static void iret_nonsense(void **state)
{
	static const uint64_t frames[][5] = {	/* rip cs rflags rsp ss */
		{ 0x8000000000000000, VMM_SEL_CODE64, 2, 0x50000, VMM_SEL_DATA },
		{ ABI_CODE + 8, 0, 2, 0x50000, VMM_SEL_DATA },
		{ ABI_CODE + 8, 0xfff8, 2, 0x50000, VMM_SEL_DATA },
		{ ABI_CODE + 8, VMM_SEL_DATA, 2, 0x50000, VMM_SEL_DATA },
		{ ABI_CODE + 8, VMM_SEL_CODE64, 2, 0x50000, VMM_SEL_CODE64 },
		{ ABI_CODE + 8, VMM_SEL_UCODE64, 2, 0x50000, VMM_SEL_DATA },
		{ ABI_CODE + 8, VMM_SEL_UCODE64, 2, 0x50000, VMM_SEL_UDATA },
		{ ABI_CODE + 8, VMM_SEL_UCODE32, 2, 0x50000, VMM_SEL_UDATA },
		{ ABI_CODE + 8, VMM_SEL_CODE64, ~0ull, 0x50000, VMM_SEL_DATA },
		{ ABI_CODE + 8, VMM_SEL_CODE64, 0x20002, 0x50000, VMM_SEL_DATA },
		{ ABI_CODE + 8, VMM_SEL_CODE64, 2, 0x8000000000000000, VMM_SEL_DATA },
		{ ABI_CODE + 8, VMM_SEL_CODE64, 2, 0x50000, 0 },
	};
	struct kvm_regs regs;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(frames); i++) {
		static const uint8_t code[16] = { 0x48, 0xcf, 0, 0, 0, 0, 0, 0, 0xf4, 0xf4 };
		struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);

		catch_traps(vcpu, VMM_LONG);
		vmm_get_regs(vcpu, &regs);
		regs.rsp = 0x50000;
		vmm_set_regs(vcpu, &regs);
		memcpy(vmm_hva(vcpu->vm, 0x50000, 40), frames[i], 40);
		memcpy(vmm_hva(vcpu->vm, ABI_CODE, sizeof(code)), code, sizeof(code));
		run_for(vcpu, 3);
		vmm_get_regs(vcpu, &regs);
		observe("%zu: %s, rip %#llx rsp %#llx", i, outcome(vcpu), regs.rip, regs.rsp);
		end_vm(vcpu->vm);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(long_mode),
	cmocka_unit_test(long_mode_user),
	cmocka_unit_test(protected_mode),
	cmocka_unit_test(paging32_user),
	cmocka_unit_test(real_mode),
	cmocka_unit_test(task_switches),
	cmocka_unit_test(iret_nonsense),
};

GROUP(insn, tests);
