// SPDX-License-Identifier: GPL-2.0
/*
 * test_decode.c - kernel-module/decode.c on its own: what each instruction that an
 * exit leaves to software looks like in each of the three modes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "decode.h"

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* checkpatch(COMPLEX_MACRO): two arguments, the bytes and how many */
#define BYTES(...) (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ })

/* Decode from an allocation of exactly @n bytes, so that a byte too many is seen. */
static int decode(struct insn *insn, enum insn_mode mode, const u8 *bytes, size_t n)
{
	u8 *copy = malloc(n ? n : 1);
	int r;

	memcpy(copy, bytes, n);
	r = decode_insn(insn, copy, n, mode);
	free(copy);
	return r;
}

static void test_plain_opcodes(void **state)
{
	static const struct {
		u8 bytes[2];
		u8 n;
	} plain[] = {
		{ { 0xf4 }, 1 }, { { 0x6c }, 1 }, { { 0x6e }, 1 }, { { 0xec }, 1 }, { { 0xee }, 1 },
		{ { 0x0f, 0x06 }, 2 }, { { 0x0f, 0x08 }, 2 }, { { 0x0f, 0x09 }, 2 },
		{ { 0x0f, 0x30 }, 2 }, { { 0x0f, 0x32 }, 2 }, { { 0x0f, 0x33 }, 2 },
		{ { 0x0f, 0xa2 }, 2 },
	};
	static const enum insn_mode modes[] = { INSN_16, INSN_32, INSN_64 };
	struct insn insn;
	size_t i, m;

	(void)state;
	for (m = 0; m < 3; m++) {
		for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
			assert_int_equal(decode(&insn, modes[m], plain[i].bytes, plain[i].n), 0);
			assert_int_equal(insn.len, plain[i].n);
			assert_int_equal(insn.opcode, plain[i].bytes[plain[i].n - 1]);
			assert_int_equal(insn.two_byte, plain[i].n == 2);
			assert_false(insn.has_memory);
			assert_memory_equal(insn.bytes, plain[i].bytes, plain[i].n);
		}
	}
}

static void test_operand_sizes(void **state)
{
	struct insn insn;

	(void)state;
	/* in eax,dx: two or four bytes by mode and prefix; REX.W changes nothing */
	assert_int_equal(decode(&insn, INSN_16, BYTES(0xed)), 0);
	assert_int_equal(insn.operand_size, 2);
	assert_int_equal(decode(&insn, INSN_16, BYTES(0x66, 0xed)), 0);
	assert_int_equal(insn.operand_size, 4);
	assert_int_equal(decode(&insn, INSN_32, BYTES(0xed)), 0);
	assert_int_equal(insn.operand_size, 4);
	assert_int_equal(decode(&insn, INSN_32, BYTES(0x66, 0xed)), 0);
	assert_int_equal(insn.operand_size, 2);
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x48, 0xed)), 0);
	assert_int_equal(insn.operand_size, 4);
	assert_int_equal(decode(&insn, INSN_64, BYTES(0xec)), 0);
	assert_int_equal(insn.operand_size, 1);
	/* mov r,r/m */
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x48, 0x8b, 0x03)), 0);
	assert_int_equal(insn.operand_size, 8);
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x66, 0x48, 0x8b, 0x03)), 0);
	assert_int_equal(insn.operand_size, 8);
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x66, 0x8b, 0x03)), 0);
	assert_int_equal(insn.operand_size, 2);
	/* mov to and from control registers: as wide as the mode, whatever the prefix */
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x66, 0x0f, 0x22, 0xd8)), 0);
	assert_int_equal(insn.operand_size, 8);
	assert_int_equal(decode(&insn, INSN_16, BYTES(0x0f, 0x20, 0xc0)), 0);
	assert_int_equal(insn.operand_size, 4);
}

