/* SPDX-License-Identifier: GPL-2.0 */
/*
 * decode.h - chapter 0: instruction bytes in, what they ask for out. It knows
 * the few instructions that exits leave to us, and none else. It depends on
 * nothing of the kernel, so that it can be tested in user space.
 *
 * You come here from fetch_insn() in insn.c.
 */
#ifndef KVMSWAP_DECODE_H
#define KVMSWAP_DECODE_H

#include <linux/types.h>

#define INSN_MAX_LEN 15

/* The width in bytes of an address where no prefix says otherwise. */
enum insn_mode {
	INSN_16 = 2,
	INSN_32 = 4,
	INSN_64 = 8,
};

/* Segment registers, in the hardware's numbering. */
enum insn_segment { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

/** struct insn - one decoded instruction. Register numbers are enum vcpu_reg's. */
struct insn {
	u8 len;			/* bytes, all prefixes included */
	u8 bytes[INSN_MAX_LEN];	/* the instruction itself, for the record */
	bool two_byte;		/* the opcode follows 0F */
	u8 opcode;
	bool lock, rep;		/* F0; F2 or F3 */
	bool has_rex;
	u8 rex;
	u8 operand_size;	/* bytes: 1, 2, 4 or 8 */
	u8 address_size;	/* bytes: 2, 4 or 8 */

	bool has_modrm;
	u8 mod, reg, rm;	/* reg and rm with REX.R and REX.B */

	bool has_memory;	/* the rest: the memory operand */
	u8 segment;		/* enum insn_segment */
	int base, index;	/* register or -1 */
	u8 scale;		/* 0 to 3 */
	bool rip_relative;
	s64 displacement;

	u64 immediate;		/* sign-extended to the operand's size; a port is not */
};

int decode_insn(struct insn *insn, const u8 *bytes, unsigned int n, enum insn_mode mode);
u64 insn_address(const struct insn *insn, const unsigned long *regs, u64 next_rip);
u64 insn_read_reg(const struct insn *insn, const unsigned long *regs, u8 reg, u8 size);
void insn_write_reg(const struct insn *insn, unsigned long *regs, u8 reg, u8 size, u64 value);
void write_sized(unsigned long *reg, u8 size, u64 value);
u64 size_mask(u8 size);

#endif
