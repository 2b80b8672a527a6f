/* SPDX-License-Identifier: GPL-2.0 */
/*
 * alloc.h - what the two halves of the allocation test share: alloc.c makes the
 * allocations of one place fail, life.c is a VM's life, from its first call to its last.
 */
#ifndef DEBUG_ALLOC_H
#define DEBUG_ALLOC_H

#include <stdbool.h>

/** struct outcome - how a life went in which one place's allocations failed. */
struct outcome {
	unsigned int failed;	/* allocations that were made to fail */
	const char *step;	/* the call that failed by it; NULL: none did */
	int error;		/* its errno */
	const char *broken;	/* what did not work then or afterwards; NULL: nothing */
};

/**
 * run_life() - everything that asks the module for something, once.
 * @failures: says how many allocations were made to fail since it was armed
 * @disarm: from now on none
 *
 * Stops making allocations fail after the first step in which one did, does that step
 * again, which must then do, and goes on to the end.
 */
void run_life(struct outcome *outcome, unsigned int (*failures)(void), void (*disarm)(void));

#endif
