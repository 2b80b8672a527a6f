// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - explore [--bound N] [--csv FILE] [--schedules FOLDER] [SCENARIO ...]
 *
 * All scenarios, or those named, on each protocol that this chapter's module has. First a
 * vCPU and one of the host's CPUs, in every order there is; then a vCPU and both of the host's,
 * and both vCPUs and one of the host's, with no more than N + 1 preemptions; then all four
 * with no more than N. N is 1 unless --bound says more, or all. What must fail must fail, and
 * with as few preemptions as it says here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/kernel.h>

#include "engine.h"
#include "protocol.h"
#include "world.h"

#define CHAPTER4	!IS_ENABLED(CONFIG_KVMSWAP_SEQLOCK)

static const char *protocol_name;
static FILE *csv;
static const char *schedules;
static int bound = 1;

/* How many preemptions it takes to make it fail; -1: it must not. */
static int must_fail(const struct scenario *scenario)
{
	if (CHAPTER4)
		return 1;
	/* The call about the old address comes last, when the page may be gone already. */
	if (HOST_OLD_CALLS && !strcmp(protocol_name, "seqlock") &&
	    !strcmp(scenario->name, "mremap"))
		return 1;
	return -1;
}

static const char *kernel(void)
{
	return HOST_OLD_CALLS ? "6.1" : "6.12";
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The schedule that fails, for whoever wants to see it. */
static void show(const struct scenario *scenario, bool expected)
{
	char path[256];
	FILE *out;

	if (!expected) {
		engine_print(stdout);
		return;
	}
	if (!schedules)
		return;
	snprintf(path, sizeof(path), "%s/chapter%d-%s.txt", schedules, KVMSWAP_CHAPTER,
		 scenario->name);
	out = fopen(path, "w");
	if (!out) {
		perror(path);
		exit(1);
	}
	engine_print(out);
	fclose(out);
}

/* All that is to be tried of one scenario, until it fails. False: it did not end as it must. */
static bool explore(const struct scenario *scenario)
{
	/* Bits of CPUs, and how many preemptions more than the bound. */
	static const struct {
		unsigned int cpus;
		int more;
	} parts[] = {
		{ 0x5, ANY_SWITCHES }, { 0x9, ANY_SWITCHES }, { 0xd, 1 }, { 0x7, 1 }, { 0xf, 0 },
	};
	unsigned long states = 0, steps = 0, paths = 0;
	int expected = must_fail(scenario), longest = 0;
	double start = seconds();
	struct found found = { };
	char outcome[64];
	unsigned int i;
	bool ok;

	for (i = 0; i < ARRAY_SIZE(parts) && !found.failed; i++) {
		found = engine_explore(scenario, parts[i].cpus,
				       min(bound + parts[i].more, ANY_SWITCHES));
		states += found.states;
		steps += found.steps;
		paths += found.schedules;
		longest = max(longest, found.longest);
	}
	ok = found.failed ? found.preemptions == expected : expected < 0;
	snprintf(outcome, sizeof(outcome), found.failed ? "fails with %d preemption%s" : "holds",
		 found.preemptions, found.preemptions == 1 ? "" : "s");
	printf("%-8s %8lu states %8lu steps %7lu schedules, longest %3d, %5.1f s: %s%s\n",
	       scenario->name, states, steps, paths, longest, seconds() - start, outcome,
	       !ok ? "  NOT OK" : expected < 0 ? "" : ", as it must");
	if (found.failed)
		printf("         %s\n", engine_failure());
	if (csv)
		fprintf(csv, "%d,%s,%s,%s,%lu,%lu,%lu,%d,%s\n", KVMSWAP_CHAPTER, kernel(),
			CHAPTER4 ? "none" : protocol_name, scenario->name, states, steps, paths,
			longest, outcome);
	if (found.failed)
		show(scenario, ok);
	fflush(stdout);
	return ok;
}

static const struct scenario *scenario_named(const char *name)
{
	int i;

	for (i = 0; i < nr_scenarios; i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	fprintf(stderr, "explore: no scenario is called %s; there are:", name);
	for (i = 0; i < nr_scenarios; i++)
		fprintf(stderr, " %s", scenarios[i].name);
	fprintf(stderr, "\n");
	exit(1);
}

/* What a scenario is about must be there. */
static bool has(const struct scenario *scenario)
{
	return IS_ENABLED(CONFIG_KVMSWAP_AGE) || strcmp(scenario->name, "age");
}

struct score {
	int passed, failed;
};

static void count(struct score *score, bool ok)
{
	if (ok)
		score->passed++;
	else
		score->failed++;
}

/* The score is not here: what is the program's data goes back to what it was. */
static void explore_protocol(const char *name, char **names, struct score *score)
{
	int i;

	if (!engine)
		engine_init();
	else
		state_reset();
	protocol_name = name;
#ifdef CONFIG_KVMSWAP_RANGE
	protocol = NULL;
	*(const char **)host_param("protocol") = name;
	if (protocol_choose())
		exit(1);
#endif
	state_keep();
	printf("chapter %d, protocol %s, Linux %s:\n", KVMSWAP_CHAPTER,
	       CHAPTER4 ? "none" : name, kernel());
	for (i = 0; names[i]; i++)
		count(score, explore(scenario_named(names[i])));
	for (i = 0; !names[0] && i < nr_scenarios; i++)
		if (has(&scenarios[i]))
			count(score, explore(&scenarios[i]));
}

int main(int argc, char **argv)
{
	struct score score = { };

	(void)argc;
	for (argv++; argv[0] && argv[0][0] == '-' && argv[1]; argv += 2) {
		if (!strcmp(argv[0], "--bound"))
			bound = strcmp(argv[1], "all") ? atoi(argv[1]) : ANY_SWITCHES;
		else if (!strcmp(argv[0], "--csv"))
			csv = fopen(argv[1], "a");
		else if (!strcmp(argv[0], "--schedules"))
			schedules = argv[1];
	}
	if (bound < 1 || bound > ANY_SWITCHES) {
		fprintf(stderr, "explore: --bound wants a number from 1 to %d, or all\n",
			ANY_SWITCHES - 1);
		return 1;
	}
	if (IS_ENABLED(CONFIG_KVMSWAP_RANGE)) {
		explore_protocol("range", argv, &score);
		explore_protocol("interval", argv, &score);
	} else {
		explore_protocol("seqlock", argv, &score);
	}
	if (csv)
		fclose(csv);
	printf("explore, chapter %d on %s: %d passed, %d failed\n", KVMSWAP_CHAPTER, kernel(),
	       score.passed, score.failed);
	return score.failed != 0;
}
