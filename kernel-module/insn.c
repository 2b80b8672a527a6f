// SPDX-License-Identifier: GPL-2.0
/*
 * insn.c - chapter 0: the instruction at which the guest was left: read from its
 * memory, its operands checked as segmentation has it, its end stepped to. The
 * hardware has made all checks that come before the intercept, privilege above
 * all; what follows them is made here.
 *
 * You come here from emulate.c, mov_cr.c and io.c. decode.c takes the bytes apart,
 * walk.c translates their address.
 */
#include <linux/mm.h>
#include <asm/trapnr.h>

#include "emulate.h"
#include "event.h"
#include "svm.h"
#include "vcpu.h"
#include "walk.h"

/* More exits in a row than this at an instruction that is not the one of the exit. */
#define MAX_INSN_CHANGES 1000

/**
 * is_64bit_code() - is the guest in 64-bit mode, as opposed to a compatible one?
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held.
 * Return: true if so.
 */
bool is_64bit_code(struct vcpu *vcpu)
{
	return is_long_mode(vcpu) && (vmcb_save(vcpu)->cs.attrib & SEG_L);
}

/**
 * user_access() - whose access is it that is emulated?
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held.
 * Return: PFERR_USER or 0, to be combined with PFERR_WRITE or PFERR_FETCH.
 */
u32 user_access(struct vcpu *vcpu)
{
	return vcpu_cpl(vcpu) == 3 ? PFERR_USER : 0;
}

static struct vmcb_seg *vmcb_segment(struct vcpu *vcpu, u8 segment)
{
	return &vmcb_save(vcpu)->es + segment;
}

/**
 * segment_address() - from an offset into a segment to a linear address.
 * @vcpu: the vCPU.
 * @segment: enum insn_segment.
 * @offset: in bytes.
 *
 * Context: vcpu->mutex held.
 * Return: the guest virtual address.
 */
gva_t segment_address(struct vcpu *vcpu, u8 segment, u64 offset)
{
	if (!is_64bit_code(vcpu))
		return (u32)(vmcb_segment(vcpu, segment)->base + offset);
	if (segment == SEG_FS || segment == SEG_GS)
		return vmcb_segment(vcpu, segment)->base + offset;
	return offset;
}

static bool offset_in_limit(const struct vmcb_seg *seg, u64 offset, u8 size)
{
	u64 last = offset + size - 1;
	bool expand_down = (seg->attrib & 0xc) == 0x4;

	if (!expand_down)
		return last <= seg->limit;
	return offset > seg->limit && last <= (seg->attrib & SEG_DB ? 0xffffffff : 0xffff);
}

/**
 * check_segment() - may the guest access this operand, as far as segments go?
 * @vcpu: the vCPU; it gets a #GP or #SS if not.
 * @segment: enum insn_segment.
 * @offset: of the operand in bytes.
 * @size: of the operand in bytes.
 * @write: is it written?
 *
 * Context: vcpu->mutex held.
 * Return: true if it may.
 * Source: AMD manual, "Segment-Protection Checks"; "Canonical-Address Checks".
 */
bool check_segment(struct vcpu *vcpu, u8 segment, u64 offset, u8 size, bool write)
{
	const struct vmcb_seg *seg = vmcb_segment(vcpu, segment);
	bool ok;

	if (is_64bit_code(vcpu)) {
		gva_t first = segment_address(vcpu, segment, offset);
		gva_t last = first + size - 1;

		ok = (s64)first >> 47 == (s64)first >> 63 && (s64)last >> 47 == (s64)last >> 63;
	} else {
		ok = offset_in_limit(seg, offset, size);
		if ((vcpu->cr0 & X86_CR0_PE) && !(vcpu->rflags & X86_EFLAGS_VM)) {
			ok = ok && (seg->attrib & SEG_P);
			if (write)	/* a data segment, and writable */
				ok = ok && (seg->attrib & 0xa) == 0x2;
			else		/* not an execute-only code segment */
				ok = ok && (seg->attrib & 0xa) != 0x8;
		}
	}
	if (!ok)
		queue_exception_error(vcpu, segment == SEG_SS ? X86_TRAP_SS : X86_TRAP_GP, 0);
	return ok;
}

/**
 * insn_next_rip() - where the instruction behind this one is.
 * @vcpu: the vCPU, its RIP at the instruction.
 * @insn: the instruction.
 *
 * Context: vcpu->mutex held.
 * Return: the offset into the code segment.
 */
unsigned long insn_next_rip(struct vcpu *vcpu, const struct insn *insn)
{
	unsigned long next = vcpu->rip + insn->len;

	return is_64bit_code(vcpu) ? next : (u32)next;
}

/**
 * advance_rip() - the instruction is done.
 * @vcpu: the vCPU.
 * @next_rip: what insn_next_rip() says.
 *
 * It ends the interrupt shadow of the one before and the effect of RFLAGS.RF, and
 * with RFLAGS.TF it traps.
 *
 * Context: vcpu->mutex held.
 */
