// SPDX-License-Identifier: GPL-2.0
/*
 * race.c - two threads on two CPUs, for GDB to run in the order it wants: one runs the
 * guest, which reads a page for the first time; the other has the host take that page
 * away. GDB (../gdb/race.py) stops where the statistics are read: before and after.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../chapters/demo.h"

#define MEMORY		(4 * MEBI)
#define RACE_GVA	0x300000ul	/* the page in question */
#define OTHER_GVA	0x200000ul	/* maps the guest's code, so that only one fault is left */
#define WORD		0x1f2f3f4fu
#define DELAY_US	500000		/* the fault is in its window long before */

static void one_cpu(cpu_set_t *set, int cpu)
{
	CPU_ZERO(set);
	CPU_SET(cpu, set);
}

static void *guest_main(void *vm)
{
	return (void *)(uintptr_t)guest_read(vm, RACE_GVA);
}

/* The guest's thread is on its CPU from the start: it need not be moved while it is held. */
static pthread_t start_guest(struct vmm *vm)
{
	pthread_attr_t attr;
	pthread_t thread;
	cpu_set_t set;

	one_cpu(&set, 0);
	pthread_attr_init(&attr);
	errno = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	if (!errno)
		errno = pthread_create(&thread, &attr, guest_main, vm);
	if (errno)
		vmm_die("a thread on CPU 0");
	return thread;
}

int main(void)
{
	char *memory = guest_memory(MEMORY);
	struct vmm *vm = guest_create(VMM_LONG, memory, MEMORY);
	struct dbgfs_audit found;
	pthread_t guest;
	cpu_set_t set;
	void *word;

	one_cpu(&set, 1);
	if (sched_setaffinity(0, sizeof(set), &set))
		vmm_die("a machine with two CPUs is wanted");
	*(uint32_t *)(memory + RACE_GVA) = WORD;
	guest_read(vm, OTHER_GVA);
	/* Not young any more: or MADV_PAGEOUT would have a call of its own to make for it. */
	if (madvise(memory + RACE_GVA, PAGE, MADV_COLD))
		vmm_die("MADV_COLD");
	stat_of(vm, "faults");		/* GDB stops here: the next fault is the one */

	guest = start_guest(vm);
	usleep(DELAY_US);
	if (madvise(memory + RACE_GVA, PAGE, MADV_PAGEOUT))
		vmm_die("MADV_PAGEOUT");
	errno = pthread_join(guest, &word);
	if (errno)
		vmm_die("the guest's thread");

	found = audit(vm);
	printf("race: the guest read %#lx, retries %lld, stale sptes %lld\n", (unsigned long)word,
	       stat_of(vm, "faults_retried"), found.stale_sptes);
	fflush(stdout);
	vmm_destroy(vm);
	return (uintptr_t)word != WORD;
}
