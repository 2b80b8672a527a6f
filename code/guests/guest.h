/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guest.h - what guest programs in C share: ports, text, words that can be checked,
 * and accesses that survive a fault. Built for 16, 32 and 64-bit code. Each program
 * defines guest_main(); start.S calls it on every vCPU.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

/*
 * As wide as a register: 4 or 8 bytes.
 * checkpatch(NEW_TYPEDEFS): one word for it in code that is built for three widths
 */
typedef unsigned long word;

/**
 * guest_main() - the program.
 * @vcpu: number of this vCPU
 * @params: the monitor's parameter block
 *
 * Return: the exit status of this vCPU, 0 is good.
 */
unsigned int guest_main(unsigned int vcpu, const struct guest_params *params);

static inline void outb(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(uint16_t port, uint32_t value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint32_t inl(uint16_t port)
{
	uint32_t value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline void report(int n, uint32_t value)
{
	outl(ABI_PORT_REPORT + 4 * n, value);
}

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

/* text.c: the console. Knows %s, %u, %x and %lx. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void put_char(char c);
void guest_exit(unsigned int status) __attribute__((noreturn));

/**
 * expected() - the word that belongs at @gpa when @vcpu wrote it in pass @pass.
 *
 * Pass 0 stands for "never written": such memory reads as 0.
 */
static inline uint32_t expected(uint32_t gpa, unsigned int vcpu, uint32_t pass)
{
	uint32_t x;

	if (!pass)
		return 0;
	x = gpa * 2654435761u ^ (pass << 8 | vcpu) * 40503u;
	x ^= x >> 15;
	return x | 1;	/* never the word of memory that was lost */
}

/** wrong_word() - name one that is not what it should be, on the console. */
void wrong_word(unsigned int vcpu, uint32_t gpa, uint32_t want, uint32_t found);

#endif
