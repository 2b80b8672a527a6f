// SPDX-License-Identifier: GPL-2.0
/*
 * watch.c - the watcher of the main job: takes a sample now and then, draws it as a
 * live map (or prints it as a line where stdout is no terminal), and hands the
 * first and the last one to the summary. It is outside of the cgroup.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sample.h"
#include "summary.h"

#define LIVE_MS		400
#define PLAIN_MS	2000
#define COST_SHARE	8	/* a look may take one part in so many of the time */
#define TEXT_ROWS	6	/* of the live picture, around the map */
#define MAX_MAP_ROWS	34

static bool live;
static struct map_style style;
static int map_rows;

/* Changes a second between two samples; 0 where a figure is not known. */
struct rates {
	double faults, retries, in, out;
};

static double rate(double seconds, long long now, long long before)
{
	return seconds > 0 && now >= 0 && before >= 0 ? (now - before) / seconds : 0;
}

static struct rates rates(const struct sample *now, const struct sample *before)
{
	double seconds = now->seconds - before->seconds;

	return (struct rates) {
		.faults = rate(seconds, now->stats[STAT_FAULTS], before->stats[STAT_FAULTS]),
		.retries = rate(seconds, now->stats[STAT_FAULTS_RETRIED],
				before->stats[STAT_FAULTS_RETRIED]),
		.in = rate(seconds, now->pages_in, before->pages_in),
		.out = rate(seconds, now->pages_out, before->pages_out),
	};
}

static void draw(const struct job *job, const struct sample *now, const struct sample *before)
{
	static bool drawn;
	const struct job_config *config = &job->config;
	struct rates r = rates(now, before);
	unsigned int wrong = 0;
	char pass[64] = "";
	int i;

	if (drawn)
		printf("\033[%dA", map_rows + TEXT_ROWS);
	drawn = true;
	for (i = 0; i < config->vcpus; i++) {
		wrong += job->vcpus[i].wrong;
		snprintf(pass + strlen(pass), sizeof(pass) - strlen(pass), " %u",
			 job->vcpus[i].pass);
	}
	printf("  \033[1mkvmswap\033[0m  %zu MiB guest, %d vCPUs, %lld MiB of memory",
	       config->memory >> 20, config->vcpus, config->limit >> 20);
	printf("   %5.1f s   VmSwap %lld MiB\033[K\n", now->seconds, now->swapped_kb >> 10);
	printf("\033[K\n");
	map_draw(&style, now->states, now->npages, map_rows);
	printf("\033[K\n");
	map_legend(&style, now->counts);
	printf("  a second: faults %.0f  swap-ins %.0f  swap-outs %.0f  retries %.0f\033[K\n",
	       r.faults, r.in, r.out, r.retries);
	printf("  passes done by each vCPU (of %u and a check):%s   wrong words: %u\033[K\n",
	       config->passes, pass, wrong);
	fflush(stdout);
}

static void line(const struct job *job, const struct sample *now, const struct sample *before)
{
	struct rates r = rates(now, before);
	enum map_state state;
	int i;

	printf("%6.1f s  pages:", now->seconds);
	for (state = 0; state < MAP_STATES; state++)
		printf(" %s %zu", map_state_name(state), now->counts[state]);
	printf("; a second: faults %.0f in %.0f out %.0f retries %.0f; passes", r.faults,
	       r.in, r.out, r.retries);
	for (i = 0; i < job->config.vcpus; i++)
		printf(" %u", job->vcpus[i].pass);
	printf("\n");
	fflush(stdout);
}

static void copy_sample(struct sample *to, const struct sample *from)
{
	*to = *from;
	to->states = NULL;	/* the figures are what is wanted */
}

/* How long to sleep after a look that took @cost seconds. */
static int interval_ms(double cost)
{
	int interval = live ? LIVE_MS : PLAIN_MS, least = cost * 1000 * COST_SHARE;

	return interval > least ? interval : least;
}

static bool worker_ended(int pid, int *status)
{
	return waitpid(pid, status, WNOHANG) == pid;
}

static int describe_worker(int status)
{
	errno = 0;
	if (WIFSIGNALED(status))
		vmm_warn("the worker was killed by signal %d (%s)%s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)),
			 WTERMSIG(status) == SIGKILL ? ": out of memory? see dmesg" : "");
	else
		vmm_warn("the worker ended early with status %d", WEXITSTATUS(status));
	return 1;
}

/* checkpatch(VOLATILE): C's own rule for what a signal handler may set */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	interrupted = signal;
}

static int give_up(int pid, const char *why)
{
	errno = 0;
	vmm_warn("%s", why);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 1;
}

int job_watch(struct job *job, int pid, const char *cgroup)
{
	struct sample now = { 0 }, before, first;
	struct summary summary = { 0 };
	int status, interval;

	signal(SIGINT, on_interrupt);
	signal(SIGTERM, on_interrupt);
	live = !job->config.plain && isatty(STDOUT_FILENO);
	map_style(&style, job->config.ascii);
	map_rows = style.rows - TEXT_ROWS - 1 < MAX_MAP_ROWS ? style.rows - TEXT_ROWS - 1 :
							       MAX_MAP_ROWS;
	if (map_rows < 1)
		live = false;

	while (job_phase(job) == JOB_STARTING) {
		if (worker_ended(pid, &status))
			return describe_worker(status);
		usleep(10000);
	}
	if (!sample_take(&now, job, pid, cgroup))
		vmm_warn("read the pages of the worker %d", pid);
	copy_sample(&first, &now);
	for (;;) {
		enum job_phase phase = job_phase(job);
		double start = sample_clock();
		int slept;

		copy_sample(&before, &now);
		if (!sample_take(&now, job, pid, cgroup) && worker_ended(pid, &status))
			return describe_worker(status);
		summary_look(&summary, &now);
		if (live)
			draw(job, &now, &before);
		else
			line(job, &now, &before);
		if (phase == JOB_DONE)
			break;
		if (interrupted)
			return give_up(pid, "interrupted");
		if (now.seconds > job->config.timeout * vmm_slowness())
			return give_up(pid, "the guest did not end in time (--timeout)");
		if (job->config.torture)
			summary_audit(&summary, job, pid);
		interval = interval_ms(sample_clock() - start);
		for (slept = 0; slept < interval && job_phase(job) == phase && !interrupted;
		     slept += 20) {
			if (worker_ended(pid, &status))
				return describe_worker(status);
			usleep(20000);
		}
	}
	summary_audit(&summary, job, pid);
	status = summary_print(&summary, job, &first, &now);
	job_set_phase(job, JOB_QUIT);
	waitpid(pid, NULL, 0);
	return status;
}
