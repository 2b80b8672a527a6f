// SPDX-License-Identifier: GPL-2.0
/*
 * round.c - one round in a process of its own, and what is looked at after it: how the
 * process ended, the kernel's log, VMs that are left, and whether a guest that is known
 * to be good still runs.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define ROUND_S (3 * HANG_S)	/* a round that hangs elsewhere than in a call */
#define EMERGENCY_TO_WARNING 4	/* levels of the kernel's log that are a complaint */

/* ---- the kernel's log ---- */

static int kmsg = -1;

/* What is no complaint about the module, with a reason each. */
static const char *const harmless[] = {
	"hrtimer: interrupt took",	/* the machine around the VM is busy */
	"__vm_enough_memory:",		/* a slot whose memory the kernel cannot map: -ENOMEM */
};

void round_open_log(void)
{
	kmsg = kmsg_open(SEEK_END);
}

/* On the console too, so that a splat has its seed before it. */
static void announce(const char *name)
{
	char text[1100];
	int len = snprintf(text, sizeof(text), "<6>fuzz: %s", name);

	if (kmsg >= 0 && write(kmsg, text, len) != len)
		vmm_die("write to /dev/kmsg");
}

static bool is_harmless(const char *text)
{
	size_t i;

	for (i = 0; i < COUNT(harmless); i++)
		if (strstr(text, harmless[i]))
			return true;
	return false;
}

static int complaints(void)
{
	int found = 0, level;
	char line[1024];

	while (kmsg_next(kmsg, &level, line, sizeof(line))) {
		if (level > EMERGENCY_TO_WARNING || is_harmless(line))
			continue;
		printf("FAILED: the kernel said: %s", line);
		found++;
	}
	return found;
}

/* ---- VMs ---- */

/* Do something with the folder of each VM of process @pid, or of any if that is 0. */
static int each_vm(int pid, void (*act)(const char *path))
{
	DIR *dir = opendir(FUZZ_DEBUGFS);
	struct dirent *entry;
	int found = 0, owner;
	char path[512];

	while (dir && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, "vm-%d-", &owner) != 1 || (pid && owner != pid))
			continue;
		snprintf(path, sizeof(path), FUZZ_DEBUGFS "/%s", entry->d_name);
		found++;
		if (act)
			act(path);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void audit_one(const char *path)
{
	static const char *const names[] = {
		"stale_sptes", "rmap_errors", "role_errors", "pinned_pages",
	};
	char file[600], text[4096];
	size_t i;

	snprintf(file, sizeof(file), "%s/audit", path);
	if (proc_read(file, text, sizeof(text)) < 0)
		return;		/* this VM was closed meanwhile */
	tally(COUNT_AUDITS);
	for (i = 0; i < COUNT(names); i++) {
		const char *line = strstr(text, names[i]);

		if (!line || atoll(line + strlen(names[i])))
			failed("the audit of %s says:\n%s", path, text);
	}
}

void audit_all(int pid)
{
	each_vm(pid, audit_one);
}

static int vms_left(void)
{
	int tries = 0, left;

	/* a process that was killed lets go of its VM on its way out */
	while ((left = each_vm(0, NULL)) && tries++ < 200)
		usleep(20000);
	if (left)
		printf("FAILED: %d VMs are left behind\n", left);
	return left != 0;
}

/* ---- a guest that is known to be good ---- */

