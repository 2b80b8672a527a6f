/* SPDX-License-Identifier: GPL-2.0 */
/*
 * held.h - the host does something and is held at a pause point; vCPUs read meanwhile,
 * and tell at once what they have read. While the host is held, nothing here asks for
 * the process' map of addresses: all threads are there before.
 */
#ifndef GUEST_TEST_HELD_H
#define GUEST_TEST_HELD_H

#include "test.h"

#define OLD 0x11111111u		/* what guest_fills() writes */
#define WORK_GPA (32ul << 20)	/* free, as all from there to 1 GiB */

/* held_memory() - in small pages. */
char *held_memory(size_t size);
/* held_vm() - a VM of 4 MiB with @vcpus vCPUs in 64-bit mode, the first GiB mapped. */
struct vmm *held_vm(int vcpus);
/* tell() - where vCPU @n tells: [0] what it read, [1] that it has. */
volatile uint32_t *tell(struct vmm *vm, int n);
/* guest_fills() - vCPU 0 writes OLD to each of @pages. */
void guest_fills(struct vmm *vm, uint64_t gpa, int pages);
/* prepare_ask() - vCPU @n has a thread from now on, and will read @gpa. */
void prepare_ask(struct vmm *vm, int n, uint64_t gpa);
/* ask() - it is to read now. Has it, in time? */
bool ask(struct vmm *vm, int n);
/* ask_waits() - it is to read now. Does its fault wait? Asserts that there is a fault. */
bool ask_waits(struct vmm *vm, int n);
/* has_told() - of what tell() returned, for wait_until(). */
bool has_told(void *told);
/* end_ask() - wait for its end; returns what it read. */
uint32_t end_ask(struct vmm *vm, int n);
/* fill_and_count() - vCPUs 0 and 1 write to a half each, and then run on without a fault. */
void fill_and_count(struct vmm *vm, uint64_t gpa, int pages);

#endif
