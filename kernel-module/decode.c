// SPDX-License-Identifier: GPL-2.0
/*
 * decode.c - chapter 0: SVM without decode assists says that the guest ran, say,
 * a MOV to a control register, but not which, nor how long the instruction is.
 * This decodes those few instructions: prefixes, ModRM, SIB, addresses, operands.
 *
 * You come here from insn.c, with bytes read from the guest. Nothing here
 * touches a guest: see tests/host/test_decode.c.
 */
#include <linux/errno.h>
#include <linux/string.h>

#include "decode.h"

/* What follows an opcode. */
#define F_MODRM		0x01
#define F_IMM8		0x02
#define F_IMMZ		0x04	/* as wide as the operand, at most four bytes */
#define F_MOFFS		0x08	/* an address as wide as addresses are */
#define F_BYTE		0x10	/* the operand is one byte */
#define F_IO		0x20	/* the operand is at most four bytes */
#define F_REGISTERS	0x40	/* ModRM names registers, whatever its mod bits are */
#define F_KNOWN		0x80

struct cursor {
	const u8 *bytes;
	unsigned int n, pos;
	int error;
};

static u8 next_byte(struct cursor *c)
{
	if (c->error)
		return 0;
	if (c->pos >= INSN_MAX_LEN) {
		c->error = -E2BIG;
		return 0;
	}
	if (c->pos >= c->n) {
		c->error = -ENODATA;
		return 0;
	}
	return c->bytes[c->pos++];
}

static u64 next_le(struct cursor *c, unsigned int size)
{
	u64 value = 0;
	unsigned int i;

	for (i = 0; i < size; i++)
		value |= (u64)next_byte(c) << (8 * i);
	return value;
}

static s64 sign_extend(u64 value, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (s64)(value << shift) >> shift;
}

static unsigned int one_byte_flags(u8 opcode)
{
	switch (opcode) {
	case 0x6c: case 0x6e:			/* INSB, OUTSB */
	case 0xec: case 0xee:			/* IN AL,DX; OUT DX,AL */
		return F_KNOWN | F_BYTE | F_IO;
	case 0x6d: case 0x6f:			/* INS, OUTS */
	case 0xed: case 0xef:			/* IN, OUT by DX */
		return F_KNOWN | F_IO;
	case 0xe4: case 0xe6:			/* IN AL,imm8; OUT imm8,AL */
		return F_KNOWN | F_BYTE | F_IO | F_IMM8;
	case 0xe5: case 0xe7:			/* IN, OUT by imm8 */
		return F_KNOWN | F_IO | F_IMM8;
	case 0x88: case 0x8a:			/* MOV r/m8,r8; MOV r8,r/m8 */
		return F_KNOWN | F_MODRM | F_BYTE;
	case 0x89: case 0x8b:			/* MOV r/m,r; MOV r,r/m */
		return F_KNOWN | F_MODRM;
	case 0xa0: case 0xa2:			/* MOV AL,moffs; MOV moffs,AL */
		return F_KNOWN | F_MOFFS | F_BYTE;
	case 0xa1: case 0xa3:			/* MOV rAX,moffs; MOV moffs,rAX */
		return F_KNOWN | F_MOFFS;
	case 0xc6:				/* MOV r/m8,imm8 */
		return F_KNOWN | F_MODRM | F_BYTE | F_IMM8;
	case 0xc7:				/* MOV r/m,imm */
		return F_KNOWN | F_MODRM | F_IMMZ;
	case 0xf4:				/* HLT */
		return F_KNOWN;
	}
	return 0;
}

static unsigned int two_byte_flags(u8 opcode)
{
	switch (opcode) {
	case 0x01:				/* SMSW, LMSW, INVLPG, VMMCALL ... */
	case 0xb6: case 0xb7:			/* MOVZX */
	case 0xbe: case 0xbf:			/* MOVSX */
		return F_KNOWN | F_MODRM;
	case 0x20: case 0x22:			/* MOV from and to CR */
	case 0x21: case 0x23:			/* MOV from and to DR */
		return F_KNOWN | F_MODRM | F_REGISTERS;
	case 0x06:				/* CLTS */
	case 0x08: case 0x09:			/* INVD, WBINVD */
	case 0x30: case 0x32: case 0x33:	/* WRMSR, RDMSR, RDPMC */
	case 0xa2:				/* CPUID */
		return F_KNOWN;
	}
	return 0;
}

