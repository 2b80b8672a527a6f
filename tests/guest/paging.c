// SPDX-License-Identifier: GPL-2.0
/*
 * paging.c - page tables made by an enemy: that point at themselves, outside memory,
 * or anywhere. Whatever the guest then does, it can be stopped, the audit finds
 * nothing wrong, and the VM can be used again. What well-made tables mean to the guest is
 * the paging guests' part, in code/guests.
 */
#include "test.h"

#define ROOT ABI_TABLES

static void fill_table(struct vmm *vm, uint64_t gpa, uint64_t entry, int size)
{
	char *table = vmm_hva(vm, gpa, PAGE);
	unsigned int i;

	for (i = 0; i < PAGE; i += size)
		memcpy(table + i, &entry, size);
}

/* Every entry of every level is the root itself, with all rights or few. */
static void at_themselves(void **state)
{
	static const uint64_t rights[] = { 7, 3, 1, 0x1f };
	enum vmm_mode mode;
	size_t i;

	(void)state;
	for (mode = VMM_PAGING32; mode < VMM_NR_MODES; mode++)
		for (i = 0; i < COUNT(rights); i++) {
			struct vmm_vcpu *vcpu = new_vcpu(mode);
			bool pae = mode == VMM_PAE || mode == VMM_PAE_2M;

			/* PAE's upper four have no such rights: they would be reserved bits */
			fill_table(vcpu->vm, ROOT, ROOT | rights[i],
				   vmm_mode_bits(mode) == 64 || pae ? 8 : 4);
			/* the table is code too: what comes of it depends on how far it gets */
			run_for(vcpu, 0.05);
			printf("%s rights %#llx: %s\n", vmm_mode_name(mode),
			       (unsigned long long)rights[i], outcome(vcpu));
			assert_int_not_equal(vcpu->stop, VMM_HLT);
			end_vm(vcpu->vm);
		}
}

/* The guest writes to its own tables through themselves, and uses what it wrote. */
CODE(64, recursive,
	/* entry 1 of the root is the root: its tables are at 0x8000000000 and up */
	"mov $0x8040201000, %rbx; mov (%rbx), %rax\n"		/* the root, as a page */
	"1: lock btcl $9, (%rbx); lock incl 0x200000; mov $0x8000001000, %rdx\n"
	"lock btcl $9, (%rdx); lock btcl $9, 8(%rbx); jmp 1b");

static void through_themselves(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	uint32_t *count = vmm_hva(vcpu->vm, ABI_FREE, 4);

	(void)state;
	((uint64_t *)vmm_hva(vcpu->vm, ROOT, PAGE))[1] = ROOT | 3;
	memcpy(vmm_hva(vcpu->vm, ABI_CODE, 128), code_recursive, CODE_SIZE(recursive));
	run_for(vcpu, 1);
	if (vcpu->stop != VMM_KICKED)
		fail_msg("%s", outcome(vcpu));
	printf("%u rounds\n", *count);
	assert_true(*count > 10);
	end_vm(vcpu->vm);
}

/* Where the guest's entry for @gva is, in VMM_LONG's tables. */
static uint64_t entry_gpa(struct vmm *vm, uint64_t gva)
{
	uint64_t table = ROOT;
	int level;

	for (level = 4; level > 1; level--)
		table = ((uint64_t *)vmm_hva(vm, table, PAGE))[gva >> (3 + 9 * level) & 511] &
			0xffffffffff000ull;
	return table + (gva >> 12 & 511) * 8;
}

/* The entry of 0x300000 is at RBX: it changes, and each flush must show the new page. */
CODE(64, flushes,
	"mov 0x300000, %r8d\n"
	"movq $0x301007, (%rbx); invlpg 0x300000; mov 0x300000, %r9d\n"
	"movq $0x302007, (%rbx); mov %cr3, %rax; mov %rax, %cr3; mov 0x300000, %r10d\n"
	"movq $0x303007, (%rbx); mov %cr4, %rax; xor $0x80, %al; mov %rax, %cr4\n"
	"mov 0x300000, %r11d; hlt");

