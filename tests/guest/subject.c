// SPDX-License-Identifier: GPL-2.0
/*
 * subject.c - the guest that host.c and pages.c do things to. See subject.h.
 */
#include "subject.h"

#define GPA 0x400000ul

/* The reader: what it reads of the first page, and how often it has. */
CODE(64, reader, "1: mov 0x400000, %eax; mov %eax, 0x200000; lock incl 0x200004; jmp 1b");
/* The writer: counts in all pages, one after the other, and in its own memory. */
CODE(64, writer,
	"2: mov $0x400000, %edi; 1: incl (%rdi); incl 0x200008; add $0x1000, %edi\n"
	"cmp $0x440000, %edi; jb 1b; jmp 2b");

void *aligned_memory(void)
{
	char *hva = mmap(NULL, 2 * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);

	assert_ptr_not_equal(hva, MAP_FAILED);
	return (void *)(((uintptr_t)hva + HUGE - 1) & ~(HUGE - 1));
}

static void start(struct subject *s, void *hva, const char *code, size_t len)
{
	struct kvm_sregs sregs;

	s->vm = new_vm(4);
	s->vcpu = vmm_add_vcpu(s->vm);
	s->hva = hva;
	s->word = hva;
	s->seen = vmm_hva(s->vm, ABI_FREE, 16);
	assert_int_equal(vmm_set_slot(s->vm, 1, 0, GPA, SIZE, hva), 0);
	vmm_set_mode(s->vcpu, VMM_LONG, ABI_CODE);
	vmm_get_sregs(s->vcpu, &sregs);
	sregs.cr3 = vmm_build_tables(s->vm, VMM_LONG, GPA + SIZE, ABI_TABLES, ABI_TABLES_END);
	vmm_set_sregs(s->vcpu, &sregs);
	memcpy(vmm_hva(s->vm, ABI_CODE, len), code, len);
	s->vcpu->retry_efault = true;
	vmm_start(s->vcpu);
}

void start_reader(struct subject *s, void *hva)
{
	start(s, hva, code_reader, CODE_SIZE(reader));
}

void start_writer(struct subject *s, void *hva)
{
	start(s, hva, code_writer, CODE_SIZE(writer));
}

void stop_subject(struct subject *s)
{
	vmm_kick(s->vcpu);
	assert_int_equal(vmm_join(s->vcpu), VMM_KICKED);
	end_vm(s->vm);
}

/* One load may have been under way; the next ones are from now. */
void assert_sees(struct subject *s, uint32_t want)
{
	uint32_t before = s->seen[1];
	double end = deadline(60);

	while (s->seen[1] - before < 3) {
		if (now() > end)
			fail_msg("the guest does not get on");
		usleep(200);
	}
	if (s->seen[0] != want)
		fail_msg("the guest sees %#x, the process has %#x", s->seen[0], want);
}
