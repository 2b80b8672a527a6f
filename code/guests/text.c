// SPDX-License-Identifier: GPL-2.0
/*
 * text.c - a guest's text: a small print() on the console port. A line is gathered by
 * the monitor, one port write a character; two vCPUs have a line each.
 */
#include <stdarg.h>

#include "guest.h"

void put_char(char c)
{
	outb(ABI_PORT_CONSOLE, c);
}

static void put_text(const char *text)
{
	while (*text)
		put_char(*text++);
}

static void put_hex(uint64_t value)
{
	int shift = 60;

	while (shift && !(value >> shift))
		shift -= 4;
	put_text("0x");
	for (; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[value >> shift & 15]);
}

static void put_dec(uint32_t value)
{
	char digits[10];
	int n = 0;

	do {
		digits[n++] = '0' + value % 10;
		value /= 10;
	} while (value);
	while (n)
		put_char(digits[--n]);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	for (; *format; format++) {
		if (*format != '%') {
			put_char(*format);
			continue;
		}
		switch (*++format) {
		case 's':
			put_text(va_arg(args, const char *));
			break;
		case 'u':
			put_dec(va_arg(args, unsigned int));
			break;
		case 'x':
			put_hex(va_arg(args, unsigned int));
			break;
		case 'l':	/* %lx */
			format++;
			put_hex(va_arg(args, unsigned long));
			break;
		default:
			put_char('?');
		}
	}
	va_end(args);
}

void guest_exit(unsigned int status)
{
	for (;;)
		outl(ABI_PORT_EXIT, status);
}

void wrong_word(unsigned int vcpu, uint32_t gpa, uint32_t want, uint32_t found)
{
	print("WRONG WORD vcpu %u address %x expected %x found %x\n", vcpu, gpa, want, found);
}
