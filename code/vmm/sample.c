// SPDX-License-Identifier: GPL-2.0
/*
 * sample.c - look at a running job: sptes from the module's debugfs "map", the rest
 * of the pages from the worker's pagemap, figures from "stats", /proc and the cgroup.
 * You come here from watch.c.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sample.h"

#define PAGE_SHIFT 12

/* As in kernel-module/stats.h. */
static const char *const stat_names[SAMPLE_STATS] = {
	[STAT_FAULTS] = "faults", [STAT_FAULTS_RETRIED] = "faults_retried",
	[STAT_SPTES_SET] = "sptes_set", [STAT_SPTES_CLEARED] = "sptes_cleared",
	[STAT_SPTES_UNMAPPED] = "sptes_unmapped", [STAT_PAGES_PINNED] = "pages_pinned",
	[STAT_INVALIDATIONS] = "invalidations", [STAT_TLB_FLUSHES] = "tlb_flushes",
	[STAT_KICKS] = "kicks", [STAT_AUDIT_FAILURES] = "audit_failures",
};

struct vmm sample_view(const struct job *job, int pid)
{
	return (struct vmm) { .fd = job->vm_fd, .pid = pid };
}

double sample_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* Where the states of the slot at @gpa begin; slots follow each other in @states. */
static unsigned char *states_of(struct sample *sample, const struct job *job, uint64_t gpa,
				size_t *npages)
{
	size_t first = 0;
	int i;

	for (i = 0; i < job->nr_slots; i++) {
		*npages = job->slots[i].size >> PAGE_SHIFT;
		if (job->slots[i].gpa == gpa)
			return sample->states + first;
		first += *npages;
	}
	return NULL;
}

/* @c: the module's letter for a page */
static void set_mapped(unsigned char *state, char c)
{
	if (c == 'y')
		*state = MAP_YOUNG;
	else if (c == 'o')
		*state = MAP_OLD;
}

/* The module's map laid over what pagemap said: y and o are sptes. */
static void read_sptes(struct sample *sample, const struct job *job, const struct vmm *view)
{
	unsigned char *states = NULL;
	size_t npages = 0, page = 0;
	char path[256], line[256];
	FILE *file;

	dbgfs_path(view, "map", path, sizeof(path));
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		unsigned long long gfn;
		const char *c;

		if (sscanf(line, "slot %*d %llx", &gfn) == 1) {
			states = states_of(sample, job, gfn << PAGE_SHIFT, &npages);
			page = 0;
			continue;
		}
		for (c = line; states && *c && *c != '\n' && page < npages; c++, page++)
			set_mapped(states + page, *c);
	}
	fclose(file);
}

static bool read_pages(struct sample *sample, const struct job *job, int pid)
{
	static const unsigned char of_page[] = {
		[PAGE_NONE] = MAP_UNTOUCHED,
		[PAGE_PRESENT] = MAP_RESIDENT,
		[PAGE_SWAPPED] = MAP_SWAPPED,
	};
	unsigned char *states = sample->states;
	int i;

	for (i = 0; i < job->nr_slots; i++) {
		size_t npages = job->slots[i].size >> PAGE_SHIFT, page;

		if (proc_pages(pid, (void *)(uintptr_t)job->slots[i].hva, npages, states))
			return false;
		for (page = 0; page < npages; page++)
			states[page] = of_page[states[page]];
		states += npages;
	}
	return true;
}

/* All of "stats" in one read, since each figure by itself would cost one. */
static void read_stats(struct sample *sample, const struct vmm *view)
{
	char path[256], line[128], name[64];
	long long value;
	FILE *file;
	int i;

	for (i = 0; i < SAMPLE_STATS; i++)
		sample->stats[i] = -1;
	dbgfs_path(view, "stats", path, sizeof(path));
	file = fopen(path, "re");
	if (!file)
		return;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %lld", name, &value) != 2)
			continue;
		for (i = 0; i < SAMPLE_STATS; i++)
			if (!strcmp(name, stat_names[i]))
				sample->stats[i] = value;
	}
	fclose(file);
}

bool sample_take(struct sample *sample, const struct job *job, int pid, const char *cgroup)
{
	static double start;
	struct vmm view = sample_view(job, pid);
	char path[256];
	size_t page;
	int i;

	if (!sample->states) {
		for (i = 0; i < job->nr_slots; i++)
			sample->npages += job->slots[i].size >> PAGE_SHIFT;
		sample->states = calloc(sample->npages, 1);
		if (!sample->states)
			vmm_die("memory for the states of %zu pages", sample->npages);
	}
	if (!start)
		start = sample_clock();
	sample->seconds = sample_clock() - start;
	if (!read_pages(sample, job, pid))
		return false;
	read_sptes(sample, job, &view);
	read_stats(sample, &view);
	memset(sample->counts, 0, sizeof(sample->counts));
	for (page = 0; page < sample->npages; page++)
		sample->counts[sample->states[page]]++;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	sample->swapped_kb = proc_value(path, "VmSwap");
	sample->pages_in = proc_value("/proc/vmstat", "pswpin");
	sample->pages_out = proc_value("/proc/vmstat", "pswpout");
	sample->refaults = -1;
	if (cgroup) {
		snprintf(path, sizeof(path), "%s/memory.stat", cgroup);
		sample->refaults = proc_value(path, "workingset_refault_anon");
	}
	return true;
}
