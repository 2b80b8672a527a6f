// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - runs each row in a process of its own, with a time limit, and prints the
 * table. What the rows have to do is in reasons.h.
 *
 *   reasons PROTOCOL DEVICE [ROW ...]
 *
 * PROTOCOL is what the module was loaded with; "stock" is stock KVM, which has no
 * figures. Exit status: 0, 1 if a row failed, 2 if the program could not do its work.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reasons.h"

#define USUAL_TIMEOUT 60	/* seconds */

static const struct family *const families[] = {
	&swap_family, &drop_family, &copy_family, &huge_family, &move_family, &poison_family,
	&file_family, &uffd_family, &end_family, &stale_family,
};

const char *protocol, *device;
struct result *result;
int kernel;

bool is_stock(void)
{
	return !strcmp(protocol, "stock");
}

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(result->failure, sizeof(result->failure), format, args);
	va_end(args);
	_exit(1);
}

void effect(bool ok, const char *format, ...)
{
	size_t len = strlen(result->effect);
	va_list args;

	if (len)
		len += snprintf(result->effect + len, sizeof(result->effect) - len, ", ");
	va_start(args, format);
	vsnprintf(result->effect + len, sizeof(result->effect) - len, format, args);
	va_end(args);
	if (!ok)
		fail("this was not the effect: %s", result->effect);
}

void failed_as_expected(void)
{
	result->expected_failure = true;
}

/* Wait for the row's process. A row that takes too long is killed and fails. */
static void wait_for(pid_t pid, const struct row *row)
{
	unsigned int limit = row->timeout ? row->timeout : USUAL_TIMEOUT;
	double end = seconds() + limit;
	bool killed = false;
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (seconds() > end && !killed) {
			kill(-pid, SIGKILL);
			killed = true;
		}
		usleep(2000);
	}
	kill(-pid, SIGKILL);	/* what it left running */
	leave_cgroup(pid);
	if (killed)
		snprintf(result->failure, sizeof(result->failure), "not done after %u s; %s", limit,
			 result->effect);
	else if (WIFSIGNALED(status))
		snprintf(result->failure, sizeof(result->failure), "ended by signal %d",
			 WTERMSIG(status));
	else if (!result->done && !*result->failure)
		snprintf(result->failure, sizeof(result->failure), "ended with status %d",
			 WEXITSTATUS(status));
}

static void print_figures(void)
{
	int i;

	for (i = 0; i < NR_FIGURES; i++)
		if (result->figures[i] < 0)
			printf(" %8s", "-");
		else
			printf(" %8lld", result->figures[i]);
}

static bool print_row(const struct row *row)
{
	const char *verdict = "ok";

	if (!*result->failure && !result->expected_failure && (result->wrong || result->stale > 0))
		snprintf(result->failure, sizeof(result->failure), "%lld words wrong, %lld stale",
			 result->wrong, result->stale);
	if (*result->failure)
		verdict = "FAILED";
	else if (result->expected_failure)
		verdict = "expected failure";
	printf("%-16s %8lld %6lld", row->name, result->checked, result->wrong);
	if (result->stale < 0)
		printf(" %6s", "-");
	else
		printf(" %6lld", result->stale);
	print_figures();
	printf("  %s\n    %s: %s\n", verdict, row->what, result->effect);
	if (*result->failure)
		printf("    FAILED: %s\n", result->failure);
	return !*result->failure;
}

static bool run_row(const struct row *row)
{
	int i;
	pid_t pid;

	memset(result, 0, sizeof(*result));
	result->stale = is_stock() ? -1 : 0;
	for (i = 0; i < NR_FIGURES; i++)
		result->figures[i] = -1;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		vmm_die("fork");
	if (!pid) {
		setpgid(0, 0);
		row->run();
		result->done = true;
		_exit(0);
	}
	setpgid(pid, pid);
	wait_for(pid, row);
	return print_row(row);
}

static bool wanted(const struct row *row, char **names)
{
	if (!*names)
		return !(row->kvmswap_only && is_stock());
	for (; *names; names++)
		if (!strcmp(*names, row->name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0, major, minor;
	struct utsname name;
	size_t f, r;

	if (argc < 3) {
		fprintf(stderr, "usage: reasons seqlock|range|interval|stock DEVICE [ROW ...]\n");
		return VMM_BROKEN;
	}
	protocol = argv[1];
	device = argv[2];
	uname(&name);
	if (sscanf(name.release, "%d.%d", &major, &minor) != 2)
		vmm_die("the kernel's release is %s", name.release);
	kernel = major * 100 + minor;
	setvbuf(stdout, NULL, _IOLBF, 0);
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (result == MAP_FAILED)
		vmm_die("memory for a row's result");
	/* these two only where a row asks for them */
	proc_write("/proc/sys/kernel/numa_balancing", "0");
	proc_write("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");

	printf("protocol %s, kernel %d.%d\n", protocol, major, minor);
	printf("%-16s %8s %6s %6s %8s %8s %8s %8s %8s\n", "reason", "words", "wrong", "stale",
	       "unmapped", "set", "calls", "retried", "flushes");
	for (f = 0; f < COUNT(families); f++)
		for (r = 0; r < families[f]->count; r++)
			if (wanted(&families[f]->rows[r], argv + 3))
				run_row(&families[f]->rows[r]) ? passed++ : failed++;
	printf("reasons: %s: %d of %d rows are good\n", protocol, passed, passed + failed);
	return failed || !passed;
}
