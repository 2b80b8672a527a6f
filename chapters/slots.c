// SPDX-License-Identifier: GPL-2.0
/*
 * slots.c - a slot is deleted while another is in use. Chapter 2 does not know which
 * sptes map the slot and drops all; chapter 3 asks the rmap. See demo.h.
 */
#include <sys/mman.h>

#include "demo.h"

#define SMALL		(2 * MEBI)
#define GONE_GPA	(16 * MEBI)
#define KEPT_GPA	(32 * MEBI)
#define PAGES		64

void show_slot_delete(void)
{
	char *memory = guest_memory(SMALL), *gone = guest_memory(PAGES * PAGE);
	char *kept = guest_memory(PAGES * PAGE);
	struct vmm *vm = guest_create(VMM_LONG_1G, memory, SMALL);
	long long before, left, cleared, faults;
	int wrong;

	step("A slot is deleted: whose sptes are dropped?");
	vmm_map_memory(vm, GONE_GPA, PAGES * PAGE, gone, 0);
	vmm_map_memory(vm, KEPT_GPA, PAGES * PAGE, kept, 0);
	guest_write(vm, GONE_GPA, PAGES, 0x1000);
	guest_write(vm, KEPT_GPA, PAGES, 0x2000);
	before = leaf_sptes(vm);
	value("the guest wrote to", "%d pages of slot 1, %d of slot 2", PAGES, PAGES);
	value("leaf sptes", "%lld: these pages, and the guest's code", before);

	cleared = stat_of(vm, "sptes_cleared");
	vmm_set_slot(vm, 1, 0, GONE_GPA, 0, gone);
	cleared = stat_of(vm, "sptes_cleared") - cleared;
	left = leaf_sptes(vm);
	value("dropped as slot 1 was deleted", "%lld", cleared);
	value("left", "%lld", left);
	check(cleared >= PAGES && cleared + left == before,
	      "each spte of slot 1 is dropped, and each other is dropped or left");

	faults = stat_of(vm, "faults");
	wrong = guest_wrong(vm, KEPT_GPA, PAGES, 0x2000);
	faults = stat_of(vm, "faults") - faults;
	value("the guest reads slot 2 again", "%lld faults, %d wrong words", faults, wrong);
	check(!wrong, "slot 2 holds what the guest wrote");
	check(left ? !faults : faults >= PAGES, "what was dropped faults again, and nothing else");
	vmm_destroy(vm);
	munmap(memory, SMALL);
	munmap(gone, PAGES * PAGE);
	munmap(kept, PAGES * PAGE);
}