void advance_rip(struct vcpu *vcpu, unsigned long next_rip)
{
	vcpu->rip = next_rip;
	vcpu->rflags &= ~X86_EFLAGS_RF;
	vcpu->svm->vmcb->control.int_state &= ~SVM_INTERRUPT_SHADOW_MASK;
	vcpu->svm->insn_changes = 0;
	if (vcpu->rflags & X86_EFLAGS_TF)
		queue_debug_exception(vcpu, DR6_BS);
}

/**
 * emulation_failure() - an instruction we do not do: tell user space.
 * @vcpu: the vCPU.
 * @insn: the instruction, as far as its bytes could be read.
 *
 * Context: vcpu->mutex held.
 * Return: 0, for KVM_EXIT_INTERNAL_ERROR.
 */
int emulation_failure(struct vcpu *vcpu, const struct insn *insn)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 1;
	run->emulation_failure.flags = 0;
	if (insn->len) {
		run->emulation_failure.ndata = 3;
		run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
		run->emulation_failure.insn_size = insn->len;
		memset(run->emulation_failure.insn_bytes, 0x90, INSN_MAX_LEN);
		memcpy(run->emulation_failure.insn_bytes, insn->bytes, insn->len);
	}
	return 0;
}

/* Read the bytes from @have to @n of the instruction. */
static int fetch_bytes(struct vcpu *vcpu, u8 *bytes, unsigned int have, unsigned int n,
		       struct guest_fault *fault)
{
	gva_t gva = segment_address(vcpu, SEG_CS, vcpu->rip + have);

	return read_guest_virt(vcpu, gva, bytes + have, n - have,
			       PFERR_FETCH | user_access(vcpu), fault);
}

/**
 * fetch_insn() - read and decode the instruction at the guest's RIP.
 * @vcpu: the vCPU.
 * @insn: filled in.
 *
 * The second page of an instruction that lies across two is read only if the
 * instruction reaches into it.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 0; 1 the guest got an exception in its place: enter it; -EOPNOTSUPP an
 * instruction that is not known here; another errno: its memory cannot be read.
 */
int fetch_insn(struct vcpu *vcpu, struct insn *insn)
{
	enum insn_mode mode = INSN_16;
	struct guest_fault fault;
	u8 bytes[INSN_MAX_LEN];
	unsigned int n;
	int r;

	insn->len = 0;
	if (is_64bit_code(vcpu))
		mode = INSN_64;
	else if (vmcb_save(vcpu)->cs.attrib & SEG_DB)
		mode = INSN_32;

	n = PAGE_SIZE - offset_in_page(segment_address(vcpu, SEG_CS, vcpu->rip));
	n = min_t(unsigned int, n, INSN_MAX_LEN);
	r = fetch_bytes(vcpu, bytes, 0, n, &fault);
	if (!r) {
		r = decode_insn(insn, bytes, n, mode);
		if (r == -ENODATA) {
			r = fetch_bytes(vcpu, bytes, n, INSN_MAX_LEN, &fault);
			if (!r) {
				n = INSN_MAX_LEN;
				r = decode_insn(insn, bytes, n, mode);
			}
		}
		if (r == -EOPNOTSUPP) {
			insn->len = n;
			memcpy(insn->bytes, bytes, n);
		}
	}
	if (r == 1) {
		inject_page_fault(vcpu, &fault);
	} else if (r == -E2BIG) {
		queue_exception_error(vcpu, X86_TRAP_GP, 0);
		r = 1;
	}
	return r;
}

/**
 * insn_changed() - what is at RIP is not what caused the exit: it was overwritten.
 * @vcpu: the vCPU.
 * @insn: the instruction that is there now.
 *
 * Another vCPU may write there at any time. The guest runs what it finds; but a
 * guest that never gets on, for whatever reason, is not tried for ever.
 *
 * Context: vcpu->mutex held.
 * Return: 1, or 0 for KVM_EXIT_INTERNAL_ERROR.
 */
int insn_changed(struct vcpu *vcpu, const struct insn *insn)
{
	if (++vcpu->svm->insn_changes > MAX_INSN_CHANGES)
		return emulation_failure(vcpu, insn);
	return 1;
}

/**
 * fetch_failed() - what to do when fetch_insn() did not return 0.
 * @vcpu: the vCPU.
 * @insn: what fetch_insn() filled in.
 * @r: what it returned.
 *
 * Every instruction that exits for itself is known: another one was written there.
 *
 * Context: vcpu->mutex held.
 * Return: 1, or 0 for KVM_EXIT_INTERNAL_ERROR.
 */
int fetch_failed(struct vcpu *vcpu, const struct insn *insn, int r)
{
	if (r > 0)
		return 1;
	if (r == -EOPNOTSUPP)
		return insn_changed(vcpu, insn);
	return emulation_failure(vcpu, insn);
}

/**
 * inject_gp() - give the guest a #GP(0) in place of its instruction.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held.
 * Return: 1, to enter the guest.
 */
int inject_gp(struct vcpu *vcpu)
{
	queue_exception_error(vcpu, X86_TRAP_GP, 0);
	return 1;
}
