// SPDX-License-Identifier: GPL-2.0
/*
 * demo.c - how the demos print and check, and what they measure. See demo.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "demo.h"

static int steps, wrong;

void step(const char *format, ...)
{
	va_list args;

	setlinebuf(stdout);
	printf("%s%d. ", steps ? "\n" : "", steps + 1);
	steps++;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void say(const char *format, ...)
{
	va_list args;

	printf("   ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void value(const char *name, const char *format, ...)
{
	va_list args;

	printf("     %-34s ", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void code(const char *place)
{
	printf("   [%s]\n", place);
}

void check(bool ok, const char *format, ...)
{
	va_list args;

	if (ok)
		return;
	wrong++;
	printf("   WRONG: this does not hold: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

int demo_end(void)
{
	return wrong != 0;
}

long long stat_of(const struct vmm *vm, const char *name)
{
	long long count = dbgfs_stat(vm, name);

	errno = 0;
	if (count < 0)
		vmm_die("debugfs has no \"%s\" of this VM: is kvmswap loaded, debugfs mounted?",
			name);
	return count;
}

long long leaf_sptes(const struct vmm *vm)
{
	char path[256];
	long long count;

	dbgfs_path(vm, "audit", path, sizeof(path));
	count = proc_value(path, "leaf_sptes");
	errno = 0;
	if (count < 0)
		vmm_die("%s does not say how many leaf sptes there are", path);
	return count;
}

struct dbgfs_audit audit(const struct vmm *vm)
{
	struct dbgfs_audit result;

	errno = 0;
	if (!dbgfs_audit(vm, &result))
		vmm_die("debugfs has no audit of this VM");
	return result;
}

int resident(const void *hva, int pages)
{
	unsigned char in_memory[pages];
	int i, count = 0;

	if (mincore((void *)hva, pages * PAGE, in_memory))
		vmm_die("mincore of %d pages", pages);
	for (i = 0; i < pages; i++)
		count += in_memory[i] & 1;
	return count;
}

uint64_t frame_of(const void *hva)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)hva / PAGE * 8) != 8)
		vmm_die("read /proc/self/pagemap");
	close(fd);
	return entry >> 63 ? entry & ((1ull << 55) - 1) : 0;
}

long long swapped_kib(void)
{
	return proc_value("/proc/self/status", "VmSwap");
}

bool is_protocol(const char *name)
{
	char loaded[32] = "";

	if (proc_read("/sys/module/kvmswap/parameters/protocol", loaded, sizeof(loaded)) < 0)
		return false;
	loaded[strcspn(loaded, "\n")] = 0;
	return !strcmp(loaded, name);
}