/* checkpatch(AVOID_EXTERNS): the assembler's, not another file's */
#define GOOD_CODE(bits) \
	extern const char good##bits[], good##bits##_end[]; \
	asm(".pushsection .rodata, \"a\"\n.code" #bits "\ngood" #bits ":\n" \
	    "xor %ebx, %ebx; mov $0x20000, %edi; mov $0x40, %ecx\n" \
	    "1: addl %ecx, (%edi); addl (%edi), %ebx; add $0x1000, %edi; dec %ecx; jnz 1b; hlt\n" \
	    "good" #bits "_end:\n.code64\n.popsection\n")

GOOD_CODE(32);
GOOD_CODE(64);

#define GOOD_SUM (64 * 65 / 2)

static void run_good(const char *device, enum vmm_mode mode)
{
	bool is64 = vmm_mode_bits(mode) == 64;
	const char *code = is64 ? good64 : good32;
	size_t len = is64 ? good64_end - good64 : good32_end - good32;
	struct vmm *vm = vmm_create(device);
	struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);
	struct kvm_regs regs;
	int pass;

	vmm_add_memory(vm, 0, GUEST_SIZE);
	for (pass = 1; pass <= 2; pass++) {
		vmm_set_mode(vcpu, mode, ABI_CODE);
		vmm_run_bytes(vcpu, ABI_CODE, code, len);
		vmm_get_regs(vcpu, &regs);
		if (vcpu->stop != VMM_HLT || regs.rbx != (uint64_t)pass * GOOD_SUM)
			failed("a good guest in mode %s: %s, rbx %llu", vmm_mode_name(mode),
			       vmm_stop_name(vcpu->stop), regs.rbx);
		madvise(vmm_hva(vm, 0, GUEST_SIZE), GUEST_SIZE, MADV_PAGEOUT);
	}
	audit_all(getpid());
	vmm_destroy(vm);
	_exit(0);
}

/* ---- processes ---- */

static void run_child(const struct round *round)
{
	struct source sources[ROUND_THREADS];

	memcpy(sources, round->sources, sizeof(sources));
	memory_reset();
	watch_start();
	watch_enter(CALLER_MAIN);
	if (round->guests)
		round_guests(sources, round->device);
	else
		round_calls(sources, round->device);
	watch_stop();
	audit_all(getpid());
	fflush(stdout);
	/* the mm goes before the files, or after them */
	if (choose_one_in(&sources[0], 2))
		close_range(3, ~0u, 0);
	_exit(0);
}

/* Return: true if the process ended well. */
static bool wait_for(pid_t pid, const char *what)
{
	double end = now() + ROUND_S;
	bool killed = false;
	int status = 0;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (now() > end && killed) {
			printf("FAILED: %s cannot be killed\n", what);
			return false;
		}
		if (now() > end) {
			printf("FAILED: %s is not done after %d s\n", what, ROUND_S);
			kill(-pid, SIGKILL);
			killed = true;
			end = now() + HANG_S;
		}
		usleep(killed ? 100000 : 2000);
	}
	kill(-pid, SIGKILL);	/* what it has left running */
	if (WIFSIGNALED(status))
		printf("FAILED: %s ended by signal %d\n", what, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		printf("FAILED: %s ended with status %d\n", what, WEXITSTATUS(status));
	return !status && !killed;
}

static pid_t start_process(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		vmm_die("fork");
	setpgid(pid, pid);
	return pid;
}

int round_check(const struct round *round)
{
	static const enum vmm_mode modes[] = {
		VMM_LONG, VMM_PAE, VMM_PAGING32, VMM_PROT32, VMM_LONG_2M,
	};
	enum vmm_mode mode = modes[tally_get(COUNT_ROUNDS) % COUNT(modes)];
	int faults = vms_left();
	pid_t pid;

	if (!round->brief) {
		pid = start_process();
		if (!pid)
			run_good(round->device, mode);
		faults += !wait_for(pid, "a good guest");
		faults += vms_left();
	}
	if (kmsg >= 0)
		faults += complaints();
	if (faults)
		printf("FAILED: %s\n", round->name);
	return faults;
}

int round_run(const struct round *round)
{
	int faults = 0;
	pid_t pid;

	announce(round->name);
	if (proc_write(FUZZ_DEBUGFS "/audit_always", round->audit_always ? "Y" : "N"))
		vmm_die("switch audit_always in " FUZZ_DEBUGFS);
	pid = start_process();
	if (!pid)
		run_child(round);
	if (!wait_for(pid, "the round"))
		faults++;
	tally(COUNT_ROUNDS);
	return faults + round_check(round);
}