/* The legacy prefixes: any number, any order, the last of a kind wins. */
static u8 decode_prefixes(struct cursor *c, struct insn *insn, enum insn_mode mode,
			  int *segment, bool *size_prefix)
{
	for (;;) {
		u8 byte = next_byte(c);

		if (c->error)
			return 0;
		if (mode == INSN_64 && (byte & 0xf0) == 0x40) {
			insn->rex = byte;
			continue;
		}
		switch (byte) {
		case 0x26: case 0x2e: case 0x36: case 0x3e:
			if (mode != INSN_64)
				*segment = (byte >> 3) & 3;
			break;
		case 0x64: case 0x65:
			*segment = SEG_FS + (byte & 1);
			break;
		case 0x66:
			*size_prefix = true;
			break;
		case 0x67:
			insn->address_size = mode == INSN_32 ? 2 : 4;
			break;
		case 0xf0:
			insn->lock = true;
			break;
		case 0xf2: case 0xf3:
			insn->rep = true;
			break;
		default:
			insn->has_rex = insn->rex != 0;
			return byte;
		}
		insn->rex = 0;		/* REX counts right before the opcode only */
	}
}

/* The address forms of 16-bit addressing: base and index by r/m. */
static void decode_memory16(struct cursor *c, struct insn *insn)
{
	static const int base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };
	static const int index[8] = { 6, 7, 6, 7, -1, -1, -1, -1 };

	insn->base = base[insn->rm];
	insn->index = index[insn->rm];
	if (insn->mod == 0 && insn->rm == 6) {
		insn->base = -1;
		insn->displacement = next_le(c, 2);
	} else if (insn->mod == 1) {
		insn->displacement = sign_extend(next_byte(c), 1);
	} else if (insn->mod == 2) {
		insn->displacement = sign_extend(next_le(c, 2), 2);
	}
}

static void decode_memory(struct cursor *c, struct insn *insn, enum insn_mode mode, u8 rm)
{
	bool disp32 = insn->mod == 2;

	insn->index = -1;
	if (rm == 4) {
		u8 sib = next_byte(c);

		insn->scale = sib >> 6;
		insn->index = ((sib >> 3) & 7) | ((insn->rex & 2) << 2);
		if (insn->index == 4)
			insn->index = -1;
		insn->base = (sib & 7) | ((insn->rex & 1) << 3);
		if ((sib & 7) == 5 && insn->mod == 0) {
			insn->base = -1;
			disp32 = true;
		}
	} else if (rm == 5 && insn->mod == 0) {
		insn->base = -1;
		insn->rip_relative = mode == INSN_64;
		disp32 = true;
	} else {
		insn->base = insn->rm;
	}
	if (insn->mod == 1)
		insn->displacement = sign_extend(next_byte(c), 1);
	else if (disp32)
		insn->displacement = sign_extend(next_le(c, 4), 4);
}

static void decode_modrm(struct cursor *c, struct insn *insn, enum insn_mode mode,
			 unsigned int flags)
{
	u8 modrm = next_byte(c);
	u8 rm = modrm & 7;

	insn->has_modrm = true;
	insn->mod = modrm >> 6;
	insn->reg = ((modrm >> 3) & 7) | ((insn->rex & 4) << 1);
	insn->rm = rm | ((insn->rex & 1) << 3);
	if (insn->mod == 3 || (flags & F_REGISTERS))
		return;
	insn->has_memory = true;
	if (insn->address_size == 2)
		decode_memory16(c, insn);
	else
		decode_memory(c, insn, mode, rm);
}

/**
 * decode_insn() - decode one instruction.
 * @insn: filled in.
 * @bytes: the instruction, perhaps with more behind it.
 * @n: how many bytes there are.
 * @mode: the code segment's default.
 *
 * Context: any.
 * Return: 0; -ENODATA there are too few bytes; -E2BIG it is longer than 15 bytes,
 * a #GP; -EOPNOTSUPP an instruction that is not known here.
 * Source: AMD manual volume 3, "Instruction Encoding" and "Opcode Maps".
 */
