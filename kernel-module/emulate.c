// SPDX-License-Identifier: GPL-2.0
/*
 * emulate.c - chapter 0: the instructions that do one small thing: INVLPG, HLT,
 * CPUID, RDMSR and WRMSR, VMMCALL, WBINVD and INVD.
 *
 * You come here from exit.c; insn.c reads the instruction. Control registers are
 * in mov_cr.c, ports and MMIO in io.c.
 */
#include <linux/kvm_para.h>

#include "cpuid.h"
#include "emulate.h"
#include "msr.h"
#include "svm.h"
#include "vcpu.h"

/* From fetch_opcode(): go on; else it is what the exit handler has to return. */
#define INSN_READY 2

/* Fetch an instruction without operands, which is all its opcode. */
static int fetch_opcode(struct vcpu *vcpu, struct insn *insn, bool two_byte, u8 opcode)
{
	int r = fetch_insn(vcpu, insn);

	if (r)
		return fetch_failed(vcpu, insn, r);
	if (insn->two_byte != two_byte || insn->opcode != opcode)
		return insn_changed(vcpu, insn);
	return INSN_READY;
}

/**
 * emulate_invlpg() - INVLPG: forget one page's translation.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 1 or 0, as emulate.h says.
 */
int emulate_invlpg(struct vcpu *vcpu)
{
	struct insn insn;
	u64 offset;
	int r;

	r = fetch_opcode(vcpu, &insn, true, 0x01);
	if (r != INSN_READY)
		return r;
	if ((insn.reg & 7) != 7 || !insn.has_memory)
		return insn_changed(vcpu, &insn);

	offset = insn_address(&insn, vcpu->regs, insn_next_rip(vcpu, &insn));
	mmu_invlpg(vcpu, segment_address(vcpu, insn.segment, offset));
	advance_rip(vcpu, insn_next_rip(vcpu, &insn));
	return 1;
}

/**
 * emulate_hlt() - HLT: user space has the interrupts, so it has to wait for them.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 1 or 0, as emulate.h says.
 */
int emulate_hlt(struct vcpu *vcpu)
{
	struct insn insn;
	int r;

	r = fetch_opcode(vcpu, &insn, false, 0xf4);
	if (r != INSN_READY)
		return r;
	advance_rip(vcpu, insn_next_rip(vcpu, &insn));
	vcpu->run->exit_reason = KVM_EXIT_HLT;
	return 0;
}

/**
 * emulate_cpuid() - CPUID, answered from what KVM_SET_CPUID2 stored.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 1 or 0, as emulate.h says.
 */
int emulate_cpuid(struct vcpu *vcpu)
{
	struct insn insn;
	u32 leaf[4];
	int r;

	r = fetch_opcode(vcpu, &insn, true, 0xa2);
	if (r != INSN_READY)
		return r;
	cpuid_query(vcpu, vcpu->regs[REG_RAX], vcpu->regs[REG_RCX], leaf);
	vcpu->regs[REG_RAX] = leaf[0];
	vcpu->regs[REG_RBX] = leaf[1];
	vcpu->regs[REG_RCX] = leaf[2];
	vcpu->regs[REG_RDX] = leaf[3];
	advance_rip(vcpu, insn_next_rip(vcpu, &insn));
	return 1;
}

/**
 * emulate_msr() - RDMSR and WRMSR.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 1 or 0, as emulate.h says.
 */
int emulate_msr(struct vcpu *vcpu)
{
	bool write = vcpu->svm->vmcb->control.exit_info_1;
	u32 index = vcpu->regs[REG_RCX];
	struct insn insn;
	u64 data;
	int r;

	r = fetch_opcode(vcpu, &insn, true, write ? 0x30 : 0x32);
	if (r != INSN_READY)
		return r;
	if (write) {
		data = (u32)vcpu->regs[REG_RAX] | vcpu->regs[REG_RDX] << 32;
		if (write_msr(vcpu, index, data))
			return inject_gp(vcpu);
	} else {
		if (read_msr(vcpu, index, &data))
			return inject_gp(vcpu);
		vcpu->regs[REG_RAX] = (u32)data;
		vcpu->regs[REG_RDX] = data >> 32;
	}
	advance_rip(vcpu, insn_next_rip(vcpu, &insn));
	return 1;
}

/**
 * emulate_vmmcall() - a hypercall: there are none.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 1 or 0, as emulate.h says.
 * Source: Documentation/virt/kvm/x86/hypercalls.rst.
 */
int emulate_vmmcall(struct vcpu *vcpu)
{
	long result = vcpu_cpl(vcpu) ? -KVM_EPERM : -KVM_ENOSYS;
	struct insn insn;
	int r;

	r = fetch_opcode(vcpu, &insn, true, 0x01);
	if (r != INSN_READY)
		return r;
	if (insn.has_memory || (insn.reg & 7) != 3 || (insn.rm & 7) != 1)
		return insn_changed(vcpu, &insn);
	vcpu->regs[REG_RAX] = is_64bit_code(vcpu) ? result : (u32)result;
	advance_rip(vcpu, insn_next_rip(vcpu, &insn));
	return 1;
}

/**
 * emulate_nop() - WBINVD and INVD: the caches are coherent, there is nothing to do.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 1 or 0, as emulate.h says.
 */
int emulate_nop(struct vcpu *vcpu)
{
	struct insn insn;
	int r;

	r = fetch_insn(vcpu, &insn);
	if (r)
		return fetch_failed(vcpu, &insn, r);
	/* either: QEMU 7.2 reports INVD as WBINVD */
	if (!insn.two_byte || (insn.opcode != 0x08 && insn.opcode != 0x09))
		return insn_changed(vcpu, &insn);
	advance_rip(vcpu, insn_next_rip(vcpu, &insn));
	return 1;
}
