// SPDX-License-Identifier: GPL-2.0
/*
 * state.c - all of the program's data is the machine: the module's, the host's, the fibers'
 * stacks. Who explores keeps what is its own elsewhere (engine.h). After each step the
 * lines of memory that have changed are noted with what they were, so that a step can be
 * undone; and a sum over all lines names the state.
 *
 * A page is looked at from its first change on: until then it is write-protected, and the
 * change is a signal.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"
#include "state.h"

#define PAGE	4096UL
#define LINE	64UL
#define WORDS	(LINE / 8)
#define MAX_UNDO (1UL << 22)
#define SEEN	(1UL << 24)	/* places in the table; no more than three quarters are used */

struct undo {
	uint32_t line;
	uint64_t was[WORDS];
};

struct seen {
	struct state_id id;
	int8_t left;
};

/* A part of memory that is not compared. */
struct ignored {
	uintptr_t from, to;
};

/* All that is here is behind a pointer that never changes. */
struct state {
	char *from;
	size_t pages;
	bool *changes;			/* the page has been written since state_begin() */
	bool *changed_before;		/* the same, at state_probe() */
	size_t probe;
	char *first;			/* the memory before any run */
	char *last;			/* ... and after the last step */
	struct undo *undo;
	size_t nr_undo;
	struct state_id sum;
	struct ignored ignored[4];
	int nr_ignored;
	struct seen *seen;
	unsigned long nr_seen;
};

static struct state *state;

static void *map(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED) {
		perror("explore: mmap");
		exit(1);
	}
	return memory;
}

static void on_write(int signal, siginfo_t *info, void *context)
{
	size_t page = ((char *)info->si_addr - state->from) / PAGE;

	(void)signal;
	(void)context;
	if ((char *)info->si_addr < state->from || page >= state->pages || state->changes[page])
		abort();
	state->changes[page] = true;
	mprotect(state->from + page * PAGE, PAGE, PROT_READ | PROT_WRITE);
}

/** state_init() - once, before the machine is set up for the first time. */
void state_init(void)
{
	struct sigaction action = { .sa_sigaction = on_write, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t stack = { .ss_size = 65536 };

	state = map(sizeof(*state));
	state->from = (char *)((uintptr_t)__data_start & ~(PAGE - 1));
	state->pages = ((uintptr_t)_end - (uintptr_t)state->from + PAGE - 1) / PAGE;
	state->changes = map(state->pages);
	state->changed_before = map(state->pages);
	state->first = map(state->pages * PAGE);
	state->last = map(state->pages * PAGE);
	state->undo = map(MAX_UNDO * sizeof(struct undo));
	state->seen = map(SEEN * sizeof(struct seen));
	stack.ss_sp = map(stack.ss_size);
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &action, NULL);
}

/** state_keep() - what state_reset() goes back to. */
void state_keep(void)
{
	memcpy(state->first, state->from, state->pages * PAGE);
}

/** state_reset() - as it was at state_keep(): no run knows of another. */
void state_reset(void)
{
	mprotect(state->from, state->pages * PAGE, PROT_READ | PROT_WRITE);
	memcpy(state->from, state->first, state->pages * PAGE);
}

/** state_begin() - the machine as it is now is where all schedules begin. */
void state_begin(void)
{
	memcpy(state->last, state->from, state->pages * PAGE);
	memset(state->changes, 0, state->pages);
	state->nr_undo = 0;
	state->sum = (struct state_id){ 1, 1 };
	state->nr_ignored = 0;
	state_ignore(__start_host_noted, __stop_host_noted - __start_host_noted);
	mprotect(state->from, state->pages * PAGE, PROT_READ);
}

/** state_ignore() - states that differ in nothing but this are the same. */
void state_ignore(const void *from, size_t size)
{
	state->ignored[state->nr_ignored++] = (struct ignored){
		(uintptr_t)from, (uintptr_t)from + size,
	};
}

/** state_page_changes() - has anything on this page ever changed? */
bool state_page_changes(const void *page)
{
	return state->changes[((const char *)page - state->from) / PAGE];
}

/* ---- which state is it? ---- */

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15;
	return h ^ h >> 29;
}

