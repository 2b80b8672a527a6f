// SPDX-License-Identifier: GPL-2.0
/*
 * cpuid.c - chapter 0: CPUID. User space asks what the module can do
 * (KVM_GET_SUPPORTED_CPUID) and says what the guest shall see (KVM_SET_CPUID2).
 *
 * You come here from main.c, vcpu.c and emulate_cpuid() in emulate.c.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include <asm/processor.h>

#include "cpuid.h"
#include "svm.h"

#define MAX_CPUID_ENTRIES	256
#define DEFAULT_MAXPHYADDR	36

enum { EAX, EBX, ECX, EDX };

#define BIT_OF(feature)		BIT((feature) & 31)
#define APIC_BIT		BIT_OF(X86_FEATURE_APIC)

/* What leaf 1 EDX and its copy in leaf 0x80000001 EDX have in common. */
#define FEATURES_EDX (BIT_OF(X86_FEATURE_FPU) | BIT_OF(X86_FEATURE_VME) | \
		      BIT_OF(X86_FEATURE_DE) | BIT_OF(X86_FEATURE_PSE) | \
		      BIT_OF(X86_FEATURE_TSC) | BIT_OF(X86_FEATURE_MSR) | \
		      BIT_OF(X86_FEATURE_PAE) | BIT_OF(X86_FEATURE_CX8) | APIC_BIT | \
		      BIT_OF(X86_FEATURE_PGE) | BIT_OF(X86_FEATURE_CMOV) | \
		      BIT_OF(X86_FEATURE_PAT) | BIT_OF(X86_FEATURE_MMX) | \
		      BIT_OF(X86_FEATURE_FXSR))

/*
 * What the module does, to be cut down to what the host has. Not there: anything
 * that XSAVE manages, RDTSCP, MONITOR, MCE and MTRR registers, PSE-36, SMEP,
 * SMAP, PCID, SVM.
 */
static const struct supported_leaf {
	u32 function;
	u32 mask[4];
} supported_leaves[] = {
	{ 0x00000000, { 0, ~0u, ~0u, ~0u } },
	{ 0x00000001, { ~0u, 0x0000ff00,
			BIT_OF(X86_FEATURE_XMM3) | BIT_OF(X86_FEATURE_PCLMULQDQ) |
			BIT_OF(X86_FEATURE_SSSE3) | BIT_OF(X86_FEATURE_CX16) |
			BIT_OF(X86_FEATURE_XMM4_1) | BIT_OF(X86_FEATURE_XMM4_2) |
			BIT_OF(X86_FEATURE_MOVBE) | BIT_OF(X86_FEATURE_POPCNT) |
			BIT_OF(X86_FEATURE_AES) | BIT_OF(X86_FEATURE_RDRAND),
			FEATURES_EDX | BIT_OF(X86_FEATURE_SEP) | BIT_OF(X86_FEATURE_CLFLUSH) |
			BIT_OF(X86_FEATURE_XMM) | BIT_OF(X86_FEATURE_XMM2) } },
	{ 0x80000000, { 0, ~0u, ~0u, ~0u } },
	{ 0x80000001, { ~0u, 0,
			BIT_OF(X86_FEATURE_LAHF_LM) | BIT_OF(X86_FEATURE_ABM) |
			BIT_OF(X86_FEATURE_SSE4A) | BIT_OF(X86_FEATURE_3DNOWPREFETCH),
			FEATURES_EDX | BIT_OF(X86_FEATURE_SYSCALL) | BIT_OF(X86_FEATURE_NX) |
			BIT_OF(X86_FEATURE_MMXEXT) | BIT_OF(X86_FEATURE_LM) } },
	{ 0x80000008, { 0x0000ffff, 0, 0, 0 } },
};

static void supported_leaf(const struct supported_leaf *leaf, struct kvm_cpuid_entry2 *entry)
{
	memset(entry, 0, sizeof(*entry));
	entry->function = leaf->function;
	cpuid_count(leaf->function, 0, &entry->eax, &entry->ebx, &entry->ecx, &entry->edx);
	entry->eax &= leaf->mask[EAX];
	entry->ebx &= leaf->mask[EBX];
	entry->ecx &= leaf->mask[ECX];
	entry->edx &= leaf->mask[EDX];

	switch (leaf->function) {
	case 0x00000000:
		entry->eax = 1;
		break;
	case 0x80000000:
		entry->eax = 0x80000008;
		break;
	case 0x80000001:
		/* the shadow tables map 4 KiB at a time, so the host need not have it */
		entry->edx |= BIT_OF(X86_FEATURE_GBPAGES);
		break;
	}
}