static void test_prefixes(void **state)
{
	struct insn insn;

	(void)state;
	assert_int_equal(decode(&insn, INSN_16, BYTES(0xf3, 0x26, 0x6f)), 0);
	assert_true(insn.rep);
	assert_int_equal(insn.segment, SEG_ES);
	assert_int_equal(insn.len, 3);
	assert_int_equal(decode(&insn, INSN_32, BYTES(0x2e, 0x64, 0x6e)), 0);
	assert_int_equal(insn.segment, SEG_FS);
	assert_int_equal(decode(&insn, INSN_32, BYTES(0x65, 0x36, 0x6e)), 0);
	assert_int_equal(insn.segment, SEG_SS);
	/* 64-bit mode knows FS and GS only */
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x65, 0x26, 0x6e)), 0);
	assert_int_equal(insn.segment, SEG_GS);
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x36, 0x6e)), 0);
	assert_int_equal(insn.segment, SEG_DS);
	/* LOCK MOV CR0 */
	assert_int_equal(decode(&insn, INSN_32, BYTES(0xf0, 0x0f, 0x20, 0xc0)), 0);
	assert_true(insn.lock);
	/* REX counts only right before the opcode */
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x49, 0x66, 0x89, 0x00)), 0);
	assert_false(insn.has_rex);
	assert_int_equal(insn.operand_size, 2);
	assert_int_equal(insn.base, RAX);
	/* 0x4x is no REX outside 64-bit mode */
	assert_int_equal(decode(&insn, INSN_32, BYTES(0x48, 0x89, 0x00)), -EOPNOTSUPP);
	/* address size */
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x67, 0x6e)), 0);
	assert_int_equal(insn.address_size, 4);
	assert_int_equal(decode(&insn, INSN_32, BYTES(0x67, 0x6e)), 0);
	assert_int_equal(insn.address_size, 2);
	assert_int_equal(decode(&insn, INSN_16, BYTES(0x67, 0x6e)), 0);
	assert_int_equal(insn.address_size, 4);
}

static void test_modrm_registers(void **state)
{
	struct insn insn;

	(void)state;
	/* mov cr8,r15: REX.R and REX.B; mod is not looked at */
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x45, 0x0f, 0x22, 0xc7)), 0);
	assert_int_equal(insn.reg, 8);
	assert_int_equal(insn.rm, R15);
	assert_false(insn.has_memory);
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x0f, 0x20, 0x04)), 0);
	assert_int_equal(insn.len, 3);
	assert_int_equal(insn.rm, RSP);
	assert_false(insn.has_memory);
	/* mov dr7,rdx */
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x0f, 0x23, 0xfa)), 0);
	assert_int_equal(insn.reg, 7);
	assert_int_equal(insn.rm, RDX);
	/* vmmcall; lmsw ax */
	assert_int_equal(decode(&insn, INSN_32, BYTES(0x0f, 0x01, 0xd9)), 0);
	assert_int_equal(insn.reg, 3);
	assert_int_equal(insn.rm, 1);
	assert_int_equal(decode(&insn, INSN_16, BYTES(0x0f, 0x01, 0xf0)), 0);
	assert_int_equal(insn.reg, 6);
	assert_false(insn.has_memory);
}

static unsigned long regs[16];

static void fill_registers(void)
{
	int i;

	for (i = 0; i < 16; i++)
		regs[i] = 0x1111111100000000ul + 0x1000ul * (i + 1);
}

static void check_address(enum insn_mode mode, u64 expected, int segment,
			  const u8 *bytes, size_t n)
{
	struct insn insn;

	assert_int_equal(decode(&insn, mode, bytes, n), 0);
	assert_true(insn.has_memory);
	assert_int_equal(insn.len, n);
	assert_int_equal(insn.segment, segment);
	assert_int_equal(insn_address(&insn, regs, 0x500000), expected);
}

