// SPDX-License-Identifier: GPL-2.0
/*
 * state.c - a VM in a known state, for the tests of the GDB commands. It says what it
 * knows ("fact NAME VALUE"), and reads the VM's statistics wherever GDB shall stop: the
 * test has a breakpoint on stats_show().
 *
 * usage: gdb-state CHAPTER
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../chapters/demo.h"

#define MEMORY		(4 * MEBI)
#define ALIASES		5
#define SHARED_GPA	0x200000ul	/* the page that the guest maps ALIASES times more */
#define ALIAS_GVA	0x300000ul
#define PLAIN_GPA	0x210000ul	/* written: mapped once, writable */
#define ZERO_GPA	0x220000ul	/* read alone: the zero page */
#define GONE_GPA	0x230000ul	/* written, and taken to the swap disk */
#define NEVER_GPA	0x240000ul	/* never used */
#define PLANTS		4
#define TURNS		10

static void fact(const char *name, unsigned long long value)
{
	printf("fact %s %#llx\n", name, value);
	fflush(stdout);
}

/* GDB stops here. */
static void stop(const struct vmm *vm)
{
	stat_of(vm, "exits");
}

static void tell_audit(const struct vmm *vm, const char *when)
{
	struct dbgfs_audit found = audit(vm);
	char name[64];

	snprintf(name, sizeof(name), "%s.leaf_sptes", when);
	fact(name, leaf_sptes(vm));
	snprintf(name, sizeof(name), "%s.stale_sptes", when);
	fact(name, found.stale_sptes);
	snprintf(name, sizeof(name), "%s.rmap_errors", when);
	fact(name, found.rmap_errors);
	snprintf(name, sizeof(name), "%s.role_errors", when);
	fact(name, found.role_errors);
}

static void page_out(char *memory, unsigned long gpa)
{
	int turns = 0;

	do {
		if (turns++ == TURNS)
			vmm_die("the page at %#lx was not swapped out", gpa);
		reclaim(memory + gpa, 1);
	} while (frame_of(memory + gpa));
}

/* GDB plants a fault at one stop, the module's audit looks, GDB mends it at the next. */
static void plant(const struct vmm *vm)
{
	char name[32];
	int i;

	for (i = 0; i < PLANTS; i++) {
		stop(vm);
		snprintf(name, sizeof(name), "plant%d", i);
		tell_audit(vm, name);
		stop(vm);
	}
	tell_audit(vm, "mended");
}

/* What ks-watch follows: one page, asked about, out to swap and back, logged, gone. */
static void change(struct vmm *vm, char *memory)
{
	stop(vm);
	reclaim(memory + NEVER_GPA, 1);		/* age, from chapter 6 on; it may be dropped too */
	guest_write(vm, PLAIN_GPA, 1, 0xbcc);
	page_out(memory, PLAIN_GPA);		/* invalidate: dropped */
	guest_read(vm, PLAIN_GPA);		/* fault: set */
	guest_write(vm, PLAIN_GPA, 1, 0xbcd);	/* fault: dropped, and set writable */
	vmm_set_slot(vm, 0, KVM_MEM_LOG_DIRTY_PAGES, 0, MEMORY, memory);	/* protected */
	vmm_set_slot(vm, 0, 0, 0, 0, memory);	/* slot deleted: dropped */
	stop(vm);
}

static void with_guest(int chapter)
{
	char *memory = guest_memory(MEMORY);
	struct vmm *vm = guest_create(VMM_LONG, memory, MEMORY);
	int i;

	for (i = 0; i < ALIASES; i++)
		*guest_pte(vm, ALIAS_GVA + i * PAGE) = *guest_pte(vm, SHARED_GPA);
	guest_write(vm, GONE_GPA, 1, 0xabe);
	if (chapter >= 4)
		page_out(memory, GONE_GPA);
	guest_write(vm, SHARED_GPA, 1, 0xabc);
	for (i = 0; i < ALIASES; i++)
		guest_read(vm, ALIAS_GVA + i * PAGE);
	guest_write(vm, PLAIN_GPA, 1, 0xabd);
	guest_read(vm, ZERO_GPA);
	fact("hva", (unsigned long)memory);
	fact("shared.pfn", frame_of(memory + SHARED_GPA));
	fact("plain.pfn", frame_of(memory + PLAIN_GPA));
	tell_audit(vm, "sound");
	stop(vm);
	if (chapter >= 5) {
		plant(vm);
		change(vm, memory);
	}
	vmm_destroy(vm);
}

int main(int argc, char **argv)
{
	int chapter = argc == 2 ? vmm_number(argv[1], "chapter", 0, 99) : -1;
	struct vmm *vm;

	if (chapter < 0)
		vmm_die("usage: gdb-state CHAPTER");
	if (chapter >= 2) {
		reclaim_begin();
		with_guest(chapter);
		return 0;
	}
	vm = vmm_create(NULL);
	vmm_add_vcpu(vm);
	if (chapter == 1)
		fact("hva", (unsigned long)vmm_add_memory(vm, 0x100000, 16 * PAGE)->hva);
	stop(vm);
	vmm_destroy(vm);
	return 0;
}
