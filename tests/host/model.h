/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model.h - the guest's page walk once more, written from the manual and not from
 * walk.c, to compare the two. Memory is asked through a callback that may know
 * several values of one entry: all that it has been since some moment. Then every
 * way through the tables is visited.
 */
#ifndef TEST_MODEL_H
#define TEST_MODEL_H

#include "kvmswap.h"

#define MODEL_VALUES 64

struct model_result {
	bool fault;
	u32 error;		/* the code of the #PF */
	u64 gpa;		/* without a fault: where the address leads */
	int size;		/* of an entry, 4 or 8 bytes */
	int n;			/* how many entries were used */
	struct {
		u64 gpa, value;
	} entry[4];
	bool accessed, dirty;	/* all entries had A, the last one D */
};

/* Fills @values, at most MODEL_VALUES; returns how many, 0 if no memory is there. */
typedef int (*model_memory)(void *data, u64 gpa, int size, u64 *values);
typedef void (*model_visit)(void *data, const struct model_result *result);

void model_walk(const struct vcpu *vcpu, gva_t gva, u32 access, model_memory memory,
		model_visit visit, void *data);

#endif
