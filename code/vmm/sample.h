/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sample.h - one look at a running job from the outside: the state of each of the
 * guest's pages, and what the kernel and the module have counted.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "job.h"
#include "map.h"

/* What the module counts and the watcher shows; see kernel-module/stats.h. */
#define SAMPLE_STATS(S) \
	S(faults) S(faults_fixed) S(faults_retried) S(sptes_set) S(sptes_cleared) \
	S(sptes_unmapped) S(pages_pinned) S(pages_aged) S(invalidations) S(tlb_flushes) S(kicks) \
	S(audits) S(audit_failures)

/** struct sample - -1 where a figure is not known (stock KVM, no cgroup). */
struct sample {
	double seconds;			/* since the first sample */
	unsigned char *states;		/* enum map_state of each page */
	size_t npages;
	size_t counts[MAP_STATES];
	long long swapped_kb;		/* VmSwap of the worker */
	long long pages_in, pages_out;	/* /proc/vmstat, since boot */
	long long refaults;		/* of the cgroup: anonymous pages that came back */
#define SAMPLE_FIELD(name) long long name;
	SAMPLE_STATS(SAMPLE_FIELD)
#undef SAMPLE_FIELD
};

/**
 * sample_take() - look once.
 * @sample: zeroed before the first time, then reused
 * @clear_young: clear the accessed bits after looking, so that "young" means "since then"
 *
 * Return: false if the worker is gone.
 */
bool sample_take(struct sample *sample, const struct job *job, int pid, const char *cgroup,
		 bool clear_young);

/** sample_view() - a struct vmm that is good for the dbgfs_ functions alone. */
struct vmm sample_view(const struct job *job, int pid);

#endif
