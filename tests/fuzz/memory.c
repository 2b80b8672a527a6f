// SPDX-License-Identifier: GPL-2.0
/*
 * memory.c - the memory that guests get, and what a host may do to it while they run:
 * all that code/vmm/torture.c knows, and what loses data besides, since here nobody wants
 * to read back what was written. Everything is in the arena, see fuzz.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define ARENA_PAGES (ARENA_SIZE / PAGE)
#define HUGE (2ul << 20)

static int shared = -1;		/* a file of the arena's size in memory */

static char *place(size_t page)
{
	return (char *)ARENA + page * PAGE;
}

static bool map(void *at, size_t size, int flags, int fd, off_t offset)
{
	return mmap(at, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, offset) != MAP_FAILED;
}

void memory_reset(void)
{
	if (shared < 0) {
		shared = memfd_create("arena", MFD_CLOEXEC);
		if (mmap(place(0), ARENA_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
			 MAP_FIXED_NOREPLACE, -1, 0) != place(0))
			vmm_die("the addresses for guests' memory: something is there");
	}
	if (shared < 0 || ftruncate(shared, 0) || ftruncate(shared, ARENA_SIZE) ||
	    !map(place(0), ARENA_SIZE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))
		vmm_die("memory for guests");
}

bool memory_write(size_t offset, const void *from, size_t len)
{
	struct iovec local = { (void *)from, len }, remote = { (char *)ARENA + offset, len };

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)len;
}

bool memory_read(size_t offset, void *to, size_t len)
{
	struct iovec local = { to, len }, remote = { (char *)ARENA + offset, len };

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)len;
}

/* ---- the operations; each returns whether the kernel did it ---- */

struct range {
	size_t page, pages;
	char *start;
	size_t size;
};

static bool advise(struct range r, int advice)
{
	return !madvise(r.start, r.size, advice);
}

static struct range huge(struct range r)
{
	size_t page = r.page & ~(HUGE / PAGE - 1);

	return (struct range) { page, HUGE / PAGE, place(page), HUGE };
}

#define ADVICE(name, advice) \
	static bool op_##name(struct source *s, struct range r) \
	{ \
		(void)s; \
		return advise(r, advice); \
	}

ADVICE(pageout, MADV_PAGEOUT)
ADVICE(cold, MADV_COLD)
ADVICE(dontneed, MADV_DONTNEED)
ADVICE(free, MADV_FREE)
ADVICE(populate, MADV_POPULATE_WRITE)
ADVICE(mergeable, MADV_MERGEABLE)
ADVICE(unmergeable, MADV_UNMERGEABLE)
ADVICE(nohuge, MADV_NOHUGEPAGE)
ADVICE(dontfork, MADV_DONTFORK)

