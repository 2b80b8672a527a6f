// SPDX-License-Identifier: GPL-2.0
/*
 * compare.c - hostile guests whose end is certain: one vCPU, memory that nobody takes
 * away. A line for each seed says how it ended and in which state, and must be the
 * same on stock KVM and on kvmswap; fuzz.py lays them side by side.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static const char *const names[NR_ENDED] = {
	[ENDED_IO] = "io", [ENDED_MMIO] = "mmio", [ENDED_HLT] = "hlt",
	[ENDED_SHUTDOWN] = "shutdown", [ENDED_FAIL_ENTRY] = "fail-entry",
	[ENDED_INTERNAL_ERROR] = "internal-error", [ENDED_TIME] = "time", [ENDED_FAULT] = "fault",
	[ENDED_OTHER] = "other",
};

/*
 * Of whole words, but for RF in an exception's frame: a processor sets it for a fault, as
 * does a hypervisor that delivers one; QEMU 7.2 does not. Which of the two it is depends
 * on whether the stack had a shadow page already.
 */
#define RF 0x0001000000010000ull

static uint64_t hash(uint64_t state, const void *data, size_t len)
{
	const uint64_t *at = data;

	for (; len >= 8; len -= 8, at++)
		state = (state ^ (*at & ~RF) ^ state >> 29) * 0x100000001b3ull;
	return state;
}

/* All but page tables, whose accessed and dirty bits are set by whoever looks first. */
static uint64_t memory_hash(FILE *copy)
{
	static uint8_t page[PAGE] __attribute__((aligned(8)));
	uint64_t state = 1;
	size_t at;

	for (at = 0; at < GUEST_SIZE; at += PAGE) {
		if (at >= ABI_TABLES && at < ABI_TABLES + NR_TABLE_PAGES * PAGE)
			continue;
		if (!memory_read(at, page, PAGE))
			vmm_die("read the guest's memory at %#zx", at);
		state = hash(state, page, PAGE);
		if (copy)
			fwrite(page, 1, PAGE, copy);
	}
	return state;
}

static void compare_one(const char *device, uint64_t seed, FILE *copy)
{
	struct vmm *vm = vmm_create(device);
	struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);
	struct kvm_sregs sregs;
	struct kvm_regs regs;
	struct source s;
	enum vmm_mode mode;
	enum ended how;
	int error;

	source_seed(&s, seed, 9);
	mode = choose(&s, VMM_NR_MODES);
	memory_reset();
	vmm_map_memory(vm, 0, GUEST_SIZE, (void *)ARENA, 0);
	image_random(&s, mode);
	state_random(&s, mode, &sregs, &regs);
	error = call(vcpu->fd, KVM_SET_SREGS, &sregs) ? errno : 0;
	if (!error)
		error = call(vcpu->fd, KVM_SET_REGS, &regs) ? errno : 0;
	printf("%llu %s: ", (unsigned long long)seed, vmm_mode_name(mode));
	if (error) {
		printf("refused, errno %d\n", error);
	} else {
		how = run_to_end(&s, vcpu->fd, vcpu->run);
		vmm_get_regs(vcpu, &regs);
		vmm_get_sregs(vcpu, &sregs);
		/* checkpatch(SPLIT_STRING): a line of many figures */
		printf("%s exits %d rip %#llx rflags %#llx cr0 %#llx cr2 %#llx cr3 %#llx "
		       "cr4 %#llx efer %#llx cs %#x ss %#x regs %#llx memory %#llx\n", names[how],
		       run_exits, regs.rip, regs.rflags, sregs.cr0, sregs.cr2, sregs.cr3, sregs.cr4,
		       sregs.efer, sregs.cs.selector, sregs.ss.selector,
		       (unsigned long long)hash(1, &regs, sizeof(regs)),
		       (unsigned long long)memory_hash(copy));
	}
	vmm_destroy(vm);
}

int main(int argc, char **argv)
{
	uint64_t seed, end;
	FILE *copy = NULL;

	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: fuzz-compare DEVICE FIRST-SEED COUNT [FILE]\n"
			"FILE: a copy of the memory at the end\n");
		return VMM_BROKEN;
	}
	if (argc == 5)
		copy = fopen(argv[4], "we");
	setvbuf(stdout, NULL, _IOLBF, 0);
	tally_init();
	memory_reset();
	pictures_init(argv[1]);
	run_compared = true;
	watch_start();
	watch_enter(0);
	run_ms = 60;		/* few of those that end take so long */
	seed = strtoull(argv[2], NULL, 0);
	end = seed + vmm_number(argv[3], "COUNT", 1, 1000000);
	for (; seed < end; seed++)
		compare_one(argv[1], seed, copy);
	watch_stop();
	return 0;
}
