// SPDX-License-Identifier: GPL-2.0
/* summary.c - see summary.h. You come here from watch.c, at the end. */
#include <stdio.h>
#include <string.h>

#include "summary.h"

static long long max(long long a, long long b)
{
	return a > b ? a : b;
}

void summary_look(struct summary *summary, const struct sample *sample)
{
	summary->max_swapped_kb = max(summary->max_swapped_kb, sample->swapped_kb);
}

void summary_audit(struct summary *summary, const struct job *job, int pid)
{
	struct vmm view = sample_view(job, pid);
	struct dbgfs_audit *worst = &summary->worst;
	struct dbgfs_audit audit;

	if (!dbgfs_audit(&view, &audit))
		return;
	if (!summary->audited)
		*worst = audit;
	summary->audited = true;
	summary->audits++;
	worst->stale_sptes = max(worst->stale_sptes, audit.stale_sptes);
	worst->rmap_errors = max(worst->rmap_errors, audit.rmap_errors);
	worst->role_errors = max(worst->role_errors, audit.role_errors);
	worst->pinned_pages = max(worst->pinned_pages, audit.pinned_pages);
	if (audit.detail[0] && !worst->detail[0])
		memcpy(worst->detail, audit.detail, sizeof(worst->detail));
}

static void figure(const char *name, long long value, const char *unit)
{
	if (value < 0)
		printf("  %-28s not known\n", name);
	else
		printf("  %-28s %lld%s\n", name, value, unit);
}

/* One check; return: 1 if it failed. */
static int check(const char *name, long long value, bool good, const char *wanted)
{
	if (value < 0)
		printf("  FAIL  %-28s not known (wanted: %s)\n", name, wanted);
	else
		printf("  %s  %-28s %lld (wanted: %s)\n", good ? "ok  " : "FAIL", name, value,
		       wanted);
	return value < 0 || !good;
}

static void print_ends(const struct job *job)
{
	unsigned int first = job->nr_lines > JOB_LINES ? job->nr_lines - JOB_LINES : 0;
	int i;

	for (; first < job->nr_lines; first++)
		printf("  %s\n", job->lines[first % JOB_LINES]);
	for (i = 0; i < job->config.vcpus; i++)
		printf("  vcpu %d: %s, %llu exits to user space\n", i, job->vcpus[i].end,
		       (unsigned long long)job->vcpus[i].exits);
}

static void print_figures(const struct summary *summary, const struct job *job,
			  const struct sample *first, const struct sample *last)
{
	static const struct {
		const char *name;
		enum sample_stat stat;
	} of_module[] = {
		{ "faults", STAT_FAULTS },
		{ "faults retried", STAT_FAULTS_RETRIED },
		{ "sptes set", STAT_SPTES_SET },
		{ "sptes cleared", STAT_SPTES_CLEARED },
		{ "... since the host asked", STAT_SPTES_UNMAPPED },
		{ "host's callbacks", STAT_INVALIDATIONS },
		{ "TLB flushes", STAT_TLB_FLUSHES },
		{ "kicks", STAT_KICKS },
	};
	unsigned long long efaults = 0;
	size_t i;

	figure("time", (long long)last->seconds, " s");
	figure("pages out", last->pages_out - first->pages_out, "");
	figure("pages in", last->pages_in - first->pages_in, "");
	if (first->refaults >= 0)
		figure("refaults of the cgroup", last->refaults - first->refaults, "");
	figure("most swapped at a time", summary->max_swapped_kb / 1024, " MiB");
	if (last->stats[STAT_FAULTS] < 0)
		printf("  (no figures from the module: this device is not kvmswap)\n");
	for (i = 0; i < sizeof(of_module) / sizeof(of_module[0]); i++)
		if (last->stats[STAT_FAULTS] >= 0)
			figure(of_module[i].name, last->stats[of_module[i].stat], "");
	if (summary->audited)
		figure("audits", summary->audits, "");
	if (!job->config.torture)
		return;
	for (i = 0; i < (size_t)job->config.vcpus; i++)
		efaults += job->vcpus[i].efaults;
	printf("  torture, seed %u:", job->config.seed);
	for (i = 0; i < TORTURE_OPS; i++)
		printf(" %s %llu", torture_name(i), (unsigned long long)job->torture[i]);
	printf("; KVM_RUN met EFAULT %llu times\n", efaults);
	figure("most pages merged by KSM", job->ksm_pages, "");
}

int summary_print(const struct summary *summary, const struct job *job,
		  const struct sample *first, const struct sample *last)
{
	const struct job_config *config = &job->config;
	long long wrong = 0, checked = 0, half = (long long)config->memory / 2;
	long long in = last->pages_in - first->pages_in;
	char wanted[64];
	int failed = 0, i;

	printf("\nthe guest\n");
	print_ends(job);
	for (i = 0; i < config->vcpus; i++) {
		wrong += job->vcpus[i].wrong;
		checked += 1000ll * job->vcpus[i].checked;
	}
	printf("the run\n");
	print_figures(summary, job, first, last);

	printf("checks\n");
	failed += check("every vCPU ended well", job->good, job->good, "1");
	failed += check("words checked, about", checked, checked > 0, "more than 0");
	failed += check("wrong words", wrong, wrong == 0, "0");
	if (config->limit) {
		snprintf(wanted, sizeof(wanted), "at least %lld", config->min_in);
		failed += check("pages in", in, in >= config->min_in, wanted);
		snprintf(wanted, sizeof(wanted), "above half of the guest, %lld", half >> 10);
		failed += check("most swapped at a time, KiB", summary->max_swapped_kb,
				summary->max_swapped_kb * 1024 > half, wanted);
	}
	if (last->stats[STAT_FAULTS] >= 0) {
		const struct dbgfs_audit *worst = &summary->worst;
		long long pinned = worst->pinned_pages + last->stats[STAT_PAGES_PINNED];
		bool audited = summary->audited;

		failed += check("stale sptes", audited ? worst->stale_sptes : -1,
				worst->stale_sptes == 0, "0");
		failed += check("pinned pages", audited ? pinned : -1, pinned == 0, "0");
		failed += check("rmap errors", audited ? worst->rmap_errors : -1,
				worst->rmap_errors == 0, "0");
		failed += check("role errors", audited ? worst->role_errors : -1,
				worst->role_errors == 0, "0");
		failed += check("audit failures counted", last->stats[STAT_AUDIT_FAILURES],
				last->stats[STAT_AUDIT_FAILURES] == 0, "0");
		if (failed && worst->detail[0])
			printf("the audit's first findings\n%s", worst->detail);
	}
	if (failed)
		printf("%d checks FAILED\n", failed);
	else
		printf("all checks passed\n");
	return failed != 0;
}
