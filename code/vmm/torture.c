// SPDX-License-Identifier: GPL-2.0
/*
 * torture.c - all that a host may do to the memory of a guest that runs: reclaim,
 * throw away, fork, protect, merge, collapse, on random ranges from a printed seed.
 * What loses data goes to the scratch slot alone, whose words the guest does not check.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "job.h"

#ifndef MADV_COLD
#define MADV_COLD 20
#endif
#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define PAGE		4096ul
#define MAX_RANGE	512	/* pages */
#define PAUSE_US	6000	/* at most, between two operations */
#define HUGE		(2ul << 20)

static const char *const names[TORTURE_OPS] = {
	[TORTURE_PAGEOUT] = "pageout", [TORTURE_COLD] = "cold",
	[TORTURE_DONTNEED] = "dontneed", [TORTURE_FREE] = "free",
	[TORTURE_REPLACE] = "replace", [TORTURE_FORK] = "fork",
	[TORTURE_MPROTECT] = "mprotect", [TORTURE_KSM] = "ksm", [TORTURE_THP] = "thp",
	[TORTURE_COLLAPSE] = "collapse",
};

static struct {
	struct job *job;
	char *work, *scratch;		/* host addresses */
	size_t work_pages, scratch_pages;
	uint32_t random;
	pthread_t thread;
	bool stop;
} torture;

const char *torture_name(int op)
{
	return names[op];
}

static uint32_t next_random(uint32_t below)
{
	torture.random ^= torture.random << 13;
	torture.random ^= torture.random >> 17;
	torture.random ^= torture.random << 5;
	return torture.random % below;
}

struct range {
	char *start;
	size_t size;
};

static struct range range_in(char *start, size_t pages)
{
	size_t want = 1 + next_random(pages < MAX_RANGE ? pages : MAX_RANGE);
	size_t first = next_random(pages - want + 1);

	return (struct range) { start + first * PAGE, want * PAGE };
}

static struct range work_range(void)
{
	return range_in(torture.work, torture.work_pages);
}

static struct range scratch_range(void)
{
	return range_in(torture.scratch, torture.scratch_pages);
}

/* One to three huge pages, aligned, so that THP has something to do. */
static struct range huge_range(void)
{
	uintptr_t first = ((uintptr_t)torture.work + HUGE - 1) & ~(HUGE - 1);
	uintptr_t end = (uintptr_t)torture.work + torture.work_pages * PAGE;
	size_t huge = (end - first) / HUGE;
	size_t want = 1 + next_random(huge < 3 ? huge : 3);

	return (struct range) { (char *)first + next_random(huge - want + 1) * HUGE, want * HUGE };
}

/* An advice that a kernel without the feature refuses; that is no failure. */
static bool advise(struct range range, int advice)
{
	return !madvise(range.start, range.size, advice);
}

/* A child that writes to its copy of some pages: the parent's must not change. */
static bool do_fork(void)
{
	struct range range = work_range();
	pid_t pid = fork();
	size_t i;

	if (pid < 0)
		return false;
	if (!pid) {
		for (i = 0; i < range.size && i < 64 * PAGE; i += PAGE)
			memset(range.start + i, 0x5a, 64);
		_exit(0);
	}
	return waitpid(pid, NULL, 0) == pid;
}

static bool do_mprotect(void)
{
	struct range range = work_range();

	if (mprotect(range.start, range.size, next_random(2) ? PROT_NONE : PROT_READ))
		return false;
	usleep(next_random(3000));
	if (mprotect(range.start, range.size, PROT_READ | PROT_WRITE))
		vmm_die("mprotect back %zu bytes at %p", range.size, range.start);
	return true;
}

/* Fresh pages in the place of old ones: munmap and mmap in one. */
static bool do_replace(void)
{
	struct range range = scratch_range();
	void *got = mmap(range.start, range.size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (got == MAP_FAILED)
		vmm_die("mmap %zu bytes again at %p", range.size, range.start);
	return true;
}

/* The first try swaps pages in and finds them still queued for the LRU: try again. */
static bool do_collapse(void)
{
	struct range range = huge_range();
	int tries;

	range.size = HUGE;
	if (!advise(range, MADV_HUGEPAGE))
		return false;
	for (tries = 0; tries < 4; tries++)
		if (advise(range, MADV_COLLAPSE))
			return true;
	return false;
}

static bool do_ksm(void)
{
	char text[32];
	long long pages;
	bool done = advise(next_random(2) ? work_range() : scratch_range(),
			   next_random(8) ? MADV_MERGEABLE : MADV_UNMERGEABLE);

	if (proc_read("/sys/kernel/mm/ksm/pages_sharing", text, sizeof(text)) > 0) {
		pages = strtoll(text, NULL, 10);
		if (pages > torture.job->ksm_pages)
			torture.job->ksm_pages = pages;
	}
	return done;
}

static bool do_op(enum torture_op op)
{
	switch (op) {
	case TORTURE_PAGEOUT:
		return advise(work_range(), MADV_PAGEOUT);
	case TORTURE_COLD:
		return advise(work_range(), MADV_COLD);
	case TORTURE_DONTNEED:
		return advise(scratch_range(), MADV_DONTNEED);
	case TORTURE_FREE:
		return advise(scratch_range(), MADV_FREE);
	case TORTURE_REPLACE:
		return do_replace();
	case TORTURE_FORK:
		return do_fork();
	case TORTURE_MPROTECT:
		return do_mprotect();
	case TORTURE_KSM:
		return do_ksm();
	case TORTURE_THP:
		return advise(huge_range(), next_random(2) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	case TORTURE_COLLAPSE:
		return do_collapse();
	default:
		return false;
	}
}

static void *torture_main(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&torture.stop, __ATOMIC_ACQUIRE)) {
		enum torture_op op = next_random(TORTURE_OPS);

		if (do_op(op))
			torture.job->torture[op]++;
		usleep(next_random(PAUSE_US));
	}
	return NULL;
}

/* Make KSM and khugepaged busy; where a kernel has none, the test goes without. */
static void stir(void)
{
	proc_write("/sys/kernel/mm/ksm/pages_to_scan", "1000");
	proc_write("/sys/kernel/mm/ksm/sleep_millisecs", "50");
	proc_write("/sys/kernel/mm/ksm/run", "1");
	proc_write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
	proc_write("/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs", "200");
	proc_write("/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs", "200");
}

void torture_start(struct job *job, struct vmm *vm)
{
	torture.job = job;
	torture.work = vmm_hva(vm, ABI_FREE, job->config.memory - ABI_FREE);
	torture.work_pages = (job->config.memory - ABI_FREE) / PAGE;
	torture.scratch = vmm_hva(vm, job->config.memory, job->config.scratch);
	torture.scratch_pages = job->config.scratch / PAGE;
	torture.random = job->config.seed * 2654435761u | 1;
	stir();
	errno = pthread_create(&torture.thread, NULL, torture_main, NULL);
	if (errno)
		vmm_die("a thread that tortures");
}

void torture_stop(void)
{
	__atomic_store_n(&torture.stop, true, __ATOMIC_RELEASE);
	pthread_join(torture.thread, NULL);
	proc_write("/sys/kernel/mm/ksm/run", "0");
}
