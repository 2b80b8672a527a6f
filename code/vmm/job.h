/* SPDX-License-Identifier: GPL-2.0 */
/*
 * job.h - the main job's two processes. The worker runs the guest inside of the
 * cgroup and is nothing but a monitor in the sense of virtualization; the watcher,
 * outside of it, looks at the worker and draws. They share one struct job.
 *
 * run.c starts both; job.c is the worker, watch.c the watcher.
 */
#ifndef JOB_H
#define JOB_H

#include "libvmm.h"

#define JOB_LINES	32
#define JOB_LINE	160

/* What torture.c does; names[] there says each for people. */
enum torture_op {
	TORTURE_PAGEOUT, TORTURE_COLD, TORTURE_DONTNEED, TORTURE_FREE, TORTURE_REPLACE,
	TORTURE_FORK, TORTURE_MPROTECT, TORTURE_MREMAP, TORTURE_KSM, TORTURE_THP,
	TORTURE_COLLAPSE, TORTURE_COMPACT, TORTURE_RECLAIM, TORTURE_SLOT, TORTURE_SCRATCH,
	TORTURE_LOG, TORTURE_OPS
};

/** struct job_config - what to do; constant once the worker runs. */
struct job_config {
	const char *device;
	const char *guest;	/* path of the flat binary */
	enum vmm_mode mode;
	int vcpus;
	size_t memory;		/* bytes */
	size_t scratch;		/* bytes of memory that is used and not checked */
	long long limit;	/* bytes, memory.high; 0: no cgroup */
	unsigned int passes, words, seed;
	bool torture;
	unsigned int without;	/* bits 1 << enum torture_op that torture leaves out */
	bool spoil;		/* change words behind the guest's back: the run must fail */
	unsigned int timeout;	/* seconds */
	long long min_in;	/* pages that must be swapped in */
	bool ascii, plain;	/* how to draw */
};

enum job_phase {
	JOB_STARTING,
	JOB_RUNNING,
	JOB_DONE,	/* the guest has ended; the VM is still there to be looked at */
	JOB_QUIT,	/* set by the watcher: end */
};

/** struct job - shared memory; each field has one writer, the worker unless told. */
struct job {
	struct job_config config;
	int phase;		/* enum job_phase, atomic */
	int vm_fd;
	struct {
		uint64_t gpa, hva, size;
	} slots[2];
	int nr_slots;
	struct {
		uint32_t pass, checked, wrong;	/* as last reported; checked in thousands */
		uint64_t exits, efaults;
		char end[JOB_LINE];
	} vcpus[VMM_MAX_VCPUS];
	uint64_t torture[TORTURE_OPS];		/* times that each was done */
	long long ksm_pages;	/* most pages that KSM had merged at a time */
	unsigned int nr_lines;			/* text of the guest, atomic */
	char lines[JOB_LINES][JOB_LINE];
	bool good;		/* every vCPU ended with status 0 */
};

static inline enum job_phase job_phase(struct job *job)
{
	return __atomic_load_n(&job->phase, __ATOMIC_ACQUIRE);
}

static inline void job_set_phase(struct job *job, enum job_phase phase)
{
	__atomic_store_n(&job->phase, phase, __ATOMIC_RELEASE);
}

/** job_work() - be the worker, in a process of its own; returns its exit status. */
int job_work(struct job *job, const char *cgroup);

/** job_watch() - be the watcher of worker @pid; returns the program's exit status. */
int job_watch(struct job *job, int pid, const char *cgroup);

/**
 * torture_start() - a thread that does enum torture_op to the guest's memory.
 * @cgroup: the folder of the process' cgroup, or NULL
 */
void torture_start(struct job *job, struct vmm *vm, const char *cgroup);
/** torture_stop() - end it and undo what still holds. */
void torture_stop(void);
/** torture_name() - of an enum torture_op. */
const char *torture_name(int op);
/** torture_ops() - the bits 1 << enum torture_op of a list "fork,thp"; vmm_die() if wrong. */
unsigned int torture_ops(const char *list);

#endif