static void add_line(size_t line, const uint64_t *words, bool take_away)
{
	uint64_t copy[WORDS], a = line + 1, b = ~line;
	uintptr_t at = (uintptr_t)state->from + line * LINE;
	int i;

	for (i = 0; i < state->nr_ignored; i++) {
		const struct ignored *ignored = &state->ignored[i];
		uintptr_t from = at > ignored->from ? at : ignored->from;
		uintptr_t to = at + LINE < ignored->to ? at + LINE : ignored->to;

		if (from >= to)
			continue;
		if (words != copy)
			memcpy(copy, words, LINE);
		words = copy;
		memset((char *)copy + (from - at), 0, to - from);
	}
	for (i = 0; i < (int)WORDS; i++) {
		a = mix(a, words[i]);
		b = mix(b + 0x2545f4914f6cdd1d, words[i]);
	}
	state->sum.a += take_away ? -a : a;
	state->sum.b += take_away ? -b : b;
}

/** state_step() - a step is done: note what it has changed. */
void state_step(void)
{
	size_t page, i;

	for (page = 0; page < state->pages; page++) {
		char *now = state->from + page * PAGE, *last = state->last + page * PAGE;

		if (!state->changes[page] || !memcmp(now, last, PAGE))
			continue;
		for (i = 0; i < PAGE; i += LINE) {
			size_t line = (page * PAGE + i) / LINE;

			if (!memcmp(now + i, last + i, LINE))
				continue;
			if (state->nr_undo == MAX_UNDO) {
				fprintf(stderr, "explore: a schedule is too long\n");
				exit(1);
			}
			state->undo[state->nr_undo].line = line;
			memcpy(state->undo[state->nr_undo++].was, last + i, LINE);
			add_line(line, (uint64_t *)(last + i), true);
			add_line(line, (uint64_t *)(now + i), false);
			memcpy(last + i, now + i, LINE);
		}
	}
}

/** state_id() - a name for the state after the last step. */
struct state_id state_id(void)
{
	return state->sum;
}

/** state_mark() - what state_back() wants, to come back to the state after the last step. */
size_t state_mark(void)
{
	return state->nr_undo;
}

/** state_back() - be in an earlier state of this schedule again; nothing since state_step(). */
void state_back(size_t mark)
{
	while (state->nr_undo > mark) {
		const struct undo *undo = &state->undo[--state->nr_undo];
		size_t at = undo->line * LINE;

		add_line(undo->line, (uint64_t *)(state->last + at), true);
		add_line(undo->line, undo->was, false);
		memcpy(state->from + at, undo->was, LINE);
		memcpy(state->last + at, undo->was, LINE);
	}
}

/** state_probe() - what changes until state_probed() is not the machine's doing. */
void state_probe(void)
{
	memcpy(state->changed_before, state->changes, state->pages);
	state->probe = state->nr_undo;
}

/** state_probed() - undo it, and forget which pages it has changed. */
void state_probed(void)
{
	size_t page;

	state_step();
	state_back(state->probe);
	for (page = 0; page < state->pages; page++) {
		if (state->changes[page] == state->changed_before[page])
			continue;
		state->changes[page] = false;
		mprotect(state->from + page * PAGE, PAGE, PROT_READ);
	}
}

/* ---- where have we been? ---- */

/** seen_clear() - nowhere. */
void seen_clear(void)
{
	madvise(state->seen, SEEN * sizeof(struct seen), MADV_DONTNEED);
	state->nr_seen = 0;
}

unsigned long seen_count(void)
{
	return state->nr_seen;
}

/**
 * seen_before() - have we been here with as many switches left, or more? If not, we have now.
 */
bool seen_before(struct state_id id, int left)
{
	size_t at = id.a & (SEEN - 1);
	struct seen *seen;

	for (;; at = (at + 1) & (SEEN - 1)) {
		seen = &state->seen[at];
		if (!seen->id.a && !seen->id.b)
			break;
		if (seen->id.a != id.a || seen->id.b != id.b)
			continue;
		if (seen->left >= left)
			return true;
		seen->left = left;
		return false;
	}
	if (state->nr_seen++ > SEEN / 4 * 3) {
		fprintf(stderr, "explore: more than %lu states: a smaller BOUND is needed\n",
			state->nr_seen);
		exit(1);
	}
	seen->id = id;
	seen->left = left;
	return false;
}
