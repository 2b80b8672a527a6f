// SPDX-License-Identifier: GPL-2.0
/*
 * stale.c - where the seed's protocol is not sound on Linux 6.1, shown at a pause point:
 * the guest writes to the memory of another process.
 *
 * mremap() moves the entry of a page to another address and only then calls
 * invalidate_range(), for the old address. While that call is held, the host reclaims
 * the page. It finds the new address first, and as no other entry is left, it looks no
 * further: the call is for the new address, and the guest's spte is known by the old
 * one. The page is freed, another process gets it, and the guest goes on writing to it.
 *
 * The new address comes first because the moved page joins a mapping there that begins
 * earlier in the file than the one it comes from. The other process takes memory until
 * it has the very frame; the guest leaves its page alone until then, so nobody else is harmed.
 *
 * The other protocols drop the spte before the entry moves, and Linux 6.12 calls
 * seqlock's callback before it lets go of the page table: there the same must not happen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reasons.h"

#define MOVED	300	/* the page that is moved */
#define OLD	0x1111111111111111ull
#define NEW	0x2222222222222222ull
#define MOST	(384ul << 20)	/* bytes that the other process takes at most */

/* What the two processes tell each other. */
static struct talk {
	volatile bool ready, reclaim, take, stop;	/* what is to be done next */
	volatile bool reclaimed, caught, ended;		/* what has been */
	volatile uint64_t frame;	/* the page's */
	volatile uint64_t seen;		/* the frame's first word, in the end */
} *talk;

static char *page, *away;
static volatile bool move, moved;

/* Wait until *@flag, or @limit seconds. */
static bool wait_for(volatile bool *flag, double limit)
{
	for (limit += seconds(); !*flag && seconds() < limit;)
		usleep(1000);
	return *flag;
}

/* ---- the other process: it reclaims the page and takes it ---- */

/*
 * Until the page is not in memory. The cgroup is charged for it and for nothing else. (Not
 * by memory.reclaim, which may wait for each CPU, and one is held.)
 */
static void reclaim_page(const char *cgroup, void *look)
{
	unsigned char in_memory = 1;

	while (!talk->stop) {
		set_cgroup(cgroup, "memory.high", "0");
		if (mincore(look, PAGE, &in_memory))
			fail("mincore: %s", strerror(errno));
		if (!(in_memory & 1))
			break;
		usleep(2000);
	}
	talk->reclaimed = !(in_memory & 1);
}

/* Take memory until the frame is among it. Return: its first word. */
static volatile uint64_t *catch_frame(void)
{
	char *memory = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	uint64_t frame;
	size_t at;

	if (memory == MAP_FAILED)
		fail("mmap of %lu MiB: %s", MOST >> 20, strerror(errno));
	for (at = 0; at < MOST && !talk->stop; at += PAGE) {
		memory[at] = 0;
		take_frames(memory + at, 1, &frame);
		if (frame == talk->frame)
			return (volatile uint64_t *)(memory + at);
	}
	return NULL;
}

static void other_process(int file)
{
	volatile uint64_t *word;
	uint64_t old = OLD;
	char cgroup[128];
	void *look;

	prefer_node(0);
	enter_cgroup(64 << 20, cgroup, sizeof(cgroup));
	if (pwrite(file, &old, 8, MOVED * PAGE) != 8)
		fail("write the page: %s", strerror(errno));
	cgroup_enter("/sys/fs/cgroup");
	look = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, MOVED * PAGE);
	talk->ready = true;
	wait_for(&talk->reclaim, 30);
	reclaim_page(cgroup, look);
	wait_for(&talk->take, 30);
	word = talk->reclaimed ? catch_frame() : NULL;
	talk->caught = word;
	talk->ended = true;
	wait_for(&talk->stop, 30);
	talk->seen = word ? *word : 0;
	_exit(0);
}

/* ---- the process of the guest ---- */

static void *move_it(void *unused)
{
	(void)unused;
	run_on(1);		/* alone there: it may be held */
	wait_for(&move, 10);
	if (mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, away) != away)
		fail("mremap: %s", strerror(errno));
	moved = true;
	return NULL;
}

/* The slot, in two mappings: the second begins with the page that will be moved. */
static char *slot_memory(int file)
{
	char *hva = map_file(file, MAP_SHARED);

	if (madvise(hva, MOVED * PAGE, MADV_DONTDUMP))
		fail("MADV_DONTDUMP: %s", strerror(errno));
	return hva;
}

