// SPDX-License-Identifier: GPL-2.0
/*
 * io.c - chapter 0: port I/O and MMIO are user space's. Each access ends KVM_RUN;
 * what the guest gets to see of it is done first thing at the next one.
 *
 * You come here from exit.c, and from run.c for the second half.
 */
#include <linux/mm.h>

#include "emulate.h"
#include "event.h"
#include "svm.h"
#include "vcpu.h"
#include "walk.h"

#define IO_IN		BIT(0)	/* EXITINFO1: AMD manual, "IOIO Intercepts" */
#define IO_PORT_SHIFT	16

/* User space may have moved the guest elsewhere: then the access is abandoned. */
static bool abandoned(struct vcpu *vcpu)
{
	return vcpu->rip != vcpu->svm->io.rip;
}

static int complete_out(struct vcpu *vcpu)
{
	if (!abandoned(vcpu))
		advance_rip(vcpu, vcpu->svm->io.next_rip);
	return 1;
}

static int complete_in(struct vcpu *vcpu)
{
	struct pending_io *io = &vcpu->svm->io;
	u64 value = 0;

	if (abandoned(vcpu))
		return 1;
	memcpy(&value, vcpu->pio_data, io->size);
	write_sized(&vcpu->regs[REG_RAX], io->size, value);
	advance_rip(vcpu, io->next_rip);
	return 1;
}

/*
 * One element of a string instruction is done: step the pointer and the count.
 * With REP the guest goes back to it, also for the last time, when RCX is zero.
 */
static void advance_string(struct vcpu *vcpu, u8 pointer)
{
	struct pending_io *io = &vcpu->svm->io;
	unsigned long *rcx = &vcpu->regs[REG_RCX];
	long step = vcpu->rflags & X86_EFLAGS_DF ? -(long)io->size : io->size;

	write_sized(&vcpu->regs[pointer], io->address_size, vcpu->regs[pointer] + step);
	if (io->rep)
		write_sized(rcx, io->address_size, *rcx - 1);
	advance_rip(vcpu, io->rep ? io->rip : io->next_rip);
}

static int complete_ins(struct vcpu *vcpu)
{
	struct pending_io *io = &vcpu->svm->io;
	struct guest_fault fault;
	u32 value = 0;
	int r;

	if (abandoned(vcpu))
		return 1;
	memcpy(&value, vcpu->pio_data, io->size);
	r = write_guest_virt(vcpu, io->gva, &value, io->size, PFERR_WRITE | user_access(vcpu),
			     &fault);
	if (r < 0)
		return emulation_failure(vcpu, &io->insn);
	if (r == 1)
		inject_page_fault(vcpu, &fault);
	else
		advance_string(vcpu, REG_RDI);
	return 1;
}

/* Do the guest's tables let it write there, on both pages if it is two? */
static int check_writable(struct vcpu *vcpu, gva_t gva, u8 size, struct guest_fault *fault)
{
	u32 access = PFERR_WRITE | user_access(vcpu);
	gpa_t gpa;
	int r;

	r = gva_to_gpa(vcpu, gva, access, &gpa, fault);
	if (!r && offset_in_page(gva) + size > PAGE_SIZE)
		r = gva_to_gpa(vcpu, gva + size - 1, access, &gpa, fault);
	return r;
}

/*
 * The memory operand of INS or OUTS, which the hardware has not looked at yet.
 * Return: 2 go on; else what the exit handler has to return.
 */
static int string_operand(struct vcpu *vcpu, const struct insn *insn, bool in)
{
	struct pending_io *io = &vcpu->svm->io;
	u8 segment = in ? SEG_ES : insn->segment;
	u8 pointer = in ? REG_RDI : REG_RSI;
	u64 offset = vcpu->regs[pointer] & size_mask(io->address_size);
	struct guest_fault fault;
	u32 value = 0;
	int r;

	if (io->rep && !(vcpu->regs[REG_RCX] & size_mask(io->address_size))) {
		advance_rip(vcpu, io->next_rip);
		return 1;
	}
	if (!check_segment(vcpu, segment, offset, io->size, in))
		return 1;
	io->gva = segment_address(vcpu, segment, offset);
	/* INS reads it too, to see that there is memory, so that no input is lost */
	r = in ? check_writable(vcpu, io->gva, io->size, &fault) : 0;
	if (!r)
		r = read_guest_virt(vcpu, io->gva, &value, io->size, user_access(vcpu), &fault);
	if (r == 1)
		inject_page_fault(vcpu, &fault);
	if (r > 0)
		return 1;
	if (r < 0)
		return emulation_failure(vcpu, insn);
	if (!in)
		memcpy(vcpu->pio_data, &value, io->size);
	return 2;
}

static bool is_string(const struct insn *insn)
{
	return insn->opcode >= 0x6c && insn->opcode <= 0x6f;
}

/* Does the decoded instruction do the I/O that the hardware says it does? */
static bool same_io(struct vcpu *vcpu, const struct insn *insn, bool in, u16 port, u8 size)
{
	u8 op = insn->opcode;
	bool string = is_string(insn);
	bool by_immediate = op >= 0xe4 && op <= 0xe7;

	if (insn->two_byte || (!string && !by_immediate && !(op >= 0xec && op <= 0xef)))
		return false;
	if (insn->operand_size != size || !(op & 2) != in)
		return false;
	return port == (by_immediate ? insn->immediate : (u16)vcpu->regs[REG_RDX]);
}

/**
 * emulate_io() - IN, OUT, INS and OUTS: one element, finished by user space.
 * @vcpu: the vCPU.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 1 or 0, as emulate.h says.
 * Source: Documentation/virt/kvm/api.rst, KVM_EXIT_IO.
 */
