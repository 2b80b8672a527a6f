// SPDX-License-Identifier: GPL-2.0
/*
 * modes.c - a vCPU at the start of each mode, as libvmm makes it, kept as a picture: the
 * hostile ones begin as one of these, changed a little or a lot.
 */
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

struct picture pictures[VMM_NR_MODES];

void pictures_init(const char *device)
{
	enum vmm_mode mode;

	for (mode = 0; mode < VMM_NR_MODES; mode++) {
		struct vmm *vm = vmm_create(device);
		struct vmm_vcpu *vcpu = vmm_add_vcpu(vm);
		struct picture *picture = &pictures[mode];

		vmm_add_memory(vm, 0, GUEST_SIZE);
		vmm_set_mode(vcpu, mode, ABI_CODE);
		vmm_get_sregs(vcpu, &picture->sregs);
		vmm_get_regs(vcpu, &picture->regs);
		clear_of_qemu_sregs(&picture->sregs);
		memcpy(picture->low, vmm_hva(vm, ABI_GDT, sizeof(picture->low)),
		       sizeof(picture->low));
		memcpy(picture->tables, vmm_hva(vm, ABI_TABLES, sizeof(picture->tables)),
		       sizeof(picture->tables));
		vmm_destroy(vm);
	}
}