static void test_addresses16(void **state)
{
	(void)state;
	fill_registers();
	regs[RBX] = 0xaaaa4000;
	regs[RBP] = 0xaaaa6000;
	regs[RSI] = 0xaaaa0700;
	regs[RDI] = 0xaaaa0008;
	check_address(INSN_16, 0x4700, SEG_DS, BYTES(0x0f, 0x01, 0x38));	/* [bx+si] */
	check_address(INSN_16, 0x4008, SEG_DS, BYTES(0x0f, 0x01, 0x39));	/* [bx+di] */
	check_address(INSN_16, 0x6700, SEG_SS, BYTES(0x0f, 0x01, 0x3a));	/* [bp+si] */
	check_address(INSN_16, 0x6008, SEG_SS, BYTES(0x0f, 0x01, 0x3b));	/* [bp+di] */
	check_address(INSN_16, 0x0700, SEG_DS, BYTES(0x0f, 0x01, 0x3c));	/* [si] */
	check_address(INSN_16, 0x0008, SEG_DS, BYTES(0x0f, 0x01, 0x3d));	/* [di] */
	check_address(INSN_16, 0x8234, SEG_DS, BYTES(0x0f, 0x01, 0x3e, 0x34, 0x82));
	check_address(INSN_16, 0x4000, SEG_DS, BYTES(0x0f, 0x01, 0x3f));	/* [bx] */
	check_address(INSN_16, 0x5ffe, SEG_SS, BYTES(0x0f, 0x01, 0x7e, 0xfe));	/* [bp-2] */
	check_address(INSN_16, 0xe6ff, SEG_SS, BYTES(0x8a, 0x82, 0xff, 0x7f));
	regs[RBX] = 0xffff;		/* wraps at 64 KiB */
	check_address(INSN_16, 0x06ff, SEG_DS, BYTES(0x8a, 0x00));
	check_address(INSN_32, 0x06ff, SEG_DS, BYTES(0x67, 0x8a, 0x00));
	/* mov al,moffs */
	check_address(INSN_16, 0xbeef, SEG_DS, BYTES(0xa0, 0xef, 0xbe));
}

static void test_addresses32(void **state)
{
	(void)state;
	fill_registers();
	check_address(INSN_32, 0x1000, SEG_DS, BYTES(0x8b, 0x08));		/* [eax] */
	check_address(INSN_32, 0x12345678, SEG_DS, BYTES(0x8b, 0x0d, 0x78, 0x56, 0x34, 0x12));
	check_address(INSN_32, 0x5ff0, SEG_SS, BYTES(0x8b, 0x4d, 0xf0));	/* [ebp-16] */
	check_address(INSN_32, 0x5000, SEG_SS, BYTES(0x8b, 0x0c, 0x24));		/* [esp] */
	/* [eax+2*ecx+4] */
	check_address(INSN_32, 0x5004, SEG_DS, BYTES(0x8b, 0x4c, 0x48, 0x04));
	/* [esi*8+disp32]: no base */
	check_address(INSN_32, 0x38010, SEG_DS, BYTES(0x8b, 0x0c, 0xf5, 0x10, 0, 0, 0));
	/* [ebp+eax+1]: SS by its base */
	check_address(INSN_32, 0x7001, SEG_SS, BYTES(0x8b, 0x4c, 0x05, 0x01));
	check_address(INSN_32, 0x7001, SEG_GS, BYTES(0x65, 0x8b, 0x4c, 0x05, 0x01));
	/* 32-bit addresses wrap */
	check_address(INSN_32, 0x0fff, SEG_DS, BYTES(0x8b, 0x88, 0xff, 0xff, 0xff, 0xff));
	check_address(INSN_32, 0xdeadbeef, SEG_DS, BYTES(0xa1, 0xef, 0xbe, 0xad, 0xde));
}

static void test_addresses64(void **state)
{
	(void)state;
	fill_registers();
	check_address(INSN_64, regs[RAX], SEG_DS, BYTES(0x0f, 0x01, 0x38));
	check_address(INSN_64, 0x500010, SEG_DS, BYTES(0x8b, 0x0d, 0x10, 0, 0, 0));
	check_address(INSN_64, 0x4ffff0, SEG_DS, BYTES(0x8b, 0x0d, 0xf0, 0xff, 0xff, 0xff));
	/* [disp32] by SIB: sign-extended */
	check_address(INSN_64, 0xffffffff80000000, SEG_DS,
		      BYTES(0x8b, 0x0c, 0x25, 0, 0, 0, 0x80));
	/* [r12] needs SIB, [r13+0] a displacement; neither is in the stack segment */
	check_address(INSN_64, regs[R12], SEG_DS, BYTES(0x41, 0x8b, 0x0c, 0x24));
	check_address(INSN_64, regs[R13], SEG_DS, BYTES(0x41, 0x8b, 0x4d, 0x00));
	/* mod 0, r/m 5 is RIP-relative with REX.B as well */
	check_address(INSN_64, 0x500010, SEG_DS, BYTES(0x41, 0x8b, 0x0d, 0x10, 0, 0, 0));
	/* [rax+r12*1]: index 4 with REX.X is R12 */
	check_address(INSN_64, regs[RAX] + regs[R12], SEG_DS, BYTES(0x42, 0x8b, 0x0c, 0x20));
	check_address(INSN_64, regs[R9] + regs[R10] * 4 + 8, SEG_DS,
		      BYTES(0x4f, 0x8b, 0x5c, 0x91, 0x08));
	check_address(INSN_64, regs[RSP] + 8, SEG_SS, BYTES(0x48, 0x89, 0x44, 0x24, 0x08));
	check_address(INSN_64, 0x1000, SEG_DS, BYTES(0x67, 0x8b, 0x08));
	check_address(INSN_64, 0x8877665544332211, SEG_DS,
		      BYTES(0xa3, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88));
	check_address(INSN_64, 0x44332211, SEG_DS, BYTES(0x67, 0xa3, 0x11, 0x22, 0x33, 0x44));
}

