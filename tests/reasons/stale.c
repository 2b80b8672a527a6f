// SPDX-License-Identifier: GPL-2.0
/*
 * stale.c - where the seed's protocol is not sound on Linux 6.1, shown at a pause point.
 *
 * mremap() moves the entries of a page to another address and only then calls
 * invalidate_range(), for the old address. While that call is held, somebody takes the
 * page away at its new address (here: a hole in the shared file), and the call for that
 * address finds no spte: the guest's is known by the old one. So the page has no
 * entry any more, the host may use it for anything, and the guest goes on writing
 * to it. A pipe keeps the page (vmsplice), so nothing is harmed and its words can be read.
 *
 * The other protocols drop the spte before the entries move, and Linux 6.12 calls
 * seqlock's callback before it lets go of the page table: there the same must not happen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "reasons.h"

#define MOVED	300	/* the page that is moved */
#define OLD	0x1111111111111111ull
#define NEW	0x2222222222222222ull

static char *moved_page, *away;
static int file;
static volatile bool moved, taken;

static void *move_it(void *unused)
{
	(void)unused;
	if (mremap(moved_page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, away) != away)
		fail("mremap: %s", strerror(errno));
	moved = true;
	return NULL;
}

static void *take_it(void *unused)
{
	(void)unused;
	if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MOVED * PAGE, PAGE))
		fail("fallocate: %s", strerror(errno));
	taken = true;
	return NULL;
}

static bool held(void)
{
	return !dbgfs_pause_wait("invalidate_entry", 0);
}

/* Wait until *@flag, or @limit seconds. */
static bool wait_for(volatile bool *flag, double limit)
{
	for (limit += seconds(); !*flag && seconds() < limit;)
		usleep(1000);
	return *flag;
}

/* A reference to the page, and a way to read it, that no page table has to do with. */
static int keep_page(char *page)
{
	struct iovec part = { page, PAGE };
	int ends[2];

	if (pipe(ends) || vmsplice(ends[1], &part, 1, 0) != (ssize_t)PAGE)
		fail("vmsplice: %s", strerror(errno));
	return ends[0];
}

/* A store or two may be under way; no later one is. */
static void store(struct guest *g, uint64_t word)
{
	uint64_t rounds = g->toucher->rounds;
	double limit = seconds() + 0.5;

	g->toucher->word = word;
	while (g->toucher->rounds < rounds + 3 && seconds() < limit)
		usleep(1000);
}

static void mremap_held(void)
{
	bool unsound = !strcmp(protocol, "seqlock") && kernel < 612, early, was_held;
	pthread_t mover, taker;
	uint64_t words[PAGE / 8];
	struct guest *g;
	int page;

	file = memory_file(0);
	g = guest_create(map_file(file, MAP_SHARED));
	guest_fill(g, 0, PAGES, 2);
	moved_page = g->hva + MOVED * PAGE;
	away = aligned_hole();
	page = keep_page(moved_page);
	g->toucher->word = OLD;
	guest_touch(g, MOVED, 1, STORE);
	guest_touched(g, 3);

	guest_begin(g);
	dbgfs_pause_arm("invalidate_entry");
	pthread_create(&mover, NULL, move_it, NULL);
	while (!(was_held = held()) && !moved)
		usleep(1000);
	pthread_create(&taker, NULL, take_it, NULL);
	early = wait_for(&taken, was_held ? 1 : 10) && was_held;
	if (early)
		store(g, NEW);
	dbgfs_pause_release("invalidate_entry");
	pthread_join(mover, NULL);
	pthread_join(taker, NULL);
	if (!early)
		store(g, NEW);
	guest_end(g, 1);
	guest_untouch(g);

	if (read(page, words, PAGE) != (ssize_t)PAGE)
		fail("read the page from the pipe: %s", strerror(errno));
	if (words[0] != OLD && words[0] != NEW)
		fail("the page has %#llx, which nobody wrote", (unsigned long long)words[0]);
	effect(true, "the page was taken %s; a later word of the guest is %s",
	       early ? "while the callback was held" : "after the callback",
	       words[0] == NEW ? "in it" : "not in it");
	result->checked++;
	result->wrong += words[0] == NEW;
	if (unsound) {
		bool said = log_has("protocol seqlock is not sound on this kernel");

		if (words[0] != NEW)
			fail("the stale spte was not shown");
		if (!said)
			fail("the module did not say so when it was loaded");
		failed_as_expected();
	}
	guest_destroy(g);
}

static const struct row rows[] = {
	{ "mremap-held", "mremap held in the callback, the page taken at its new address",
	  mremap_held, .kvmswap_only = true },
};

const struct family stale_family = { rows, COUNT(rows) };
