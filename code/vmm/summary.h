/* SPDX-License-Identifier: GPL-2.0 */
/*
 * summary.h - what the main job has shown: the figures of the whole run, and the
 * checks that decide the exit status.
 */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "sample.h"

/** struct summary - gathered over the run. */
struct summary {
	long long max_swapped_kb;
	bool audited;
	unsigned int audits;
	struct dbgfs_audit worst;	/* the highest of each figure */
};

/** summary_look() - take note of a sample. */
void summary_look(struct summary *summary, const struct sample *sample);
/** summary_audit() - let the module audit the worker's VM, and take note. */
void summary_audit(struct summary *summary, const struct job *job, int pid);
/** summary_print() - figures and checks; returns the program's exit status. */
int summary_print(const struct summary *summary, const struct job *job,
		  const struct sample *first, const struct sample *last);

#endif
