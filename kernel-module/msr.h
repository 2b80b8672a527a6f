/* SPDX-License-Identifier: GPL-2.0 */
/*
 * msr.h - chapter 0: the guest's model-specific registers.
 */
#ifndef KVMSWAP_MSR_H
#define KVMSWAP_MSR_H

#include "kvmswap.h"

int read_msr(struct vcpu *vcpu, u32 index, u64 *data);
int write_msr(struct vcpu *vcpu, u32 index, u64 data);
bool apic_base_valid(struct vcpu *vcpu, u64 apic_base);

#endif
