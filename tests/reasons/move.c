// SPDX-License-Identifier: GPL-2.0
/*
 * move.c - the pages stay what they are and go elsewhere: compaction, to another node
 * because somebody asks, to another node because the guest runs there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reasons.h"

#define FILLER (128ul << 20)
#define BALANCING "/sys/kernel/debug/sched/numa_balancing/"

/* All memory on node 0, and a toucher. */
static struct guest *ready(void)
{
	struct guest *g;

	prefer_node(0);
	g = guest_create(anonymous());
	guest_fill(g, 0, PAGES, 2);
	prefer_node(-1);
	guest_touch(g, 0, QUARTER, TOUCH);
	return g;
}

static void finish(struct guest *g)
{
	guest_check(g, 0, PAGES, 2);
	guest_untouch(g);
	guest_destroy(g);
}

static void move_pages(void)
{
	struct guest *g = ready();
	int before = on_node(g->hva, PAGES, 0);

	guest_begin(g);
	move_to_node(g->hva, PAGES, 1);
	guest_end(g, PAGES);
	effect(before == PAGES && on_node(g->hva, PAGES, 1) == PAGES,
	       "%d pages on node 0, then %d on node 1", before, on_node(g->hva, PAGES, 1));
	finish(g);
}

static void migrate_pages(void)
{
	unsigned long from = 1 << 0, to = 1 << 1;
	struct guest *g = ready();
	int before = on_node(g->hva, PAGES, 0), after;
	double limit = seconds() + 10;

	guest_begin(g);
	do {
		if (syscall(SYS_migrate_pages, getpid(), 64, &from, &to) < 0)
			fail("migrate_pages: %s", strerror(errno));
		after = on_node(g->hva, PAGES, 1);
	} while (after < PAGES && seconds() < limit);
	guest_end(g, PAGES);
	effect(before == PAGES && after == PAGES, "%d pages on node 0, then %d on node 1", before,
	       after);
	finish(g);
}

/*
 * Compaction takes pages from the low end of a zone to free ones at the high end. So
 * the slot's pages are taken while much of the memory below is in use, a page of the
 * slot, 31 of a filler, and then the filler goes.
 */
static void compaction(void)
{
	static uint64_t frames[PAGES];
	char *hva = anonymous(), *filler;
	long long migrated;
	struct guest *g;
	int moved, i, tries;

	filler = mmap(NULL, FILLER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (filler == MAP_FAILED)
		fail("mmap of %lu MiB: %s", FILLER >> 20, strerror(errno));
	prefer_node(0);
	for (i = 0; i < PAGES; i++) {
		hva[i * PAGE] = 1;
		memset(filler + i * (FILLER / PAGES), 1, FILLER / PAGES);
	}
	munmap(filler, FILLER);
	g = guest_create(hva);
	guest_fill(g, 0, PAGES, 2);
	prefer_node(-1);
	guest_touch(g, 0, QUARTER, TOUCH);
	take_frames(hva, PAGES, frames);
	migrated = vmstat("pgmigrate_success");
	guest_begin(g);
	for (tries = 0, moved = 0; tries < 5 && moved < QUARTER; tries++) {
		set_file("/proc/sys/vm/compact_memory", "1");
		moved = frames_moved(hva, PAGES, frames);
	}
	guest_end(g, moved);
	migrated = vmstat("pgmigrate_success") - migrated;
	effect(moved >= QUARTER && migrated >= moved,
	       "%d of %d pages are elsewhere, %lld migrated in all", moved, PAGES, migrated);
	finish(g);
}

/* The memory is on node 1, the guest runs on node 0 alone: the pages follow it. */
static void numa_balancing(void)
{
	double limit = seconds() + 30;
	long long hints, migrated;
	struct guest *g;
	int before, after;

	set_file(BALANCING "scan_delay_ms", "10");
	set_file(BALANCING "scan_period_min_ms", "20");
	run_on(0);
	prefer_node(1);
	g = guest_create(anonymous());
	guest_fill(g, 0, PAGES, 2);
	prefer_node(-1);
	before = on_node(g->hva, PAGES, 1);
	hints = vmstat("numa_hint_faults");
	migrated = vmstat("numa_pages_migrated");
	guest_begin(g);
	set_file("/proc/sys/kernel/numa_balancing", "1");
	guest_touch(g, 0, QUARTER, TOUCH);
	do {
		guest_check(g, 0, PAGES, 2);
		after = on_node(g->hva, PAGES, 0);
	} while (after < PAGES / 2 && seconds() < limit);
	set_file("/proc/sys/kernel/numa_balancing", "0");
	guest_end(g, after);
	hints = vmstat("numa_hint_faults") - hints;
	migrated = vmstat("numa_pages_migrated") - migrated;
	effect(before == PAGES && after >= PAGES / 2 && hints > 0 && migrated > 0,
	       "%d pages on node 1, then %d on node 0, %lld hinting faults", before, after, hints);
	finish(g);
}

static const struct row rows[] = {
	{ "compaction", "compact_memory", compaction },
	{ "move-pages", "move_pages to the other node", move_pages },
	{ "migrate-pages", "migrate_pages to the other node", migrate_pages },
	{ "numa-balancing", "NUMA balancing follows the guest", numa_balancing },
};

const struct family move_family = { rows, COUNT(rows) };
