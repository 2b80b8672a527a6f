// SPDX-License-Identifier: GPL-2.0
/*
 * mode.c - put a vCPU into any mode of the architecture from the outside: segments,
 * control registers and EFER through KVM_SET_SREGS, page tables from tables.c.
 * (AMD manual, volume 2, "System Resources" and "Segmented Virtual Memory".)
 */
#include <errno.h>
#include <string.h>

#include "libvmm.h"

#define CR0_PE	(1u << 0)
#define CR0_MP	(1u << 1)
#define CR0_ET	(1u << 4)
#define CR0_NE	(1u << 5)
#define CR0_WP	(1u << 16)
#define CR0_PG	(1u << 31)
#define CR4_PSE	(1u << 4)
#define CR4_PAE	(1u << 5)
#define CR4_PGE	(1u << 7)
#define CR4_OSFXSR (1u << 9)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)

static const struct {
	const char *name;
	int bits;
	uint32_t cr0, cr4, efer;
} modes[VMM_NR_MODES] = {
	[VMM_REAL] = { "real", 16, 0, 0, 0 },
	[VMM_PROT32] = { "prot32", 32, CR0_PE, 0, 0 },
	[VMM_PAGING32] = { "paging32", 32, CR0_PE | CR0_PG, CR4_PSE | CR4_PGE, 0 },
	[VMM_PAGING32_4M] = { "paging32-4m", 32, CR0_PE | CR0_PG, CR4_PSE | CR4_PGE, 0 },
	[VMM_PAE] = { "pae", 32, CR0_PE | CR0_PG, CR4_PAE | CR4_PGE, EFER_NXE },
	[VMM_PAE_2M] = { "pae-2m", 32, CR0_PE | CR0_PG, CR4_PAE | CR4_PGE, EFER_NXE },
	[VMM_LONG] = { "long", 64, CR0_PE | CR0_PG, CR4_PAE | CR4_PGE,
		       EFER_LME | EFER_LMA | EFER_NXE },
	[VMM_LONG_2M] = { "long-2m", 64, CR0_PE | CR0_PG, CR4_PAE | CR4_PGE,
			  EFER_LME | EFER_LMA | EFER_NXE },
	[VMM_LONG_1G] = { "long-1g", 64, CR0_PE | CR0_PG, CR4_PAE | CR4_PGE,
			  EFER_LME | EFER_LMA | EFER_NXE },
};

const char *vmm_mode_name(enum vmm_mode mode)
{
	return mode < VMM_NR_MODES ? modes[mode].name : NULL;
}

enum vmm_mode vmm_mode_by_name(const char *name)
{
	enum vmm_mode mode;

	for (mode = 0; mode < VMM_NR_MODES; mode++)
		if (!strcmp(name, modes[mode].name))
			break;
	return mode;
}

int vmm_mode_bits(enum vmm_mode mode)
{
	return modes[mode].bits;
}

/* A descriptor: base 0, @type and @flags as in "Legacy Segment Descriptors". */
static uint64_t descriptor(uint64_t limit, unsigned int access, unsigned int flags)
{
	return (limit & 0xffff) | (uint64_t)access << 40 | (limit >> 16 & 0xf) << 48 |
	       (uint64_t)flags << 52;
}

void vmm_write_gdt(struct vmm *vm, uint64_t gpa)
{
	uint64_t *gdt = vmm_hva(vm, gpa, VMM_GDT_SIZE);

	memset(gdt, 0, VMM_GDT_SIZE);
	gdt[VMM_SEL_CODE32 / 8] = descriptor(0xfffff, 0x9b, 0xc);
	gdt[VMM_SEL_DATA / 8] = descriptor(0xfffff, 0x93, 0xc);
	gdt[VMM_SEL_CODE64 / 8] = descriptor(0xfffff, 0x9b, 0xa);
	gdt[VMM_SEL_CODE16 / 8] = descriptor(0xffff, 0x9b, 0);
	gdt[VMM_SEL_DATA16 / 8] = descriptor(0xffff, 0x93, 0);
	gdt[VMM_SEL_UDATA / 8] = descriptor(0xfffff, 0xf3, 0xc);
	gdt[VMM_SEL_UCODE32 / 8] = descriptor(0xfffff, 0xfb, 0xc);
	gdt[VMM_SEL_UCODE64 / 8] = descriptor(0xfffff, 0xfb, 0xa);
}

