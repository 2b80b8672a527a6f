/* SPDX-License-Identifier: GPL-2.0 */
/*
 * event.h - chapter 0: exceptions and interrupts on their way into the guest.
 */
#ifndef KVMSWAP_EVENT_H
#define KVMSWAP_EVENT_H

#include "kvmswap.h"
#include "vcpu.h"

void queue_debug_exception(struct vcpu *vcpu, unsigned long cause);
void queue_interrupt(struct vcpu *vcpu, u8 vector);

void event_reset(struct vcpu *vcpu);
void event_load(struct vcpu *vcpu);
void event_store(struct vcpu *vcpu);
bool interrupts_allowed(struct vcpu *vcpu);
bool event_pending(struct vcpu *vcpu);

#endif
