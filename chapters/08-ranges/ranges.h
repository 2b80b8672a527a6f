/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ranges.h - what the parts of chapter 8's demo share: the host does something on a
 * thread of its own and is held at a pause point; vCPUs read and tell what they found.
 *
 * Next: demo.c, which calls the parts in their order.
 */
#ifndef CHAPTERS_RANGES_H
#define CHAPTERS_RANGES_H

#include "../demo.h"

#define SMALL		(4 * MEBI)	/* slot 0: code, tables, and where vCPUs tell */
#define WORK_GPA	(32 * MEBI)	/* slot 1 */
#define LATE_GPA	(64 * MEBI)	/* slot 2 */

/** changes_come_first() - does the host call only when it has changed its entries? */
bool changes_come_first(void);

/* ---- ask.c: vCPUs that tell ---- */

/** ask_create() - a VM with @vcpus vCPUs in 64-bit mode and SMALL bytes of memory. */
struct vmm *ask_create(char *memory, int vcpus);
/** ask_destroy() - the end of that VM. */
void ask_destroy(struct vmm *vm);
/** ask_start() - vCPU @n is to read the word at @gpa, on a thread of its own. */
void ask_start(struct vmm *vm, int n, uint64_t gpa);
/** ask_told() - has it? Waits up to @ms milliseconds for that. */
bool ask_told(struct vmm *vm, int n, int ms);
/** ask_waits() - after ask_start(): does its fault wait, once there is one? */
bool ask_waits(struct vmm *vm, int n);
/** ask_end() - wait for vCPU @n; returns the word that it read. */
uint32_t ask_end(struct vmm *vm, int n);
/** count_start() - vCPU @n writes to @pages from @gpa on, and then counts; vmm_kick() ends it. */
void count_start(struct vmm *vm, int n, uint64_t gpa, int pages);
/** count_of() - how far it has counted. */
uint32_t count_of(struct vmm *vm, int n);

/* ---- the parts ---- */

void show_between(void);
void show_late_slot(void);
void show_moved(void);
void show_munmap(void);

#endif