static void test_immediates(void **state)
{
	struct insn insn;

	(void)state;
	assert_int_equal(decode(&insn, INSN_32, BYTES(0xe6, 0x80)), 0);
	assert_int_equal(insn.immediate, 0x80);			/* a port: not extended */
	assert_int_equal(decode(&insn, INSN_32, BYTES(0xc6, 0x00, 0x80)), 0);
	assert_int_equal(insn.immediate & 0xff, 0x80);
	assert_int_equal(decode(&insn, INSN_32, BYTES(0xc7, 0x00, 1, 2, 3, 4)), 0);
	assert_int_equal(insn.immediate, 0x04030201);
	assert_int_equal(insn.len, 6);
	assert_int_equal(decode(&insn, INSN_32, BYTES(0x66, 0xc7, 0x00, 1, 2)), 0);
	assert_int_equal(insn.immediate, 0x0201);
	assert_int_equal(insn.len, 5);
	assert_int_equal(decode(&insn, INSN_64,
				BYTES(0x48, 0xc7, 0x05, 0, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff)), 0);
	assert_int_equal(insn.immediate, 0xfffffffffffffffe);
	assert_int_equal(insn.len, 11);
}

static void test_too_short(void **state)
{
	const u8 full[] = { 0x65, 0x67, 0x48, 0xc7, 0x84, 0x91, 1, 2, 3, 4, 5, 6, 7, 8 };
	struct insn insn;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(full); n++)
		assert_int_equal(decode(&insn, INSN_64, full, n), -ENODATA);
	assert_int_equal(decode(&insn, INSN_64, full, sizeof(full)), 0);
	assert_int_equal(insn.len, sizeof(full));
}

static void test_too_long(void **state)
{
	u8 bytes[17];
	struct insn insn;

	(void)state;
	memset(bytes, 0x66, sizeof(bytes));
	assert_int_equal(decode(&insn, INSN_64, bytes, sizeof(bytes)), -E2BIG);
	bytes[14] = 0xf4;
	assert_int_equal(decode(&insn, INSN_64, bytes, sizeof(bytes)), 0);
	assert_int_equal(insn.len, 15);
	bytes[13] = 0x0f;
	bytes[14] = 0x01;
	assert_int_equal(decode(&insn, INSN_64, bytes, sizeof(bytes)), -E2BIG);
	assert_int_equal(decode(&insn, INSN_64, bytes, 14), -ENODATA);
}

