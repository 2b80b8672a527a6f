// SPDX-License-Identifier: GPL-2.0
/*
 * run.c - the main job's program: a guest with more memory than its cgroup may keep,
 * watched while the host swaps it, and judged at the end. Options, and the two
 * processes; the worker is job.c, the watcher watch.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "job.h"

#define MEBI (1024ll * 1024)

static const char usage[] =
	"usage: kvmswap-run [options]\n"
	"  --device PATH   /dev/kvmswap or /dev/kvm\n"
	"  --guest FILE    the workload (default /kvmswap/guests/words64.bin)\n"
	"  --mode MODE     of the guest, see guest-run --help (default long)\n"
	"  --vcpus N       1 to 8 (default 2)\n"
	"  --memory MIB    of the guest (default 96)\n"
	"  --limit MIB     memory.high of its cgroup, 0 for none (default 32)\n"
	"  --passes N      over all memory (default 3)\n"
	"  --words N       written and checked in each page (default 64)\n"
	"  --seed N        of the order of pages, and of --torture (default: the time)\n"
	"  --min-in N      pages that must be swapped in (default 20000)\n"
	"  --torture       a thread does all that a host may do to the guest's memory\n"
	"  --without LIST  what torture leaves out, such as mremap,fork\n"
	"  --spoil         change words behind the guest's back: the run must fail\n"
	"  --timeout S     seconds (default 600)\n"
	"  --plain         lines, also on a terminal\n"
	"  --ascii         a map without half blocks\n";

static void parse(struct job_config *config, int argc, char **argv)
{
	static const struct option options[] = {
		{ "device", 1, 0, 'd' }, { "guest", 1, 0, 'g' }, { "mode", 1, 0, 'm' },
		{ "vcpus", 1, 0, 'v' }, { "memory", 1, 0, 'M' }, { "limit", 1, 0, 'l' },
		{ "passes", 1, 0, 'p' }, { "words", 1, 0, 'w' }, { "seed", 1, 0, 's' },
		{ "min-in", 1, 0, 'i' }, { "torture", 0, 0, 'T' }, { "timeout", 1, 0, 't' },
		{ "without", 1, 0, 'W' },
		{ "spoil", 0, 0, 'S' },
		{ "plain", 0, 0, 'P' }, { "ascii", 0, 0, 'a' }, { "help", 0, 0, 'h' }, { 0 }
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (opt) {
		case 'd':
			config->device = optarg;
			break;
		case 'g':
			config->guest = optarg;
			break;
		case 'm':
			config->mode = vmm_mode_by_name(optarg);
			errno = 0;
			if (config->mode == VMM_NR_MODES)
				vmm_die("--mode %s: no such mode (see guest-run --help)", optarg);
			break;
		case 'v':
			config->vcpus = vmm_number(optarg, "vcpus", 1, VMM_MAX_VCPUS);
			break;
		case 'M':
			config->memory = vmm_number(optarg, "memory", 8, 480) * MEBI;
			break;
		case 'l':
			config->limit = vmm_number(optarg, "limit", 0, 4096) * MEBI;
			break;
		case 'p':
			config->passes = vmm_number(optarg, "passes", 1, 1000);
			break;
		case 'w':
			config->words = vmm_number(optarg, "words", 1, 1024);
			break;
		case 's':
			config->seed = vmm_number(optarg, "seed", 0, 0x7fffffff);
			break;
		case 'i':
			config->min_in = vmm_number(optarg, "min-in", 0, 1 << 30);
			break;
		case 'T':
			config->torture = true;
			break;
		case 'W':
			config->without = torture_ops(optarg);
			break;
		case 'S':
			config->spoil = true;
			break;
		case 't':
			config->timeout = vmm_number(optarg, "timeout", 1, 1000000);
			break;
		case 'P':
			config->plain = true;
			break;
		case 'a':
			config->ascii = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(VMM_BROKEN);
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		exit(VMM_BROKEN);
	}
}

int main(int argc, char **argv)
{
	char cgroup[256], name[64];
	struct job *job;
	int status;
	pid_t pid;

	setlinebuf(stdout);
	job = mmap(NULL, sizeof(*job), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job == MAP_FAILED)
		vmm_die("mmap of %zu bytes to share", sizeof(*job));
	job->config = (struct job_config) {
		.guest = "/kvmswap/guests/words64.bin",
		.mode = VMM_LONG,
		.vcpus = 2,
		.memory = 96 * MEBI,
		.limit = 32 * MEBI,
		.passes = 3,
		.words = 64,
		.seed = time(NULL) & 0xffff,
		.timeout = 600,	/* like --timeout, for a kernel of common speed */
		.min_in = 20000,
	};
	parse(&job->config, argc, argv);
	if (job->config.torture)
		job->config.scratch = 4 * MEBI;

	printf("%s: %zu MiB, %d vCPUs, %u passes, seed %u\n", vmm_device(job->config.device),
	       job->config.memory >> 20, job->config.vcpus, job->config.passes,
	       job->config.seed);
	if (job->config.limit) {
		cgroup_check_swap(job->config.memory);
		snprintf(name, sizeof(name), "kvmswap-run-%d", getpid());
		cgroup_create(name, job->config.limit, cgroup, sizeof(cgroup));
	}
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		vmm_die("fork a worker");
	if (!pid)
		_exit(job_work(job, job->config.limit ? cgroup : NULL));
	status = job_watch(job, pid, job->config.limit ? cgroup : NULL);
	if (job->config.limit)
		cgroup_remove(cgroup);
	return status;
}
