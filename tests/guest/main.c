// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - runs the guest tests on one device: each in a process of its own with a
 * time limit, its output shown only if it fails. After each test it looks at what
 * may not be left: a VM in debugfs, a complaint of the audit in the kernel's log.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "test.h"

#define USUAL_LIMIT 150	/* seconds: for what hangs, and not for a busy machine */
#define STATUS_LEFT_OUT 77

static const struct group *const groups[] = {
	&system_group, &run_group, &fpu_group, &state_group, &regs_group, &nonsense_group,
	&io_group, &mmio_group, &slots_group, &dirty_group, &process_group, &insn_group,
	&storm_group, &paging_group, &leave_group, &host_group, &pages_group, &kill_group,
	&cpus_group, &debugfs_group, &forgotten_group, &age_group, &race_group, &range_group,
	&change_group, &legacy_group, &stale_group, &load_group, &refuse_group,
};

const char *device;
bool stock;
static const char *observe_path, *test_name;
static unsigned int passed, failed, left_out;
static int kmsg = -1;
static unsigned int usual_limit = USUAL_LIMIT;

void observe(const char *format, ...)
{
	char line[512];
	va_list args;
	int fd, len;

	if (!observe_path)
		return;
	len = snprintf(line, sizeof(line), "%s: ", test_name);
	va_start(args, format);
	len += vsnprintf(line + len, sizeof(line) - 1 - len, format, args);
	va_end(args);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	fd = open(observe_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, line, len) != len)
		vmm_die("write to %s", observe_path);
	close(fd);
}

void leave_out(const char *why)
{
	printf("# %s\n", why);
	_exit(STATUS_LEFT_OUT);
}

void not_on_stock(const char *why)
{
	if (stock)
		leave_out(why);
}

/* In the child: run the test, exit with the number of failures. */
static void child(const struct group *group, const struct CMUnitTest *test, int out)
{
	struct CMUnitTest one[1] = { *test };

	setpgid(0, 0);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	_exit(_cmocka_run_group_tests(group->name, one, 1, NULL, NULL) ? 1 : 0);
}

/* Lines of the kernel's log since the last time that a test must not cause. */
static bool kernel_complained(const struct group *group, FILE *out)
{
	bool found = false;
	char line[1024];

	while (kmsg_next(kmsg, NULL, line, sizeof(line))) {
		if (strstr(line, "kvmswap: audit") ||
		    (strstr(line, "pause point") && !group->pauses_run_out)) {
			fprintf(out, "kernel: %s", line);
			found = true;
		}
	}
	return found;
}

/* VMs of processes that are gone. */
static bool vm_left(FILE *out)
{
	DIR *dir = opendir(KVMSWAP_DEBUGFS);
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vm-", 3)) {
			if (out)
				fprintf(out, "a VM was left behind: %s\n", entry->d_name);
			found = true;
		}
	closedir(dir);
	return found;
}

static void show_stacks(pid_t group, FILE *out)
{
	char command[256];

	fflush(out);
	/* checkpatch(SPLIT_STRING): a line of shell */
	snprintf(command, sizeof(command),
		 "for p in /proc/[0-9]*; do [ \"$(cut -d' ' -f5 $p/stat 2>/dev/null)\" = %d ] && "
		 "for t in $p/task/*; do echo $t; cat $t/stack; done; done >&2", group);
	if (system(command))
		fprintf(out, "no stacks to show\n");
}

/* Wait for the child, at most @timeout seconds. Return: its exit status, or -1. */
static int wait_for(pid_t pid, unsigned int timeout, FILE *out)
{
	double end = deadline(timeout);
	int status = 0, killed = 0;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (now() > end && !killed) {
			fprintf(out, "not done after %u seconds\n", timeout * vmm_slowness());
			show_stacks(pid, out);
			kill(-pid, SIGKILL);
			killed = 1;
			end = deadline(60);
		} else if (now() > end) {
			fprintf(out, "it cannot be killed either\n");
			return -1;
		}
		usleep(killed ? 100000 : 2000);
	}
	kill(-pid, SIGKILL);	/* what it left running */
	if (WIFSIGNALED(status))
		fprintf(out, "ended by signal %d\n", WTERMSIG(status));
	return killed || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

