// SPDX-License-Identifier: GPL-2.0
/*
 * reclaim.c - the host wants pages back, here and now. MADV_PAGEOUT takes the
 * process' own entries away and has the pages written to the swap disk; a page
 * that was being written meanwhile is freed by the next reclaim of its cgroup.
 * See demo.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "demo.h"

#define TURNS 10

static char cgroup[128];

void reclaim_begin(void)
{
	int error = proc_write("/proc/sys/vm/page-cluster", "0");

	/* A page is read back alone, without its neighbours on the disk: so we can count. */
	errno = -error;
	if (error)
		vmm_die("write 0 to /proc/sys/vm/page-cluster");
	cgroup_check_swap(64 * MEBI);
	cgroup_create("demo", 512 * MEBI, cgroup, sizeof(cgroup));
	cgroup_enter(cgroup);
}

static void want_back(const char *amount)
{
	char path[160];
	int error;

	snprintf(path, sizeof(path), "%s/memory.reclaim", cgroup);
	error = proc_write(path, amount);
	if (error && error != -EAGAIN) {	/* EAGAIN: less than that was found */
		errno = -error;
		vmm_die("write %s to %s", amount, path);
	}
}

void reclaim_down_to(long pages)
{
	char path[160], text[32];
	long long above;

	/* Reading brings its figures up to date; by them the kernel sees which list is short. */
	snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
	proc_value(path, "anon");
	snprintf(path, sizeof(path), "%s/memory.current", cgroup);
	if (proc_read(path, text, sizeof(text)) <= 0)
		vmm_die("read %s", path);
	above = atoll(text) - pages * (long)PAGE;
	if (above <= 0)
		return;
	snprintf(text, sizeof(text), "%lld", above);
	want_back(text);
}

long long reclaim(void *hva, int pages)
{
	long long before = proc_value("/proc/vmstat", "pswpout");
	int i;

	if (madvise(hva, pages * PAGE, MADV_PAGEOUT))
		vmm_die("MADV_PAGEOUT of %d pages", pages);
	for (i = 0; i < TURNS && (!i || resident(hva, pages)); i++) {
		usleep(50000);	/* the disk writes */
		want_back("64M");
	}
	return proc_value("/proc/vmstat", "pswpout") - before;
}