static void each_flush_shows_the_new_page(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs regs;
	unsigned int i;

	(void)state;
	for (i = 0; i < 4; i++)
		*(uint32_t *)vmm_hva(vcpu->vm, 0x300000 + i * PAGE, 4) = i + 1;
	vmm_get_regs(vcpu, &regs);
	regs.rbx = entry_gpa(vcpu->vm, 0x300000);
	vmm_set_regs(vcpu, &regs);
	assert_int_equal(RUN(vcpu, flushes), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.r8, 1);
	assert_int_equal(regs.r9, 2);
	assert_int_equal(regs.r10, 3);
	assert_int_equal(regs.r11, 4);
	end_vm(vcpu->vm);
}

/*
 * PAE's four top entries are at EBX, and the second is not present. The guest sets it, and
 * has it read by switching its caches off; then it sets it to another directory (EDX), and
 * switches them on again.
 */
CODE(32, top_entries,
	"mov (%ebx), %eax; mov %eax, 8(%ebx); mov %cr0, %ecx; bts $30, %ecx; mov %ecx, %cr0\n"
	"mov 0x40300000, %esi\n"
	"mov %edx, 8(%ebx); btr $30, %ecx; mov %ecx, %cr0\n"
	"mov 0x40300000, %edi; hlt");

static void top_entries_are_read_with_cr0(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_PAE);
	uint64_t *top = vmm_hva(vcpu->vm, ROOT, PAGE), *directory, *table;
	struct kvm_regs regs;

	(void)state;
	/* 0x300000 by the first directory; the other one has page 0x301000 there */
	directory = vmm_hva(vcpu->vm, ABI_SCRATCH, PAGE);
	table = vmm_hva(vcpu->vm, ABI_SCRATCH + PAGE, PAGE);
	directory[1] = (ABI_SCRATCH + PAGE) | 7;
	table[0x100] = 0x301007;
	*(uint32_t *)vmm_hva(vcpu->vm, 0x300000, 4) = 1;
	*(uint32_t *)vmm_hva(vcpu->vm, 0x301000, 4) = 2;
	top[1] = 0;
	vmm_get_regs(vcpu, &regs);
	regs.rbx = ROOT;
	regs.rdx = ABI_SCRATCH | 1;
	vmm_set_regs(vcpu, &regs);
	assert_int_equal(RUN(vcpu, top_entries), VMM_HLT);
	vmm_get_regs(vcpu, &regs);
	assert_int_equal(regs.rsi, 1);
	assert_int_equal(regs.rdi, 2);
	end_vm(vcpu->vm);
}

/* The kernel writes a read-only page while CR0.WP is off, and must fault once it is on. */
CODE(64, protection,
	"mov %cr0, %rcx; btr $16, %rcx; mov %rcx, %cr0\n"
	"movq $0x300001, (%rbx); invlpg 0x300000; movl $1, 0x300000\n"
	"bts $16, %rcx; mov %rcx, %cr0; movl $2, 0x300000; hlt");

static void write_protection_is_switched_on(void **state)
{
	struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
	struct kvm_regs regs;

	(void)state;
	catch_traps(vcpu, VMM_LONG);
	vmm_get_regs(vcpu, &regs);
	regs.rbx = entry_gpa(vcpu->vm, 0x300000);
	vmm_set_regs(vcpu, &regs);
	RUN(vcpu, protection);
	assert_int_equal(vcpu->stop, VMM_EXIT);
	assert_int_equal(vcpu->status, TRAP + 14);
	assert_int_equal(*(uint32_t *)vmm_hva(vcpu->vm, 0x300000, 4), 1);
	end_vm(vcpu->vm);
}

/* Tables, or the page itself, where there is no memory. */
CODE(64, look_up, "mov 0x300000, %eax; hlt");

