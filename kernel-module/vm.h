/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vm.h - chapter 0: a virtual machine's life, from KVM_CREATE_VM to the close of
 * its last file descriptor.
 */
#ifndef KVMSWAP_VM_H
#define KVMSWAP_VM_H

#include "kvmswap.h"

int vm_create(void);
void vm_get(struct vm *vm);
void vm_put(struct vm *vm);
bool vm_usable(struct vm *vm);
int vm_check_extension(unsigned long cap);

#endif
