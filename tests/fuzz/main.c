// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - rounds from seeds: seed after seed until there were enough ioctls, guests
 * and seconds, or a fault. Each round's seed is printed, and is all that it takes to do
 * the round again: threads may meet in another order, but each does the same.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "../guest/usage.h"
#include "fuzz.h"

#define NEWS_S 10
#define NOISE 200		/* pages and objects, from the first measure to the last */

static struct options {
	const char *device;
	uint64_t seed;
	long rounds, ioctls, guests, seconds;
	bool no_usage;
} options = { .device = "/dev/kvmswap" };

static void parse(int argc, char **argv)
{
	static const struct option names[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "seed", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "ioctls", required_argument, NULL, 'i' },
		{ "guests", required_argument, NULL, 'g' },
		{ "seconds", required_argument, NULL, 't' },
		{ "no-usage", no_argument, NULL, 'u' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (option) {
		case 'd':
			options.device = optarg;
			break;
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'r':
			options.rounds = vmm_number(optarg, "rounds", 0, 1000000000);
			break;
		case 'i':
			options.ioctls = vmm_number(optarg, "ioctls", 0, 1000000000);
			break;
		case 'g':
			options.guests = vmm_number(optarg, "guests", 0, 1000000000);
			break;
		case 't':
			options.seconds = vmm_number(optarg, "seconds", 0, 1000000000);
			break;
		case 'u':	/* it takes minutes where the kernel checks all it does */
			options.no_usage = true;
			break;
		default:
			/* checkpatch(SPLIT_STRING): a text of two lines */
			fprintf(stderr, "usage: fuzz [--device PATH] [--seed N] [--rounds N] "
				"[--ioctls N] [--guests N] [--seconds N] [--no-usage]\n");
			exit(VMM_BROKEN);
		}
	}
}

static void make_round(struct round *round, uint64_t seed, char *name, size_t size)
{
	unsigned int i;

	snprintf(name, size, "seed %llu", (unsigned long long)seed);
	*round = (struct round) {
		.device = options.device,
		.name = name,
		.guests = seed % 2,
		/* it costs most where many threads call */
		.audit_always = seed % 2 ? seed % 8 == 1 : seed % 32 == 0,
	};
	for (i = 0; i < ROUND_THREADS; i++)
		source_seed(&round->sources[i], seed, i);
}

/* How much of all that was asked for is done, of 1. */
static double done(double start)
{
	double parts[] = {
		options.rounds ? tally_get(COUNT_ROUNDS) / (double)options.rounds : 1,
		options.ioctls ? tally_get(COUNT_IOCTLS) / (double)options.ioctls : 1,
		options.guests ? tally_get(COUNT_GUESTS) / (double)options.guests : 1,
		options.seconds ? (now() - start) / options.seconds : 1,
	};
	double least = 1;
	size_t i;

	for (i = 0; i < COUNT(parts); i++)
		if (parts[i] < least)
			least = parts[i];
	return least;
}

/* Rounds until @part of all is done. Return: the number of faults. */
static int rounds(uint64_t *seed, double start, double part)
{
	static double last;
	struct round round;
	char name[64];

	while (done(start) < part) {
		int faults;

		make_round(&round, *seed, name, sizeof(name));
		faults = round_run(&round);
		if (faults)
			return faults;
		if (now() - last > NEWS_S) {
			last = now();
			printf("until seed %llu: %.0f s, %ld ioctls, %ld guests\n",
			       (unsigned long long)*seed, now() - start,
			       tally_get(COUNT_IOCTLS), tally_get(COUNT_GUESTS));
		}
		++*seed;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct usage usage[3];
	uint64_t seed;
	double start;
	int faults = 0, i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(argc, argv);
	tally_init();
	memory_reset();
	memory_stir();
	round_open_log();
	pictures_init(options.device);
	run_ms *= vmm_slowness();
	seed = options.seed;
	start = now();
	options.no_usage |= options.rounds == 1;
	printf("fuzz: %s, from seed %llu\n", options.device, (unsigned long long)seed);
	/* what the first rounds leave for good is no leak: caches fill, lists grow */
	for (i = 0; i < 3 && !faults; i++) {
		faults = rounds(&seed, start, (1 + i * 3) / 7.0);
		memory_reset();		/* all rounds have the one file, and may leave it full */
		if (!options.no_usage)
			usage_measure(&usage[i]);
	}
	if (!faults && !options.no_usage) {
		faults = usage_leaks(usage, NOISE);
		if (faults)
			printf("FAILED: %d things leak\n", faults);
	}
	if (!faults && options.rounds != 1)
		faults = tally_gaps();
	tally_print();
	printf("fuzz: %ld rounds good, %d faults\n", tally_get(COUNT_ROUNDS) - !!faults, faults);
	return faults ? 1 : 0;
}
