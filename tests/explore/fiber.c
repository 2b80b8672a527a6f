// SPDX-License-Identifier: GPL-2.0
/*
 * fiber.c - CPUs as fibers. One thread runs them all, in turn, and a switch costs a few
 * instructions. Their stacks are part of the machine's memory (state.c); below its stack
 * pointer a fiber that does not run has zeros, so that two states which differ only in
 * what was once there are the same.
 */
#include <stdint.h>
#include <string.h>

#include "engine.h"
#include "fiber.h"

static struct fiber {
	void *sp;
	void (*run)(void);
	bool done;
} fibers[MAX_CPUS];

static char stacks[MAX_CPUS][FIBER_STACK] __attribute__((aligned(4096)));

static void fiber_main(void)
{
	struct fiber *fiber = &fibers[engine->cpu];

	fiber->run();
	fiber->done = true;
	for (;;)
		fiber_yield();
}

/** fiber_make() - CPU @i will begin with @run(). */
void fiber_make(int i, void (*run)(void))
{
	void **sp = (void **)(stacks[i] + FIBER_STACK) - 8;

	memset(stacks[i], 0, FIBER_STACK);
	sp[6] = fiber_main;	/* behind six registers; at its entry rsp is 8 off 16 */
	fibers[i] = (struct fiber){ .sp = sp, .run = run };
}

bool fiber_done(int i)
{
	return !fibers[i].run || fibers[i].done;
}

/** fiber_self() - which CPU is this? -1: the explorer itself. */
int fiber_self(void)
{
	return engine->cpu;
}

/** fiber_run() - let it run until it yields. */
void fiber_run(int i)
{
	uintptr_t sp, page;

	engine->cpu = i;
	fiber_switch(&engine->main_sp, fibers[i].sp);
	engine->cpu = -1;
	/* Forget what is below its stack pointer; what never changed is zero already. */
	sp = fibers[i].done ? (uintptr_t)stacks[i] + FIBER_STACK : (uintptr_t)fibers[i].sp;
	for (page = (uintptr_t)stacks[i]; page < sp; page += 4096)
		if (state_page_changes((void *)page))
			memset((void *)page, 0, sp - page < 4096 ? sp - page : 4096);
}

/** fiber_yield() - the turn is the explorer's. */
void fiber_yield(void)
{
	fiber_switch(&fibers[engine->cpu].sp, engine->main_sp);
}
