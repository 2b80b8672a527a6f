// SPDX-License-Identifier: GPL-2.0
/*
 * fpu.c - the guest's FPU state is its own: the host thread's survives it, two vCPUs
 * on one thread keep theirs apart, and a new one starts with nothing of anybody's.
 */
#include <sys/syscall.h>

#include "test.h"

CODE(64, clobber_fpu,
	"fninit; fldpi; fldl2e; movl $0x1f80, 0x200000; ldmxcsr 0x200000; pcmpeqd %xmm0, %xmm0\n"
	"movdqa %xmm0, %xmm1; movdqa %xmm0, %xmm2; movdqa %xmm0, %xmm3; movdqa %xmm0, %xmm4\n"
	"movdqa %xmm0, %xmm5; movdqa %xmm0, %xmm6; movdqa %xmm0, %xmm7; movdqa %xmm0, %xmm8\n"
	"movdqa %xmm0, %xmm9; movdqa %xmm0, %xmm10; movdqa %xmm0, %xmm11; movdqa %xmm0, %xmm12\n"
	"movdqa %xmm0, %xmm13; movdqa %xmm0, %xmm14; movdqa %xmm0, %xmm15; hlt");

/* What the host thread has in its FPU, around a KVM_RUN that clobbers the guest's. */
static long run_with_fpu(int fd, const void *before, void *after)
{
	long ret;

	asm volatile("fxrstor64 (%[before])\n\t"
		     "syscall\n\t"
		     "fxsave64 (%[after])\n\t"
		     "fninit"
		     : "=a"(ret)
		     : "a"(SYS_ioctl), "D"((long)fd), "S"(KVM_RUN), "d"(0l),
		       [before] "r"(before), [after] "b"(after)
		     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
		       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
		       "xmm14", "xmm15");
	return ret;
}

static void host_fpu_survives(void **state)
{
	static uint8_t before[512] __attribute__((aligned(16)));
	static uint8_t after[512] __attribute__((aligned(16)));
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs regs;
	uint32_t mxcsr = 0x1f80 | 0x6000;	/* round towards zero */
	int i, round;

	(void)state;
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 256), code_clobber_fpu, CODE_SIZE(clobber_fpu));
	asm volatile("fxsave64 (%0)" : : "r"(before) : "memory");
	memcpy(before + 24, &mxcsr, 4);
	for (i = 0; i < 256; i++)
		before[160 + i] = i * 37 + 1;
	for (round = 0; round < 10; round++) {
		vmm_get_regs(vcpu, &regs);
		regs.rip = ABI_CODE;
		vmm_set_regs(vcpu, &regs);
		assert_int_equal(run_with_fpu(vcpu->fd, before, after), 0);
		assert_int_equal(vcpu->run->exit_reason, KVM_EXIT_HLT);
		/* the x87 part but its last pointers, MXCSR and all of XMM */
		assert_memory_equal(before, after, 6);
		assert_memory_equal(before + 24, after + 24, 4);
		assert_memory_equal(before + 160, after + 160, 256);
	}
	end_vm(vcpu->vm);
}

CODE(64, load_xmm, "movd %edi, %xmm3; movd %edi, %xmm15; fninit; movl %edi, 0x200100;"
	"fildl 0x200100; hlt");
CODE(64, store_xmm, "movd %xmm3, %eax; movd %xmm15, %ebx; fistl 0x200104; mov 0x200104, %ecx; hlt");

CODE(64, store_mxcsr, "stmxcsr 0x200108; mov 0x200108, %eax; hlt");

static void two_vcpus_one_thread(void **state)
{
	struct vmm *vm = new_vm(4);
	struct kvm_regs regs;
	int i, round;

	(void)state;
	for (i = 0; i < 2; i++)
		vmm_set_mode(vmm_add_vcpu(vm), VMM_LONG, ABI_CODE);
	for (round = 1; round <= 10; round++) {
		for (i = 0; i < 2; i++) {
			vmm_get_regs(vm->vcpus[i], &regs);
			regs.rdi = round * 1000 + i;
			vmm_set_regs(vm->vcpus[i], &regs);
			assert_int_equal(RUN(vm->vcpus[i], load_xmm), VMM_HLT);
		}
		for (i = 0; i < 2; i++) {
			assert_int_equal(RUN(vm->vcpus[i], store_xmm), VMM_HLT);
			vmm_get_regs(vm->vcpus[i], &regs);
			assert_int_equal(regs.rax, round * 1000 + i);
			assert_int_equal(regs.rbx, round * 1000 + i);
			assert_int_equal(regs.rcx, round * 1000 + i);
		}
	}
	end_vm(vm);
}

/* A new vCPU's FPU has nothing of the host's, and GET/SET_FPU speak of the guest's. */
static void fpu_ioctls(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_fpu fpu, back;
	struct kvm_regs regs;
	int i;

	(void)state;
	asm volatile("pcmpeqd %%xmm3, %%xmm3; pcmpeqd %%xmm15, %%xmm15" : : : "xmm3", "xmm15");
	assert_int_equal(ioctl(vcpu->fd, KVM_GET_FPU, &fpu), 0);
	assert_int_equal(fpu.fcw, 0x37f);
	for (i = 0; i < (int)sizeof(fpu.xmm); i++)
		assert_int_equal(((uint8_t *)fpu.xmm)[i], 0);

	/* stock KVM loses what is set while the guest has not used its SSE state yet */
	assert_int_equal(RUN(vcpu, load_xmm), VMM_HLT);
	assert_int_equal(ioctl(vcpu->fd, KVM_GET_FPU, &fpu), 0);
	fpu.fcw = 0x27f;
	for (i = 0; i < (int)sizeof(fpu.xmm); i++)
		((uint8_t *)fpu.xmm)[i] = i ^ 0x5a;
	assert_int_equal(ioctl(vcpu->fd, KVM_SET_FPU, &fpu), 0);
	assert_int_equal(ioctl(vcpu->fd, KVM_GET_FPU, &back), 0);
	assert_int_equal(back.fcw, 0x27f);
	assert_memory_equal(back.xmm, fpu.xmm, sizeof(fpu.xmm));
	assert_int_equal(RUN(vcpu, store_xmm), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal((uint32_t)regs.rax, *(uint32_t *)fpu.xmm[3]);
	assert_int_equal((uint32_t)regs.rbx, *(uint32_t *)fpu.xmm[15]);

	/* reserved bits of MXCSR would fault in the host: refused or left out, never loaded */
	fpu.mxcsr = 0xffffffff;
	observe("mxcsr of ones: %d", fails(vcpu->fd, KVM_SET_FPU, &fpu));
	assert_int_equal(RUN(vcpu, store_mxcsr), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal((uint32_t)regs.rax, 0x1f80);
	end_vm(vcpu->vm);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(host_fpu_survives),
	cmocka_unit_test(two_vcpus_one_thread),
	cmocka_unit_test(fpu_ioctls),
};

GROUP(fpu, tests);
