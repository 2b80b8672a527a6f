// SPDX-License-Identifier: GPL-2.0
/*
 * moved.c - the hole at the end of chapter 5. mremap() moves a page of the guest's memory
 * to another address. It is held when it has done so and makes its last call (with the
 * interval, whose only call comes before, it is held there): may the guest still reach the
 * page by the old one? What can happen then on Linux 6.1, somebody else's memory under the
 * guest, is shown by ../../tests/reasons/stale.c.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "ranges.h"

#define WORD 0x1d01d01u

static char *page, *away;

static void move_page(void)
{
	if (mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, away) != away)
		vmm_die("mremap");
}

void show_moved(void)
{
	bool one_call = is_protocol("interval");
	struct act move = {
		.what = move_page,
		.point = one_call ? "between" : "invalidate_entry",
	};
	char *memory = guest_memory(SMALL);
	struct vmm *vm = ask_create(memory, 1);
	long long gone;
	uint32_t word;

	step("mremap() moves a page of slot 1 away, and is held at its %s call",
	     one_call ? "only" : "last");
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	away = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || away == MAP_FAILED)
		vmm_die("mmap of a page");
	*(uint32_t *)page = WORD;
	vmm_map_memory(vm, WORK_GPA, PAGE, page, 0);
	check(guest_read(vm, WORK_GPA) == WORD, "the guest reads the page");
	gone = stat_of(vm, "sptes_unmapped");
	act_prepare(&move);
	munmap(away, PAGE);	/* else mremap() does, and that is a range of its own */
	check(act_begin(&move), "mremap() is held there");
	gone = stat_of(vm, "sptes_unmapped") - gone;
	value("the guest's spte for it", "%s", gone ? "gone already" : "still there");
	check(gone == !changes_come_first(), "only the seqlock learns of it too late");
	if (!gone) {
		word = guest_read(vm, WORK_GPA);
		value("the guest reads there", "%#x", word);
		check(word == WORD, "it is the page that has moved");
	}
	act_end(&move);
	say("The host is let go:");
	value("stale sptes", "%lld", audit(vm).stale_sptes);
	check(!audit(vm).stale_sptes, "no spte is stale in the end");
	ask_destroy(vm);
	munmap(away, PAGE);
	munmap(memory, SMALL);
}
