// SPDX-License-Identifier: GPL-2.0
/*
 * cpuid.c - what the guest's CPUID shows: a fixed list, less what the device does
 * not support, so that a guest sees the same CPU on stock KVM and on kvmswap. Long
 * mode, NX and 1 GiB pages are in it: stock KVM refuses the bits of what is not.
 * You come here from vcpu.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "libvmm.h"

#define NR_LEAVES 128

/* Leaf 1, edx: FPU PSE TSC MSR PAE CX8 PGE CMOV FXSR SSE SSE2. */
#define LEAF1_EDX (1u << 0 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 8 | 1u << 13 | \
		   1u << 15 | 1u << 24 | 1u << 25 | 1u << 26)
/* Leaf 0x80000001, edx: as above, and SYSCALL NX 1GB LM. */
#define LEAF81_EDX ((LEAF1_EDX & 0x0183f3ff) | 1u << 11 | 1u << 20 | 1u << 26 | 1u << 29)

#define PHYS_BITS 40
#define VIRT_BITS 48

static const struct kvm_cpuid_entry2 wanted[] = {
	{ .function = 0, .eax = 1, .ebx = 0x68747541, .edx = 0x69746e65, .ecx = 0x444d4163 },
	{ .function = 1, .eax = 0x00000f00, .edx = LEAF1_EDX },
	{ .function = 0x80000000, .eax = 0x80000008 },
	{ .function = 0x80000001, .edx = LEAF81_EDX },
	{ .function = 0x80000008, .eax = VIRT_BITS << 8 | PHYS_BITS },
};

#define NR_WANTED (sizeof(wanted) / sizeof(wanted[0]))

static const struct kvm_cpuid_entry2 *find(const struct kvm_cpuid2 *cpuid, uint32_t function)
{
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function)
			return &cpuid->entries[i];
	return NULL;
}

void vmm_set_cpuid(struct vmm_vcpu *vcpu)
{
	struct kvm_cpuid2 *supported, *guest;
	size_t i;

	supported = calloc(1, sizeof(*supported) + NR_LEAVES * sizeof(supported->entries[0]));
	guest = calloc(1, sizeof(*guest) + NR_WANTED * sizeof(guest->entries[0]));
	if (!supported || !guest)
		vmm_die("memory for CPUID leaves");
	supported->nent = NR_LEAVES;
	if (ioctl(vcpu->vm->dev_fd, KVM_GET_SUPPORTED_CPUID, supported)) {
		if (errno != ENOTTY && errno != EINVAL)
			vmm_die("%s: KVM_GET_SUPPORTED_CPUID", vcpu->vm->device);
		goto out;
	}
	for (i = 0; i < NR_WANTED; i++) {
		const struct kvm_cpuid_entry2 *have = find(supported, wanted[i].function);
		struct kvm_cpuid_entry2 *entry = &guest->entries[guest->nent];

		if (!have)
			continue;
		*entry = wanted[i];
		if (wanted[i].function == 1 || wanted[i].function == 0x80000001) {
			entry->ecx &= have->ecx;
			entry->edx &= have->edx;
		}
		guest->nent++;
	}
	if (ioctl(vcpu->fd, KVM_SET_CPUID2, guest))
		vmm_die("%s: KVM_SET_CPUID2 with %u leaves", vcpu->vm->device, guest->nent);
out:
	free(supported);
	free(guest);
}
