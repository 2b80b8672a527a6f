/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sample.h - one look at a running job from the outside: the state of each of the
 * guest's pages, and what the kernel and the module have counted.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "job.h"
#include "map.h"

/* What the module counts and the watcher shows; the names are in sample.c. */
enum sample_stat {
	STAT_FAULTS, STAT_FAULTS_RETRIED, STAT_SPTES_SET, STAT_SPTES_CLEARED,
	STAT_SPTES_UNMAPPED, STAT_PAGES_PINNED, STAT_INVALIDATIONS, STAT_TLB_FLUSHES,
	STAT_KICKS, STAT_AUDIT_FAILURES,
	SAMPLE_STATS
};

/** struct sample - -1 where a figure is not known (stock KVM, no cgroup). */
struct sample {
	double seconds;			/* since the first sample */
	unsigned char *states;		/* enum map_state of each page */
	size_t npages;
	size_t counts[MAP_STATES];
	long long swapped_kb;		/* VmSwap of the worker */
	long long pages_in, pages_out;	/* /proc/vmstat, since boot */
	long long refaults;		/* of the cgroup: anonymous pages that came back */
	long long stats[SAMPLE_STATS];	/* of the module */
};

/**
 * sample_take() - look once.
 * @sample: zeroed before the first time, then reused
 *
 * A page is young as long as the host has not aged it since its last use.
 * Return: false if the worker is gone.
 */
bool sample_take(struct sample *sample, const struct job *job, int pid, const char *cgroup);

/** sample_clock() - seconds since some moment. */
double sample_clock(void);

/** sample_view() - a struct vmm that is good for the dbgfs_ functions alone. */
struct vmm sample_view(const struct job *job, int pid);

#endif
