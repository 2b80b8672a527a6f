/* SPDX-License-Identifier: GPL-2.0 */
/*
 * svm.h - chapter 0: the hardware's side of a virtual CPU. Between svm.c (each
 * real CPU: SVM switched on, ASIDs), vmcb.c (the control block that describes
 * the guest to the hardware), vmenter.S (the world switch) and exit.c (why it
 * came back).
 */
#ifndef KVMSWAP_SVM_H
#define KVMSWAP_SVM_H

#include <linux/percpu.h>
#include <linux/signal_types.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/svm.h>

#include "decode.h"
#include "kvmswap.h"

#define EXIT_CODE_INVALID	((u32)SVM_EXIT_ERR)	/* VMRUN refused the state */

/* Segment attributes as the VMCB has them: bits 55:52 and 47:40 of a descriptor. */
#define SEG_TYPE_MASK		0xf
#define SEG_S			BIT(4)
#define SEG_DPL_SHIFT		5
#define SEG_P			BIT(7)
#define SEG_AVL			BIT(8)
#define SEG_L			BIT(9)
#define SEG_DB			BIT(10)
#define SEG_G			BIT(11)

/* Bits of DR6 and DR7 (AMD manual, "Debug-Status Register", "Debug-Control Register"). */
#define DR6_BS		BIT(14)		/* single step */
#define DR7_GD		BIT(13)
#define DR7_RESET	BIT(10)

/* An access to a port or to MMIO that user space finishes; see io.c. */
struct pending_io {
	struct insn insn;
	unsigned long rip;	/* of the instruction: unchanged, or it was abandoned */
	unsigned long next_rip;
	gva_t gva;		/* INS, OUTS: the operand */
	u8 size;		/* bytes that are transferred */
	u8 address_size;
	bool rep;
	bool sign_extend;
};

/** struct svm_vcpu - what only the vCPU's own files know. All under vcpu->mutex. */
struct svm_vcpu {
	struct vmcb *vmcb;
	struct vmcb_save_area saved;	/* save area before the entry, for EXIT_CODE_INVALID */
	u64 host_tsc_aux;

	/* its address space identifier: valid on one CPU in one generation */
	int asid_cpu;
	u64 asid_generation;
	bool flush;			/* take a new ASID: old translations are void */
	hpa_t asid_root;		/* the root that the ASID's translations came from */

	/* events that wait for the next entry; see event.c */
	struct {
		bool pending;
		bool has_error;
		u8 vector;
		u32 error_code;
	} exception;
	struct {
		bool pending;
		bool virtual;		/* on its way as a virtual interrupt */
		bool waits;		/* let an exception go first: it is not forced now */
		u8 vector;
	} interrupt;
	bool triple_fault;

	/* debug registers as the guest sees them */
	unsigned long dr[4], dr6, dr7;
	bool dr_lent;			/* no intercepts: the real ones are the guest's */

	/* model-specific registers that are not in the VMCB */
	u64 pat;
	u64 misc_enable;

	struct fpu_guest fpu;

	/* KVM_SET_CPUID2 */
	int nr_cpuid;
	struct kvm_cpuid_entry2 *cpuid;

	/* KVM_SET_SIGNAL_MASK */
	bool has_sigmask;
	sigset_t sigmask;

	unsigned int insn_changes;	/* in a row; see insn_changed() */

	/* what to do first at the next KVM_RUN; see io.c */
	int (*complete)(struct vcpu *vcpu);
	struct pending_io io;
};

static inline struct vmcb_save_area *vmcb_save(struct vcpu *vcpu)
{
	return &vcpu->svm->vmcb->save;
}

/* The guest's privilege: the hardware keeps it in SS.DPL and reports it here. */
static inline int vcpu_cpl(struct vcpu *vcpu)
{
	return vmcb_save(vcpu)->cpl;
}

/* svm.c */
int svm_hardware_setup(void);
void svm_hardware_unsetup(void);
bool svm_cpu_enabled(void);
void svm_take_asid(struct vcpu *vcpu);
void svm_drop_asids(struct vcpu *vcpu);
void svm_forget_vmcb(struct vmcb *vmcb);
unsigned long svm_host_vmcb_pa(void);
unsigned long svm_io_bitmap_pa(void);
unsigned long svm_msr_bitmap_pa(void);

/* vmcb.c */
int vmcb_create(struct vcpu *vcpu);
void vmcb_free(struct vcpu *vcpu);
void vmcb_reset(struct vcpu *vcpu);
void vmcb_enter(struct vcpu *vcpu);

/* exit.c */
int handle_exit(struct vcpu *vcpu);
int exit_internal_error(struct vcpu *vcpu, u32 suberror, int ndata, const u64 *data);

/* vmenter.S: regs[RAX] and regs[RSP] travel in the VMCB instead */
asmlinkage void svm_enter_guest(unsigned long *regs, unsigned long vmcb_pa,
				unsigned long host_vmcb_pa);

#endif
