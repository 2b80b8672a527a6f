// SPDX-License-Identifier: GPL-2.0
/*
 * debugfs.c - what kvmswap tells about a VM: its figures, its audit, and the pause
 * points that hold a thread in a race window. Stock KVM has none of it, and
 * every function here says so. The module's side: kernel-module/debugfs.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libvmm.h"

#define PAUSE_SECONDS 10	/* the module's own */
#define DBGFS_ROOT "/sys/kernel/debug/kvmswap"

void dbgfs_path(const struct vmm *vm, const char *file, char *path, size_t size)
{
	snprintf(path, size, DBGFS_ROOT "/vm-%d-%d%s%s", vm->pid, vm->fd, *file ? "/" : "", file);
}

bool dbgfs_present(const struct vmm *vm)
{
	char path[256];

	dbgfs_path(vm, "", path, sizeof(path));
	return !access(path, F_OK);
}

long long dbgfs_stat(const struct vmm *vm, const char *name)
{
	char path[256];

	dbgfs_path(vm, "stats", path, sizeof(path));
	return proc_value(path, name);
}

/* The number on @text's line that begins with "@name ". */
static long long value_in(const char *text, const char *name)
{
	size_t len = strlen(name);
	long long value;

	for (; text && *text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL)
		if (!strncmp(text, name, len) && sscanf(text + len, " %lld", &value) == 1)
			return value;
	return -1;
}

bool dbgfs_audit(const struct vmm *vm, struct dbgfs_audit *audit)
{
	char path[256], text[16384], *line;
	size_t len = 0;
	long got;

	dbgfs_path(vm, "audit", path, sizeof(path));
	got = proc_read(path, text, sizeof(text));
	if (got < 0)
		return false;
	audit->stale_sptes = value_in(text, "stale_sptes");
	audit->rmap_errors = value_in(text, "rmap_errors");
	audit->role_errors = value_in(text, "role_errors");
	audit->pinned_pages = value_in(text, "pinned_pages");
	audit->detail[0] = 0;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char name[64];
		long long value;
		int end = 0;

		if (sscanf(line, "%63[a-z_] %lld%n", name, &value, &end) == 2 && !line[end])
			continue;
		len += snprintf(audit->detail + len, sizeof(audit->detail) - len, "%s\n", line);
		if (len >= sizeof(audit->detail))
			break;
	}
	return true;
}

static void pause_write(const char *name, const char *text)
{
	char path[256];
	int error;

	snprintf(path, sizeof(path), DBGFS_ROOT "/pause/%s", name);
	error = proc_write(path, text);
	if (error) {
		errno = -error;
		vmm_die("write %s to the pause point %s (is this chapter's kvmswap loaded?)",
			text, path);
	}
}

void dbgfs_pause_limit(unsigned int seconds)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", seconds * vmm_slowness());
	pause_write("seconds", text);
}

void dbgfs_pause_arm(const char *name)
{
	static bool limited;

	if (!limited && vmm_slowness() > 1)
		dbgfs_pause_limit(PAUSE_SECONDS);
	limited = true;
	pause_write(name, "1");
}

void dbgfs_pause_release(const char *name)
{
	pause_write(name, "0");
}

int dbgfs_pause_wait(const char *name, int timeout_ms)
{
	char path[256], text[64];
	int waited;

	snprintf(path, sizeof(path), DBGFS_ROOT "/pause/%s", name);
	for (waited = 0; waited <= timeout_ms * (int)vmm_slowness(); waited += 10) {
		long got = proc_read(path, text, sizeof(text));

		if (got < 0) {
			errno = -got;
			vmm_die("read the pause point %s", path);
		}
		if (!strncmp(text, "held", 4))
			return 0;
		usleep(10000);
	}
	return -ETIMEDOUT;
}
