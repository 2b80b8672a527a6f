// SPDX-License-Identifier: GPL-2.0
/*
 * swap.c - the host wants memory back and has a swap disk: pressure in a cgroup with
 * the classic LRU and with MGLRU, reclaim on demand, MADV_PAGEOUT, MADV_COLD, MADV_FREE,
 * and the way back, swapoff.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <unistd.h>

#include "reasons.h"

#define LRU_GEN "/sys/kernel/mm/lru_gen/enabled"
#define BALLAST (32ul << 20)

/* Set memory.high of a cgroup to @limit, and have the host reclaim down to it. */
static void limit_cgroup(const char *path, long long limit)
{
	double end = seconds() + 10;
	char text[32], current[160];

	snprintf(text, sizeof(text), "%lld", limit);
	snprintf(current, sizeof(current), "%s/memory.current", path);
	do {
		set_cgroup(path, "memory.high", text);
	} while (number_in(current) > limit + (long long)SIZE / 10 && seconds() < end);
}

/*
 * Memory that stays. Whoever is over memory.high has to sleep, the longer the larger the
 * part of it; beside this a few pages are next to nothing.
 */
static void load_ballast(void)
{
	if (mmap(NULL, BALLAST, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0) == MAP_FAILED)
		fail("mmap of %lu locked MiB: %s", BALLAST >> 20, strerror(errno));
}

/*
 * The guest goes over memory of which its cgroup should keep two thirds: memory.high,
 * where whoever faults a page in has to reclaim others. (With memory.max Linux 6.12's classic
 * LRU gives up on a cgroup as small as this and kills, on stock KVM too.)
 */
static void pressure(const char *lru_gen)
{
	char path[128], was[32], text[160];
	long long out, in;
	struct guest *g;
	int pass;

	if (proc_read(LRU_GEN, was, sizeof(was)) < 0)
		fail("no %s", LRU_GEN);
	set_file(LRU_GEN, lru_gen);
	enter_cgroup(256ll << 20, path, sizeof(path));
	load_ballast();
	g = guest_create(anonymous());
	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	out = vmstat("pswpout");
	in = vmstat("pswpin");
	guest_begin(g);
	snprintf(text, sizeof(text), "%s/memory.current", path);
	limit_cgroup(path, number_in(text) - (long long)SIZE / 3);
	for (pass = 0; pass < 2; pass++)
		guest_check(g, 0, PAGES, 2);
	out = vmstat("pswpout") - out;
	in = vmstat("pswpin") - in;
	guest_end(g, PAGES / 4);
	guest_untouch(g);
	set_file(LRU_GEN, was);
	effect(out >= PAGES / 4 && in >= PAGES / 4, "%lld pages swapped out, %lld in", out, in);
	guest_destroy(g);
}

static void classic_lru(void)
{
	pressure("n");
}

static void mglru(void)
{
	pressure("y");
}

/* All but the toucher's quarter can be gone. */
static struct guest *ready(char *hva)
{
	struct guest *g = guest_create(hva);

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	return g;
}

/*
 * The first time only ages what the guest has used, where the module tells of its
 * accessed bits; so ask again. Return: how many pages are swapped out.
 */
static int page_out(struct guest *g)
{
	int tries, out = 0;

	for (tries = 0; tries < 10 && out < PAGES - QUARTER; tries++) {
		empty_queues();
		if (madvise(g->hva, SIZE, MADV_PAGEOUT))
			fail("MADV_PAGEOUT: %s", strerror(errno));
		out = swapped(g->hva, PAGES);
	}
	return out;
}

static void finish(struct guest *g)
{
	guest_check(g, 0, PAGES, 2);
	guest_untouch(g);
	guest_destroy(g);
}

static void pageout(void)
{
	struct guest *g = ready(anonymous());
	int out;

	guest_begin(g);
	out = page_out(g);
	guest_end(g, out);
	effect(out >= PAGES - QUARTER, "%d of %d pages swapped out", out, PAGES);
	finish(g);
}

