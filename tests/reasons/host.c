// SPDX-License-Identifier: GPL-2.0
/*
 * host.c - memory of each kind for a slot, and what the kernel tells about it:
 * pagemap, kpageflags, smaps, vmstat, nodes, cgroups. The contracts are in reasons.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "reasons.h"

/* Debian 12's headers have it, older ones do not. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

char *aligned_hole(void)
{
	char *hva = mmap(NULL, SIZE + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (hva == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	munmap(hva, SIZE + HUGE);
	return (char *)(((uintptr_t)hva + HUGE - 1) & ~(HUGE - 1));
}

char *map_file(int fd, int flags)
{
	char *hva = mmap(aligned_hole(), SIZE, PROT_READ | PROT_WRITE,
			 flags | MAP_FIXED_NOREPLACE, fd, 0);

	if (hva == MAP_FAILED)
		fail("mmap of the slot's memory: %s", strerror(errno));
	return hva;
}

char *anonymous(void)
{
	char *hva = map_file(-1, MAP_PRIVATE | MAP_ANONYMOUS);

	/* so that each page is the host's to take by itself */
	if (madvise(hva, SIZE, MADV_NOHUGEPAGE))
		fail("MADV_NOHUGEPAGE: %s", strerror(errno));
	return hva;
}

int memory_file(unsigned int flags)
{
	int fd = memfd_create("slot", MFD_CLOEXEC | flags);

	if (fd < 0 || ftruncate(fd, SIZE))
		fail("a memory file of %lu KiB: %s", SIZE / 1024, strerror(errno));
	return fd;
}

long long vmstat(const char *name)
{
	long long value = proc_value("/proc/vmstat", name);

	if (value < 0)
		fail("/proc/vmstat has no %s", name);
	return value;
}

long long number_in(const char *path)
{
	char text[64];
	long got = proc_read(path, text, sizeof(text));

	if (got <= 0)
		fail("read %s: %s", path, strerror(-got));
	return atoll(text);
}

void set_file(const char *path, const char *text)
{
	int error = proc_write(path, text);

	if (error)
		fail("write \"%s\" to %s: %s", text, path, strerror(-error));
}

long long smaps_kib(const void *hva, const char *name)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long at = (unsigned long)hva, start, end;
	size_t len = strlen(name);
	long long value = -1;
	bool here = false;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = at >= start && at < end;
		else if (here && !strncmp(line, name, len) && line[len] == ':')
			value = atoll(line + len + 1);
	}
	if (file)
		fclose(file);
	if (value < 0)
		fail("/proc/self/smaps has no %s of the slot", name);
	return value;
}

int swapped(const char *hva, int pages)
{
	unsigned char states[pages];
	int i, count = 0, error = proc_pages(getpid(), hva, pages, states);

	if (error)
		fail("read the pagemap: %s", strerror(-error));
	for (i = 0; i < pages; i++)
		count += states[i] == PAGE_SWAPPED;
	return count;
}

void take_frames(const char *hva, int pages, uint64_t *frames)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), i;
	ssize_t size = pages * 8;

	if (fd < 0 || pread(fd, frames, size, (uintptr_t)hva / PAGE * 8) != size)
		fail("read /proc/self/pagemap: %s", strerror(errno));
	close(fd);
	for (i = 0; i < pages; i++)
		frames[i] = frames[i] >> 63 ? frames[i] & ((1ull << 55) - 1) : 0;
}

int frames_moved(const char *hva, int pages, const uint64_t *before)
{
	uint64_t now[pages];
	int i, count = 0;

	take_frames(hva, pages, now);
	for (i = 0; i < pages; i++)
		count += now[i] != before[i];
	return count;
}

int frames_flagged(const char *hva, int pages, int bit)
{
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC), i, count = 0;
	uint64_t frames[pages], flags;

	take_frames(hva, pages, frames);
	for (i = 0; i < pages; i++) {
		if (!frames[i])
			continue;
		if (pread(fd, &flags, 8, frames[i] * 8) != 8)
			fail("read /proc/kpageflags: %s", strerror(errno));
		count += flags >> bit & 1;
	}
	close(fd);
	return count;
}

int on_node(const char *hva, int pages, int node)
{
	void *addresses[pages];
	int status[pages], i, count = 0;

	for (i = 0; i < pages; i++)
		addresses[i] = (void *)(hva + i * PAGE);
	if (syscall(SYS_move_pages, 0, pages, addresses, NULL, status, 0))
		fail("ask for the nodes of pages: %s", strerror(errno));
	for (i = 0; i < pages; i++)
		count += status[i] == node;
	return count;
}

void empty_queues(void)
{
	int node = 0, status;
	void *address = &node;

	if (syscall(SYS_move_pages, 0, 0, &address, &node, &status, 0))
		fail("move_pages of no page: %s", strerror(errno));
}

void prefer_node(int node)
{
	const int default_policy = 0, preferred = 1;	/* MPOL_ of <numaif.h> */
	unsigned long nodes = 1ul << node;

	if (node < 0 ? syscall(SYS_set_mempolicy, default_policy, NULL, 0) :
	    syscall(SYS_set_mempolicy, preferred, &nodes, 64))
		fail("set_mempolicy for node %d: %s", node, strerror(errno));
}

void run_on(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		fail("sched_setaffinity to CPU %d: %s", cpu, strerror(errno));
}

void move_to_node(char *hva, int pages, int node)
{
	double limit = seconds() + 10;
	void *addresses[pages];
	int nodes[pages], status[pages], i;

	for (i = 0; i < pages; i++) {
		addresses[i] = hva + i * PAGE;
		nodes[i] = node;
	}
	/* a page that somebody is just looking at stays: ask again */
	do {
		if (syscall(SYS_move_pages, 0, pages, addresses, nodes, status, 0) < 0)
			fail("move_pages: %s", strerror(errno));
	} while (on_node(hva, pages, node) < pages && seconds() < limit);
}

bool log_has(const char *text)
{
	int fd = kmsg_open(SEEK_SET);
	bool found = false;
	char line[1024];

	while (!found && kmsg_next(fd, NULL, line, sizeof(line)))
		found = strstr(line, text);
	close(fd);
	return found;
}

double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

void enter_cgroup(long long max, char *path, size_t size)
{
	char name[32];

	snprintf(name, sizeof(name), "reasons-%d", getpid());
	cgroup_create(name, max, path, size);
	cgroup_enter(path);
}

void leave_cgroup(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/fs/cgroup/reasons-%d", pid);
	cgroup_remove(path);
}

void set_cgroup(const char *path, const char *file, const char *text)
{
	char name[256];

	snprintf(name, sizeof(name), "%s/%s", path, file);
	set_file(name, text);
}
