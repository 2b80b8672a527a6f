// SPDX-License-Identifier: GPL-2.0
/*
 * job.c - the worker of the main job: inside of its cgroup it makes the VM, runs the
 * vCPUs, and tells the watcher through struct job how far they are. It keeps the
 * VM after the guest's end until the watcher has had its last look.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "job.h"

#define POLL_US 50000

static struct job *the_job;

static void on_text(struct vmm_vcpu *vcpu, const char *line)
{
	unsigned int n = __atomic_fetch_add(&the_job->nr_lines, 1, __ATOMIC_ACQ_REL);

	snprintf(the_job->lines[n % JOB_LINES], JOB_LINE, "vcpu %d: %s", vcpu->id, line);
}

static void add_slot(struct job *job, struct vmm *vm, uint64_t gpa, size_t size)
{
	struct vmm_slot *slot = vmm_add_memory(vm, gpa, size);

	/* page by page, as it is to be swapped; a kernel without THP refuses and may */
	madvise(slot->hva, size, MADV_NOHUGEPAGE);
	job->slots[job->nr_slots].gpa = gpa;
	job->slots[job->nr_slots].hva = (uintptr_t)slot->hva;
	job->slots[job->nr_slots++].size = size;
}

static void publish(struct job *job, struct vmm *vm)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		struct vmm_vcpu *vcpu = vm->vcpus[i];

		job->vcpus[i].pass = vmm_report(vcpu, ABI_REPORT_PASS);
		job->vcpus[i].checked = vmm_report(vcpu, ABI_REPORT_CHECKED);
		job->vcpus[i].wrong = vmm_report(vcpu, ABI_REPORT_WRONG);
		job->vcpus[i].exits = vcpu->exits;
		job->vcpus[i].efaults = __atomic_load_n(&vcpu->efaults, __ATOMIC_RELAXED);
	}
}

static int running;	/* vCPU threads that have not ended, atomic */

static void *vcpu_main(void *arg)
{
	vmm_run(arg);
	__atomic_sub_fetch(&running, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Torture has taken the slot of scratch memory away for a moment: nobody is at home. */
static bool no_slot(struct vmm_vcpu *vcpu, uint64_t gpa, bool write, void *data, int len)
{
	const struct job_config *config = &the_job->config;

	(void)vcpu;
	if (gpa < config->memory || gpa - config->memory >= config->scratch)
		return false;
	if (!write)
		memset(data, 0xff, len);
	return true;
}

static struct vmm *make_vm(struct job *job)
{
	const struct job_config *config = &job->config;
	struct vmm *vm = vmm_create(config->device);
	struct guest_params *params;
	int i;

	job->vm_fd = vm->fd;
	add_slot(job, vm, 0, config->memory);
	if (config->scratch)
		add_slot(job, vm, config->memory, config->scratch);
	vmm_load(vm, config->guest, ABI_CODE);
	params = vmm_params(vm, config->mode, config->vcpus);
	params->passes = config->passes;
	params->words = config->words;
	params->seed = config->seed;
	params->work_base = ABI_FREE;
	params->work_size = config->memory - ABI_FREE;
	params->scratch_base = config->memory;
	params->scratch_size = config->scratch;
	for (i = 0; i < config->vcpus; i++) {
		struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);

		vcpu->on_text = on_text;
		vcpu->retry_efault = config->torture;
		vcpu->on_mmio = config->torture ? no_slot : NULL;
		vmm_set_mode(vcpu, config->mode, ABI_CODE);
	}
	return vm;
}

/*
 * Change a word in some pages once the first pass is over, which the guest must find.
 * Return: whether it is done.
 */
static bool spoil(struct job *job, struct vmm *vm)
{
	uint64_t gpa;

	if (!job->vcpus[0].pass)
		return false;
	for (gpa = ABI_FREE + (1 << 20); gpa < ABI_FREE + (2 << 20); gpa += 16 * 4096)
		*(uint32_t *)vmm_hva(vm, gpa, 4) ^= 0x10;
	return true;
}

int job_work(struct job *job, const char *cgroup)
{
	bool to_spoil = job->config.spoil;
	struct vmm *vm;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	the_job = job;
	if (cgroup)
		cgroup_enter(cgroup);
	vm = make_vm(job);
	running = vm->nr_vcpus;
	job_set_phase(job, JOB_RUNNING);
	if (job->config.torture)
		torture_start(job, vm, cgroup);
	for (i = 0; i < vm->nr_vcpus; i++) {
		errno = pthread_create(&vm->vcpus[i]->thread, NULL, vcpu_main, vm->vcpus[i]);
		if (errno)
			vmm_die("a thread for vCPU %d", i);
		vm->vcpus[i]->threaded = true;
	}
	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE)) {
		publish(job, vm);
		if (to_spoil && spoil(job, vm))
			to_spoil = false;
		usleep(POLL_US);
	}
	if (job->config.torture)
		torture_stop();
	job->good = true;
	for (i = 0; i < vm->nr_vcpus; i++) {
		enum vmm_stop stop = vmm_join(vm->vcpus[i]);

		vmm_describe_stop(vm->vcpus[i], job->vcpus[i].end, JOB_LINE);
		if (stop != VMM_EXIT || vm->vcpus[i]->status)
			job->good = false;
	}
	publish(job, vm);
	job_set_phase(job, JOB_DONE);
	while (job_phase(job) != JOB_QUIT)
		usleep(POLL_US);
	vmm_destroy(vm);
	return 0;
}
