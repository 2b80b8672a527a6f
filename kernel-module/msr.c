// SPDX-License-Identifier: GPL-2.0
/*
 * msr.c - chapter 0: the model-specific registers that a guest has. Most live in
 * the VMCB, where VMLOAD and VMSAVE exchange them with the host's; the guest
 * never touches a real one.
 *
 * You come here from emulate_msr() in emulate.c.
 */
#include <asm/msr.h>
#include <asm/msr-index.h>

#include "emulate.h"
#include "msr.h"
#include "svm.h"

/* The MSR's place in the VMCB, or NULL. */
static u64 *vmcb_msr(struct vcpu *vcpu, u32 index)
{
	struct vmcb_save_area *save = vmcb_save(vcpu);

	switch (index) {
	case MSR_STAR:
		return &save->star;
	case MSR_LSTAR:
		return &save->lstar;
	case MSR_CSTAR:
		return &save->cstar;
	case MSR_SYSCALL_MASK:
		return &save->sfmask;
	case MSR_KERNEL_GS_BASE:
		return &save->kernel_gs_base;
	case MSR_FS_BASE:
		return &save->fs.base;
	case MSR_GS_BASE:
		return &save->gs.base;
	case MSR_IA32_SYSENTER_CS:
		return &save->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:
		return &save->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:
		return &save->sysenter_eip;
	}
	return NULL;
}

static bool must_be_canonical(u32 index)
{
	switch (index) {
	case MSR_LSTAR:
	case MSR_CSTAR:
	case MSR_KERNEL_GS_BASE:
	case MSR_FS_BASE:
	case MSR_GS_BASE:
		return true;
	}
	return false;
}

/* Eight memory types, one a byte: 0, 1, 4, 5, 6 and 7 exist. */
static bool pat_valid(u64 pat)
{
	int i;

	for (i = 0; i < 64; i += 8) {
		u8 type = pat >> i;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

/**
 * apic_base_valid() - can the APIC base register have this value?
 * @vcpu: the vCPU.
 * @apic_base: the value.
 *
 * The APIC itself is user space's. There is no x2APIC mode.
 *
 * Context: vcpu->mutex held.
 * Return: true if it can.
 */
bool apic_base_valid(struct vcpu *vcpu, u64 apic_base)
{
	u64 valid = MSR_IA32_APICBASE_BSP | MSR_IA32_APICBASE_ENABLE;

	valid |= (BIT_ULL(vcpu->maxphyaddr) - 1) & ~0xfffULL;
	return !(apic_base & ~valid);
}

/**
 * read_msr() - RDMSR.
 * @vcpu: the vCPU.
 * @index: the MSR's number.
 * @data: its value.
 *
 * Context: vcpu->mutex held.
 * Return: 0; 1 there is none, the guest gets a #GP.
 * Source: AMD manual, "Model-Specific Registers (MSRs)".
 */
int read_msr(struct vcpu *vcpu, u32 index, u64 *data)
{
	u64 *place = vmcb_msr(vcpu, index);

	if (place) {
		*data = *place;
		return 0;
	}
	switch (index) {
	case MSR_EFER:
		*data = vcpu->efer;
		return 0;
	case MSR_IA32_CR_PAT:
		*data = vcpu->svm->pat;
		return 0;
	case MSR_IA32_APICBASE:
		*data = vcpu->apic_base;
		return 0;
	case MSR_IA32_MISC_ENABLE:
		*data = vcpu->svm->misc_enable;
		return 0;
	case MSR_IA32_TSC:
		*data = rdtsc() + vcpu->svm->vmcb->control.tsc_offset;
		return 0;
	}
	return 1;
}

/**
 * write_msr() - WRMSR.
 * @vcpu: the vCPU.
 * @index: the MSR's number.
 * @data: the value.
 *
 * Context: vcpu->mutex held; may sleep.
 * Return: 0; 1 there is none, or not with this value: the guest gets a #GP.
 * Source: AMD manual, "Model-Specific Registers (MSRs)".
 */
int write_msr(struct vcpu *vcpu, u32 index, u64 data)
{
	u64 *place = vmcb_msr(vcpu, index);

	if (place) {
		if (must_be_canonical(index) && (s64)data >> 47 != (s64)data >> 63)
			return 1;
		/* 32 bits wide on AMD's CPUs, and what is above them ignored */
		if (index == MSR_IA32_SYSENTER_ESP || index == MSR_IA32_SYSENTER_EIP)
			data = (u32)data;
		*place = data;
		return 0;
	}
	switch (index) {
	case MSR_EFER:
		return set_efer(vcpu, data);
	case MSR_IA32_CR_PAT:
		if (!pat_valid(data))
			return 1;
		vcpu->svm->pat = data;
		return 0;
	case MSR_IA32_APICBASE:
		if (!apic_base_valid(vcpu, data))
			return 1;
		vcpu->apic_base = data;
		return 0;
	case MSR_IA32_MISC_ENABLE:
		vcpu->svm->misc_enable = data;
		return 0;
	case MSR_IA32_TSC:
		vcpu->svm->vmcb->control.tsc_offset = data - rdtsc();
		return 0;
	}
	return 1;
}