void vmm_write_gate(struct vmm *vm, uint64_t gpa, int bits, int vector, uint64_t handler)
{
	uint64_t *gate = vmm_hva(vm, gpa + (uint64_t)vector * (bits / 4), bits / 4);
	uint16_t selector = bits == 64 ? VMM_SEL_CODE64 : VMM_SEL_CODE32;

	gate[0] = (handler & 0xffff) | (uint64_t)selector << 16 | 0x8e0000000000ull |
		  (handler >> 16 & 0xffff) << 48;
	if (bits == 64)
		gate[1] = handler >> 32;
}

static struct kvm_segment segment(int bits, bool code)
{
	struct kvm_segment seg = {
		.limit = bits == 16 ? 0xffff : 0xffffffff,
		.type = code ? 11 : 3,
		.present = 1,
		.s = 1,
		.db = code ? bits == 32 : bits != 16,
		.l = code && bits == 64,
		.g = bits != 16,
	};

	if (bits != 16)
		seg.selector = !code ? VMM_SEL_DATA :
			       bits == 64 ? VMM_SEL_CODE64 : VMM_SEL_CODE32;
	return seg;
}

static void set_segments(struct kvm_sregs *sregs, int bits)
{
	sregs->cs = segment(bits, true);
	sregs->ds = segment(bits, false);
	sregs->es = sregs->ds;
	sregs->fs = sregs->ds;
	sregs->gs = sregs->ds;
	sregs->ss = sregs->ds;
	sregs->gdt.base = bits == 16 ? 0 : ABI_GDT;
	sregs->gdt.limit = bits == 16 ? 0 : VMM_GDT_SIZE - 1;
	sregs->idt.base = bits == 16 ? 0 : ABI_IDT;
	sregs->idt.limit = bits == 16 ? 0x3ff : 0xfff;
}

/* The end of the guest's memory, in bytes. */
static uint64_t memory_end(const struct vmm *vm)
{
	const struct vmm_slot *slot;
	uint64_t end = 0;

	for (slot = vm->slots; slot < vm->slots + VMM_MAX_SLOTS; slot++)
		if (slot->used && slot->gpa + slot->size > end)
			end = slot->gpa + slot->size;
	return end;
}

void vmm_set_mode(struct vmm_vcpu *vcpu, enum vmm_mode mode, uint64_t entry)
{
	struct vmm *vm = vcpu->vm;
	int bits = modes[mode].bits;
	struct kvm_regs regs = {
		.rip = entry,
		.rflags = 2,
		.rdi = vcpu->id,
		.rsi = ABI_PARAMS,
	};
	struct kvm_sregs sregs;

	vmm_get_sregs(vcpu, &sregs);
	set_segments(&sregs, bits);
	sregs.cr0 = modes[mode].cr0 | CR0_ET | CR0_NE | CR0_MP;
	sregs.cr4 = modes[mode].cr4 | (bits == 16 ? 0 : CR4_OSFXSR);
	sregs.efer = modes[mode].efer;
	sregs.cr2 = 0;
	sregs.cr3 = 0;
	if (bits == 16) {
		regs.rsp = ABI_REAL_STACK - vcpu->id * ABI_REAL_STACK_SIZE;
	} else {
		regs.rsp = ABI_STACKS + (vcpu->id + 1) * ABI_STACK_SIZE;
		vmm_write_gdt(vm, ABI_GDT);
	}
	if (modes[mode].cr0 & CR0_PG)
		sregs.cr3 = vmm_build_tables(vm, mode, memory_end(vm), ABI_TABLES,
					     ABI_TABLES_END);
	vmm_set_sregs(vcpu, &sregs);
	vmm_set_regs(vcpu, &regs);
}

enum vmm_stop vmm_run_bytes(struct vmm_vcpu *vcpu, uint64_t gpa, const void *bytes, size_t len)
{
	struct kvm_regs regs;

	memcpy(vmm_hva(vcpu->vm, gpa, len), bytes, len);
	vmm_get_regs(vcpu, &regs);
	regs.rip = gpa;
	vmm_set_regs(vcpu, &regs);
	return vmm_run(vcpu);
}
