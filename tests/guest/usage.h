/* SPDX-License-Identifier: GPL-2.0 */
/*
 * usage.h - what the kernel uses for itself, measured three times: before, half-way and
 * after. Used by load.c and by the fuzzer.
 */
#ifndef GUEST_TEST_USAGE_H
#define GUEST_TEST_USAGE_H

#include <stdbool.h>

#define USAGE_MAX_CACHES 128

/** struct usage - one measure. */
struct usage {
	long pages;		/* that are not free, no process' and no cache's */
	long process_pages;	/* of processes: one that is gone must not have left any */
	int nr_caches;
	struct usage_cache {
		char name[32];
		long objects;
	} caches[USAGE_MAX_CACHES];
};

/** usage_measure() - measure; takes most of a second. */
void usage_measure(struct usage *usage);

/**
 * usage_is_leak() - did it grow in both halves? Noise comes once, a leak goes on.
 * @noise: growth from the first measure to the last that is none.
 */
bool usage_is_leak(long before, long middle, long after, long noise);

/** usage_leaks() - what leaks, of three measures; prints it. Return: how many things. */
int usage_leaks(struct usage *usage, long noise);

#endif
