/* SPDX-License-Identifier: GPL-2.0 */
/*
 * audit.h - chapter 2: do the design's invariants hold? On demand, by reading the
 * VM's "audit" file; and, while "audit_always" is set, those that can be checked
 * under mmu_lock at each fault and invalidation.
 */
#ifndef KVMSWAP_AUDIT_H
#define KVMSWAP_AUDIT_H

#include "kvmswap.h"

struct seq_file;

#ifdef CONFIG_KVMSWAP_SHADOW

extern bool audit_always;

int audit_report(struct vm *vm, struct seq_file *m);
void __audit_check(struct vm *vm, hva_t start, hva_t end);

/**
 * audit_check() - check what can be checked at any moment, if it is switched on.
 * @vm: the VM.
 * @start: with @end, a range of the process, in bytes, of which no page may be
 * mapped now; 0 and 0 for none.
 * @end: see @start.
 *
 * Context: mmu_lock held; does not sleep.
 */
static inline void audit_check(struct vm *vm, hva_t start, hva_t end)
{
	if (unlikely(READ_ONCE(audit_always)))
		__audit_check(vm, start, end);
}

#else

static inline void audit_check(struct vm *vm, hva_t start, hva_t end) { }

#endif
#endif