static void outside_memory(void **state)
{
	static const uint64_t places[] = {
		0x400000, 0x40000000, 0xfffff000, 0x7ffffff000, 0xffffffffff000,
	};
	size_t level, i;

	(void)state;
	for (level = 0; level < 4; level++)
		for (i = 0; i < COUNT(places); i++) {
			struct vmm_vcpu *vcpu = new_vcpu(VMM_LONG);
			uint64_t table = ROOT, *entry;
			size_t down;

			catch_traps(vcpu, VMM_LONG);
			/* an own path for 0x300000: spoil the entry at the level asked for */
			for (down = 0; down < level; down++) {
				entry = vmm_hva(vcpu->vm, table, PAGE);
				if (down == 2)
					entry++;	/* the second 2 MiB */
				table = *entry & 0xffffffffff000ull;
			}
			entry = vmm_hva(vcpu->vm, table, PAGE);
			entry += level == 3 ? 0x100 : level == 2 ? 1 : 0;
			*entry = places[i] | 7;
			RUN(vcpu, look_up);
			observe("level %zu at %#llx: %s", 4 - level, (unsigned long long)places[i],
				outcome(vcpu));
			end_vm(vcpu->vm);
		}
}

static void cr3_outside(void **state)
{
	static const uint64_t places[] = { 0x400000, 0x40000000, 0xfffff000, 0xfffffff000 };
	enum vmm_mode mode;
	size_t i;

	(void)state;
	for (mode = VMM_PAGING32; mode < VMM_NR_MODES; mode++)
		for (i = 0; i < COUNT(places); i++) {
			struct vmm_vcpu *vcpu = new_vcpu(mode);
			struct kvm_sregs sregs;
			int error;

			vmm_get_sregs(vcpu, &sregs);
			sregs.cr3 = places[i];
			error = fails(vcpu->fd, KVM_SET_SREGS, &sregs);
			run_for(vcpu, 3);
			observe("%s cr3 %#llx: set %d, %s", vmm_mode_name(mode),
				(unsigned long long)places[i], error, outcome(vcpu));
			end_vm(vcpu->vm);
		}
}

/*
 * Tables at random. Slots 1 to 511 of the root and 64 pages of tables hold entries
 * that lead anywhere among those pages, to data, or out of memory, with any bits. The
 * guest loads and stores at random addresses, overwrites random entries, and flushes in
 * every way; a fault takes it to the next round.
 */
#define RANDOM_TABLES 0x300000ul
#define RANDOM_PAGES 64

CODE(64, at_random,
	/* r8: xorshift state */
	"1: mov %r8, %rax; shl $13, %rax; xor %rax, %r8; mov %r8, %rax; shr $7, %rax; xor %rax, %r8\n"
	"mov %r8, %rax; shl $17, %rax; xor %rax, %r8; lock incl 0x200000\n"
	/* a canonical address in the lower half, past slot 0 of the root */
	"mov %r8, %rbx; shl $17, %rbx; shr $17, %rbx; bts $39, %rbx; and $~7, %rbx\n"
	"test $3, %r8b; jz 2f; test $12, %r8b; jz 3f; test $16, %r8b; jz 4f\n"
	"mov (%rbx), %rcx; jmp 1b\n"
	"4: mov %r8, (%rbx); jmp 1b\n"
	/* overwrite an entry, with another one or with half of the state */
	"2: mov %r8, %rdx; shr $20, %rdx; and $0x3fff8, %edx; mov %r8, %rcx; shr $9, %rcx\n"
	"and $0x3fff8, %ecx; mov 0x300000(%rcx), %rcx; test $64, %r8b; jz 5f; xor $0x67, %cl\n"
	"5: mov %rcx, 0x300000(%rdx); jmp 1b\n"
	/* flush: one page, all, or all with global ones */
	"3: test $32, %r8b; jz 6f; invlpg (%rbx); mov %rbx, %r9; jmp 1b\n"
	"6: mov %cr3, %rax; mov %rax, %cr3; jmp 1b");
/* A fault: forget its frame, go on. */
CODE(64, next_round, "mov %rbp, %rsp; mov $0x8000, %eax; jmp *%rax");

