/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slots.h - what the two halves of chapter 7's demo share: demo.c, which goes step by
 * step, and churn.c, which does everything at once.
 */
#ifndef CHAPTERS_SLOTS_H
#define CHAPTERS_SLOTS_H

#include "../demo.h"

/** nobody_there() - for on_mmio: whatever the guest reads without a slot is all ones. */
bool nobody_there(struct vmm_vcpu *vcpu, uint64_t gpa, bool write, void *data, int len);

/** kernel_slot() - KVM_SET_MEMORY_REGION; 0 or a negative errno. */
int kernel_slot(struct vmm *vm, int id, uint64_t gpa, size_t size);

/** show_churn() - slots come, move and go while guests run and the host swaps. */
void show_churn(void);

#endif
