/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvmswap.h - the two objects of the hypervisor: a virtual machine and its
 * virtual CPUs. Every other header adds verbs to these nouns.
 *
 * Fields are grouped by the lock that covers them. The order of the locks,
 * outermost first:
 *
 *   vcpu->mutex > vm->lock > vm->slots_lock > mmap_lock > page-table lock
 *     > mmu_notifier_invalidate_lock > mmu_lock
 *
 * Next: memslot.h (what memory a guest has), shadow.h (how it is mapped).
 */
#ifndef KVMSWAP_H
#define KVMSWAP_H

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/kref.h>
#include <linux/kvm.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/types.h>
#include <linux/wait.h>

#define KVMSWAP_MAX_VCPUS	16

#include "addr.h"
#include "stats.h"
#include "memslot.h"
#include "shadow.h"

struct dentry;
struct vcpu;
struct svm_vcpu;

/* struct vm - one virtual machine, bound for life to the mm that created it. */
struct vm {
	struct kref users;		/* the VM's fd and one for each vCPU's */
	struct mm_struct *mm;		/* constant; its struct is held, its pages are not */
	struct vm_stats stats;		/* atomics */
	struct dentry *debugfs;		/* constant */

	/* lock: which vCPUs there are. A pointer, once set, stays until the VM goes. */
	struct mutex lock;
	struct vcpu *vcpus[KVMSWAP_MAX_VCPUS];

	/* slots_lock or mmu_lock to read; both, slots_lock to write, to change: see memslot.h */
	struct rw_semaphore slots_lock;
	struct memslots memslots;
#ifdef CONFIG_KVMSWAP_SLOT_TREE
	struct srcu_struct slots_srcu;	/* a fault reads the index inside it */
	struct slot_index __rcu *slot_index;
	struct slot_index *next_slot_index;	/* slots_lock: before and after it is published */
	struct rb_root_cached hva_tree;	/* mmu_lock: the slots by their hva */
#endif

	/* mmu_lock: everything that maps guest memory */
	spinlock_t mmu_lock;
	struct shadow shadow;		/* shadow pages, see shadow.h */
	bool tlbs_dirty;		/* an spte went away, its flush is still owed */
	bool dead;			/* the mm is gone: no spte is set any more */
	cpumask_t kick_mask;		/* scratch of flush_remote_tlbs() */

#ifdef CONFIG_KVMSWAP_NOTIFIER
	struct mmu_notifier mmu_notifier;
#endif
#ifdef CONFIG_KVMSWAP_SEQLOCK
	seqlock_t mmu_notifier_invalidate_lock;
#endif
#ifdef CONFIG_KVMSWAP_RANGE	/* protocol=range; mmu_lock */
	unsigned long mmu_invalidate_seq;	/* sections that are over */
	long mmu_invalidate_in_progress;	/* sections under way */
	gfn_t mmu_invalidate_gfn_start;		/* ... and what they may concern, */
	gfn_t mmu_invalidate_gfn_end;		/* while there are any */
	wait_queue_head_t mmu_invalidate_done;	/* who waits until there are none */
#endif
};

/* What a vCPU is doing, for whoever must make it forget translations. */
enum vcpu_mode {
	OUTSIDE_GUEST_MODE,
	IN_GUEST_MODE,
};

/* Bits of vcpu->requests: done by the vCPU itself before it enters the guest. */
enum vcpu_request {
	REQ_TLB_FLUSH,		/* forget all translations */
	REQ_MMU_SYNC,		/* re-read the guest's page tables, as at a CR3 load */
};

/* Index into vcpu->regs: the hardware's own numbering. */
enum vcpu_reg {
	REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
	REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
	NR_REGS
};

/* struct vcpu - one virtual CPU; it runs on the thread that calls KVM_RUN. */
struct vcpu {
	struct vm *vm;			/* constant */
	int id;				/* constant */

	/* from any context */
	unsigned long requests;		/* bits of enum vcpu_request, atomic */
	int mode;			/* enum vcpu_mode; ordered against requests by smp_mb() */
	int cpu;			/* the CPU it runs on while mode is IN_GUEST_MODE */

	/* mutex: held over each vCPU ioctl, so by the thread that runs it */
	struct mutex mutex;
	struct kvm_run *run;		/* a page, shared with user space: never trusted */
	void *pio_data;			/* a page, shared with user space */
	unsigned long regs[NR_REGS];
	unsigned long rip;
	unsigned long rflags;
	unsigned long cr0, cr2, cr3, cr4, cr8;	/* as the guest sees them */
	u64 efer;				/* as the guest sees it */
	u64 apic_base;
	u64 pdptrs[4];			/* PAE: read when CR3 is loaded, as the CPU does */
	int maxphyaddr;			/* bits, from the guest's CPUID; 36 without one */
	bool has_gbpages;		/* from the guest's CPUID */
	struct vcpu_mmu mmu;		/* root and caches, see shadow.h */
	struct svm_vcpu *svm;		/* VMCB, events, FPU: see svm.h */
};

static inline void make_request(struct vcpu *vcpu, enum vcpu_request req)
{
	set_bit(req, &vcpu->requests);
}

/* The next vCPU from number *@i on, or NULL. */
static inline struct vcpu *next_vcpu(struct vm *vm, int *i)
{
	struct vcpu *vcpu;

	for (; *i < KVMSWAP_MAX_VCPUS; (*i)++) {
		/* pairs with smp_store_release() in vcpu_create(): what it points at is set up */
		vcpu = smp_load_acquire(&vm->vcpus[*i]);
		if (vcpu)
			return vcpu;
	}
	return NULL;
}

/*
 * for_each_vcpu() - visit the VM's vCPUs; safe under any lock or none.
 * checkpatch(MACRO_ARG_REUSE): a loop variable is used again
 */
#define for_each_vcpu(i, vcpu, vm)					\
	for ((i) = 0, (vcpu) = next_vcpu(vm, &(i)); (vcpu);		\
	     (i)++, (vcpu) = next_vcpu(vm, &(i)))

#endif