static void reclaim(void)
{
	char path[128], file[160];
	struct guest *g;
	int out, tries;

	enter_cgroup(256ll << 20, path, sizeof(path));
	snprintf(file, sizeof(file), "%s/memory.reclaim", path);
	g = ready(anonymous());
	guest_begin(g);
	for (tries = 0; tries < 10 && swapped(g->hva, PAGES) < PAGES / 2; tries++)
		proc_write(file, "4M");		/* EAGAIN: less than that was found */
	out = swapped(g->hva, PAGES);
	guest_end(g, out);
	effect(out >= PAGES / 2, "%d of %d pages swapped out", out, PAGES);
	finish(g);
}

/* The disk goes away: all that is on it comes back. */
static void swap_off(void)
{
	struct guest *g = ready(anonymous());
	char text[512], disk[64];
	int before, after;

	if (proc_read("/proc/swaps", text, sizeof(text)) < 0 || !strchr(text, '\n') ||
	    sscanf(strchr(text, '\n') + 1, "%63s", disk) != 1)
		fail("no swap disk");
	before = page_out(g);
	guest_begin(g);
	if (swapoff(disk))
		fail("swapoff %s: %s", disk, strerror(errno));
	after = swapped(g->hva, PAGES);
	guest_end(g, 0);
	guest_check(g, 0, PAGES, 2);
	if (swapon(disk, 0))
		fail("swapon %s: %s", disk, strerror(errno));
	effect(before >= PAGES - QUARTER && !after, "%d pages were swapped out, then %d", before,
	       after);
	finish(g);
}

/* Not taken, but first in line to be: the host forgets that the pages were used. */
static void cold(void)
{
	struct guest *g = ready(anonymous());
	long long before = smaps_kib(g->hva, "Referenced"), after;

	guest_begin(g);
	if (madvise(g->hva, SIZE, MADV_COLD))
		fail("MADV_COLD: %s", strerror(errno));
	after = smaps_kib(g->hva, "Referenced");
	guest_end(g, 0);
	effect(before > 3000 && after <= (long long)(QUARTER + 64) * 4,
	       "%lld KiB referenced, then %lld", before, after);
	finish(g);
}

/*
 * MADV_FREE: what is in the pages may go, what is written after it may not. The guest
 * writes to half of them; then the host reclaims.
 */
static void free_then_write(void)
{
	long long freed, kept = 0, gone = 0;
	struct guest *g = guest_create(anonymous());
	int i;

	guest_fill(g, 0, PAGES, 2);
	guest_begin(g);
	freed = vmstat("pglazyfreed");
	if (madvise(g->hva, SIZE, MADV_FREE))
		fail("MADV_FREE: %s", strerror(errno));
	guest_fill(g, 0, PAGES / 2, 3);
	guest_touch(g, PAGES / 4, PAGES / 4, TOUCH_LOST);
	page_out(g);
	freed = vmstat("pglazyfreed") - freed;
	guest_end(g, PAGES);
	guest_check(g, 0, PAGES / 2, 3);
	guest_untouch(g);
	/* each of the others is as it was, or new */
	for (i = PAGES / 2; i < PAGES; i++) {
		if (!host_wrong(g->hva, i, 1, ZEROS))
			gone++;
		else if (!host_wrong(g->hva, i, 1, 2))
			kept++;
	}
	result->checked += PAGES / 2 * 511;
	result->wrong += (PAGES / 2 - gone - kept) * 511;
	effect(freed > 0 && gone > 0, "%lld of %d unwritten pages freed, %lld kept", gone,
	       PAGES / 2, kept);
	guest_destroy(g);
}

static const struct row rows[] = {
	{ "swap-lru", "a cgroup's limit, classic LRU", classic_lru },
	{ "swap-mglru", "a cgroup's limit, MGLRU", mglru },
	{ "pageout", "MADV_PAGEOUT", pageout },
	{ "reclaim", "memory.reclaim of a cgroup", reclaim },
	{ "swapoff", "swapoff", swap_off },
	{ "cold", "MADV_COLD", cold },
	{ "free-write", "MADV_FREE, the guest writes to half, MADV_PAGEOUT", free_then_write },
};

const struct family swap_family = { rows, COUNT(rows) };