/**
 * cpuid_get_supported() - KVM_GET_SUPPORTED_CPUID.
 * @arg: where user space wants the table, and how many entries it has room for.
 *
 * Context: process, may sleep.
 * Return: 0; -E2BIG too little room; -EFAULT.
 * Source: Documentation/virt/kvm/api.rst, KVM_GET_SUPPORTED_CPUID.
 */
int cpuid_get_supported(struct kvm_cpuid2 __user *arg)
{
	struct kvm_cpuid_entry2 entry;
	u32 nent = ARRAY_SIZE(supported_leaves);
	u32 room;
	int i;

	if (get_user(room, &arg->nent))
		return -EFAULT;
	if (room < nent)
		return -E2BIG;
	for (i = 0; i < nent; i++) {
		supported_leaf(&supported_leaves[i], &entry);
		if (copy_to_user(&arg->entries[i], &entry, sizeof(entry)))
			return -EFAULT;
	}
	return put_user(nent, &arg->nent);
}

static const struct kvm_cpuid_entry2 *find_entry(struct vcpu *vcpu, u32 function, u32 index)
{
	const struct svm_vcpu *svm = vcpu->svm;
	int i;

	for (i = 0; i < svm->nr_cpuid; i++) {
		const struct kvm_cpuid_entry2 *entry = &svm->cpuid[i];

		if (entry->function != function)
			continue;
		if (!(entry->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || entry->index == index)
			return entry;
	}
	return NULL;
}

static bool has_extended_edx(struct vcpu *vcpu, u32 bit)
{
	const struct kvm_cpuid_entry2 *entry = find_entry(vcpu, 0x80000001, 0);

	return entry && (entry->edx & bit);
}

/**
 * cpuid_set() - KVM_SET_CPUID2.
 * @vcpu: the vCPU.
 * @arg: the table.
 *
 * Context: vcpu->mutex held; may sleep.
 * Return: 0; -E2BIG more than 256 entries; -EFAULT; -ENOMEM.
 * Source: Documentation/virt/kvm/api.rst, KVM_SET_CPUID2.
 */
int cpuid_set(struct vcpu *vcpu, const struct kvm_cpuid2 __user *arg)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct kvm_cpuid_entry2 *entries = NULL;
	const struct kvm_cpuid_entry2 *max, *sizes;
	u32 nent;

	if (get_user(nent, &arg->nent))
		return -EFAULT;
	if (nent > MAX_CPUID_ENTRIES)
		return -E2BIG;
	if (nent) {
		entries = vmemdup_user(arg->entries, array_size(sizeof(*entries), nent));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	kvfree(svm->cpuid);
	svm->cpuid = entries;
	svm->nr_cpuid = nent;

	vcpu->maxphyaddr = DEFAULT_MAXPHYADDR;
	max = find_entry(vcpu, 0x80000000, 0);
	sizes = find_entry(vcpu, 0x80000008, 0);
	if (max && max->eax >= 0x80000008 && sizes)
		vcpu->maxphyaddr = clamp_t(int, sizes->eax & 0xff, 32, 52);
	vcpu->has_gbpages = has_extended_edx(vcpu, BIT_OF(X86_FEATURE_GBPAGES));
	mmu_unload(vcpu);
	return 0;
}

/**
 * cpuid_query() - what CPUID returns to the guest.
 * @vcpu: the vCPU.
 * @function: EAX.
 * @index: ECX.
 * @leaf: EAX, EBX, ECX and EDX; zeros where the table has nothing.
 *
 * The APIC bit follows the APIC base register, as on hardware.
 *
 * Context: vcpu->mutex held.
 */
void cpuid_query(struct vcpu *vcpu, u32 function, u32 index, u32 leaf[4])
{
	const struct kvm_cpuid_entry2 *entry = find_entry(vcpu, function, index);

	memset(leaf, 0, 4 * sizeof(*leaf));
	if (!entry)
		return;
	leaf[EAX] = entry->eax;
	leaf[EBX] = entry->ebx;
	leaf[ECX] = entry->ecx;
	leaf[EDX] = entry->edx;
	if (function != 1)
		return;
	leaf[EDX] &= ~APIC_BIT;
	if (vcpu->apic_base & MSR_IA32_APICBASE_ENABLE)
		leaf[EDX] |= APIC_BIT;
}

/**
 * cpuid_has_long_mode() - does the guest's CPU have long mode?
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held.
 * Return: true if so.
 */
bool cpuid_has_long_mode(struct vcpu *vcpu)
{
	return has_extended_edx(vcpu, BIT_OF(X86_FEATURE_LM));
}

/**
 * cpuid_has_nx() - does the guest's CPU have no-execute pages?
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held.
 * Return: true if so.
 */
bool cpuid_has_nx(struct vcpu *vcpu)
{
	return has_extended_edx(vcpu, BIT_OF(X86_FEATURE_NX));
}
