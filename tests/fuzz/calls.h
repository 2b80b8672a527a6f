/* SPDX-License-Identifier: GPL-2.0 */
/*
 * calls.h - what the callers of one round share: file descriptors, which any of them
 * may use, replace or close at any moment. calls.c has them; acts.c does the calling.
 */
#ifndef FUZZ_CALLS_H
#define FUZZ_CALLS_H

#include "fuzz.h"

#define NR_VMS 3
#define NR_VCPUS 4	/* of a VM */

extern int device_fd;
extern int run_size;	/* bytes that a vCPU shares */

/** vm_fd(), vcpu_fd() - one of them; -1: none just now. */
int vm_fd(int vm);
int vcpu_fd(int vcpu);
/** vcpu_run() - the page that is shared with the kernel, or NULL; it stays mapped. */
struct kvm_run *vcpu_run(int vcpu);
/** any_vm(), any_vcpu() - the number of one; as a rule the first VM's, so that threads meet. */
int any_vm(struct source *s);
int any_vcpu(struct source *s);
/** any_fd() - the device, a VM or a vCPU. */
int any_fd(struct source *s);

/** do_create_vm(), do_create_vcpu(), do_close() - these come and go. */
void do_create_vm(struct source *s);
void do_create_vcpu(struct source *s);
void do_close(struct source *s);

/** act() - call something, once or twice. */
void act(struct source *s);

#endif
