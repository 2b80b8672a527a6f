/* SPDX-License-Identifier: GPL-2.0 */
/*
 * memory.h - guest memory for random tests: random page tables, a picture of all
 * memory to compare with, and what the model says of it.
 */
#ifndef TEST_MEMORY_H
#define TEST_MEMORY_H

#include "model.h"

#define MEMORY_PAGES 24		/* of the guest, and of the process */

void memory_fill_random(const struct test_mode *mode);
u64 random_entry(const struct test_mode *mode);
gva_t random_gva(const struct test_mode *mode);
u32 random_access(void);

/* All memory, as it is somewhere: the guest's tables change, pictures do not. */
struct memory_picture {
	u64 word[MEMORY_PAGES][512];
};

void memory_take(struct memory_picture *picture);
bool memory_differs(const struct memory_picture *picture, u64 *gpa);

/* What the architecture says of one access now, on that picture; A and D are set in it. */
struct model_result memory_walk(struct memory_picture *picture, const struct vcpu *vcpu,
				gva_t gva, u32 access);

#endif
