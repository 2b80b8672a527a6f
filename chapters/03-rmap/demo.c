// SPDX-License-Identifier: GPL-2.0
/*
 * demo.c - chapter 3: who maps this page? A page that the guest maps several times;
 * slots that take just their own sptes along; and the log of writes, which is exact.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../demo.h"

#define MEMORY		(4 * MEBI)
#define ALIASES		5
#define PAGE_GPA	0x200000ul	/* the page that is mapped ALIASES times more */
#define ALIAS_GVA	0x300000ul

static void show_consistent(const struct vmm *vm)
{
	struct dbgfs_audit found = audit(vm);

	value("the audit finds", "%lld leaf sptes, %lld errors in the chains", leaf_sptes(vm),
	      found.rmap_errors);
	check(!found.rmap_errors, "each leaf spte is on exactly one chain, that of its gfn");
}

static void show_aliases(void)
{
	char *memory = guest_memory(MEMORY);
	struct vmm *vm = guest_create(VMM_LONG, memory, MEMORY);
	long long before, faults, cleared;
	int i, wrong = 0;

	step("One page, %d addresses: the guest's tables map gfn %#lx %d times", ALIASES + 1,
	     PAGE_GPA / PAGE, ALIASES + 1);
	for (i = 0; i < ALIASES; i++)
		*guest_pte(vm, ALIAS_GVA + i * PAGE) = *guest_pte(vm, PAGE_GPA);
	guest_write(vm, PAGE_GPA, 1, 0xabc);
	before = leaf_sptes(vm);
	value("leaf sptes, one address used", "%lld (with the guest's code)", before);
	for (i = 0; i < ALIASES; i++)
		wrong += guest_read(vm, ALIAS_GVA + i * PAGE) != 0xabc;
	value("leaf sptes, all addresses used", "%lld", leaf_sptes(vm));
	value("wrong words", "%d", wrong);
	check(!wrong, "the same word is at every address");
	check(leaf_sptes(vm) == before + ALIASES, "each address has an spte of its own");
	show_consistent(vm);
	code("spte.c set_spte() -> rmap.c rmap_add()");

	say("Log the writes of the slot: every spte of each page becomes read-only.");
	faults = stat_of(vm, "faults");
	if (vmm_set_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, MEMORY, memory))
		vmm_die("KVM_MEM_LOG_DIRTY_PAGES on slot 0");
	guest_write(vm, PAGE_GPA, 1, 0xabd);
	for (i = 0; i < ALIASES; i++)
		guest_write(vm, ALIAS_GVA + i * PAGE, 1, 0xabe + i);
	faults = stat_of(vm, "faults") - faults;
	value("a write at each address", "%lld faults", faults);
	check(faults == ALIASES + 1, "each spte of the page was found by its chain");
	show_consistent(vm);
	code("memslot.c set_slot_flags() -> rmap.c write_protect_slot() -> rmap_write_protect()");

	before = leaf_sptes(vm);
	cleared = stat_of(vm, "sptes_cleared");
	vmm_set_slot(vm, 0, 0, 0, 0, memory);
	cleared = stat_of(vm, "sptes_cleared") - cleared;
	value("slot 0 deleted: dropped", "%lld sptes of %lld", cleared, before);
	check(cleared == before && !leaf_sptes(vm), "no spte is left of a slot that is gone");
	code("memslot.c replace_slot() -> rmap.c unmap_slot() -> unmap_rmapp()");
	vmm_destroy(vm);
	munmap(memory, MEMORY);
}

#define SMALL		(2 * MEBI)
#define SLOT_GPA	(16 * MEBI)
#define MOVED_GPA	(48 * MEBI)
#define PAGES		64

