// SPDX-License-Identifier: GPL-2.0
/*
 * hardware.c - the hardware changes an spte between any two instructions of the code under
 * test, which is stepped through with the processor's trap flag. Who reads the entry, changes
 * it and writes it back loses one of these changes, each time; who changes it in one
 * step loses none.
 */
#include "hardware.h"

#include <signal.h>

#include "harness.h"

static struct {
	u64 *sptep;
	u64 ours;		/* the bits that the code under test may change */
	u64 left;		/* the entry, as the "hardware" left it */
	unsigned int steps, lost;
	struct sigaction before;
} hardware;

static u64 counter(unsigned int n)
{
	return (n & 1 ? SPTE_DIRTY : 0) | (u64)(n >> 1 & 7) << 9;
}

static void hardware_steps(int signal)
{
	u64 now = *hardware.sptep;

	(void)signal;
	if ((now ^ hardware.left) & ~hardware.ours)
		hardware.lost++;
	hardware.steps++;
	hardware.left = (now & ~HARDWARE_BITS) | counter(hardware.steps);
	*hardware.sptep = hardware.left;
}

/* The trap flag, pushed below what a function may keep under its stack pointer. */
static void single_step(bool on)
{
	if (on)
		asm volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; "
			     "lea 128(%%rsp), %%rsp" : : : "memory", "cc");
	else
		asm volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; "
			     "lea 128(%%rsp), %%rsp" : : : "memory", "cc");
}

/**
 * hardware_start() - from here on the hardware changes an entry at each instruction.
 * @sptep: the entry.
 * @ours: the bits that the code under test may change, none of HARDWARE_BITS.
 */
void hardware_start(u64 *sptep, u64 ours)
{
	struct sigaction step = { .sa_handler = hardware_steps };

	hardware.sptep = sptep;
	hardware.ours = ours;
	hardware.left = *sptep;
	hardware.steps = 0;
	hardware.lost = 0;
	assert_int_equal(sigaction(SIGTRAP, &step, &hardware.before), 0);
	single_step(true);
}

/**
 * hardware_stop() - ... to here.
 *
 * Return: how many of its changes were lost.
 */
unsigned int hardware_stop(void)
{
	single_step(false);
	assert_int_equal(sigaction(SIGTRAP, &hardware.before, NULL), 0);
	assert_true(hardware.steps > 100);
	return hardware.lost;
}
