/* SPDX-License-Identifier: GPL-2.0 */
/*
 * changer.h - something done on a thread of its own, while another thread is held at a
 * pause point: changer.c. For change.c and legacy.c.
 */
#ifndef GUEST_CHANGER_H
#define GUEST_CHANGER_H

#include "test.h"

#define SLOT_GPA	0x300000ul	/* behind the 3 MiB of slot 0 */
#define OTHER_GPA	0x380000ul	/* also below the 4 MiB that the tables map */
#define GONE		0xffffffffu	/* what the guest reads where no slot is */

/* struct changer - what a thread does, and how far it is. */
struct changer {
	int (*what)(void *arg);	/* 0 or a negative errno */
	void *arg;
	int error;		/* what it returned */
	pthread_t thread;
	bool go, done, leave;	/* atomic */
};

/**
 * changer_prepare() - make the thread, which waits for changer_go().
 *
 * To be called before a fault is held: to make a thread is to change the process'
 * memory, for which the fault would have to begin again anyway.
 */
void changer_prepare(struct changer *changer, int (*what)(void *arg), void *arg);
void changer_go(struct changer *changer);
/** changer_is_done() - is it done, or will it be within @ms? */
bool changer_is_done(struct changer *changer, int ms);
/** changer_end() - wait until it is done; returns what it returned. */
int changer_end(struct changer *changer);

/** hold() - wait until a thread is held at the pause point @name, which is armed. */
void hold(const char *name);

/* struct slot_seen - a slot as debugfs shows it. */
struct slot_seen {
	unsigned long gfn, npages, hva;
};

/** see_slot() - false if there is no slot @id. */
bool see_slot(struct vmm *vm, int id, struct slot_seen *seen);

/** vcpu_with_ones() - 3 MiB of memory, tables for 4 MiB; all ones where no slot is. */
struct vmm_vcpu *vcpu_with_ones(void);
/** load_word() - the guest reads the word at @gpa. */
uint32_t load_word(struct vmm_vcpu *vcpu, uint32_t gpa);
/** try_load() - as load_word(), if the load may fail: why KVM_RUN came back. */
enum vmm_stop try_load(struct vmm_vcpu *vcpu, uint32_t gpa);
/** store_word() - the guest writes @value at @gpa. */
void store_word(struct vmm_vcpu *vcpu, uint32_t gpa, uint32_t value);
/** start_load() - as load_word(), on the vCPU's thread; end_load() waits for it. */
void start_load(struct vmm_vcpu *vcpu, uint32_t gpa);
uint32_t end_load(struct vmm_vcpu *vcpu);
/** start_store() - as store_word(), on the vCPU's thread; end_load() waits for it. */
void start_store(struct vmm_vcpu *vcpu, uint32_t gpa, uint32_t value);

/** memory_of() - fresh anonymous memory in small pages. */
uint32_t *memory_of(size_t size);

#endif