static void show_slot_move(void)
{
	char *memory = guest_memory(SMALL), *slot = guest_memory(PAGES * PAGE);
	struct vmm *vm = guest_create(VMM_LONG_1G, memory, SMALL);
	long long before, cleared;
	int wrong;

	step("A slot is moved in the guest's memory");
	vmm_map_memory(vm, SLOT_GPA, PAGES * PAGE, slot, 0);
	guest_write(vm, SLOT_GPA, PAGES, 0x3000);
	before = leaf_sptes(vm);
	cleared = stat_of(vm, "sptes_cleared");
	if (vmm_set_slot(vm, 1, 0, MOVED_GPA, PAGES * PAGE, slot))
		vmm_die("slot 1 cannot be moved");
	cleared = stat_of(vm, "sptes_cleared") - cleared;
	value("moved", "from gpa %#lx to %#lx", SLOT_GPA, MOVED_GPA);
	value("dropped", "%lld sptes of %lld", cleared, before);
	check(cleared == PAGES && leaf_sptes(vm) == before - PAGES, "just the slot's own go");
	wrong = guest_wrong(vm, MOVED_GPA, PAGES, 0x3000);
	value("the guest reads at the new place", "%d pages, %d wrong words", PAGES, wrong);
	check(!wrong, "the memory came along");
	show_consistent(vm);
	code("memslot.c move_slot() -> replace_slot() -> rmap.c unmap_slot()");
	vmm_destroy(vm);
	munmap(memory, SMALL);
	munmap(slot, PAGES * PAGE);
}

/* ---- which pages were written? ---- */

static void print_pages(const char *what, uint64_t pages)
{
	char text[PAGES + 1] = "";
	int i;

	for (i = 0; i < PAGES; i++)
		text[i] = pages >> i & 1 ? 'W' : '.';
	printf("     %-9s %s\n", what, text);
}

/* The guest writes the pages in the set @pages; the log must say exactly those. */
static void write_and_ask(struct vmm *vm, const char *what, uint64_t pages, uint32_t word)
{
	uint64_t bitmap = ~0ull;
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = &bitmap };
	int i;

	for (i = 0; i < PAGES; i++)
		if (pages >> i & 1)
			guest_write(vm, SLOT_GPA + i * PAGE, 1, word + i);
	if (ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log))
		vmm_die("KVM_GET_DIRTY_LOG");
	print_pages(what, pages);
	print_pages("the log", bitmap);
	check(bitmap == pages, "the log has exactly the pages that were written");
}

static void show_dirty_log(void)
{
	char *memory = guest_memory(SMALL), *slot = guest_memory(PAGES * PAGE);
	struct vmm *vm = guest_create(VMM_LONG_1G, memory, SMALL);
	int i, wrong;

	step("Which of %d pages does the guest write? A letter is a page", PAGES);
	vmm_map_memory(vm, SLOT_GPA, PAGES * PAGE, slot, 0);
	guest_write(vm, SLOT_GPA, PAGES, 0x4000);
	if (vmm_set_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, PAGES * PAGE, slot))
		vmm_die("KVM_MEM_LOG_DIRTY_PAGES on slot 1");
	say("The guest wrote all of them before the log began. Now:");
	write_and_ask(vm, "written", 0x8000000100020409ull, 0x4100);
	write_and_ask(vm, "nothing", 0, 0);
	write_and_ask(vm, "the same", 0x8000000100020409ull, 0x4200);
	say("Reading only:");
	for (i = wrong = 0; i < PAGES; i++)
		wrong += guest_read(vm, SLOT_GPA + i * PAGE) != *(uint32_t *)(slot + i * PAGE);
	check(!wrong, "the guest reads what we read");
	write_and_ask(vm, "nothing", 0, 0);
	show_consistent(vm);
	code("spte.c set_spte() -> memslot.c mark_page_dirty()");
	code("memslot.c get_dirty_log() -> rmap.c rmap_write_protect()");
	vmm_destroy(vm);
	munmap(memory, SMALL);
	munmap(slot, PAGES * PAGE);
}

int main(void)
{
	show_aliases();
	show_slot_delete();
	say("In chapter 2 the same step drops all sptes, and the guest faults again for each.");
	code("memslot.c replace_slot() -> rmap.c unmap_slot()");
	show_slot_move();
	show_dirty_log();
	return demo_end();
}