int decode_insn(struct insn *insn, const u8 *bytes, unsigned int n, enum insn_mode mode)
{
	struct cursor c = { .bytes = bytes, .n = n };
	bool size_prefix = false;
	unsigned int flags;
	int segment = -1;

	memset(insn, 0, sizeof(*insn));
	insn->base = -1;
	insn->index = -1;
	insn->address_size = mode;

	insn->opcode = decode_prefixes(&c, insn, mode, &segment, &size_prefix);
	if (insn->opcode == 0x0f) {
		insn->two_byte = true;
		insn->opcode = next_byte(&c);
	}
	if (c.error)
		return c.error;
	flags = insn->two_byte ? two_byte_flags(insn->opcode) : one_byte_flags(insn->opcode);
	if (!(flags & F_KNOWN))
		return -EOPNOTSUPP;

	insn->operand_size = (mode == INSN_16) == size_prefix ? 4 : 2;
	if ((insn->rex & 8) && !(flags & F_IO))
		insn->operand_size = 8;
	if (flags & F_REGISTERS)
		insn->operand_size = mode == INSN_64 ? 8 : 4;
	if (flags & F_BYTE)
		insn->operand_size = 1;

	if (flags & F_MODRM)
		decode_modrm(&c, insn, mode, flags);
	if (flags & F_MOFFS) {
		insn->has_memory = true;
		insn->displacement = next_le(&c, insn->address_size);
	}
	if (flags & F_IMM8)
		insn->immediate = flags & F_IO ? next_byte(&c) : sign_extend(next_byte(&c), 1);
	if (flags & F_IMMZ) {
		unsigned int size = insn->operand_size == 2 ? 2 : 4;

		insn->immediate = sign_extend(next_le(&c, size), size);
	}

	if (segment >= 0)
		insn->segment = segment;
	else
		insn->segment = insn->base == 4 || insn->base == 5 ? SEG_SS : SEG_DS;
	if (c.error)
		return c.error;
	insn->len = c.pos;
	memcpy(insn->bytes, bytes, insn->len);
	return 0;
}

/**
 * size_mask() - the bits of an operand.
 * @size: of the operand in bytes: 1, 2, 4 or 8.
 *
 * Context: any.
 * Return: a mask.
 */
u64 size_mask(u8 size)
{
	return size == 8 ? ~0ULL : (1ULL << (8 * size)) - 1;
}

/**
 * insn_address() - the effective address of the memory operand.
 * @insn: a decoded instruction with has_memory.
 * @regs: the general registers, by enum vcpu_reg.
 * @next_rip: the address of the instruction behind it.
 *
 * Context: any.
 * Return: the offset into the segment, in bytes.
 */
u64 insn_address(const struct insn *insn, const unsigned long *regs, u64 next_rip)
{
	u64 address = insn->displacement;

	if (insn->rip_relative)
		address += next_rip;
	if (insn->base >= 0)
		address += regs[insn->base];
	if (insn->index >= 0)
		address += (u64)regs[insn->index] << insn->scale;
	return address & size_mask(insn->address_size);
}

/* Without REX the byte registers 4 to 7 are AH, CH, DH and BH. */
static bool is_high_byte(const struct insn *insn, u8 reg, u8 size)
{
	return size == 1 && !insn->has_rex && reg >= 4;
}

/**
 * insn_read_reg() - a register operand's value.
 * @insn: the instruction that names it.
 * @regs: the general registers.
 * @reg: as it stands in insn->reg or insn->rm.
 * @size: of the operand in bytes.
 *
 * Context: any.
 * Return: the value, zero-extended.
 */
u64 insn_read_reg(const struct insn *insn, const unsigned long *regs, u8 reg, u8 size)
{
	if (is_high_byte(insn, reg, size))
		return (regs[reg - 4] >> 8) & 0xff;
	return regs[reg] & size_mask(size);
}

/**
 * write_sized() - write a part of a register, as the processor does.
 * @reg: the register.
 * @size: of the part in bytes; 4 clears the upper half, 1 and 2 leave the rest.
 * @value: what to write; its upper bits are ignored.
 *
 * Context: any.
 */
void write_sized(unsigned long *reg, u8 size, u64 value)
{
	u64 mask = size_mask(size);

	if (size >= 4)
		*reg = value & mask;
	else
		*reg = (*reg & ~mask) | (value & mask);
}

/**
 * insn_write_reg() - write a register operand.
 * @insn: the instruction that names it.
 * @regs: the general registers.
 * @reg: as it stands in insn->reg or insn->rm.
 * @size: of the operand in bytes.
 * @value: what to write; its upper bits are ignored.
 *
 * Context: any.
 */
void insn_write_reg(const struct insn *insn, unsigned long *regs, u8 reg, u8 size, u64 value)
{
	if (is_high_byte(insn, reg, size))
		regs[reg - 4] = (regs[reg - 4] & ~0xff00UL) | (value & 0xff) << 8;
	else
		write_sized(&regs[reg], size, value);
}
