/* SPDX-License-Identifier: GPL-2.0 */
/*
 * engine.h - what explores. It is not part of the machine, so it keeps nothing in the
 * program's data, which go back to what they were: all is behind one pointer.
 */
#ifndef EXPLORE_ENGINE_H
#define EXPLORE_ENGINE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "state.h"

#define MAX_CPUS	5
#define MAX_STEPS	2000	/* of one schedule */
#define ANY_SWITCHES	100	/* as many preemptions as there can be */

struct scenario;

/* struct accessed - who has touched a thing so far; bit n: CPU n. */
struct accessed {
	const void *on;
	uint8_t read, written;
	const void *lock[2];	/* held, to write, at each access so far; NULL: none, or no more */
};

/* struct choice - one state of the schedule that is being tried. */
struct choice {
	size_t mark;		/* for state_back() */
	uint8_t ready;		/* CPUs that can go on here */
	uint8_t tried;
	int8_t last;		/* who came here; -1: it is the beginning */
	int8_t cpu;		/* who goes on from here */
	int8_t left;		/* how many more preemptions there may be */
};

struct engine {
	int cpu;		/* which one runs; -1: the explorer itself */
	void *main_sp;
	jmp_buf *on_failure;	/* where the explorer itself goes on when a check fails */
	char failure[256];
	const struct scenario *scenario;
	unsigned int cpus;

	struct accessed accessed[4096];
	bool more_is_shared;	/* than was known when this exploration began */

	struct choice choice[MAX_STEPS];
	int depth;
	FILE *out;
	bool prints;		/* this schedule is for a reader */
	int line;		/* of the step that is printed */

	bool cut;		/* a preemption was not tried, as it was one too many */
	unsigned long steps, schedules, ends;
	int longest;
};

/* It never moves. */
extern struct engine *engine;

/* struct found - what came of exploring one scenario. */
struct found {
	bool failed;
	bool cut;		/* there are schedules beyond the bound */
	int preemptions;	/* the least with which it fails */
	unsigned long states, steps, schedules, ends;
	int longest;		/* schedule, in steps */
};

void engine_init(void);
struct found engine_explore(const struct scenario *scenario, unsigned int cpus, int bound);
void engine_print(FILE *out);
const char *engine_failure(void);

#endif