static uint64_t random_entry(uint64_t *seed)
{
	uint64_t r = next_random(seed), bits = next_random(seed);
	uint64_t place;

	switch (r & 15) {
	case 0:
		return bits;				/* anything at all */
	case 1:
		place = 0x400000 + (bits & 0x3fffffff000);	/* outside memory */
		break;
	case 2: case 3:
		place = 0x200000 + (bits >> 20 & 0xff) * PAGE;	/* data */
		break;
	default:
		place = RANDOM_TABLES + (bits >> 20 & (RANDOM_PAGES - 1)) * PAGE;
	}
	/* mostly present, writable, user; seldom large or NX, so that walks go deep */
	return place | 7 | (r >> 8 & 0x60) | (r >> 16 & 15 ? 0 : 0x80) | (r >> 20 & 0x100) |
	       (r >> 24 & 15 ? 0 : 1ull << 63);
}

static bool some_device(struct vmm_vcpu *vcpu, uint64_t gpa, bool write, void *data, int len)
{
	(void)vcpu;
	(void)gpa;
	if (!write)
		memset(data, 0xa5, len);
	return true;
}

static bool has_gone_round(void *vm)
{
	return *(volatile uint32_t *)vmm_hva(vm, ABI_FREE, 4) >= 200;
}

static void random_round(uint64_t first_seed, uint64_t *rounds)
{
	uint64_t seed = first_seed;
	struct vmm *vm = new_vm(4);
	struct kvm_regs regs;
	uint64_t *table;
	int i, n, vector;

	printf("seed %llu\n", (unsigned long long)first_seed);
	for (n = 0; n < 2; n++) {
		struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);

		vmm_set_mode(vcpu, VMM_LONG_2M, ABI_CODE);
		catch_traps(vcpu, VMM_LONG_2M);
		vcpu->on_mmio = some_device;
		vmm_get_regs(vcpu, &regs);
		regs.rsp -= 256;
		regs.rbp = regs.rsp;
		regs.r8 = next_random(&seed) | 1;
		vmm_set_regs(vcpu, &regs);
	}
	memcpy(vmm_hva(vm, TRAP_STUBS, 64), code_next_round, CODE_SIZE(next_round));
	for (vector = 0; vector < 32; vector++)
		vmm_write_gate(vm, ABI_IDT, 64, vector, TRAP_STUBS);
	memcpy(vmm_hva(vm, ABI_CODE, 512), code_at_random, CODE_SIZE(at_random));
	table = vmm_hva(vm, ROOT, PAGE);
	for (i = 1; i < 512; i++)
		table[i] = random_entry(&seed);
	table = vmm_hva(vm, RANDOM_TABLES, RANDOM_PAGES * PAGE);
	for (i = 0; i < RANDOM_PAGES * 512; i++)
		table[i] = random_entry(&seed);

	for (n = 0; n < 2; n++)
		vmm_start(vm->vcpus[n]);
	usleep(400000);
	assert_true(wait_until(has_gone_round, vm, 60));
	assert_clean(vm);
	/* some of the tables and of the data; each page may be mapped a thousand times */
	madvise(vmm_hva(vm, RANDOM_TABLES - 16 * PAGE, PAGE), 32 * PAGE, MADV_PAGEOUT);
	usleep(200000);
	for (n = 0; n < 2; n++)
		vmm_kick(vm->vcpus[n]);
	for (n = 0; n < 2; n++)
		if (vmm_join(vm->vcpus[n]) != VMM_KICKED)
			printf("vCPU %d ended: %s\n", n, outcome(vm->vcpus[n]));
	*rounds += *(uint32_t *)vmm_hva(vm, ABI_FREE, 4);

	end_vm(vm);
}

static void at_random(void **state)
{
	uint64_t rounds = 0, seed;

	(void)state;
	without_audit_always();
	for (seed = 1; seed <= 5; seed++)
		random_round(seed * 7919, &rounds);
	printf("%llu rounds\n", (unsigned long long)rounds);
	assert_true(rounds >= 1000);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(at_themselves),
	cmocka_unit_test(through_themselves),
	cmocka_unit_test(each_flush_shows_the_new_page),
	cmocka_unit_test(top_entries_are_read_with_cr0),
	cmocka_unit_test(write_protection_is_switched_on),
	cmocka_unit_test(outside_memory),
	cmocka_unit_test(cr3_outside),
	cmocka_unit_test(at_random),
};

GROUP(paging, tests);
