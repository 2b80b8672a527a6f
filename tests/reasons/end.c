// SPDX-License-Identifier: GPL-2.0
/*
 * end.c - the whole memory goes, with a vCPU in the guest: the process exits, becomes
 * another program, is killed because its cgroup has no memory left. The slot is a file
 * in memory that this process has too, and so has the VM itself, by its descriptor:
 * the words are all there, and of the sptes none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reasons.h"

#define LOG_LEVEL "/sys/module/printk/parameters/ignore_loglevel"

/* What the other process tells before it ends. */
struct ending {
	volatile int vm_fd;
	volatile bool ready, go;
};

static void end_by_exit(void)
{
	_exit(0);
}

static void end_by_exec(void)
{
	execl("/bin/true", "true", NULL);
	_exit(1);
}

static void end_by_oom(void)
{
	char path[128];
	char *eaten;

	enter_cgroup(24 << 20, path, sizeof(path));
	set_cgroup(path, "memory.swap.max", "0");
	set_cgroup(path, "memory.high", "max");		/* or the kernel slows it, and kills late */
	for (;;) {
		eaten = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (eaten == MAP_FAILED)
			_exit(2);
	}
}

/* The process that will end: the guest runs in it. */
static void other_process(int fd, struct ending *ending, void (*end)(void))
{
	struct guest *g = guest_create(map_file(fd, MAP_SHARED));

	guest_fill(g, 0, PAGES, 2);
	guest_check(g, 0, PAGES, 2);
	guest_touch(g, 0, QUARTER, TOUCH);
	ending->vm_fd = g->vm->fd;
	ending->ready = true;
	while (!ending->go)
		usleep(500);
	end();
}

static int steal_fd(pid_t pid, int fd)
{
	int process = syscall(SYS_pidfd_open, pid, 0);
	int got = process < 0 ? -1 : syscall(SYS_pidfd_getfd, process, fd, 0);

	if (got < 0)
		fail("take the VM's descriptor from the other process: %s", strerror(errno));
	close(process);
	return got;
}

static long long leaf_sptes(const struct vmm *vm)
{
	char path[256];
	long long count;

	dbgfs_path(vm, "audit", path, sizeof(path));
	count = proc_value(path, "leaf_sptes");
	if (count < 0)
		fail("no audit of the VM in debugfs");
	return count;
}

static int run(void (*end)(void))
{
	int fd = memory_file(0), vm_fd, status;
	struct ending *ending;
	char *hva = map_file(fd, MAP_SHARED);
	struct vmm vm = { 0 };
	struct guest g = { .vm = &vm, .hva = hva };
	long long before = -1, after = -1;
	double limit = seconds() + 20;
	pid_t pid;

	ending = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (pid < 0 || ending == MAP_FAILED)
		fail("fork: %s", strerror(errno));
	if (!pid)
		other_process(fd, ending, end);
	while (!ending->ready && seconds() < limit)
		usleep(500);
	if (!ending->ready)
		fail("the other process' guest does not run: %s", result->failure);
	vm_fd = steal_fd(pid, ending->vm_fd);
	vm.pid = pid;
	vm.fd = ending->vm_fd;
	if (!is_stock())
		before = leaf_sptes(&vm);
	guest_begin(&g);
	ending->go = true;
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid: %s", strerror(errno));
	leave_cgroup(pid);
	guest_end(&g, 0);
	if (!is_stock())
		after = leaf_sptes(&vm);
	result->wrong += host_wrong(hva, 0, PAGES, 2);
	result->checked += PAGES * 511;
	if (!is_stock())
		effect(before >= PAGES && !after, "%lld sptes, then %lld", before, after);
	close(vm_fd);
	return status;
}

static void by_exit(void)
{
	int status = run(end_by_exit);

	effect(!status, "it exited with status %d", status);
}

static void by_exec(void)
{
	int status = run(end_by_exec);

	effect(!status, "the other program ended with status %d", status);
}

/* The kernel reports an OOM kill as it reports its own faults: not on the console. */
static void by_oom(void)
{
	long long kills = vmstat("oom_kill");
	char was[16];
	int status;

	if (proc_read(LOG_LEVEL, was, sizeof(was)) < 0)
		fail("read %s", LOG_LEVEL);
	set_file(LOG_LEVEL, "N");
	set_file("/proc/sys/kernel/printk", "1");
	status = run(end_by_oom);
	usleep(100000);		/* the console may be behind */
	set_file("/proc/sys/kernel/printk", "7");
	set_file(LOG_LEVEL, was);
	if (log_has("WARNING: ") || log_has("BUG: "))
		fail("the kernel's log has more than the OOM kill: see dmesg");
	kills = vmstat("oom_kill") - kills;
	effect(kills == 1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	       "%lld OOM kill, ended by signal %d", kills, WIFSIGNALED(status) ? WTERMSIG(status) :
	       0);
}

static const struct row rows[] = {
	{ "exit", "the process exits, a vCPU is in the guest", by_exit },
	{ "exec", "the process becomes another program", by_exec },
	{ "oom-kill", "the OOM killer takes the process", by_oom },
};

const struct family end_family = { rows, COUNT(rows) };
