// SPDX-License-Identifier: GPL-2.0
/*
 * cgroup.c - memory pressure on order: a cgroup v2 whose memory.high is less than
 * the guest's memory, so that the kernel must swap it
 * (Documentation/admin-guide/cgroup-v2.rst, "Memory"). Used by run.c and demos.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libvmm.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

static void set_file(const char *folder, const char *file, const char *text)
{
	char path[512];
	int error;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	error = proc_write(path, text);
	if (error) {
		errno = -error;
		vmm_die("write \"%s\" to %s", text, path);
	}
}

void cgroup_create(const char *name, long long limit, char *path, size_t size)
{
	char text[32];

	errno = 0;
	if (access(CGROUP_ROOT "/cgroup.controllers", F_OK))
		vmm_die("no cgroup v2 at " CGROUP_ROOT ": mount -t cgroup2 cgroup2 " CGROUP_ROOT);
	set_file(CGROUP_ROOT, "cgroup.subtree_control", "+memory");
	snprintf(path, size, CGROUP_ROOT "/%s", name);
	if (mkdir(path, 0755) && errno != EEXIST)
		vmm_die("mkdir %s", path);
	snprintf(text, sizeof(text), "%lld", limit);
	set_file(path, "memory.high", text);
	snprintf(text, sizeof(text), "%lld", 2 * limit);
	set_file(path, "memory.max", text);
	set_file(path, "memory.swap.max", "max");
}

void cgroup_enter(const char *path)
{
	set_file(path, "cgroup.procs", "0");
}

void cgroup_remove(const char *path)
{
	int tries = 0;

	/* a process that has just ended may still be on its way out */
	while (rmdir(path) && errno == EBUSY && tries++ < 100)
		usleep(10000);
}

void cgroup_check_swap(long long wanted)
{
	long long free_kb = proc_value("/proc/meminfo", "SwapFree");

	errno = 0;
	if (free_kb < wanted / 1024)
		vmm_die("%lld KiB of swap are free, %lld are needed: add some with swapon",
			free_kb, wanted / 1024);
}
