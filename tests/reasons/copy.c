// SPDX-License-Identifier: GPL-2.0
/*
 * copy.c - pages that are shared until somebody writes: after fork, merged by KSM, of
 * a private mapping of a file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reasons.h"

#define KSM "/sys/kernel/mm/ksm/"

/* The child's half of fork-write: what the guest writes is not seen here, and vice versa. */
static int child(const char *hva, int go, const uint64_t *frames)
{
	long long wrong;
	char byte;

	if (read(go, &byte, 1) != 1)
		return 1;
	wrong = host_wrong(hva, 0, PAGES, 2);
	host_fill((char *)hva, PAGES / 2, PAGES / 2, 4);
	if (frames_moved(hva + SIZE / 2, PAGES / 2, frames + PAGES / 2) != PAGES / 2)
		return 2;
	return wrong || host_wrong(hva, PAGES / 2, PAGES / 2, 4) ? 3 : 0;
}

static void fork_and_write(void)
{
	static uint64_t frames[PAGES];
	struct guest *g = guest_create(anonymous());
	int go[2], status, moved;
	pid_t pid;

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	take_frames(g->hva, PAGES, frames);
	if (pipe(go))
		fail("pipe: %s", strerror(errno));
	guest_begin(g);
	pid = fork();
	if (!pid)
		_exit(child(g->hva, go[0], frames));
	guest_fill(g, QUARTER, QUARTER, 3);
	guest_touched(g, 2);
	moved = frames_moved(g->hva, PAGES / 2, frames);
	if (pid < 0 || write(go[1], "", 1) != 1 || waitpid(pid, &status, 0) != pid)
		fail("fork: %s", strerror(errno));
	guest_end(g, PAGES);
	guest_check(g, 0, QUARTER, 2);
	guest_check(g, QUARTER, QUARTER, 3);
	guest_check(g, PAGES / 2, PAGES / 2, 2);
	guest_untouch(g);
	effect(moved == PAGES / 2, "%d pages copied for the guest", moved);
	effect(!status, "%s", !status ? "512 for the child, which saw none of the guest's writes" :
	       status == 2 << 8 ? "the child's pages are still the guest's" :
	       "the child saw the guest's writes");
	guest_destroy(g);
}

static void ksm(void)
{
	struct guest *g = guest_create(anonymous());
	double limit = seconds() + 20;
	long long merged, left;

	set_file(KSM "pages_to_scan", "4000");
	set_file(KSM "sleep_millisecs", "5");
	guest_fill(g, 0, PAGES, SAME);
	guest_touch(g, 0, PAGES, LOOK);
	guest_begin(g);
	if (madvise(g->hva, SIZE, MADV_MERGEABLE))
		fail("MADV_MERGEABLE: %s", strerror(errno));
	set_file(KSM "run", "1");
	do {
		usleep(5000);
		merged = number_in(KSM "pages_sharing");
	} while (merged < PAGES * 9 / 10 && seconds() < limit);
	guest_check(g, 0, PAGES, SAME);
	guest_untouch(g);
	guest_fill(g, 0, PAGES / 2, 3);
	limit = seconds() + 20;		/* it counts them when it comes by again */
	do {
		usleep(5000);
		left = number_in(KSM "pages_sharing");
	} while (left > PAGES / 2 && seconds() < limit);
	guest_end(g, PAGES * 9 / 10);
	guest_check(g, 0, PAGES / 2, 3);
	guest_check(g, PAGES / 2, PAGES / 2, SAME);
	set_file(KSM "run", "2");
	guest_check(g, PAGES / 2, PAGES / 2, SAME);
	set_file(KSM "run", "0");
	effect(merged >= PAGES * 9 / 10 && left <= PAGES / 2,
	       "%lld pages merged, %lld after the writes", merged, left);
	guest_destroy(g);
}

/* The guest has read the file's pages; what it writes gets pages of its own. */
static void private_file(void)
{
	static uint64_t frames[PAGES];
	int fd = memory_file(0), moved;
	char *file = map_file(fd, MAP_SHARED);
	struct guest *g;

	host_fill(file, 0, PAGES, 2);
	g = guest_create(map_file(fd, MAP_PRIVATE));
	guest_check(g, 0, PAGES, 2);
	take_frames(file, PAGES, frames);
	guest_begin(g);
	guest_touch(g, 0, QUARTER, TOUCH);
	guest_fill(g, QUARTER, QUARTER, 3);
	guest_touched(g, 2);
	moved = frames_moved(g->hva, PAGES, frames);
	guest_end(g, PAGES / 2);
	guest_check(g, 0, QUARTER, 2);
	guest_check(g, QUARTER, QUARTER, 3);
	guest_check(g, PAGES / 2, PAGES / 2, 2);
	guest_untouch(g);
	result->wrong += host_wrong(file, 0, PAGES, 2);
	effect(moved == PAGES / 2, "%d pages are copies, and the file is as it was", moved);
	guest_destroy(g);
}

static const struct row rows[] = {
	{ "fork-write", "fork, the guest writes, the child writes", fork_and_write },
	{ "ksm-write", "KSM merges, the guest writes, KSM undoes it", ksm },
	{ "private-file", "the guest writes to a private mapping of a file", private_file },
};

const struct family copy_family = { rows, COUNT(rows) };
