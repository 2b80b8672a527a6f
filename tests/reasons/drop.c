// SPDX-License-Identifier: GPL-2.0
/*
 * drop.c - the process changes its own memory under the guest: throws it away, maps it
 * anew, moves it, protects it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reasons.h"

/* The whole slot is written, and touched while words may get lost. */
static struct guest *ready(void)
{
	struct guest *g = guest_create(anonymous());

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, PAGES, TOUCH_LOST);
	return g;
}

static void map_anew(struct guest *g)
{
	char *got = mmap(g->hva, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (got != g->hva || madvise(g->hva, SIZE, MADV_NOHUGEPAGE))
		fail("mmap in the old place: %s", strerror(errno));
}

/* EFAULTs of the toucher, waiting for one more than there were. */
static long long new_efaults(struct guest *g)
{
	long long before = __atomic_load_n(&g->other->efaults, __ATOMIC_RELAXED), now;
	double limit = seconds() + 10;

	do {
		usleep(500);
		now = __atomic_load_n(&g->other->efaults, __ATOMIC_RELAXED);
	} while (now == before && seconds() < limit);
	return now - before;
}

static void dontneed(void)
{
	static uint64_t frames[PAGES];
	struct guest *g = ready();
	int moved;

	take_frames(g->hva, PAGES, frames);
	guest_begin(g);
	if (madvise(g->hva, SIZE / 2, MADV_DONTNEED))
		fail("MADV_DONTNEED: %s", strerror(errno));
	moved = frames_moved(g->hva, PAGES / 2, frames);
	guest_end(g, PAGES / 2);
	guest_check(g, 0, PAGES / 2, ZEROS);
	guest_check(g, PAGES / 2, PAGES / 2, 2);
	guest_untouch(g);
	effect(moved >= PAGES / 2 - 8, "%d of %d pages are gone or new", moved, PAGES / 2);
	guest_destroy(g);
}

static void unmap_and_map(void)
{
	struct guest *g = ready();
	long long efaults;

	guest_begin(g);
	if (munmap(g->hva, SIZE))
		fail("munmap: %s", strerror(errno));
	efaults = new_efaults(g);
	map_anew(g);
	guest_end(g, PAGES);
	guest_check(g, 0, PAGES, ZEROS);
	guest_fill(g, 0, PAGES, 3);
	guest_check(g, 0, PAGES, 3);
	guest_untouch(g);
	effect(efaults > 0, "the guest met %s, then zeros", efaults ? "EFAULT" : "no EFAULT");
	guest_destroy(g);
}

/* The memory is moved away and something else is there; then it is moved back. */
static void move_and_back(void)
{
	static uint64_t frames[PAGES];
	struct guest *g = ready();
	char *away = aligned_hole();
	int moved;

	take_frames(g->hva, PAGES, frames);
	guest_begin(g);
	if (mremap(g->hva, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, away) != away)
		fail("mremap away: %s", strerror(errno));
	map_anew(g);
	moved = frames_moved(away, PAGES, frames);
	guest_check(g, 0, PAGES, ZEROS);
	guest_fill(g, 0, PAGES, 3);
	result->wrong += host_wrong(away, 0, PAGES, 2);
	if (mremap(away, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, g->hva) != g->hva)
		fail("mremap back: %s", strerror(errno));
	guest_end(g, 2 * PAGES);
	guest_check(g, 0, PAGES, 2);
	moved += frames_moved(g->hva, PAGES, frames);
	guest_untouch(g);
	effect(!moved, "all %d pages were there, then here again", PAGES);
	guest_destroy(g);
}

static void protect(void)
{
	long long reads, writes;
	struct guest *g = ready();

	guest_begin(g);
	if (mprotect(g->hva, SIZE, PROT_READ))
		fail("mprotect: %s", strerror(errno));
	writes = new_efaults(g);
	guest_check(g, 0, PAGES, 2);
	if (mprotect(g->hva, SIZE, PROT_NONE))
		fail("mprotect: %s", strerror(errno));
	reads = guest_try(g, 0, PAGES, 2);
	if (mprotect(g->hva, SIZE, PROT_READ | PROT_WRITE))
		fail("mprotect: %s", strerror(errno));
	guest_end(g, 2 * PAGES);
	guest_touched(g, 1);
	guest_check(g, 0, PAGES, 2);
	guest_untouch(g);
	effect(writes > 0 && reads == EFAULT, "EFAULT for the guest's writes, then for its reads");
	guest_destroy(g);
}

static const struct row rows[] = {
	{ "dontneed", "MADV_DONTNEED on half", dontneed },
	{ "munmap", "munmap, then mmap in the same place", unmap_and_map },
	{ "mremap", "mremap away, other memory there, mremap back", move_and_back },
	{ "mprotect", "mprotect to read only, to nothing, to all", protect },
};

const struct family drop_family = { rows, COUNT(rows) };
