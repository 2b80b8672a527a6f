/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cpuid.h - chapter 0: which CPU the guest believes it has.
 */
#ifndef KVMSWAP_CPUID_H
#define KVMSWAP_CPUID_H

#include <linux/kvm.h>

#include "kvmswap.h"

int cpuid_get_supported(struct kvm_cpuid2 __user *arg);
int cpuid_set(struct vcpu *vcpu, const struct kvm_cpuid2 __user *arg);
void cpuid_query(struct vcpu *vcpu, u32 function, u32 index, u32 leaf[4]);
bool cpuid_has_long_mode(struct vcpu *vcpu);
bool cpuid_has_nx(struct vcpu *vcpu);

#endif