/* Where it goes: behind a mapping of the page before it in the file. */
static char *destination(int file)
{
	char *hva = aligned_hole();

	if (mmap(hva, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, file,
		 (MOVED - 1) * PAGE) != hva)
		fail("mmap: %s", strerror(errno));
	return hva + PAGE;
}

static void let_guest_write(struct guest *g)
{
	uint64_t rounds = g->toucher->rounds;
	double limit = seconds() + 0.5;

	g->toucher->word = NEW;
	while (g->toucher->rounds < rounds + 4 && seconds() < limit)
		usleep(1000);
}

/*
 * While mremap is held, nothing in this process may ask for its map of addresses: no new
 * thread, no memory. Return: was the page reclaimed while it was held?
 */
static bool move_and_reclaim(struct guest *g)
{
	bool held, early;
	pthread_t mover;

	if (pthread_create(&mover, NULL, move_it, NULL))
		fail("a thread for mremap");
	usleep(20000);		/* its own stack is mapped, and no callback is due */
	dbgfs_pause_arm("invalidate_entry");
	move = true;
	while (!(held = !dbgfs_pause_wait("invalidate_entry", 0)) && !moved)
		usleep(1000);
	talk->reclaim = true;
	early = wait_for(&talk->reclaimed, held ? 5 : 15) && held;
	if (held && !early) {
		dbgfs_pause_release("invalidate_entry");
		wait_for(&talk->reclaimed, 15);
	}
	talk->take = true;
	if (wait_for(&talk->ended, 20) && talk->caught)
		let_guest_write(g);
	talk->stop = true;
	dbgfs_pause_release("invalidate_entry");
	pthread_join(mover, NULL);
	return early;
}

static struct guest *ready(int file)
{
	struct guest *g = guest_create(slot_memory(file));
	uint64_t frame;

	page = g->hva + MOVED * PAGE;
	away = destination(file);
	g->toucher->word = OLD;
	guest_touch(g, MOVED, 1, STORE);
	guest_touched(g, 3);
	take_frames(page, 1, &frame);
	talk->frame = frame;
	g->toucher->word = 0;		/* the guest keeps its hands off the page */
	guest_touched(g, 3);
	move_to_node(page, 1, 0);	/* where it is: but no CPU has it in a batch any more */
	return g;
}

static void mremap_held(void)
{
	bool unsound = !strcmp(protocol, "seqlock") && kernel < 612;
	bool in_between = unsound || !strcmp(protocol, "range"), early;
	int file = memory_file(0);
	struct guest *g;
	pid_t other;

	run_on(0);		/* who frees the page and who takes it: one list of free pages */
	talk = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	other = fork();
	if (talk == MAP_FAILED || other < 0)
		fail("fork: %s", strerror(errno));
	if (!other)
		other_process(file);
	if (!wait_for(&talk->ready, 10))
		fail("the other process does not get on: %s", result->failure);
	g = ready(file);
	guest_begin(g);
	early = move_and_reclaim(g);
	guest_end(g, 1);
	guest_untouch(g);
	waitpid(other, NULL, 0);
	leave_cgroup(other);

	effect(talk->reclaimed && talk->caught, "page %sreclaimed %s, and %s another process",
	       talk->reclaimed ? "" : "not ",
	       early ? "while the callback was held" : "after the callback",
	       talk->caught ? "given to" : "not seen in");
	if (early != in_between)
		fail("mremap was %sheld where its entries have moved", early ? "" : "not ");
	result->checked++;
	result->wrong += talk->seen == NEW;
	effect(!talk->seen || talk->seen == NEW, "the guest's next word is %s its memory",
	       talk->seen ? "in" : "not in");
	if (unsound) {
		if (talk->seen != NEW)
			fail("the stale spte was not shown: %s", result->effect);
		if (!log_has("protocol seqlock is not sound on this kernel"))
			fail("the module did not say so when it was loaded");
		failed_as_expected();
	}
	guest_destroy(g);
}

static const struct row rows[] = {
	{ "mremap-held", "mremap held in the callback, and the host reclaims the page",
	  mremap_held, .timeout = 60, .kvmswap_only = true },
};

const struct family stale_family = { rows, COUNT(rows) };