static bool op_collapse(struct source *s, struct range r)
{
	r = huge(r);
	if (choose(s, 2))	/* else of what is there, which may be of many kinds */
		map(r.start, r.size, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return advise(r, MADV_HUGEPAGE) && memory_write(r.page * PAGE, &r, sizeof(r)) &&
	       advise(r, MADV_COLLAPSE);
}

static bool op_protect(struct source *s, struct range r)
{
	static const int protections[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };

	return !mprotect(r.start, r.size, protections[choose(s, 3)]);
}

static bool op_unmap(struct source *s, struct range r)
{
	(void)s;
	return !munmap(r.start, r.size);
}

static bool op_private(struct source *s, struct range r)
{
	(void)s;
	return map(r.start, r.size, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static bool op_shared(struct source *s, struct range r)
{
	return map(r.start, r.size, choose(s, 2) ? MAP_SHARED : MAP_PRIVATE, shared,
		   r.page * PAGE);
}

/* A hole in the file. */
static bool op_remove(struct source *s, struct range r)
{
	if (choose(s, 2))
		map(r.start, r.size, MAP_SHARED, shared, r.page * PAGE);
	return advise(r, MADV_REMOVE);
}

/* The same pages of the file at two places. */
static bool op_twice(struct source *s, struct range r)
{
	size_t other = choose(s, ARENA_PAGES - r.pages);

	return map(r.start, r.size, MAP_SHARED, shared, other * PAGE);
}

static bool op_truncate(struct source *s, struct range r)
{
	(void)s;
	return !ftruncate(shared, r.page * PAGE) && !ftruncate(shared, ARENA_SIZE);
}

/* To another place of the arena, over what is there; the old place is a hole then. */
static bool op_move(struct source *s, struct range r)
{
	size_t to = choose(s, ARENA_PAGES - r.pages);
	int keep = choose_one_in(s, 4) ? MREMAP_DONTUNMAP : 0;

	return mremap(r.start, r.size, r.size, MREMAP_MAYMOVE | MREMAP_FIXED | keep,
		      place(to)) != MAP_FAILED;
}

static bool op_swap_places(struct source *s, struct range r)
{
	size_t to = choose(s, ARENA_PAGES - r.pages);
	char *away = mmap(NULL, r.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/* If the first one fails, it has unmapped that place, and another thread may have it. */
	if (away == MAP_FAILED ||
	    mremap(r.start, r.size, r.size, MREMAP_MAYMOVE | MREMAP_FIXED, away) != away)
		return false;
	if (mremap(away, r.size, r.size, MREMAP_MAYMOVE | MREMAP_FIXED, place(to)) == place(to))
		return true;
	munmap(away, r.size);
	return false;
}

static bool op_shrink(struct source *s, struct range r)
{
	(void)s;
	return mremap(r.start, r.size, PAGE, 0) != MAP_FAILED;
}

static bool op_lock(struct source *s, struct range r)
{
	return choose(s, 2) ? !mlock(r.start, r.size) : !munlock(r.start, r.size);
}

/* A child that writes to its copy, or only goes. It may use nothing but system calls. */
static bool op_fork(struct source *s, struct range r)
{
	bool write = choose(s, 2);
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (!pid) {
		if (write)
			memory_write(r.page * PAGE, &pid, sizeof(pid));
		_exit(0);
	}
	tally(COUNT_FORKS);
	return waitpid(pid, NULL, 0) == pid;
}

static bool op_compact(struct source *s, struct range r)
{
	(void)s;
	(void)r;
	return !proc_write("/proc/sys/vm/compact_memory", "1");
}

static const struct {
	const char *name;
	bool (*op)(struct source *s, struct range r);
	unsigned int weight;
} ops[] = {
	{ "pageout", op_pageout, 6 }, { "cold", op_cold, 1 }, { "dontneed", op_dontneed, 2 },
	{ "free", op_free, 2 }, { "remove", op_remove, 1 }, { "populate", op_populate, 2 },
	{ "mergeable", op_mergeable, 1 }, { "unmergeable", op_unmergeable, 1 },
	{ "nohuge", op_nohuge, 1 }, { "dontfork", op_dontfork, 1 },
	{ "collapse", op_collapse, 1 }, { "protect", op_protect, 3 }, { "unmap", op_unmap, 1 },
	{ "private", op_private, 3 }, { "shared", op_shared, 2 }, { "twice", op_twice, 1 },
	{ "truncate", op_truncate, 1 }, { "move", op_move, 2 },
	{ "swap-places", op_swap_places, 1 }, { "shrink", op_shrink, 1 }, { "lock", op_lock, 1 },
	{ "fork", op_fork, 2 }, { "compact", op_compact, 1 },
};

void memory_op(struct source *s)
{
	unsigned int sum = 0, pick;
	struct range r;
	size_t i;

	/* few pages as a rule; now and then as many as there are */
	r.pages = 1 + choose(s, choose_one_in(s, 8) ? ARENA_PAGES - 1 : 32);
	r.page = choose(s, ARENA_PAGES - r.pages + 1);
	r.start = place(r.page);
	r.size = r.pages * PAGE;
	for (i = 0; i < COUNT(ops); i++)
		sum += ops[i].weight;
	pick = choose(s, sum);
	for (i = 0; pick >= ops[i].weight; i++)
		pick -= ops[i].weight;
	tally_memory(i, ops[i].name, ops[i].op(s, r));
}

/* Where a kernel has none of it, the fuzzer goes without. */
void memory_stir(void)
{
	proc_write("/sys/kernel/mm/ksm/pages_to_scan", "500");
	proc_write("/sys/kernel/mm/ksm/sleep_millisecs", "50");
	proc_write("/sys/kernel/mm/ksm/run", "1");
	proc_write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	proc_write("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "200");
	proc_write("/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs", "200");
}
