/* SPDX-License-Identifier: GPL-2.0 */
/*
 * step.h - where other CPUs may come in between. Before a CPU touches something that
 * another one may touch without a lock, and before it takes a lock, it says so here. Who
 * explores interleavings (tests/explore) lets others go on at these points, and at no
 * others; everyone else compiles them away.
 */
#ifndef HOST_STEP_H
#define HOST_STEP_H

#include <stdbool.h>

struct host_lock;

#ifdef HOST_STEPS

/**
 * host_step() - the next thing that this CPU does may matter to others.
 * @where: the function that does it.
 * @how: a verb.
 * @what: the thing, in words.
 * @on: the thing; NULL: more than one, and some of them always shared.
 * @write: it changes the thing.
 */
void host_step(const char *where, const char *how, const char *what, const void *on, bool write);

/** host_touches() - the step under way touches this thing too. */
void host_touches(const void *on, bool write);

/** host_released() - a lock has been let go of. */
void host_released(const struct host_lock *lock);

/** host_note() - what a step has done, for who reads a schedule. */
void __attribute__((format(printf, 1, 2))) host_note(const char *format, ...);

#else

#define host_step(where, how, what, on, write)	((void)(on))
#define host_touches(on, write)			((void)(on))
#define host_released(lock)			((void)(lock))
#define host_note(...)				((void)0)

#endif

/* What is only counted or noted, and decides nothing: states that differ in it are the same. */
#define host_noted __attribute__((section("host_noted")))

#endif
