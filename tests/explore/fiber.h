/* SPDX-License-Identifier: GPL-2.0 */
/* fiber.h - CPUs as fibers: each has a stack, and runs until it gives the turn back. */
#ifndef EXPLORE_FIBER_H
#define EXPLORE_FIBER_H

#include <stdbool.h>
#include <stddef.h>

#define FIBER_STACK	16384

void fiber_make(int i, void (*run)(void));
bool fiber_done(int i);
void fiber_run(int i);
int fiber_self(void);
void fiber_yield(void);
void fiber_switch(void **save, void *to);	/* switch.S */

#endif
