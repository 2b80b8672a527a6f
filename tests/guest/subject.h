/* SPDX-License-Identifier: GPL-2.0 */
/*
 * subject.h - a guest that is being watched: its one vCPU reads or writes memory without
 * ever leaving guest mode by itself, while the host does something to that memory.
 */
#ifndef GUEST_TEST_SUBJECT_H
#define GUEST_TEST_SUBJECT_H

#include "test.h"

#define HUGE (2ul << 20)
#define SIZE HUGE		/* of the memory that it is about */
#define PAGES (SIZE / PAGE)
#define WRITTEN_PAGES 64	/* the writer's */

/** struct subject - the guest, and what can be seen of it. */
struct subject {
	struct vmm *vm;
	struct vmm_vcpu *vcpu;
	volatile uint32_t *seen;	/* [0] what, [1] how often; [2] writes */
	uint32_t *word;			/* of the first page, as the process sees it */
	char *hva;
};

/* aligned_memory() - SIZE bytes that may become a huge page. */
void *aligned_memory(void);
/* start_reader() - it reads the first word of @hva all the time. */
void start_reader(struct subject *s, void *hva);
/* start_writer() - it adds 1 to a word of each of the first WRITTEN_PAGES in turn. */
void start_writer(struct subject *s, void *hva);
/* stop_subject() - with an audit; the VM is gone afterwards. */
void stop_subject(struct subject *s);
/* assert_sees() - from now on the reader reads @want. */
void assert_sees(struct subject *s, uint32_t want);

#endif
