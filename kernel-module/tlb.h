/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tlb.h - chapter 2: make every vCPU forget. Where both walks end: an spte that
 * was changed may live on in the TLB of each CPU that runs one of the VM's vCPUs.
 */
#ifndef KVMSWAP_TLB_H
#define KVMSWAP_TLB_H

#include "kvmswap.h"

#ifdef CONFIG_KVMSWAP_SHADOW

void flush_remote_tlbs(struct vm *vm);
void sync_all_vcpus(struct vm *vm);

#else

static inline void flush_remote_tlbs(struct vm *vm) { }
static inline void sync_all_vcpus(struct vm *vm) { }

#endif
#endif
