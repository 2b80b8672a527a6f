// SPDX-License-Identifier: GPL-2.0
/*
 * storm.c - guests that never come to rest: exceptions that raise the next one, exits
 * without end. A signal still ends KVM_RUN soon, and kill -9 ends the process.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/wait.h>

#include "test.h"

/* What the storm consists of: code, and a handler for all vectors. */
CODE(64, h_return, "iretq");
CODE(64, h_skip_error, "add $8, %rsp; iretq");
CODE(64, h_int1, ".byte 0xf1; jmp .");
CODE(64, h_ud2, "ud2");

CODE(64, c_single_step, "pushfq; orl $0x100, (%rsp); popfq; 1: inc %rax; jmp 1b");
CODE(64, c_int1, "1: .byte 0xf1; jmp 1b");
CODE(64, c_int1_stepping, "pushfq; orl $0x100, (%rsp); popfq; 1: .byte 0xf1; jmp 1b");
CODE(64, c_ud2, "ud2");
CODE(64, c_int, "1: int $0x80; jmp 1b");
CODE(64, c_page_fault, "mov 0x40000000, %eax");
CODE(64, c_gp, "mov $0xffff, %eax; mov %ax, %ds");
CODE(64, c_cli_spin, "cli; 1: jmp 1b");
CODE(64, c_cr3, "mov %cr3, %rax; 1: mov %rax, %cr3; mov 0x200000, %ebx; jmp 1b");
CODE(64, c_cr0, "mov %cr0, %rax; mov %rax, %rbx; btc $16, %rbx; 1: mov %rbx, %cr0; mov %rax, %cr0;"
	"jmp 1b");
CODE(64, c_invlpg, "1: invlpg 0x200000; mov 0x200000, %ebx; jmp 1b");
CODE(64, c_cpuid, "1: cpuid; jmp 1b");
CODE(64, c_msr, "mov $0xc0000082, %ecx; 1: rdmsr; wrmsr; jmp 1b");
CODE(64, c_rep, "mov $-1, %rcx; mov $0x200000, %esi; mov %rsi, %rdi; 1: mov $0x1000, %ecx;"
	"mov $0x200000, %esi; mov $0x201000, %edi; rep movsb; jmp 1b");
CODE(64, c_wbinvd, "1: wbinvd; invd; jmp 1b");
CODE(64, c_mov_ss, "mov $0x10, %eax; 1: mov %eax, %ss; mov %eax, %ss; jmp 1b");
CODE(64, c_sti, "sti; 1: cli; sti; jmp 1b");
/* writes to the table that maps it, and uses the entry, for ever */
CODE(64, c_own_table, "1: lock btcl $6, 0x103000; invlpg 0; jmp 1b");
CODE(64, c_ac_user, "pushfq; orl $0x40000, (%rsp); popfq; mov 0x200001, %eax; 1: jmp 1b");

struct storm {
	const char *name, *code;
	size_t len;
	const char *handler;
	size_t handler_len;
	bool user;
	bool one_stack;		/* each exception starts at the top of the same stack again */
};

#define STORM(id, handler_id, ...) \
	{ #id, code_##id, CODE_SIZE(id), code_##handler_id, CODE_SIZE(handler_id), ##__VA_ARGS__ }
/* CODE_SIZE() is no constant: the table is filled in at run time */

static void put_handlers(struct vmm_vcpu *vcpu, const struct storm *storm)
{
	uint64_t stack = TRAP_STACK + 0x2000;
	int vector;

	catch_traps(vcpu, VMM_LONG);
	memcpy(vmm_hva(vcpu->vm, TRAP_STUBS, 64), storm->handler, storm->handler_len);
	for (vector = 0; vector < 256; vector++)
		vmm_write_gate(vcpu->vm, ABI_IDT, 64, vector, TRAP_STUBS);
	memcpy(vmm_hva(vcpu->vm, TRAP_TSS + 0x24, 8), &stack, 8);	/* IST1 */
	for (vector = 0; storm->one_stack && vector < 256; vector++)
		*(uint8_t *)vmm_hva(vcpu->vm, ABI_IDT + vector * 16 + 4, 1) = 1;
}

static struct vmm_vcpu *storm_vcpu(const struct storm *storm)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);

	put_handlers(vcpu, storm);
	if (storm->user)
		enter_user(vcpu, VMM_LONG);
	if (storm->code == code_c_ac_user) {
		struct kvm_sregs sregs;

		vmm_get_sregs(vcpu, &sregs);
		sregs.cr0 |= 1ull << 18;	/* AM */
		vmm_set_sregs(vcpu, &sregs);
	}
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, storm->len), storm->code, storm->len);
	return vcpu;
}

static size_t fill(struct storm *storms, size_t max)
{
	const struct storm all[] = {
		STORM(c_single_step, h_return), STORM(c_single_step, h_int1, .one_stack = true),
		STORM(c_int1, h_return), STORM(c_int1, h_int1, .one_stack = true),
		STORM(c_int1_stepping, h_return), STORM(c_ud2, h_return),
		STORM(c_ud2, h_ud2, .one_stack = true), STORM(c_int, h_return),
		STORM(c_page_fault, h_skip_error), STORM(c_gp, h_skip_error),
		STORM(c_ac_user, h_skip_error, .user = true), STORM(c_cli_spin, h_return),
		STORM(c_cr3, h_return), STORM(c_cr0, h_return), STORM(c_invlpg, h_return),
		STORM(c_cpuid, h_return), STORM(c_msr, h_return), STORM(c_rep, h_return),
		STORM(c_wbinvd, h_return), STORM(c_mov_ss, h_return), STORM(c_sti, h_return),
		STORM(c_own_table, h_return),
	};

	assert_true(COUNT(all) <= max);
	memcpy(storms, all, sizeof(all));
	return COUNT(all);
}

static void a_signal_ends_it(void **state)
{
	struct storm storms[32];
	size_t n = fill(storms, COUNT(storms)), i;

	(void)state;
	for (i = 0; i < n; i++) {
		struct vmm_vcpu *vcpu = storm_vcpu(&storms[i]);
		double start = now(), end = deadline(20);

		run_for(vcpu, 0.1);
		printf("%s: %s after %.3f s\n", storms[i].name, vmm_stop_name(vcpu->stop),
		       now() - start);
		assert_true(now() < end);
		if (vcpu->stop != VMM_KICKED)
			fail_msg("%s is no storm: %s", storms[i].name, outcome(vcpu));
		end_vm(vcpu->vm);
	}
}

static void kill_ends_it(void **state)
{
	struct storm storms[32];
	size_t n = fill(storms, COUNT(storms)), i;
	int status;

	(void)state;
	for (i = 0; i < n; i += 2) {
		double start, end;
		pid_t pid = fork();

		if (!pid) {
			sigset_t all;

			sigfillset(&all);
			sigprocmask(SIG_BLOCK, &all, NULL);
			vmm_run(storm_vcpu(&storms[i]));
			_exit(0);
		}
		usleep(150000);
		start = now();
		end = deadline(20);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		if (now() > end)
			fail_msg("%s: %.1f s to die", storms[i].name, now() - start);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_signal_ends_it),
	cmocka_unit_test(kill_ends_it),
};

GROUP(storm, tests);
