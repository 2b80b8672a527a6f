/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vcpu.h - chapter 0: a virtual CPU as its thread sees it: the ioctls, the run
 * loop, and the events that wait for the next entry into the guest.
 */
#ifndef KVMSWAP_VCPU_H
#define KVMSWAP_VCPU_H

#include "kvmswap.h"
#include "walk.h"

/* What mmap of a vCPU's fd shows: kvm_run, then the data of port I/O. */
#define RUN_PAGE_OFFSET		0
#define PIO_PAGE_OFFSET		1
#define VCPU_MMAP_PAGES		2
#define VCPU_MMAP_SIZE		(VCPU_MMAP_PAGES * PAGE_SIZE)

/* vcpu.c */
int vcpu_create(struct vm *vm, unsigned long id);
void vcpu_free(struct vcpu *vcpu);
void vcpu_reset(struct vcpu *vcpu, bool init);

/* run.c */
int vcpu_run(struct vcpu *vcpu);

/* regs.c */
void get_regs(struct vcpu *vcpu, struct kvm_regs *regs);
void set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
void get_sregs(struct vcpu *vcpu, struct kvm_sregs *sregs);
int set_sregs(struct vcpu *vcpu, const struct kvm_sregs *sregs);
void get_fpu(struct vcpu *vcpu, struct kvm_fpu *fpu);
void set_fpu(struct vcpu *vcpu, const struct kvm_fpu *fpu);
int translate(struct vcpu *vcpu, struct kvm_translation *tr);

/* event.c */
void queue_exception(struct vcpu *vcpu, u8 vector);
void queue_exception_error(struct vcpu *vcpu, u8 vector, u32 error_code);
void inject_page_fault(struct vcpu *vcpu, const struct guest_fault *fault);

#endif