int emulate_io(struct vcpu *vcpu)
{
	struct svm_vcpu *svm = vcpu->svm;
	struct kvm_run *run = vcpu->run;
	u32 info = svm->vmcb->control.exit_info_1;
	u16 port = info >> IO_PORT_SHIFT;
	bool in = info & IO_IN;
	struct pending_io *io = &svm->io;
	struct insn *insn = &io->insn;
	bool string;
	int r;

	r = fetch_insn(vcpu, insn);
	if (r)
		return fetch_failed(vcpu, insn, r);
	io->size = (info & SVM_IOIO_SIZE_MASK) >> SVM_IOIO_SIZE_SHIFT;
	if (!same_io(vcpu, insn, in, port, io->size))
		return insn_changed(vcpu, insn);

	io->rip = vcpu->rip;
	io->next_rip = insn_next_rip(vcpu, insn);
	io->address_size = insn->address_size;
	io->rep = insn->rep;
	string = is_string(insn);
	if (string) {
		r = string_operand(vcpu, insn, in);
		if (r != 2)
			return r;
	}

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = io->size;
	run->io.port = port;
	run->io.count = 1;
	run->io.data_offset = PIO_PAGE_OFFSET * PAGE_SIZE;
	if (string && !in) {
		advance_string(vcpu, REG_RSI);
	} else if (string) {
		svm->complete = complete_ins;
	} else if (in) {
		svm->complete = complete_in;
	} else {
		memcpy(vcpu->pio_data, &vcpu->regs[REG_RAX], io->size);
		svm->complete = complete_out;
	}
	return 0;
}

static int complete_mmio_read(struct vcpu *vcpu)
{
	struct pending_io *io = &vcpu->svm->io;
	u64 value = 0;

	if (abandoned(vcpu))
		return 1;
	memcpy(&value, vcpu->run->mmio.data, io->size);
	if (io->sign_extend && value >> (8 * io->size - 1) & 1)
		value |= ~size_mask(io->size);
	insn_write_reg(&io->insn, vcpu->regs, io->insn.reg, io->insn.operand_size, value);
	advance_rip(vcpu, io->next_rip);
	return 1;
}

/* The MOVs that we do: false for another instruction. */
static bool decode_mmio(const struct insn *insn, bool *write, u8 *size)
{
	*size = insn->operand_size;
	if (insn->two_byte) {
		*write = false;
		switch (insn->opcode) {
		case 0xb6: case 0xbe:
			*size = 1;
			return true;
		case 0xb7: case 0xbf:
			*size = 2;
			return true;
		}
		return false;
	}
	switch (insn->opcode) {
	case 0x88: case 0x89: case 0xa2: case 0xa3:
		*write = true;
		return true;
	case 0xc6: case 0xc7:
		*write = true;
		return (insn->reg & 7) == 0;
	case 0x8a: case 0x8b: case 0xa0: case 0xa1:
		*write = false;
		return true;
	}
	return false;
}

static u64 mmio_write_value(struct vcpu *vcpu, const struct insn *insn)
{
	switch (insn->opcode) {
	case 0xc6: case 0xc7:
		return insn->immediate;
	case 0xa2: case 0xa3:
		return vcpu->regs[REG_RAX];
	default:
		return insn_read_reg(insn, vcpu->regs, insn->reg, insn->operand_size);
	}
}

/**
 * emulate_mmio() - an access where the guest has no memory, by a simple MOV.
 * @vcpu: the vCPU.
 * @gva: the address that faulted, in bytes.
 * @gpa: where that is, in bytes.
 * @error_code: of the #PF.
 *
 * Context: vcpu->mutex held, slots_lock not; may sleep.
 * Return: 1 or 0, as emulate.h says.
 * Source: Documentation/virt/kvm/api.rst, KVM_EXIT_MMIO.
 */
int emulate_mmio(struct vcpu *vcpu, gva_t gva, gpa_t gpa, u32 error_code)
{
	struct pending_io *io = &vcpu->svm->io;
	struct kvm_run *run = vcpu->run;
	struct insn *insn = &io->insn;
	u64 offset, value;
	gva_t operand;
	bool write;
	int r;

	r = fetch_insn(vcpu, insn);
	if (r > 0)
		return 1;
	if (r < 0 || (error_code & PFERR_FETCH))
		return emulation_failure(vcpu, insn);
	if (!insn->has_memory || !decode_mmio(insn, &write, &io->size))
		return emulation_failure(vcpu, insn);

	io->rip = vcpu->rip;
	io->next_rip = insn_next_rip(vcpu, insn);
	io->sign_extend = insn->two_byte && insn->opcode >= 0xbe;
	offset = insn_address(insn, vcpu->regs, io->next_rip);
	operand = segment_address(vcpu, insn->segment, offset);
	if (offset_in_page(operand) + io->size > PAGE_SIZE)
		return emulation_failure(vcpu, insn);
	if (operand != gva || write != !!(error_code & PFERR_WRITE))
		return insn_changed(vcpu, insn);
	/* A processor checks this before it looks at the page; QEMU's does not. */
	if (!check_segment(vcpu, insn->segment, offset, io->size, write))
		return 1;

	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = io->size;
	run->mmio.is_write = write;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	if (write) {
		value = mmio_write_value(vcpu, insn);
		memcpy(run->mmio.data, &value, io->size);
		advance_rip(vcpu, io->next_rip);
	} else {
		vcpu->svm->complete = complete_mmio_read;
	}
	return 0;
}