static void test_unknown(void **state)
{
	static const u8 known1[] = { 0x6c, 0x6d, 0x6e, 0x6f, 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1,
				     0xa2, 0xa3, 0xc6, 0xc7, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed,
				     0xee, 0xef, 0xf4 };
	static const u8 known2[] = { 0x01, 0x06, 0x08, 0x09, 0x20, 0x21, 0x22, 0x23, 0x30, 0x32,
				     0x33, 0xa2, 0xb6, 0xb7, 0xbe, 0xbf };
	struct insn insn;
	int op, known = 0;
	u8 bytes[15];

	(void)state;
	memset(bytes, 0, sizeof(bytes));
	for (op = 0; op < 256; op++) {
		bytes[0] = op;
		if (!decode(&insn, INSN_32, bytes, sizeof(bytes))) {
			assert_non_null(memchr(known1, op, sizeof(known1)));
			known++;
		}
	}
	assert_int_equal(known, sizeof(known1));
	bytes[0] = 0x0f;
	for (op = 0, known = 0; op < 256; op++) {
		bytes[1] = op;
		if (!decode(&insn, INSN_32, bytes, sizeof(bytes))) {
			assert_non_null(memchr(known2, op, sizeof(known2)));
			known++;
		} else {
			assert_int_equal(decode(&insn, INSN_32, bytes, sizeof(bytes)), -EOPNOTSUPP);
		}
	}
	assert_int_equal(known, sizeof(known2));
}

/* Any bytes at all: never out of bounds, and a length that was really there. */
static void test_random_bytes(void **state)
{
	static const enum insn_mode modes[] = { INSN_16, INSN_32, INSN_64 };
	static const u8 likely[] = { 0x0f, 0x66, 0x67, 0x48, 0x4f, 0xf3, 0x89, 0x8b, 0xc7, 0x01,
				     0xa1, 0x20, 0x22, 0xb6, 0x65, 0x04, 0x05, 0x25, 0x84 };
	u64 seed = 88172645463325252ull;
	unsigned int i, j, decoded = 0;

	(void)state;
	fill_registers();
	for (i = 0; i < 200000; i++) {
		u8 bytes[20];
		struct insn insn;
		size_t n;

		for (j = 0; j < sizeof(bytes); j++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			bytes[j] = seed & 1 ? likely[(seed >> 8) % sizeof(likely)] : seed >> 24;
		}
		n = (seed >> 40) % (sizeof(bytes) + 1);
		if (decode(&insn, modes[i % 3], bytes, n))
			continue;
		decoded++;
		assert_in_range(insn.len, 1, n < INSN_MAX_LEN ? n : INSN_MAX_LEN);
		if (insn.has_memory)
			insn_address(&insn, regs, 0);
	}
	assert_in_range(decoded, 10000, 200000);
}

static void test_registers(void **state)
{
	struct insn insn;

	(void)state;
	fill_registers();
	regs[RBX] = 0x1122334455667788;
	/* mov bh,[rax]: no REX */
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x8a, 0x38)), 0);
	assert_int_equal(insn_read_reg(&insn, regs, insn.reg, 1), 0x77);
	insn_write_reg(&insn, regs, insn.reg, 1, 0xabcd);
	assert_int_equal(regs[RBX], 0x112233445566cd88);
	/* mov dil,[rax]: any REX */
	assert_int_equal(decode(&insn, INSN_64, BYTES(0x40, 0x8a, 0x38)), 0);
	regs[RDI] = 0x0102030405060708;
	assert_int_equal(insn_read_reg(&insn, regs, insn.reg, 1), 0x08);
	insn_write_reg(&insn, regs, insn.reg, 1, 0xabcd);
	assert_int_equal(regs[RDI], 0x01020304050607cd);
	insn_write_reg(&insn, regs, insn.reg, 2, 0x123456);
	assert_int_equal(regs[RDI], 0x0102030405063456);
	/* a 32-bit result clears the upper half */
	insn_write_reg(&insn, regs, insn.reg, 4, 0xffffffffdeadbeef);
	assert_int_equal(regs[RDI], 0xdeadbeef);
	insn_write_reg(&insn, regs, insn.reg, 8, 0xffffffffdeadbeef);
	assert_int_equal(regs[RDI], 0xffffffffdeadbeef);
	assert_int_equal(insn_read_reg(&insn, regs, RDI, 4), 0xdeadbeef);
}

int main(void)
{
	/* checkpatch(CAMELCASE): cmocka's */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_opcodes),
		cmocka_unit_test(test_operand_sizes),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_modrm_registers),
		cmocka_unit_test(test_addresses16),
		cmocka_unit_test(test_addresses32),
		cmocka_unit_test(test_addresses64),
		cmocka_unit_test(test_immediates),
		cmocka_unit_test(test_too_short),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_random_bytes),
		cmocka_unit_test(test_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
