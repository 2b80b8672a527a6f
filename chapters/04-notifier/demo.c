// SPDX-License-Identifier: GPL-2.0
/*
 * demo.c - chapter 4, first part: the pins are gone, and the guest is swapped like
 * any other memory. The second part, the race, is in race.c.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "../demo.h"

#define MEMORY	(8 * MEBI)
#define PAGES	((int)((MEMORY - ABI_FREE) / PAGE))

static void show_swap_out(struct vmm *vm, char *work)
{
	long long unmapped, written, before;

	step("The guest writes %d pages, and holds none of them", PAGES);
	value("KVM_CAP_SYNC_MMU", "%d: the host may take pages away",
	      vmm_extension(vm, KVM_CAP_SYNC_MMU));
	guest_write(vm, ABI_FREE, PAGES, 0x7000);
	before = leaf_sptes(vm);
	value("leaf sptes", "%lld (with the guest's code)", before);
	value("pages pinned by sptes", "%lld", stat_of(vm, "pages_pinned"));
	value("pages in memory", "%d", resident(work, PAGES));
	check(vmm_extension(vm, KVM_CAP_SYNC_MMU), "the capability is there");
	check(before >= PAGES, "each page is mapped");
	check(!stat_of(vm, "pages_pinned"), "no spte holds a page");
	code("notifier.h sptes_pin_pages(), fault.c fault_walk(): the reference is dropped");

	step("The host wants them back: MADV_PAGEOUT");
	unmapped = stat_of(vm, "sptes_unmapped");
	written = reclaim(work, PAGES);
	unmapped = stat_of(vm, "sptes_unmapped") - unmapped;
	value("sptes dropped for the host", "%lld", unmapped);
	value("leaf sptes left", "%lld", leaf_sptes(vm));
	value("written to the swap disk", "%lld pages", written);
	value("still in memory", "%d of %d", resident(work, PAGES), PAGES);
	value("VmSwap", "%lld KiB", swapped_kib());
	check(unmapped >= PAGES, "the callback dropped each spte of these pages");
	check(!resident(work, PAGES), "the host has freed them all: in chapter 2 it freed none");
	check(swapped_kib() * 1024 >= PAGES * (long long)PAGE, "VmSwap says so, too");
	code("notifier.c invalidate_range() -> unmap_hva()");
	code("rmap.c unmap_rmapp() -> spte.c drop_spte()");
	code("tlb.c flush_remote_tlbs(): and every vCPU forgets");
}

static void show_swap_in(struct vmm *vm, char *work)
{
	long long in = proc_value("/proc/vmstat", "pswpin"), faults = stat_of(vm, "faults");
	struct dbgfs_audit found;
	int wrong;

	step("The guest reads its pages again");
	wrong = guest_wrong(vm, ABI_FREE, PAGES, 0x7000);
	in = proc_value("/proc/vmstat", "pswpin") - in;
	faults = stat_of(vm, "faults") - faults;
	found = audit(vm);
	value("faults", "%lld", faults);
	value("read from the swap disk", "%lld pages", in);
	value("pages in memory", "%d of %d", resident(work, PAGES), PAGES);
	value("wrong words", "%d", wrong);
	value("the audit finds", "%lld stale sptes, %lld pinned pages, %lld errors in the chains",
	      found.stale_sptes, found.pinned_pages, found.rmap_errors);
	check(!wrong, "the guest reads what it wrote");
	check(faults >= PAGES, "each page faulted");
	check(in >= PAGES, "each came from the disk");
	check(!found.stale_sptes && !found.pinned_pages && !found.rmap_errors && !found.role_errors,
	      "the audit finds nothing");
	code("fault.c page_fault() -> hva_to_pfn(): the host swaps the page in");
}

int main(void)
{
	char *memory = guest_memory(MEMORY);
	struct vmm *vm = guest_create(VMM_LONG, memory, MEMORY);

	reclaim_begin();
	show_swap_out(vm, memory + ABI_FREE);
	show_swap_in(vm, memory + ABI_FREE);
	vmm_destroy(vm);
	munmap(memory, MEMORY);
	return demo_end();
}
