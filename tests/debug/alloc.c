// SPDX-License-Identifier: GPL-2.0
/*
 * alloc.c - runs in the VM: each place of the module that allocates fails, one after the
 * other, by the kernel's fault injection, which picks the allocations whose stack has the
 * return address of that one call in it.
 *
 *	alloc-fail MODULE.ko SITES
 *
 * SITES has lines "NUMBER load|use SECTION OFFSET", the offset of the return address in
 * the section. Those of kind "use" are done if the module is loaded, those of kind "load"
 * if it is not. For each it prints "site NUMBER FAILED STEP ERRNO: BROKEN": how many
 * allocations failed, what failed by that ("-": nothing) and how, what did not work ("-").
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../code/vmm/libvmm.h"
#include "alloc.h"

#define DEBUGFS "/sys/kernel/debug/"
#define SECTIONS "/sys/module/kvmswap/sections/"
#define BUDGET 1000		/* more allocations than any step asks for at one place */
#define LOADS 5			/* how often the module may come to lie elsewhere */

static const char *const kinds[] = { "failslab", "fail_page_alloc" };

static void set(const char *kind, const char *name, const char *format, unsigned long value)
{
	char path[128], text[32];
	int err;

	snprintf(path, sizeof(path), DEBUGFS "%s/%s", kind, name);
	snprintf(text, sizeof(text), format, value);
	err = proc_write(path, text);
	if (err) {
		errno = -err;
		vmm_die("write %s to %s (is fault injection in this kernel?)", text, path);
	}
}

static void arm(unsigned long address, bool this_task)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		set(kinds[i], "probability", "%lu", 0);
		set(kinds[i], "task-filter", this_task ? "Y" : "N", 0);
		set(kinds[i], "verbose", "%lu", 0);
		set(kinds[i], "interval", "%lu", 1);
		set(kinds[i], "space", "%lu", 0);
		set(kinds[i], "times", "%lu", BUDGET);
		set(kinds[i], "stacktrace-depth", "%lu", 32);
		set(kinds[i], "require-start", "%#lx", address);
		set(kinds[i], "require-end", "%#lx", address + 1);
		set(kinds[i], "ignore-gfp-wait", "N", 0);
	}
	set("fail_page_alloc", "ignore-gfp-highmem", "N", 0);
	set("fail_page_alloc", "min-order", "%lu", 0);
	for (i = 0; i < 2; i++)
		set(kinds[i], "probability", "%lu", 100);
	if (this_task && proc_write("/proc/self/make-it-fail", "1"))
		vmm_die("write /proc/self/make-it-fail");
}

static void disarm(void)
{
	set("failslab", "probability", "%lu", 0);
	set("fail_page_alloc", "probability", "%lu", 0);
}

static unsigned int failures(void)
{
	unsigned int i, left = 0;
	char path[128], text[32];

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s/times", kinds[i]);
		if (proc_read(path, text, sizeof(text)) <= 0)
			vmm_die("read %s", path);
		left += strtoul(text, NULL, 0);
	}
	return 2 * BUDGET - left;
}

static unsigned long section(const char *name)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), SECTIONS "%s", name);
	if (proc_read(path, text, sizeof(text)) <= 0)
		vmm_die("read %s", path);
	return strtoul(text, NULL, 0);
}

static int load(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		vmm_die("open %s", path);
	err = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	close(fd);
	return err;
}

static void unload(void)
{
	if (syscall(SYS_delete_module, "kvmswap", O_NONBLOCK))
		vmm_die("delete_module");
}

static void print(unsigned int number, const struct outcome *outcome)
{
	printf("site %u %u %d %s: %s\n", number, outcome->failed, outcome->error,
	       outcome->step ? outcome->step : "-", outcome->broken ? outcome->broken : "-");
}

static void life_in_child(unsigned int number, unsigned long address)
{
	struct outcome outcome = { 0 };
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (address)
			arm(address, true);
		run_life(&outcome, failures, disarm);
		if (address)
			disarm();
		if (address || outcome.broken)
			print(number, &outcome);
		fflush(stdout);
		_exit(!!outcome.broken);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		vmm_die("fork");
	disarm();
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		printf("site %u 0 0 -: the program ended with status %#x\n", number, status);
}

/* The module lies where it lay the last time, unless somebody has taken the place. */
static void fail_load(const char *module, unsigned int number, const char *name,
		      unsigned long offset)
{
	struct outcome outcome = { 0 };
	unsigned long address, at;
	int tries, err;

	if (load(module))
		vmm_die("load %s", module);
	at = section(name) + offset;
	for (tries = 0; tries < LOADS && !outcome.failed; tries++) {
		unload();
		address = at;
		arm(address, false);
		err = load(module);
		outcome.failed = failures();
		disarm();
		if (outcome.failed && err) {
			outcome.step = "insmod";
			outcome.error = err;
			if (!access("/sys/module/kvmswap", F_OK))
				outcome.broken = "the module is there all the same";
			err = load(module);
		}
		if (err)
			vmm_die("load %s: error %d", module, err);
		at = section(name) + offset;
		if (at == address)
			break;
	}
	print(number, &outcome);
	life_in_child(number, 0);
	unload();
}

int main(int argc, char **argv)
{
	char kind[16], name[32];
	unsigned long offset;
	unsigned int number;
	FILE *sites;
	bool loaded;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sites = argc == 3 ? fopen(argv[2], "r") : NULL;
	if (!sites)
		vmm_die("usage: alloc-fail MODULE.ko SITES");
	loaded = !access("/sys/module/kvmswap", F_OK);
	while (fscanf(sites, "%u %15s %31s %lx", &number, kind, name, &offset) == 4) {
		if (!strcmp(kind, "load") == loaded)
			continue;
		if (loaded)
			life_in_child(number, section(name) + offset);
		else
			fail_load(argv[1], number, name, offset);
	}
	printf("alloc-fail: done\n");
	return 0;
}
