/* SPDX-License-Identifier: GPL-2.0 */
/*
 * emulate.h - chapter 0: the instructions that the hardware leaves to us.
 *
 * Each emulate_*() is an exit handler: it returns 1 to enter the guest again,
 * 0 to end KVM_RUN with vcpu->run filled in, or a negative errno to end it so.
 */
#ifndef KVMSWAP_EMULATE_H
#define KVMSWAP_EMULATE_H

#include "decode.h"
#include "kvmswap.h"

/* insn.c */
int fetch_insn(struct vcpu *vcpu, struct insn *insn);
int fetch_failed(struct vcpu *vcpu, const struct insn *insn, int r);
int insn_changed(struct vcpu *vcpu, const struct insn *insn);
int emulation_failure(struct vcpu *vcpu, const struct insn *insn);
void advance_rip(struct vcpu *vcpu, unsigned long next_rip);
unsigned long insn_next_rip(struct vcpu *vcpu, const struct insn *insn);
int inject_gp(struct vcpu *vcpu);
u32 user_access(struct vcpu *vcpu);
bool is_64bit_code(struct vcpu *vcpu);
gva_t segment_address(struct vcpu *vcpu, u8 segment, u64 offset);
bool check_segment(struct vcpu *vcpu, u8 segment, u64 offset, u8 size, bool write);

/* emulate.c */
int emulate_invlpg(struct vcpu *vcpu);
int emulate_hlt(struct vcpu *vcpu);
int emulate_cpuid(struct vcpu *vcpu);
int emulate_msr(struct vcpu *vcpu);
int emulate_vmmcall(struct vcpu *vcpu);
int emulate_nop(struct vcpu *vcpu);

/* mov_cr.c */
int emulate_mov_cr(struct vcpu *vcpu);

/* io.c */
int emulate_io(struct vcpu *vcpu);
int emulate_mmio(struct vcpu *vcpu, gva_t gva, gpa_t gpa, u32 error_code);

/* cr.c: 0, or 1 for a #GP */
int set_cr0(struct vcpu *vcpu, unsigned long cr0);
int set_cr3(struct vcpu *vcpu, unsigned long cr3);
int set_cr4(struct vcpu *vcpu, unsigned long cr4);
int set_cr8(struct vcpu *vcpu, unsigned long cr8);
int set_efer(struct vcpu *vcpu, u64 efer);
bool cr0_valid(u64 cr0);
bool cr4_valid(u64 cr4);
void mmu_changed(struct vcpu *vcpu);

#endif
