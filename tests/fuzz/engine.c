// SPDX-License-Identifier: GPL-2.0
/*
 * engine.c - rounds from the inputs of libFuzzer, which keeps an input if it made the
 * module run something new. It is told so by KCOV: the kernel notes for each thread which
 * blocks of the module it has run, and the counters below are for libFuzzer the same as
 * those of a program that it was linked with.
 *
 * Needs a kernel with CONFIG_KCOV, and the module built for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define KCOV_INIT_TRACE _IOR('c', 1, unsigned long)
#define KCOV_ENABLE _IO('c', 100)
#define KCOV_TRACE_PC 0
#define KCOV_FILE "/sys/kernel/debug/kcov"
#define COVER_WORDS (32ul << 10)	/* of a thread, in one round */

#define COUNTERS (16u << 10)
#define CHECK_EVERY 32			/* rounds; a good guest takes its time */

/*
 * checkpatch(CAMELCASE): libFuzzer's names
 * checkpatch(AVOID_EXTERNS): it has no header for them
 */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

static struct {
	int fd;
	uint64_t *words;	/* how many, then what ran */
} covers[MAX_CALLERS];

static void cover_open(void)
{
	int i;

	for (i = 0; i < MAX_CALLERS; i++) {
		covers[i].fd = open(KCOV_FILE, O_RDWR | O_CLOEXEC);
		if (covers[i].fd < 0)
			vmm_die("open " KCOV_FILE " (has the kernel CONFIG_KCOV?)");
		if (ioctl(covers[i].fd, KCOV_INIT_TRACE, COVER_WORDS))
			vmm_die("set up KCOV");
		covers[i].words = mmap(NULL, COVER_WORDS * 8, PROT_READ | PROT_WRITE, MAP_SHARED,
				       covers[i].fd, 0);
		if (covers[i].words == MAP_FAILED)
			vmm_die("map what KCOV tells");
	}
}

/* In the round's process, by each thread that enters the module. */
static void cover_thread(int n)
{
	if (ioctl(covers[n].fd, KCOV_ENABLE, KCOV_TRACE_PC))
		vmm_die("switch KCOV on");
}

/* Return: how many blocks ran. */
static unsigned long cover_collect(void)
{
	unsigned long sum = 0;
	uint64_t i, place;
	int n;

	for (n = 0; n < MAX_CALLERS; n++) {
		for (i = 1; i <= covers[n].words[0]; i++) {
			place = covers[n].words[i] * 0x9e3779b97f4a7c15ull >> 50;
			if (counters[place % COUNTERS] < 255)
				counters[place % COUNTERS]++;
		}
		sum += covers[n].words[0];
		covers[n].words[0] = 0;
	}
	return sum;
}

/* As text, for the kernel's log: what was run is known even if the VM is no more. */
static void name_input(const uint8_t *data, size_t size, char *text, size_t room)
{
	size_t i, len = snprintf(text, room, "input ");

	for (i = 0; i < size && len + 3 < room; i++)
		len += snprintf(text + len, room - len, "%02x", data[i]);
}

/* The first byte says what kind, the rest is the threads', the first one has half. */
static void make_round(struct round *round, const uint8_t *data, size_t size)
{
	size_t rest = size ? size - 1 : 0, part;
	int i;

	round->guests = size && (data[0] & 1);
	for (i = 0; i < ROUND_THREADS; i++) {
		part = i == ROUND_THREADS - 1 ? rest : rest / 2;
		source_bytes(&round->sources[i], data + size - rest, part);
		rest -= part;
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	tally_init();
	memory_reset();
	memory_stir();
	round_open_log();
	pictures_init("/dev/kvmswap");
	cover_open();
	watch_on_enter = cover_thread;
	run_ms *= vmm_slowness();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int rounds;
	static char name[1024];
	struct round round = { .device = "/dev/kvmswap", .name = name };

	name_input(data, size, name, sizeof(name));
	make_round(&round, data, size);
	round.brief = ++rounds % CHECK_EVERY;
	if (round_run(&round)) {
		tally_print();
		abort();
	}
	if (!cover_collect())
		vmm_die("KCOV has seen nothing of the module: was it built for this kernel?");
	return 0;
}
