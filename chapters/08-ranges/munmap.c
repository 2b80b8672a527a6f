// SPDX-License-Identifier: GPL-2.0
/*
 * munmap.c - what it costs to take much memory from a guest that runs: how often must
 * its vCPUs be made to forget?
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "ranges.h"

#define SINGLE	256		/* pages that go one by one ... */
#define PAGES	4096		/* ... and 16 MiB that go at once */
#define VCPUS	2

/*
 * What is unmapped at once begins where a huge page could: elsewhere munmap() first looks
 * whether there is one to be split, and that is a range of its own.
 */
#define HUGE	(2 * MEBI)

static void wait_for_counts(struct vmm *vm)
{
	uint32_t before[VCPUS];
	int n, ms;

	for (n = 0; n < VCPUS; n++)
		before[n] = count_of(vm, n);
	for (n = 0, ms = 0; n < VCPUS; ms += 5) {
		if (count_of(vm, n) - before[n] >= 1000)
			n++;
		else
			usleep(5000);
		if (ms > 60000)
			vmm_die("vCPU %d does not count: stopped with \"%s\"", n,
				vmm_stop_name(vm->vcpus[n]->stop));
	}
}

void show_munmap(void)
{
	char *memory = guest_memory(SMALL), *room = guest_memory((SINGLE + PAGES) * PAGE + HUGE);
	char *work = room + -(uintptr_t)(room + SINGLE * PAGE) % HUGE;
	struct vmm *vm = ask_create(memory, VCPUS);
	long long rounds, dropped;
	int i, n;

	step("16 MiB are unmapped while two vCPUs run");
	vmm_map_memory(vm, WORK_GPA, (SINGLE + PAGES) * PAGE, work, 0);
	for (n = 0; n < VCPUS; n++)
		count_start(vm, n, WORK_GPA + n * (SINGLE + PAGES) / VCPUS * PAGE,
			    (SINGLE + PAGES) / VCPUS);
	wait_for_counts(vm);

	rounds = stat_of(vm, "tlb_flushes");
	for (i = 0; i < SINGLE; i++)
		if (madvise(work + i * PAGE, PAGE, MADV_DONTNEED))
			vmm_die("MADV_DONTNEED of a page");
	rounds = stat_of(vm, "tlb_flushes") - rounds;
	value("256 pages, given back one by one", "%lld flush rounds", rounds);
	check(rounds >= SINGLE, "a round each");

	wait_for_counts(vm);
	rounds = stat_of(vm, "tlb_flushes");
	dropped = stat_of(vm, "sptes_unmapped");
	if (munmap(work + SINGLE * PAGE, PAGES * PAGE))
		vmm_die("munmap of 16 MiB");
	rounds = stat_of(vm, "tlb_flushes") - rounds;
	dropped = stat_of(vm, "sptes_unmapped") - dropped;
	value("4096 pages, one munmap()", "%lld flush round%s", rounds, rounds == 1 ? "" : "s");
	value("... which drops", "%lld sptes", dropped);
	check(dropped >= PAGES, "each page's spte is dropped");
	check(rounds == 1 || changes_come_first(), "one round is enough");
	wait_for_counts(vm);
	for (n = 0; n < VCPUS; n++)
		vmm_kick(vm->vcpus[n]);
	for (n = 0; n < VCPUS; n++)
		check(vmm_join(vm->vcpus[n]) == VMM_KICKED, "vCPU %d ran on", n);
	check(!audit(vm).stale_sptes, "no spte is stale");
	ask_destroy(vm);
	munmap(memory, SMALL);
	munmap(room, (SINGLE + PAGES) * PAGE + HUGE);
}
