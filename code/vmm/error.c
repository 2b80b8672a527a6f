// SPDX-License-Identifier: GPL-2.0
/*
 * error.c - how every program here fails: one line on stderr that says what was
 * tried and why it did not work. Called from everywhere; calls nothing.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libvmm.h"

static void print_error(const char *format, va_list args)
{
	int error = errno;
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	fflush(stdout);
	if (error)
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, text,
			strerror(error));
	else
		fprintf(stderr, "%s: %s\n", program_invocation_short_name, text);
}

void vmm_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(format, args);
	va_end(args);
}

void vmm_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_error(format, args);
	va_end(args);
	exit(VMM_BROKEN);
}

long vmm_number(const char *text, const char *name, long min, long max)
{
	char *end;
	long value = strtol(text, &end, 0);

	errno = 0;
	if (*end || end == text || value < min || value > max)
		vmm_die("--%s %s: a number from %ld to %ld is wanted", name, text, min, max);
	return value;
}

unsigned int vmm_slowness(void)
{
	const char *text = getenv("SLOWNESS");
	int value = text ? atoi(text) : 1;

	return value > 0 ? value : 1;
}
