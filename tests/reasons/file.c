// SPDX-License-Identifier: GPL-2.0
/*
 * file.c - a slot over a shared file: in memory (tmpfs) and on a disk (ext4 on /disk,
 * which reasons_test.py mounts). Holes, cut-offs, writeback, reclaim.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reasons.h"

#define DISK_FILE "/disk/slot"
#define KPF_DIRTY 4	/* <linux/kernel-page-flags.h> */

static int disk_file(void)
{
	int fd = open(DISK_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, SIZE))
		fail("a file of %lu KiB as %s: %s", SIZE / 1024, DISK_FILE, strerror(errno));
	return fd;
}

static void punch(int fd)
{
	struct guest *g = guest_create(map_file(fd, MAP_SHARED));
	static uint64_t frames[PAGES];
	int moved;

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, PAGES, TOUCH_LOST);
	take_frames(g->hva, PAGES, frames);
	guest_begin(g);
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, SIZE / 2, SIZE / 2))
		fail("fallocate: %s", strerror(errno));
	moved = frames_moved(g->hva + SIZE / 2, PAGES / 2, frames + PAGES / 2);
	guest_end(g, PAGES / 2);
	guest_check(g, 0, PAGES / 2, 2);
	guest_check(g, PAGES / 2, PAGES / 2, ZEROS);
	guest_untouch(g);
	effect(moved >= PAGES / 2 - 8, "%d of %d pages are gone or new", moved, PAGES / 2);
	guest_destroy(g);
}

static void cut_off(int fd)
{
	struct guest *g = guest_create(map_file(fd, MAP_SHARED));
	int error;

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, PAGES, TOUCH_LOST);
	guest_begin(g);
	if (ftruncate(fd, SIZE / 2))
		fail("ftruncate: %s", strerror(errno));
	error = guest_try(g, PAGES / 2, PAGES / 2, 2);
	guest_check(g, 0, PAGES / 2, 2);
	if (ftruncate(fd, SIZE))
		fail("ftruncate back: %s", strerror(errno));
	guest_end(g, PAGES / 2);
	guest_check(g, 0, PAGES / 2, 2);
	guest_check(g, PAGES / 2, PAGES / 2, ZEROS);
	guest_touched(g, 1);
	guest_untouch(g);
	effect(error == EFAULT, "past the end the guest met %s", strerror(error));
	guest_destroy(g);
}

static void shmem_punch(void)
{
	punch(memory_file(0));
}

static void shmem_truncate(void)
{
	cut_off(memory_file(0));
}

static void file_punch(void)
{
	punch(disk_file());
}

static void file_truncate(void)
{
	cut_off(disk_file());
}

/*
 * As page_out() in swap.c: until all but the toucher's pages have been taken. Of the
 * toucher's own some are taken and are back at once.
 */
static int page_out(struct guest *g)
{
	static uint64_t frames[PAGES];
	char *others = g->hva + QUARTER * PAGE;
	int tries, moved = 0;

	take_frames(others, PAGES - QUARTER, frames);
	for (tries = 0; tries < 10 && moved < PAGES - QUARTER; tries++) {
		empty_queues();
		if (madvise(g->hva, SIZE, MADV_PAGEOUT))
			fail("MADV_PAGEOUT: %s", strerror(errno));
		moved = frames_moved(others, PAGES - QUARTER, frames);
	}
	return moved;
}

static void shmem_swap(void)
{
	struct guest *g = guest_create(map_file(memory_file(0), MAP_SHARED));
	long long out = vmstat("pswpout");
	int moved;

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	guest_begin(g);
	moved = page_out(g);
	guest_end(g, moved);
	guest_check(g, 0, PAGES, 2);
	guest_untouch(g);
	out = vmstat("pswpout") - out;
	effect(moved >= PAGES - QUARTER && out >= PAGES - QUARTER,
	       "%d of %d pages taken, %lld swapped out", moved, PAGES, out);
	guest_destroy(g);
}

/* What the disk has, past the page cache. */
static char *read_disk(void)
{
	char *copy = aligned_alloc(PAGE, SIZE);
	int fd = open(DISK_FILE, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (!copy || fd < 0 || pread(fd, copy, SIZE, 0) != (ssize_t)SIZE)
		fail("read %s without the page cache: %s", DISK_FILE, strerror(errno));
	close(fd);
	return copy;
}

/*
 * A page that is written back is clean and read-only; the guest's next write has to
 * make it dirty again, or the disk never gets it.
 */
static void writeback(void)
{
	int fd = disk_file(), before, after;
	struct guest *g = guest_create(map_file(fd, MAP_SHARED));
	char *copy;

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	before = frames_flagged(g->hva, PAGES, KPF_DIRTY);
	guest_begin(g);
	if (fsync(fd))
		fail("fsync: %s", strerror(errno));
	after = frames_flagged(g->hva, PAGES, KPF_DIRTY);
	guest_end(g, PAGES);
	copy = read_disk();
	result->wrong += host_wrong(copy, 0, PAGES, 2);
	guest_fill(g, QUARTER, PAGES - QUARTER, 3);
	guest_untouch(g);
	if (fsync(fd))
		fail("fsync: %s", strerror(errno));
	free(copy);
	copy = read_disk();
	result->wrong += host_wrong(copy, 0, QUARTER, 2);
	result->wrong += host_wrong(copy, QUARTER, PAGES - QUARTER, 3);
	result->checked += 2 * PAGES * 511;
	guest_check(g, 0, QUARTER, 2);
	guest_check(g, QUARTER, PAGES - QUARTER, 3);
	effect(before >= PAGES - 8 && after <= QUARTER,
	       "%d pages dirty, then %d; the disk has each write", before, after);
	guest_destroy(g);
}

static void file_reclaim(void)
{
	int fd = disk_file(), kept = 0, i, moved;
	struct guest *g = guest_create(map_file(fd, MAP_SHARED));
	unsigned char in_memory[PAGES];

	guest_fill(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	/* reclaim only takes what is clean; and the toucher reads its own pages alone */
	if (fsync(fd) || madvise(g->hva, SIZE, MADV_RANDOM))
		fail("fsync, MADV_RANDOM: %s", strerror(errno));
	guest_check(g, 0, PAGES, 2);
	guest_begin(g);
	moved = page_out(g);
	if (mincore(g->hva, SIZE, in_memory))
		fail("mincore: %s", strerror(errno));
	guest_end(g, moved);
	for (i = 0; i < PAGES; i++)
		kept += in_memory[i] & 1;
	guest_check(g, 0, PAGES, 2);
	guest_untouch(g);
	effect(kept <= QUARTER, "%d of %d pages freed, and read again", PAGES - kept, PAGES);
	guest_destroy(g);
}

static const struct row rows[] = {
	{ "shmem-punch", "a hole in a file in memory", shmem_punch },
	{ "shmem-truncate", "a file in memory is cut off, and longer again", shmem_truncate },
	{ "shmem-pageout", "MADV_PAGEOUT of a file in memory", shmem_swap },
	{ "file-punch", "a hole in a file on disk", file_punch },
	{ "file-truncate", "a file on disk is cut off, and longer again", file_truncate },
	{ "file-writeback", "fsync, the guest writes, fsync", writeback },
	{ "file-pageout", "MADV_PAGEOUT of a file on disk", file_reclaim },
};

const struct family file_family = { rows, COUNT(rows) };
