// SPDX-License-Identifier: GPL-2.0
/*
 * clear.c - what a guest must not do because QEMU 7.2, which plays the processor, does
 * not stand it. None of it is about the module: on a processor each would be no more than
 * one more hostile thing to do. This is the one place that keeps clear of it:
 *
 * - A breakpoint that is enabled in DR7 at VMRUN ends QEMU some time later. So there
 *   is no MOV to a debug register in the code.
 * - A task switch is not intercepted although the module asks for it, and loads a CR3
 *   from the guest's memory: the guest is then in the host's. Task switches begin with
 *   reading and writing the old TSS, so TR says that it lies where no memory is. There is
 *   no instruction that loads GDT, LDT, IDT or TR outside of 64-bit mode, where there is
 *   no task switch either.
 * - A change of stacks in 32-bit mode with a busy TSS in TR, or with none, aborts QEMU.
 *   So TR is always loaded, as an available one in these modes.
 *
 * What a guest puts together at run time can still be one of these; then QEMU dies, and
 * the runner says that it was QEMU, and with which seed.
 */
#include "fuzz.h"

#define EFER_LMA (1u << 10)
#define NO_MEMORY 0xffffe000u
#define NOP 0x90

static bool loads_table(const uint8_t *insn)
{
	unsigned int reg = insn[2] >> 3 & 7;

	return insn[1] <= 1 && (reg == 2 || reg == 3);
}

/**
 * clear_of_qemu_code() - take out what is not to be executed.
 * @bytes: what a guest may execute, from any byte on.
 * @len: how many.
 * @bits: of its mode: 16, 32 or 64.
 */
void clear_of_qemu_code(uint8_t *bytes, size_t len, int bits)
{
	size_t i;

	for (i = 0; i + 2 < len; i++)
		if (bytes[i] == 0x0f &&
		    (bytes[i + 1] == 0x23 || (bits != 64 && loads_table(bytes + i))))
			bytes[i] = NOP;
	/* what comes behind is not ours to know */
	for (; i < len; i++)
		if (bytes[i] == 0x0f)
			bytes[i] = NOP;
}

/** clear_of_qemu_sregs() - a task register that QEMU stands. */
void clear_of_qemu_sregs(struct kvm_sregs *sregs)
{
	sregs->tr = (struct kvm_segment) {
		.base = NO_MEMORY, .limit = 0x67, .selector = VMM_SEL_TSS, .present = 1,
		.type = sregs->efer & EFER_LMA ? 11 : 9,
	};
}
