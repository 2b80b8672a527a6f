/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compat.h - what is not the same in the kernels that the module is built for, 6.1 and
 * 6.12. The only file that asks for a version.
 */
#ifndef KVMSWAP_COMPAT_H
#define KVMSWAP_COMPAT_H

#include <linux/kvm.h>
#include <linux/types.h>
#include <linux/version.h>

/* checkpatch(CONSTANT_COMPARISON): it is the kernel's version, and not ours to turn round */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)

/* "The entries have changed, forget your copies", from the end of each change. */
#define invalidate_range_op		invalidate_range
#define INVALIDATE_RANGE_MISSES_MREMAP	true
#define INVALIDATE_RANGE_CUTS_HUGETLB	false

/* GUP always takes a NUMA hinting fault. */
#define FOLL_HONOR_NUMA_FAULT		0

#else

/*
 * The same call by its new name, from where the CPUs' TLBs are flushed: also in the
 * middle of mremap(). Of a hugetlb page it may name no more than the first 4 KiB.
 */
#define invalidate_range_op		arch_invalidate_secondary_tlbs
#define INVALIDATE_RANGE_MISSES_MREMAP	false
#define INVALIDATE_RANGE_CUTS_HUGETLB	true

#endif

/* The first way to give a VM memory, which 6.12's <linux/kvm.h> no longer knows. */
#ifndef KVM_SET_MEMORY_REGION
struct kvm_memory_region {
	__u32 slot;
	__u32 flags;
	__u64 guest_phys_addr;
	__u64 memory_size;	/* bytes */
};

#define KVM_SET_MEMORY_REGION	_IOW(KVMIO, 0x40, struct kvm_memory_region)
#endif

#endif
