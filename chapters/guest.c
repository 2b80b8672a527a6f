// SPDX-License-Identifier: GPL-2.0
/*
 * guest.c - the demos' guest: it does one thing (guest-text.S), with arguments in
 * registers, and halts. See demo.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "demo.h"

/* guest-text.S; it is copied to ABI_CODE */
extern const char guest_text[], guest_text_read[], guest_text_write[], guest_text_check[],
		  guest_text_end[];

void *guest_memory(size_t size)
{
	void *hva = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (hva == MAP_FAILED)
		vmm_die("mmap of %zu KiB for the guest", size / 1024);
	/* So that each page is the host's to take by itself; EINVAL: it has no other size. */
	if (madvise(hva, size, MADV_NOHUGEPAGE) && errno != EINVAL)
		vmm_die("MADV_NOHUGEPAGE on the guest's memory");
	return hva;
}

struct vmm *guest_create(enum vmm_mode mode, void *memory, size_t size)
{
	struct vmm *vm = vmm_create(NULL);
	size_t len = guest_text_end - guest_text;

	vmm_map_memory(vm, 0, size, memory, 0);
	memcpy(vmm_hva(vm, ABI_CODE, len), guest_text, len);
	vmm_set_mode(vmm_add_vcpu(vm), mode, ABI_CODE);
	return vm;
}

uint64_t *guest_pte(struct vmm *vm, uint64_t gva)
{
	uint64_t table = ABI_TABLES;
	int level;

	for (level = 4;; level--) {
		uint64_t index = gva >> (12 + 9 * (level - 1)) & 511;
		uint64_t *entry = (uint64_t *)vmm_hva(vm, table, PAGE) + index;

		if (level == 1)
			return entry;
		table = *entry & ~0xfffull;
	}
}

static void prepare(struct vmm *vm, const char *text, uint64_t gva, int pages, uint32_t word)
{
	struct kvm_regs regs = {
		.rip = ABI_CODE + (text - guest_text),
		.rflags = 2,
		.rdi = gva,
		.rsi = pages,
		.rdx = word,
	};

	vmm_set_regs(vm->vcpus[0], &regs);
}

static uint32_t result(struct vmm *vm)
{
	struct vmm_vcpu *vcpu = vm->vcpus[0];
	struct kvm_regs regs;
	char how[160];

	errno = 0;
	if (vcpu->stop != VMM_HLT) {
		vmm_describe_stop(vcpu, how, sizeof(how));
		vmm_die("the guest stopped with \"%s\" and not with hlt", how);
	}
	vmm_get_regs(vcpu, &regs);
	return regs.rax;
}

uint32_t guest_read(struct vmm *vm, uint64_t gva)
{
	prepare(vm, guest_text_read, gva, 1, 0);
	vmm_run(vm->vcpus[0]);
	return result(vm);
}

void guest_start_read(struct vmm *vm, uint64_t gva)
{
	prepare(vm, guest_text_read, gva, 1, 0);
	vmm_start(vm->vcpus[0]);
}

uint32_t guest_end_read(struct vmm *vm)
{
	vmm_join(vm->vcpus[0]);
	return result(vm);
}

void guest_write(struct vmm *vm, uint64_t gva, int pages, uint32_t word)
{
	prepare(vm, guest_text_write, gva, pages, word);
	vmm_run(vm->vcpus[0]);
	result(vm);
}

int guest_wrong(struct vmm *vm, uint64_t gva, int pages, uint32_t word)
{
	prepare(vm, guest_text_check, gva, pages, word);
	vmm_run(vm->vcpus[0]);
	return result(vm);
}