static void copy_to_stdout(int fd)
{
	char text[4096];
	ssize_t len;

	lseek(fd, 0, SEEK_SET);
	while ((len = read(fd, text, sizeof(text))) > 0)
		fwrite(text, 1, len, stdout);
}

static void run_one(const struct group *group, const struct CMUnitTest *test)
{
	int out = memfd_create("output", MFD_CLOEXEC);
	FILE *log = fdopen(dup(out), "a");
	double start = now();
	char name[128];
	int tries, status;
	bool good;
	pid_t pid;

	if (out < 0 || !log)
		vmm_die("memory for a test's output");
	setvbuf(log, NULL, _IONBF, 0);
	snprintf(name, sizeof(name), "%s.%s", group->name, test->name);
	test_name = name;
	if (!stock && !group->by_name_only)
		proc_write(KVMSWAP_DEBUGFS "/audit_always", "Y");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		vmm_die("fork");
	if (!pid)
		child(group, test, out);
	setpgid(pid, pid);
	status = wait_for(pid, group->timeout ? group->timeout : usual_limit, log);
	good = !status;
	if (!stock) {
		/* a killed process lets go of its VM on its way out */
		for (tries = 0; vm_left(NULL) && tries < 100; tries++)
			usleep(20000);
		good &= !vm_left(log);
		good &= !kernel_complained(group, log);
	}
	if (status == STATUS_LEFT_OUT)
		printf("left out %s\n", name);
	else
		printf("%s %s %.2f s\n", good ? "ok" : "NOT OK", name, now() - start);
	if (!good || getenv("VERBOSE"))
		copy_to_stdout(out);
	fclose(log);
	close(out);
	if (status == STATUS_LEFT_OUT)
		left_out++;
	else if (good)
		passed++;
	else
		failed++;
}

static bool asked_for(const struct group *group, const char *test, char **names)
{
	if (!*names)
		return !group->by_name_only;
	for (; *names; names++) {
		size_t len = strlen(group->name);

		if (!strncmp(*names, group->name, len) &&
		    (!(*names)[len] || ((*names)[len] == '.' && !strcmp(*names + len + 1, test))))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	unsigned int asked = 0, seen = 0;
	size_t g, t;

	if (argc == 4 && !strcmp(argv[1], "--after-exec"))
		return after_exec_main(atoi(argv[2]), atoi(argv[3]));
	if (argc < 2 || argv[1][0] != '/') {
		fprintf(stderr, "usage: guest-test DEVICE [GROUP | GROUP.TEST ...]\n"
			"OBSERVE=FILE in the environment: where observations go\n"
			"LIMIT=SECONDS: for a test that has no limit of its own, in place of %d\n",
			USUAL_LIMIT);
		return VMM_BROKEN;
	}
	device = argv[1];
	stock = !strcmp(device, "/dev/kvm");
	observe_path = getenv("OBSERVE");
	if (getenv("LIMIT"))
		usual_limit = atoi(getenv("LIMIT"));
	setvbuf(stdout, NULL, _IOLBF, 0);
	kmsg = kmsg_open(SEEK_END);

	for (g = 0; g < COUNT(groups); g++) {
		for (t = 0; t < groups[g]->count; t++) {
			if (!asked_for(groups[g], groups[g]->tests[t].name, argv + 2))
				continue;
			asked++;
			if (stock && groups[g]->kvmswap_only)
				continue;
			run_one(groups[g], &groups[g]->tests[t]);
			seen++;
		}
	}
	printf("guest-test: %s: %u of %u tests are good, %u left out\n", device, passed, seen,
	       left_out);
	return failed || !asked;
}
