// SPDX-License-Identifier: GPL-2.0
/*
 * proc.c - what the kernel tells in its small text files and in its log, and a process'
 * pagemap (Documentation/admin-guide/mm/pagemap.rst). Used by debugfs.c and the monitor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libvmm.h"

long proc_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	do {
		got = read(fd, text + len, size - 1 - len);
		len += got > 0 ? got : 0;
	} while (got > 0 && len < size - 1);
	if (got < 0)
		got = -errno;
	close(fd);
	text[len] = 0;
	return got < 0 ? got : (long)len;
}

int proc_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		error = -errno;
	close(fd);
	return error;
}

long long proc_value(const char *path, const char *name)
{
	size_t len = strlen(name);
	long long value = -1;
	char line[256];
	FILE *file = fopen(path, "re");

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, name, len) && strchr(" \t:", line[len])) {
			value = strtoll(line + len + strspn(line + len, " \t:"), NULL, 10);
			break;
		}
	fclose(file);
	return value;
}

int kmsg_open(int whence)
{
	int fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		vmm_die("open /dev/kmsg");
	lseek(fd, 0, whence);
	return fd;
}

/* A record is "priority,number,time,flags;text" (Documentation/ABI/testing/dev-kmsg). */
bool kmsg_next(int fd, int *level, char *line, size_t size)
{
	char record[8192];
	const char *text;
	ssize_t len;

	do
		len = read(fd, record, sizeof(record) - 1);
	while (len < 0 && errno == EPIPE);	/* what we had not read was overwritten */
	if (len <= 0)
		return false;
	record[len] = 0;
	text = strchr(record, ';');
	if (level)
		*level = atoi(record) & 7;
	snprintf(line, size, "%s", text ? text + 1 : record);
	return true;
}

int proc_pages(int pid, const void *hva, size_t npages, unsigned char *states)
{
	off_t offset = (uintptr_t)hva / 4096 * 8;
	size_t done = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (done < npages) {
		uint64_t entries[512];
		size_t want = npages - done < 512 ? npages - done : 512;
		ssize_t got = pread(fd, entries, want * 8, offset + done * 8);
		size_t i;

		if (got <= 0) {
			close(fd);
			return got ? -errno : -ESRCH;	/* the process ended: no more to read */
		}
		for (i = 0; i < (size_t)got / 8; i++)
			states[done++] = entries[i] >> 63 ? PAGE_PRESENT :
					 entries[i] >> 62 & 1 ? PAGE_SWAPPED : PAGE_NONE;
	}
	close(fd);
	return 0;
}
