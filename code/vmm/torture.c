// SPDX-License-Identifier: GPL-2.0
/*
 * torture.c - all that a host may do to the memory of a guest that runs: reclaim,
 * throw away, fork, protect, move, merge, collapse, and change its slots, on random
 * ranges from a printed seed. What loses data goes to the scratch slot alone, whose words
 * the guest does not check.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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
/* Slots that the VM has and libvmm does not know, far from all memory of the guest. */
#define SPARE_SLOT	100
#define SPARE_SLOTS	8
#define SPARE_GPA	(1ull << 32)

static const char *const names[TORTURE_OPS] = {
	[TORTURE_PAGEOUT] = "pageout", [TORTURE_COLD] = "cold",
	[TORTURE_DONTNEED] = "dontneed", [TORTURE_FREE] = "free",
	[TORTURE_REPLACE] = "replace", [TORTURE_FORK] = "fork",
	[TORTURE_MPROTECT] = "mprotect", [TORTURE_MREMAP] = "mremap", [TORTURE_KSM] = "ksm",
	[TORTURE_THP] = "thp", [TORTURE_COLLAPSE] = "collapse", [TORTURE_COMPACT] = "compact",
	[TORTURE_RECLAIM] = "reclaim", [TORTURE_SLOT] = "slot",
	[TORTURE_SCRATCH] = "scratch-slot", [TORTURE_LOG] = "log",
};

static struct {
	struct job *job;
	int vm_fd;
	char *memory, *work, *scratch;	/* host addresses; work is a part of memory */
	size_t work_pages, scratch_pages;
	char reclaim[256];		/* the cgroup's file, or "" */
	struct kvm_userspace_memory_region spare[SPARE_SLOTS];
	uint64_t *bitmap;		/* for the log of all memory */
	uint32_t random;
	pthread_t thread;
	bool stop;
} torture;

const char *torture_name(int op)
{
	return names[op];
}

unsigned int torture_ops(const char *list)
{
	unsigned int bits = 0;
	size_t len;
	int op;

	for (; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		for (op = 0; op < TORTURE_OPS; op++)
			if (strlen(names[op]) == len && !strncmp(names[op], list, len))
				break;
		errno = 0;
		if (op == TORTURE_OPS)
			vmm_die("torture has no \"%.*s\"", (int)len, list);
		bits |= 1u << op;
	}
	return bits;
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

/*
 * Away from under the guest's feet, and back. Nobody else in this process maps memory
 * meanwhile, so the hole stays one.
 */
static bool do_mremap(void)
{
	struct range range = work_range();
	char *away = mmap(NULL, range.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (away == MAP_FAILED)
		return false;
	if (mremap(range.start, range.size, range.size, MREMAP_MAYMOVE | MREMAP_FIXED,
		   away) == MAP_FAILED) {
		/* the range is of two kinds just now, by another's advice: not in one piece */
		munmap(away, range.size);
		return false;
	}
	usleep(next_random(2000));
	if (mremap(away, range.size, range.size, MREMAP_MAYMOVE | MREMAP_FIXED, range.start) ==
	    MAP_FAILED)
		vmm_die("mremap back %zu bytes to %p", range.size, range.start);
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

static bool do_compact(void)
{
	return !proc_write("/proc/sys/vm/compact_memory", "1");
}

/* The kernel may find less to take than it is asked for. */
static bool do_reclaim(void)
{
	int error = *torture.reclaim ? proc_write(torture.reclaim, "1M") : -ENOENT;

	return !error || error == -EAGAIN;
}

static bool set_slot(struct kvm_userspace_memory_region *region)
{
	return !ioctl(torture.vm_fd, KVM_SET_USER_MEMORY_REGION, region);
}

/* A slot over some of the same memory: made, moved, or deleted. */
static bool do_slot(void)
{
	int i = next_random(SPARE_SLOTS);
	struct kvm_userspace_memory_region *region = &torture.spare[i];

	if (!region->memory_size) {
		struct range range = work_range();

		*region = (struct kvm_userspace_memory_region) {
			.slot = SPARE_SLOT + i,
			.guest_phys_addr = SPARE_GPA + ((uint64_t)i << 28),
			.memory_size = range.size,
			.userspace_addr = (uintptr_t)range.start,
		};
	} else if (next_random(2)) {
		region->guest_phys_addr ^= 1ull << 27;
	} else {
		region->memory_size = 0;
	}
	if (!set_slot(region))
		vmm_die("slot %u: %llu bytes at %#llx", region->slot, region->memory_size,
			region->guest_phys_addr);
	return true;
}

/* The slot of the scratch memory goes and comes. */
static bool do_scratch_slot(void)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1,
		.guest_phys_addr = torture.job->config.memory,
		.userspace_addr = (uintptr_t)torture.scratch,
	};

	if (!set_slot(&region))
		vmm_die("delete the slot of scratch memory");
	usleep(next_random(1000));
	region.memory_size = torture.scratch_pages * PAGE;
	if (!set_slot(&region))
		vmm_die("make the slot of scratch memory again");
	return true;
}

/* Writes to all memory are logged for a moment. */
static bool do_log(void)
{
	struct kvm_userspace_memory_region region = {
		.flags = KVM_MEM_LOG_DIRTY_PAGES,
		.memory_size = torture.job->config.memory,
		.userspace_addr = (uintptr_t)torture.memory,
	};
	struct kvm_dirty_log log = { .dirty_bitmap = torture.bitmap };

	if (!set_slot(&region))
		vmm_die("log the writes of slot 0");
	usleep(next_random(2000));
	if (ioctl(torture.vm_fd, KVM_GET_DIRTY_LOG, &log))
		vmm_die("KVM_GET_DIRTY_LOG");
	region.flags = 0;
	if (!set_slot(&region))
		vmm_die("no longer log the writes of slot 0");
	return true;
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
	case TORTURE_MREMAP:
		return do_mremap();
	case TORTURE_KSM:
		return do_ksm();
	case TORTURE_THP:
		return advise(huge_range(), next_random(2) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	case TORTURE_COLLAPSE:
		return do_collapse();
	case TORTURE_COMPACT:
		return do_compact();
	case TORTURE_RECLAIM:
		return do_reclaim();
	case TORTURE_SLOT:
		return do_slot();
	case TORTURE_SCRATCH:
		return do_scratch_slot();
	case TORTURE_LOG:
		return do_log();
	default:
		return false;
	}
}

/* The next of all that there is, in a new order each time around. */
static enum torture_op next_op(void)
{
	static enum torture_op deck[TORTURE_OPS];
	static int left;
	enum torture_op op;
	int i;

	if (!left)
		for (; left < TORTURE_OPS; left++)
			deck[left] = left;
	i = next_random(left--);
	op = deck[i];
	deck[i] = deck[left];
	return op;
}

static void *torture_main(void *unused)
{
	(void)unused;
	while (!__atomic_load_n(&torture.stop, __ATOMIC_ACQUIRE)) {
		enum torture_op op = next_op();

		if (torture.job->config.without & 1u << op)
			continue;
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

void torture_start(struct job *job, struct vmm *vm, const char *cgroup)
{
	torture.job = job;
	torture.vm_fd = vm->fd;
	if (cgroup)
		snprintf(torture.reclaim, sizeof(torture.reclaim), "%s/memory.reclaim", cgroup);
	torture.memory = vmm_hva(vm, 0, job->config.memory);
	torture.bitmap = calloc(job->config.memory / PAGE / 64 + 1, 8);
	if (!torture.bitmap)
		vmm_die("memory for a log");
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
