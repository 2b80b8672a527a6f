// SPDX-License-Identifier: GPL-2.0
/*
 * mov_cr.c - chapter 0: MOV from and to control registers, and the instructions
 * that are CR0 under another name: CLTS, SMSW and LMSW.
 *
 * You come here from exit.c; insn.c reads the instruction, cr.c has the
 * registers.
 */
#include "emulate.h"
#include "event.h"
#include "svm.h"
#include "vcpu.h"
#include "walk.h"

static int write_cr(struct vcpu *vcpu, int cr, u64 value)
{
	switch (cr) {
	case 0:
		return set_cr0(vcpu, value);
	case 3:
		return set_cr3(vcpu, value);
	case 4:
		return set_cr4(vcpu, value);
	default:
		return set_cr8(vcpu, value);
	}
}

static u64 read_cr(struct vcpu *vcpu, int cr)
{
	switch (cr) {
	case 0:
		return vcpu->cr0;
	case 3:
		return vcpu->cr3;
	case 4:
		return vcpu->cr4;
	default:
		return vcpu->cr8;
	}
}

/* Read or write the 16-bit operand of SMSW and LMSW: a register or memory. */
static int access_msw(struct vcpu *vcpu, const struct insn *insn, u16 *msw, bool write)
{
	u32 access = user_access(vcpu);
	struct guest_fault fault;
	u64 offset;
	gva_t gva;
	int r;

	if (!insn->has_memory) {
		if (write)
			insn_write_reg(insn, vcpu->regs, insn->rm, insn->operand_size, vcpu->cr0);
		else
			*msw = vcpu->regs[insn->rm];
		return 0;
	}
	offset = insn_address(insn, vcpu->regs, insn_next_rip(vcpu, insn));
	if (!check_segment(vcpu, insn->segment, offset, sizeof(*msw), write))
		return 1;
	gva = segment_address(vcpu, insn->segment, offset);
	if (write)
		r = write_guest_virt(vcpu, gva, msw, sizeof(*msw), access | PFERR_WRITE, &fault);
	else
		r = read_guest_virt(vcpu, gva, msw, sizeof(*msw), access, &fault);
	if (r == 1)
		inject_page_fault(vcpu, &fault);
	return r;
}

static int emulate_smsw(struct vcpu *vcpu, const struct insn *insn)
{
	u16 msw = vcpu->cr0;
	int r = access_msw(vcpu, insn, &msw, true);

	if (r < 0)
		return emulation_failure(vcpu, insn);
	if (!r)
		advance_rip(vcpu, insn_next_rip(vcpu, insn));
	return 1;
}

/* LMSW sets PE, MP, EM and TS, but cannot clear PE. */
static int emulate_lmsw(struct vcpu *vcpu, const struct insn *insn)
{
	u16 msw;
	int r = access_msw(vcpu, insn, &msw, false);

	if (r < 0)
		return emulation_failure(vcpu, insn);
	if (r > 0)
		return 1;
	if (set_cr0(vcpu, (vcpu->cr0 & ~0xeUL) | (msw & 0xf)))
		return inject_gp(vcpu);
	advance_rip(vcpu, insn_next_rip(vcpu, insn));
	return 1;
}

/* User space, which has the interrupt controller, must hear of a lower priority. */
static int tell_tpr(struct vcpu *vcpu, unsigned long old_cr8)
{
	if (vcpu->cr8 >= old_cr8)
		return 1;
	vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
	return 0;
}

/**
 * emulate_mov_cr() - MOV from and to CR0, CR3, CR4 and CR8; CLTS, SMSW, LMSW.
 * @vcpu: the vCPU.
 *
 * LOCK MOV CR0 is CR8, the only way to it outside 64-bit mode.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 1, 0 or a negative errno, as emulate.h says.
 */
int emulate_mov_cr(struct vcpu *vcpu)
{
	u32 code = vcpu->svm->vmcb->control.exit_code;
	bool write = code >= SVM_EXIT_WRITE_CR0;
	int cr = code - (write ? SVM_EXIT_WRITE_CR0 : SVM_EXIT_READ_CR0);
	unsigned long old_cr8 = vcpu->cr8;
	struct insn insn;
	int r;

	r = fetch_insn(vcpu, &insn);
	if (r)
		return fetch_failed(vcpu, &insn, r);
	if (!insn.two_byte)
		return insn_changed(vcpu, &insn);
	if (insn.opcode == 0x01 && (insn.reg & 7) == 4 && cr == 0 && !write)
		return emulate_smsw(vcpu, &insn);
	if (insn.opcode == 0x01 && (insn.reg & 7) == 6 && cr == 0 && write)
		return emulate_lmsw(vcpu, &insn);
	if (insn.opcode == 0x06 && cr == 0 && write) {
		vcpu->cr0 &= ~X86_CR0_TS;
		advance_rip(vcpu, insn_next_rip(vcpu, &insn));
		return 1;
	}
	if (insn.opcode != (write ? 0x22 : 0x20) || (insn.reg | (insn.lock ? 8 : 0)) != cr)
		return insn_changed(vcpu, &insn);

	if (!write)
		insn_write_reg(&insn, vcpu->regs, insn.rm, insn.operand_size, read_cr(vcpu, cr));
	else if (write_cr(vcpu, cr, insn_read_reg(&insn, vcpu->regs, insn.rm, insn.operand_size)))
		return inject_gp(vcpu);
	advance_rip(vcpu, insn_next_rip(vcpu, &insn));
	return cr == 8 && write ? tell_tpr(vcpu, old_cr8) : 1;
}
